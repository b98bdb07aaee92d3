"""The component `lilt_tagger`."""

from __future__ import annotations

from typing import Any

from pageloom.models import LiltForTokenClassification
from pageloom.pipes.tagger import Tagger

__all__ = ["LiltTagger"]


class LiltTagger(Tagger):
    """Entities and fields by a LiLT token classifier (Wang et al. 2022, arXiv:2202.13669).

    It sees words and their boxes, no picture: documents need no pages. The tokenizer beside the
    model (byte-level BPE, Unigram, WordPiece) decides which languages it reads. Settings and
    results are those of `Tagger`.
    """

    model_class = LiltForTokenClassification

    def __init__(self, name: str = "lilt_tagger", *, model: str, **settings: Any) -> None:
        super().__init__(name, model=model, **settings)
