"""The errors that pageloom raises on purpose: each names the thing, the cause and the way out."""

__all__ = [
    "CheckpointError",
    "DocumentOpenError",
    "EngineError",
    "PageloomError",
]


class PageloomError(ValueError):
    """Base of every error that pageloom raises on purpose."""


class DocumentOpenError(PageloomError):
    """A document cannot be opened or one of its pages cannot be decoded.

    `category` says why, in one word that programs may compare: "missing", "empty", "truncated",
    "encrypted", "unsupported", "too_large" or "unreadable".
    """

    def __init__(self, message: str, *, category: str) -> None:
        super().__init__(message)
        self.category = category

    def __reduce__(self) -> tuple[object, ...]:
        return (_document_open_error, (str(self), self.category))


def _document_open_error(message: str, category: str) -> DocumentOpenError:
    return DocumentOpenError(message, category=category)


class EngineError(PageloomError):
    """An OCR engine, or a language it needs, is not installed or failed on a page."""


class CheckpointError(PageloomError):
    """A model folder, hub id or checkpoint file is missing, incomplete or of another kind."""
