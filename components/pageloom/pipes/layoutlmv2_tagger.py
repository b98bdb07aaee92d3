"""The component `layoutlmv2_tagger`."""

from __future__ import annotations

from typing import Any

from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.pipes.tagger import Tagger

__all__ = ["LayoutLMv2Tagger"]


class LayoutLMv2Tagger(Tagger):
    """Entities and fields by a LayoutLMv2 token classifier (Xu et al. 2021, section 3.3).

    It sees words, their boxes and the pages' pictures. LayoutXLM's checkpoints are of this
    architecture too. Settings and results are those of `Tagger`.
    """

    model_class = LayoutLMv2ForTokenClassification

    def __init__(
        self,
        name: str = "layoutlmv2_tagger",
        *,
        model: str = "pageloom/fields-sm",
        **settings: Any,
    ) -> None:
        super().__init__(name, model=model, **settings)
