"""Bytes that travel inside a `Doc`: documents from memory, and those that `embed_images` packed."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CONTENTS", "Content"]

CONTENTS = "pageloom.contents"
"""The key of `doc.user_data` that holds the list of a document's `Content`."""


@dataclass(frozen=True, eq=False)
class Content:
    """The bytes of a whole document, or the picture of one page.

    Args:
        data: an encoded file; or a picture, which is encoded (PNG, without loss) only when the
            document is written.
        page: the page that `data` is the picture of; None where `data` is the whole document.
    """

    data: bytes | Image.Image
    page: int | None = None

    def encoded(self) -> bytes:
        """The bytes of the file."""
        if isinstance(self.data, bytes):
            return self.data
        target = BytesIO()
        self.data.save(target, "PNG", compress_level=3)
        return target.getvalue()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Content, (self.encoded(), self.page))
