"""The models, in PyTorch alone: names, signatures and checkpoints as their references have them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageloom.models.layoutlmv2.config import LayoutLMv2Config
    from pageloom.models.layoutlmv2.heads import (
        LayoutLMv2ForQuestionAnswering,
        LayoutLMv2ForSequenceClassification,
        LayoutLMv2ForTokenClassification,
    )
    from pageloom.models.layoutlmv2.model import LayoutLMv2Model
    from pageloom.models.lilt.config import LiltConfig
    from pageloom.models.lilt.heads import (
        LiltForQuestionAnswering,
        LiltForSequenceClassification,
        LiltForTokenClassification,
    )
    from pageloom.models.lilt.model import LiltModel
    from pageloom.models.vilt.config import ViltConfig
    from pageloom.models.vilt.heads import (
        ViltForImageAndTextRetrieval,
        ViltForImagesAndTextClassification,
        ViltForMaskedLM,
        ViltForQuestionAnswering,
        ViltForTokenClassification,
    )
    from pageloom.models.vilt.model import ViltModel

__all__ = [
    "LayoutLMv2Config",
    "LayoutLMv2ForQuestionAnswering",
    "LayoutLMv2ForSequenceClassification",
    "LayoutLMv2ForTokenClassification",
    "LayoutLMv2Model",
    "LiltConfig",
    "LiltForQuestionAnswering",
    "LiltForSequenceClassification",
    "LiltForTokenClassification",
    "LiltModel",
    "ViltConfig",
    "ViltForImageAndTextRetrieval",
    "ViltForImagesAndTextClassification",
    "ViltForMaskedLM",
    "ViltForQuestionAnswering",
    "ViltForTokenClassification",
    "ViltModel",
]

_MODULES = {
    "LayoutLMv2Config": "layoutlmv2.config",
    "LayoutLMv2ForQuestionAnswering": "layoutlmv2.heads",
    "LayoutLMv2ForSequenceClassification": "layoutlmv2.heads",
    "LayoutLMv2ForTokenClassification": "layoutlmv2.heads",
    "LayoutLMv2Model": "layoutlmv2.model",
    "LiltConfig": "lilt.config",
    "LiltForQuestionAnswering": "lilt.heads",
    "LiltForSequenceClassification": "lilt.heads",
    "LiltForTokenClassification": "lilt.heads",
    "LiltModel": "lilt.model",
    "ViltConfig": "vilt.config",
    "ViltForImageAndTextRetrieval": "vilt.heads",
    "ViltForImagesAndTextClassification": "vilt.heads",
    "ViltForMaskedLM": "vilt.heads",
    "ViltForQuestionAnswering": "vilt.heads",
    "ViltForTokenClassification": "vilt.heads",
    "ViltModel": "vilt.model",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{module}"), name)
