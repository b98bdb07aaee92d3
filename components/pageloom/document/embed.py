"""Making a `Doc` self-contained, so that another machine can see its pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacy.tokens import Doc

from pageloom.document.content import CONTENTS, Content
from pageloom.document.source import Source, sniff
from pageloom.errors import DocumentOpenError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["embed_images"]


def embed_images(doc: Doc) -> Doc:
    """Pack the pages' pixels into `doc`, which then needs its source no more.

    The source's own bytes go in where all its pages are in the `Doc` and no password guards it:
    they are the smallest form, and a PDF keeps its text layer. Else each page goes in as a PNG
    picture. `page.image` gives the same pixels as before, after `to_bytes`, `pickle` and
    `DocBin(store_user_data=True)` too.

    Args:
        doc: changed in place.

    Returns:
        `doc`, for chaining.

    Raises:
        DocumentOpenError: the source is gone, has changed, or a page cannot be decoded.
    """
    from pageloom.document.images import page_source

    pages = doc._.pages
    if not pages or all(page.content is not None for page in pages):
        return doc
    with page_source(pages[0]) as source:
        data = source.read(source.size) if _is_open_to_all(source, len(pages)) else None
    if data is not None:
        contents = [Content(data)]
        doc._.pages = [replace(page, content=contents[0]) for page in pages]
    else:
        contents = [_picture(page.image, page.number) for page in pages]
        doc._.pages = [
            replace(page, content=content) for page, content in zip(pages, contents, strict=True)
        ]
    doc.user_data[CONTENTS] = contents
    return doc


def _is_open_to_all(source: Source, count: int) -> bool:
    """Whether the source needs no password and has `count` pages, so that its bytes serve."""
    from pageloom.document import pdf
    from pageloom.document.images import frames, open_image

    try:
        if sniff(source.read(1024)) == "PDF":
            with pdf.open_pdf(source, "", password="") as document:
                return len(document) == count
        with open_image(source) as image:
            return len(frames(image)) == count
    except DocumentOpenError:
        return False


def _picture(image: Image.Image, number: int) -> Content:
    return Content(Content(image).encoded(), number)
