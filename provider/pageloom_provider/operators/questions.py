"""The operators that answer questions about documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pageloom_provider.operators.pipeline import Components, PipelineOperator, one_component

__all__ = ["LayoutQuestionAnsweringOperator", "ViltVqaOperator"]

_LAYOUT = (
    "model",
    "revision",
    "questions",
    "top_k",
    "max_answer_length",
    "max_length",
    "stride",
    "batch_tokens",
    "device",
    "dtype",
)
_VILT = ("model", "revision", "questions", "top_k", "batch_tokens", "device", "dtype")
# The component of each architecture.
_ARCHITECTURES = {"lilt": "lilt_qa", "layoutlmv2": "layoutlmv2_qa"}


class LayoutQuestionAnsweringOperator(PipelineOperator):
    """Answers that are words of the document, with page and box, by LiLT or LayoutLMv2.

    It sets `doc._.answers`.

    Args:
        architecture: The model's: "lilt" or "layoutlmv2".
        model: A folder, a hub id or a packaged name such as "pageloom/docqa-sm".
        revision: The hub id's revision.
        questions: Asked about every document, besides those in its own `doc._.questions`.
        top_k: Answers to a question, the most likely first.
        max_answer_length: The most words in an answer.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        batch_tokens: Tokens in one forward pass of the model, over questions and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, "architecture", *_LAYOUT)

    def __init__(
        self,
        *,
        architecture: str = "lilt",
        model: str | None = None,
        revision: str | None = None,
        questions: list[str] | None = None,
        top_k: int | None = None,
        max_answer_length: int | None = None,
        max_length: int | None = None,
        stride: int | None = None,
        batch_tokens: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.architecture = architecture
        self.model = model
        self.revision = revision
        self.questions = questions
        self.top_k = top_k
        self.max_answer_length = max_answer_length
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype

    def pipeline_components(self) -> Components:
        """The component `lilt_qa` or `layoutlmv2_qa`.

        Raises:
            ValueError: There is no such architecture.
        """
        if self.architecture not in _ARCHITECTURES:
            raise ValueError(
                f"{self.task_id}: architecture is {' or '.join(map(repr, _ARCHITECTURES))}, "
                f"not {self.architecture!r}"
            )
        return one_component(_ARCHITECTURES[self.architecture], self, _LAYOUT)


class ViltVqaOperator(PipelineOperator):
    """Answers from the model's vocabulary, by a look at each page's picture; no OCR before it.

    It sets `doc._.answers`.

    Args:
        model: A folder, a hub id or a packaged name such as "pageloom/vqa-sm".
        revision: The hub id's revision.
        questions: Asked about every document, besides those in its own `doc._.questions`.
        top_k: Answers to a question, the most likely first.
        batch_tokens: Tokens in one forward pass of the model, over questions and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, *_VILT)

    def __init__(
        self,
        *,
        model: str | None = None,
        revision: str | None = None,
        questions: list[str] | None = None,
        top_k: int | None = None,
        batch_tokens: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.revision = revision
        self.questions = questions
        self.top_k = top_k
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype

    def pipeline_components(self) -> Components:
        """The component `vilt_vqa`."""
        return one_component("vilt_vqa", self, _VILT)
