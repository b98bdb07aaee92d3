"""Page images small enough to lie inside an HTML file."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pageloom.document.types import Page
from pageloom.viewer.pictures import Size, webp

__all__ = ["Picture", "pictures", "size_for"]


@dataclass(frozen=True)
class Picture:
    """A page as a `data:` address, or the reason why there is none."""

    uri: str = ""
    reason: str = ""


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
    try:
        data = webp(page, size)
    except (OSError, ValueError) as error:  # PageloomError is a ValueError
        return Picture(reason=str(error) or type(error).__name__)
    return Picture(f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}")
