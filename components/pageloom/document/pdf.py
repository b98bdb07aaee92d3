"""PDF through pypdfium2: sizes, pictures and the passwords that open them.

PDFium is not safe to call from two threads. Everything that touches it goes through `open_pdf`,
which holds one lock and closes what was opened before letting go, so that no finalizer runs it
later from another thread.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pageloom.errors import DocumentOpenError

if TYPE_CHECKING:
    import pypdfium2 as pdfium
    from PIL import Image

    from pageloom.document.source import Source

__all__ = ["broken_page", "open_page", "open_pdf", "page_sizes", "pixel_size", "remember", "render"]

_lock = threading.RLock()
_PASSWORDS: dict[str | None, str] = {}


def remember(password: str | None, sha256: str | None = None) -> None:
    """Keep a password in this process, for one document or (without `sha256`) to try on any.

    It is kept here and not in a `Page`, so that no `Doc` on disk holds it.
    """
    if password is not None:
        _PASSWORDS[sha256] = password


@contextmanager
def open_pdf(
    source: Source, sha256: str, password: str | None = None
) -> Iterator[pdfium.PdfDocument]:
    """A PDF, ready for use inside the `with` block, which holds PDFium's lock.

    Raises:
        DocumentOpenError: encrypted, truncated or unreadable.
    """
    import pypdfium2 as pdfium

    known = password if password is not None else _PASSWORDS.get(sha256, _PASSWORDS.get(None))
    target = source.target if isinstance(source.target, bytes) else str(source.target)
    with _lock:
        try:
            document = pdfium.PdfDocument(target, password=known)
        except pdfium.PdfiumError as error:
            raise _why(error, source, known) from error
        try:
            document.init_forms()  # else filled form fields are missing from the picture
            yield document
        finally:
            document.close()


@contextmanager
def open_page(
    source: Source, sha256: str, number: int, password: str | None = None
) -> Iterator[pdfium.PdfPage]:
    """Page `number` (from 1) of a PDF, as `open_pdf` opens it."""
    import pypdfium2 as pdfium

    with open_pdf(source, sha256, password) as document:
        try:
            page = document[number - 1]
        except (IndexError, pdfium.PdfiumError) as error:
            raise broken_page(source.name, number) from error
        try:
            yield page
        finally:
            page.close()


def broken_page(name: str, number: int) -> DocumentOpenError:
    """The error for a page that PDFium cannot load."""
    return DocumentOpenError(
        f"{name}, page {number}: the page is damaged; save the document again in a PDF viewer",
        category="unreadable",
    )


def _why(error: Exception, source: Source, password: str | None) -> DocumentOpenError:
    code = getattr(error, "err_code", None)
    text = str(error).lower()
    if code == 4 or "password" in text:
        if password is None:
            cause, way_out = "needs a password", 'give password="..." to the reader'
        else:
            cause, way_out = "the password does not open it", 'give the right password="..."'
        return DocumentOpenError(
            f"{source.name}: is encrypted and {cause}; {way_out}", category="encrypted"
        )
    if code == 5 or "security" in text:
        return DocumentOpenError(
            f"{source.name}: is encrypted in a way that PDFium does not know; save it without "
            "encryption in a PDF viewer",
            category="encrypted",
        )
    if b"%%EOF" not in source.read(4096, from_end=True):
        return DocumentOpenError(
            f"{source.name}: the PDF is truncated, its end is missing; fetch or copy it again",
            category="truncated",
        )
    return DocumentOpenError(
        f"{source.name}: the PDF is damaged ({error}); save it again in a PDF viewer",
        category="unreadable",
    )


def pixel_size(points: tuple[float, float], dpi: int) -> tuple[int, int]:
    """Width and height in pixels of a page given in points (1/72 inch), as it is rendered."""
    width, height = (max(1, math.ceil(length * dpi / 72)) for length in points)
    return width, height


def page_sizes(document: pdfium.PdfDocument) -> list[tuple[float, float] | None]:
    """Width and height of each page in points, rotation applied; None for a damaged page."""
    import pypdfium2 as pdfium

    sizes: list[tuple[float, float] | None] = []
    for index in range(len(document)):
        try:
            width, height = document.get_page_size(index)
        except pdfium.PdfiumError:
            sizes.append(None)
        else:
            sizes.append((width, height) if width > 0 and height > 0 else None)
    return sizes


def render(page: pdfium.PdfPage, dpi: int) -> Image.Image:
    """The page as an RGB picture of `pixel_size(page.get_size(), dpi)`, form fields drawn."""
    bitmap = page.render(scale=dpi / 72, rev_byteorder=True)
    try:
        picture: Image.Image = bitmap.to_pil()
        # A copy in any case: the bitmap's memory goes when it is closed.
        return picture.convert("RGB") if picture.mode != "RGB" else picture.copy()
    finally:
        bitmap.close()


def _after_fork() -> None:
    # Another thread of the parent may have held the lock; that thread is not in the child.
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
