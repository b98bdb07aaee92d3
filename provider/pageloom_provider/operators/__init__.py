"""Operators that read documents. Importing them imports neither torch nor spaCy nor Pillow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom_provider.operators.components import (
        LayoutLMv2TaggerOperator,
        LayoutTokenizerOperator,
        OcrOperator,
    )
    from pageloom_provider.operators.export import ExportFieldsOperator
    from pageloom_provider.operators.listing import ListDocumentsOperator
    from pageloom_provider.operators.pipeline import PipelineOperator

__all__ = [
    "ExportFieldsOperator",
    "LayoutLMv2TaggerOperator",
    "LayoutTokenizerOperator",
    "ListDocumentsOperator",
    "OcrOperator",
    "PipelineOperator",
]

_MODULES = {
    "ExportFieldsOperator": "export",
    "LayoutLMv2TaggerOperator": "components",
    "LayoutTokenizerOperator": "components",
    "ListDocumentsOperator": "listing",
    "OcrOperator": "components",
    "PipelineOperator": "pipeline",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)
