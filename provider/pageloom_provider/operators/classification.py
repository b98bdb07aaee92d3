"""The operator that tells kinds of documents apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pageloom_provider.operators.pipeline import Components, PipelineOperator, one_component

__all__ = ["DocumentClassifierOperator"]

_SETTINGS = ("model", "revision", "max_length", "stride", "batch_tokens", "device", "dtype")


class DocumentClassifierOperator(PipelineOperator):
    """What kind of document each is, by a LayoutLMv2 or LiLT sequence classifier.

    It sets `doc.cats`; the checkpoint says which of the two architectures it is.

    Args:
        model: A folder, a hub id or a packaged name such as "pageloom/doctype-sm".
        revision: The hub id's revision.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        batch_tokens: Tokens in one forward pass of the model, over pages and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, *_SETTINGS)

    def __init__(
        self,
        *,
        model: str | None = None,
        revision: str | None = None,
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
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype

    def pipeline_components(self) -> Components:
        """The component `document_classifier`."""
        return one_component("document_classifier", self, _SETTINGS)
