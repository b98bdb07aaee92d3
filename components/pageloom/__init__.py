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
        Check,
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
        LayoutRobertaTokenizer,
        LayoutXLMTokenizer,
        ViltImageProcessor,
        ViltProcessor,
        load_tokenizer,
    )
    from pageloom.report import render

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Check",
    "CheckpointError",
    "DocumentError",
    "DocumentOpenError",
    "DocumentReader",
    "EngineError",
    "Field",
    "LayoutLMv2ImageProcessor",
    "LayoutLMv2Processor",
    "LayoutLMv2Tokenizer",
    "LayoutRobertaTokenizer",
    "LayoutXLMTokenizer",
    "Page",
    "PageloomError",
    "ViltImageProcessor",
    "ViltProcessor",
    "embed_images",
    "load_tokenizer",
    "open_document",
    "render",
]

_ROOMS = {
    "Answer": "document",
    "Check": "document",
    "DocumentError": "document",
    "DocumentReader": "document",
    "Field": "document",
    "LayoutLMv2ImageProcessor": "processing",
    "LayoutLMv2Processor": "processing",
    "LayoutLMv2Tokenizer": "processing",
    "LayoutRobertaTokenizer": "processing",
    "LayoutXLMTokenizer": "processing",
    "Page": "document",
    "ViltImageProcessor": "processing",
    "ViltProcessor": "processing",
    "embed_images": "document",
    "load_tokenizer": "processing",
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
