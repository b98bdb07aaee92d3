"""Pictures of pages for a browser: WebP, small enough to come at once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom.document.types import Page

__all__ = ["SIZES", "Size", "webp"]


@dataclass(frozen=True)
class Size:
    """How large a picture may be: most pixels of width and of height, and WebP quality, 0-100."""

    width: int
    height: int
    quality: int


# Of a thumbnail, and of a page to read; WebP ends at 16,383 pixels.
SIZES = {240: Size(240, 960, 55), 1600: Size(1600, 8000, 72)}


def webp(page: Page, size: Size) -> bytes:
    """A page as a WebP picture that fits in `size`, never larger than the page itself.

    Raises:
        DocumentOpenError: the source is gone, has changed, or cannot be decoded.
        OSError: the picture cannot be encoded.
    """
    from PIL import Image

    image = page.image
    scale = min(1.0, size.width / image.width, size.height / image.height)
    shape = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.resize(shape, Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.convert("RGB").save(buffer, "WEBP", quality=size.quality, method=4)
    return buffer.getvalue()
