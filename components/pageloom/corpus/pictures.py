"""The pictures that records name: finding them, and the pages they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spacy.vocab import Vocab

from pageloom.document import Page, open_document
from pageloom.errors import DocumentOpenError

__all__ = ["find_picture", "open_pages", "page_size", "picture_of"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".PNG", ".JPG", ".JPEG")
ALIKE = 0.03
"""How much width to height may differ between record and picture: rounding after a resize."""


def find_picture(names: Iterable[str], folders: Iterable[Path]) -> Path | None:
    """The first of `names` that one of `folders` has; an absolute name needs no folder."""
    places = list(folders)
    paths = (folder / name for name in names if name for folder in places)
    return next((path for path in paths if path.is_file()), None)


def picture_of(stem: str, *folders: Path) -> Path | None:
    """The picture in one of `folders` that is named `stem` and a picture's suffix."""
    return find_picture((stem + suffix for suffix in SUFFIXES), folders)


def open_pages(
    vocab: Vocab,
    picture: Path | None,
    wanted: str,
    *,
    size: tuple[int, int] | None = None,
    number: int | None = None,
    images: bool = True,
    notes: list[str],
) -> list[Page]:
    """The pages of a picture, a TIFF or a PDF.

    Args:
        vocab: any.
        picture: the file; None where it was not found.
        wanted: what the record calls it.
        size: width and height that the record gives.
        number: of the one page to open; all of them by default. The one page of a picture takes
            this number.
        images: whether a missing picture is wrong.
        notes: what is wrong is added here.

    Returns:
        The pages; without a picture one page of the record's size, or none where it gives no size.
    """
    if picture is not None:
        try:
            pages: list[Page] = open_document(picture, vocab)._.pages
        except DocumentOpenError as error:
            notes.append(str(error))
            pages = []
        if number is not None and len(pages) == 1:
            pages = [replace(pages[0], number=number)]
        elif number is not None and pages:
            chosen = [page for page in pages if page.number == number]
            if not chosen:
                notes.append(f"{picture} has {len(pages)} pages, and the record wants {number}")
            pages = chosen
        if pages:
            _compare(pages[0], size, notes)
            return pages
    elif images:
        notes.append(
            f"its image {wanted} is missing; put it there, or set images = false for models that "
            "read no pixels"
        )
    elif size is None:
        notes.append(
            f"its image {wanted} is missing, and without it the size of the page is not known"
        )
    if size is None:
        return []
    return [Page(number or 1, *size, dpi=0, source=str(Path(wanted).absolute()), sha256="")]


def page_size(pages: Sequence[Page], size: tuple[int, int] | None) -> tuple[int, int] | None:
    """Width and height that the record's pixels count in: its own, else the first page's."""
    if size is not None:
        return size
    return (pages[0].width, pages[0].height) if pages else None


def _compare(page: Page, size: tuple[int, int] | None, notes: list[str]) -> None:
    """A picture that is turned, or another one, has another shape than the record says."""
    if size is None or min(size) <= 0:
        return
    if abs(math.log(size[0] / size[1] * page.height / page.width)) > ALIKE:
        notes.append(
            f"the record says {size[0]} x {size[1]} pixels, and {page.source} is {page.width} x "
            f"{page.height}: turned, or another picture"
        )
