"""How much the server takes at once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What the server refuses, how it batches, how long it keeps results.

    Args:
        request_bytes: of one document; larger ones are refused (413).
        pages: of one document; longer ones are refused (413).
        queue: documents that are accepted and not yet done; more are refused (429).
        batch: the most documents that go through a pipeline together.
        batch_wait: seconds for which a batch that is not full waits for more documents.
        keep: seconds for which results are kept.
        kept_bytes: of results on disk. Fetched ones go first; while results that nobody has
            fetched fill it, documents are refused (429).
        upload_seconds: in which a request's body must have come.
    """

    request_bytes: int = 64 << 20
    pages: int = 200
    queue: int = 256
    batch: int = 16
    batch_wait: float = 0.01
    keep: float = 3600.0
    kept_bytes: int = 4 << 30
    upload_seconds: float = 120.0
