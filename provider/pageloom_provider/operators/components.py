"""The operators of one component each: `PipelineOperator` with the component's settings by name.

A setting left at None is the component's own default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pageloom_provider.operators.pipeline import Components, PipelineOperator

__all__ = ["LayoutLMv2TaggerOperator", "LayoutTokenizerOperator", "OcrOperator"]


class OcrOperator(PipelineOperator):
    """Words, boxes and lines: a PDF's text layer first, OCR where a page has none.

    Args:
        engine: "tesseract", "tesserocr" or "rapidocr".
        lang: The engine's language, such as "eng" or "deu+eng".
        mode: "auto" (OCR where a page has no text), "force" (OCR everywhere) or "skip".
        psm: Tesseract's page segmentation mode.
        workers: Pages read side by side; 0 is one for each core.
        min_confidence: Words below it, of 0-1, are dropped.
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (
        *PipelineOperator.template_fields,
        "engine",
        "lang",
        "mode",
        "psm",
        "workers",
        "min_confidence",
    )

    def __init__(
        self,
        *,
        engine: str | None = None,
        lang: str | None = None,
        mode: str | None = None,
        psm: int | None = None,
        workers: int | None = None,
        min_confidence: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.engine = engine
        self.lang = lang
        self.mode = mode
        self.psm = psm
        self.workers = workers
        self.min_confidence = min_confidence

    def pipeline_components(self) -> Components:
        """The component `ocr`."""
        return _one(
            "ocr",
            engine=self.engine,
            lang=self.lang,
            mode=self.mode,
            psm=self.psm,
            workers=self.workers,
            min_confidence=self.min_confidence,
        )


class LayoutTokenizerOperator(PipelineOperator):
    """Windows of subwords with boxes, so that a CPU task prepares what a GPU task consumes.

    Args:
        tokenizer: A folder, a hub id or a packaged name such as "pageloom/fields-sm".
        revision: The hub id's revision.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (
        *PipelineOperator.template_fields,
        "tokenizer",
        "revision",
        "max_length",
        "stride",
    )

    def __init__(
        self,
        *,
        tokenizer: str | None = None,
        revision: str | None = None,
        max_length: int | None = None,
        stride: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.revision = revision
        self.max_length = max_length
        self.stride = stride

    def pipeline_components(self) -> Components:
        """The component `layout_tokenizer`."""
        return _one(
            "layout_tokenizer",
            tokenizer=self.tokenizer,
            revision=self.revision,
            max_length=self.max_length,
            stride=self.stride,
        )


class LayoutLMv2TaggerOperator(PipelineOperator):
    """Entities and fields by a LayoutLMv2 token classifier.

    Args:
        model: A folder, a hub id or a packaged name such as "pageloom/fields-sm".
        revision: The hub id's revision.
        spans_key: The key in `doc.spans`; by default the component's name.
        set_ents: Whether to set `doc.ents`.
        threshold: Fields with a lower score, of 0-1, are dropped.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        batch_tokens: Tokens in one forward pass of the model, over windows and documents.
        device: "auto", "cpu", "cuda" or "cuda:1".
        dtype: "auto", "float32" or "bfloat16".
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (
        *PipelineOperator.template_fields,
        "model",
        "revision",
        "spans_key",
        "set_ents",
        "threshold",
        "max_length",
        "stride",
        "batch_tokens",
        "device",
        "dtype",
    )

    def __init__(
        self,
        *,
        model: str | None = None,
        revision: str | None = None,
        spans_key: str | None = None,
        set_ents: bool | None = None,
        threshold: float | None = None,
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
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype

    def pipeline_components(self) -> Components:
        """The component `layoutlmv2_tagger`."""
        return _one(
            "layoutlmv2_tagger",
            model=self.model,
            revision=self.revision,
            spans_key=self.spans_key,
            set_ents=self.set_ents,
            threshold=self.threshold,
            max_length=self.max_length,
            stride=self.stride,
            batch_tokens=self.batch_tokens,
            device=self.device,
            dtype=self.dtype,
        )


def _one(factory: str, **settings: Any) -> Components:
    return [{factory: {key: value for key, value in settings.items() if value is not None}}]
