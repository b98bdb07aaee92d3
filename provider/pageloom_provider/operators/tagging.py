"""The operators that tag words: entities and fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pageloom_provider.operators.pipeline import Components, PipelineOperator, one_component

__all__ = ["LayoutLMv2TaggerOperator", "LiltTaggerOperator"]

_SETTINGS = (
    "model",
    "revision",
    "spans_key",
    "set_ents",
    "threshold",
    "field_values",
    "max_length",
    "stride",
    "batch_tokens",
    "device",
    "dtype",
)


class _TaggerOperator(PipelineOperator):
    """Entities and fields by a token classifier; a subclass names the component."""

    component: ClassVar[str]

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, *_SETTINGS)

    def __init__(
        self,
        *,
        model: str | None = None,
        revision: str | None = None,
        spans_key: str | None = None,
        set_ents: bool | None = None,
        threshold: float | None = None,
        field_values: dict[str, Any] | None = None,
        max_length: int | None = None,
        stride: int | None = None,
        batch_tokens: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.revision = revision
        self.spans_key = spans_key
        self.set_ents = set_ents
        self.threshold = threshold
        self.field_values = field_values
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype

    def pipeline_components(self) -> Components:
        """The tagger, with the settings that were given."""
        return one_component(self.component, self, _SETTINGS)


class LayoutLMv2TaggerOperator(_TaggerOperator):
    """Entities and fields by a LayoutLMv2 token classifier.

    Args:
        model: A folder, a hub id or a packaged name such as "pageloom/fields-sm".
        revision: The hub id's revision.
        spans_key: The key in `doc.spans`; by default the component's name.
        set_ents: Whether to set `doc.ents`.
        threshold: Fields with a lower score, of 0-1, are dropped.
        field_values: How fields become values: `{"day_first": True, "country": "DE"}`.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        batch_tokens: Tokens in one forward pass of the model, over windows and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    component = "layoutlmv2_tagger"


class LiltTaggerOperator(_TaggerOperator):
    """Entities and fields by a LiLT token classifier, for documents in any language.

    Args:
        model: A folder, a hub id or a packaged name such as "pageloom/fields-sm".
        revision: The hub id's revision.
        spans_key: The key in `doc.spans`; by default the component's name.
        set_ents: Whether to set `doc.ents`.
        threshold: Fields with a lower score, of 0-1, are dropped.
        field_values: How fields become values: `{"day_first": True, "country": "DE"}`.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        batch_tokens: Tokens in one forward pass of the model, over windows and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    component = "lilt_tagger"
