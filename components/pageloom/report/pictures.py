"""Page images small enough to lie inside an HTML file."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from pageloom.document.types import Page

__all__ = ["Picture", "Size", "pictures", "size_for"]


@dataclass(frozen=True)
class Picture:
    """A page as shown: its size in pixels, and a `data:` address, or the reason why there is none.

    `width` and `height` keep the page's proportions also where there is no image.
    """

    width: int
    height: int
    uri: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Size:
    """How large pictures may be: most pixels of width and of height, and WebP quality, 0-100."""

    width: int
    height: int
    quality: int


def size_for(pages: int) -> Size:
    """The size for a report of so many pages: the file stays below some 50 MB at 1,000 pages.

    A page of text takes about 90, 55 and 25 kB at the three sizes.
    """
    if pages <= 60:
        return Size(1100, 2200, 62)
    return Size(820, 1640, 52) if pages <= 300 else Size(560, 1120, 42)


def pictures(pages: Iterable[Page], size: Size) -> Iterator[Picture]:
    """The pictures of `pages`, in order, made in as many threads as there are cores, up to 8."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda page: _picture(page, size), pages)


def _picture(page: Page, size: Size) -> Picture:
    shape = _fitted(page.width, page.height, size)
    try:
        image = page.image
        # The page may say nothing of its size; its image always does.
        shape = _fitted(image.width, image.height, size)
        small = image.resize(shape, Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        small.convert("RGB").save(buffer, "WEBP", quality=size.quality, method=4)
    except (OSError, ValueError) as error:  # PageloomError is a ValueError
        return Picture(*shape, reason=str(error) or type(error).__name__)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(*shape, uri=f"data:image/webp;base64,{encoded}")


def _fitted(width: int, height: int, size: Size) -> tuple[int, int]:
    if width <= 0 or height <= 0:
        return size.width, round(size.width * 1.414)
    scale = min(1.0, size.width / width, size.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))
