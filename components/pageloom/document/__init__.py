"""Documents: opening them, their pages, and what a `Doc` carries about them.

Importing this package costs no more than spaCy; Pillow and pypdfium2 come with the first document.
"""

from pageloom.document.embed import embed_images
from pageloom.document.reader import DocumentReader, open_document
from pageloom.document.types import Answer, Box, Check, DocumentError, Field, Page

__all__ = [
    "Answer",
    "Box",
    "Check",
    "DocumentError",
    "DocumentReader",
    "Field",
    "Page",
    "embed_images",
    "open_document",
]
