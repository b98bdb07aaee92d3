"""Operators that read documents. Importing them imports neither torch nor spaCy nor Pillow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom_provider.operators.checking import CheckFieldsOperator
    from pageloom_provider.operators.classification import DocumentClassifierOperator
    from pageloom_provider.operators.export import ExportFieldsOperator
    from pageloom_provider.operators.listing import ListDocumentsOperator
    from pageloom_provider.operators.pipeline import PipelineOperator
    from pageloom_provider.operators.questions import (
        LayoutQuestionAnsweringOperator,
        ViltVqaOperator,
    )
    from pageloom_provider.operators.reading import LayoutTokenizerOperator, OcrOperator
    from pageloom_provider.operators.reporting import ReportRunOperator
    from pageloom_provider.operators.review import GroupForReviewOperator, ReviewFieldsOperator
    from pageloom_provider.operators.routing import (
        RegroupDocumentsOperator,
        RouteDocumentsOperator,
    )
    from pageloom_provider.operators.tagging import LayoutLMv2TaggerOperator, LiltTaggerOperator

__all__ = [
    "CheckFieldsOperator",
    "DocumentClassifierOperator",
    "ExportFieldsOperator",
    "GroupForReviewOperator",
    "LayoutLMv2TaggerOperator",
    "LayoutQuestionAnsweringOperator",
    "LayoutTokenizerOperator",
    "LiltTaggerOperator",
    "ListDocumentsOperator",
    "OcrOperator",
    "PipelineOperator",
    "RegroupDocumentsOperator",
    "ReportRunOperator",
    "ReviewFieldsOperator",
    "RouteDocumentsOperator",
    "ViltVqaOperator",
]

_MODULES = {
    "CheckFieldsOperator": "checking",
    "DocumentClassifierOperator": "classification",
    "ExportFieldsOperator": "export",
    "GroupForReviewOperator": "review",
    "LayoutLMv2TaggerOperator": "tagging",
    "LayoutQuestionAnsweringOperator": "questions",
    "LayoutTokenizerOperator": "reading",
    "LiltTaggerOperator": "tagging",
    "ListDocumentsOperator": "listing",
    "OcrOperator": "reading",
    "PipelineOperator": "pipeline",
    "RegroupDocumentsOperator": "routing",
    "ReportRunOperator": "reporting",
    "ReviewFieldsOperator": "review",
    "RouteDocumentsOperator": "routing",
    "ViltVqaOperator": "questions",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)
