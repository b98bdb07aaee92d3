"""From words, boxes and pixels to a model's inputs: tokenizers, Pillow, numpy, and no spaCy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom.processing.encoding import BatchEncoding
    from pageloom.processing.layoutlmv2.image_processor import LayoutLMv2ImageProcessor
    from pageloom.processing.layoutlmv2.processor import LayoutLMv2Processor
    from pageloom.processing.layoutlmv2.tokenizer import LayoutLMv2Tokenizer

__all__ = [
    "BatchEncoding",
    "LayoutLMv2ImageProcessor",
    "LayoutLMv2Processor",
    "LayoutLMv2Tokenizer",
]

_MODULES = {
    "BatchEncoding": "encoding",
    "LayoutLMv2ImageProcessor": "layoutlmv2.image_processor",
    "LayoutLMv2Processor": "layoutlmv2.processor",
    "LayoutLMv2Tokenizer": "layoutlmv2.tokenizer",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)
