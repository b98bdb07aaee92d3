"""From words, boxes and pixels to a model's inputs: tokenizers, Pillow, numpy, and no spaCy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom.processing.boxes import BoxTokenizer
    from pageloom.processing.encoding import BatchEncoding
    from pageloom.processing.layout_roberta import LayoutRobertaTokenizer
    from pageloom.processing.layoutlmv2.image_processor import LayoutLMv2ImageProcessor
    from pageloom.processing.layoutlmv2.processor import LayoutLMv2Processor
    from pageloom.processing.layoutlmv2.tokenizer import LayoutLMv2Tokenizer
    from pageloom.processing.layoutxlm import LayoutXLMTokenizer
    from pageloom.processing.loading import load_tokenizer
    from pageloom.processing.vilt.image_processor import ViltImageProcessor
    from pageloom.processing.vilt.processor import ViltProcessor
    from pageloom.processing.vilt.tokenizer import BertTokenizer

__all__ = [
    "BatchEncoding",
    "BertTokenizer",
    "BoxTokenizer",
    "LayoutLMv2ImageProcessor",
    "LayoutLMv2Processor",
    "LayoutLMv2Tokenizer",
    "LayoutRobertaTokenizer",
    "LayoutXLMTokenizer",
    "ViltImageProcessor",
    "ViltProcessor",
    "load_tokenizer",
]

_MODULES = {
    "BatchEncoding": "encoding",
    "BertTokenizer": "vilt.tokenizer",
    "BoxTokenizer": "boxes",
    "LayoutLMv2ImageProcessor": "layoutlmv2.image_processor",
    "LayoutLMv2Processor": "layoutlmv2.processor",
    "LayoutLMv2Tokenizer": "layoutlmv2.tokenizer",
    "LayoutRobertaTokenizer": "layout_roberta",
    "LayoutXLMTokenizer": "layoutxlm",
    "ViltImageProcessor": "vilt.image_processor",
    "ViltProcessor": "vilt.processor",
    "load_tokenizer": "loading",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)
