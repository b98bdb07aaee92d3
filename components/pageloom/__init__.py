"""pageloom weaves a page's text, layout and image into one spaCy `Doc`.

Importing it registers the `Doc`, `Token` and `Span` extensions, so a DocBin can be read without a
pipeline. Everything heavier (Pillow, pypdfium2, models) is imported when a name that needs it is
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pageloom.document.extensions import register
from pageloom.errors import CheckpointError, DocumentOpenError, EngineError, PageloomError

if TYPE_CHECKING:
    from pageloom.document import (
        Answer,
        DocumentError,
        DocumentReader,
        Field,
        Page,
        embed_images,
        open_document,
    )
    from pageloom.processing import (
        LayoutLMv2ImageProcessor,
        LayoutLMv2Processor,
        LayoutLMv2Tokenizer,
    )
    from pageloom.report import render

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CheckpointError",
    "DocumentError",
    "DocumentOpenError",
    "DocumentReader",
    "EngineError",
    "Field",
    "LayoutLMv2ImageProcessor",
    "LayoutLMv2Processor",
    "LayoutLMv2Tokenizer",
    "Page",
    "PageloomError",
    "embed_images",
    "open_document",
    "render",
]

_ROOMS = {
    "Answer": "document",
    "DocumentError": "document",
    "DocumentReader": "document",
    "Field": "document",
    "LayoutLMv2ImageProcessor": "processing",
    "LayoutLMv2Processor": "processing",
    "LayoutLMv2Tokenizer": "processing",
    "Page": "document",
    "embed_images": "document",
    "open_document": "document",
    "render": "report",
}

register()


def __getattr__(name: str) -> object:
    try:
        room = _ROOMS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"pageloom.{room}"), name)
