"""The operators that read pages: words by OCR, and windows of subwords for the models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pageloom_provider.operators.pipeline import Components, PipelineOperator, one_component

__all__ = ["LayoutTokenizerOperator", "OcrOperator"]

_OCR = ("engine", "lang", "mode", "psm", "workers", "min_confidence")
_TOKENIZER = ("tokenizer", "revision", "max_length", "stride")


class OcrOperator(PipelineOperator):
    """Words, boxes and lines: a PDF's text layer first, OCR where a page has none.

    Args:
        engine: "tesseract", "tesserocr", "rapidocr" or "auto".
        lang: The engine's language, such as "eng" or "deu+eng".
        mode: "auto" (OCR where a page has no text), "force" (OCR everywhere) or "skip".
        psm: Tesseract's page segmentation mode.
        workers: Pages read side by side; 0 is one for each core.
        min_confidence: Words below it, of 0-1, are dropped.
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, *_OCR)

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
        return one_component("ocr", self, _OCR)


class LayoutTokenizerOperator(PipelineOperator):
    """Windows of subwords with boxes, so that a CPU task prepares what a GPU task consumes.

    Args:
        tokenizer: A folder, a hub id or a packaged name such as "pageloom/fields-sm".
        revision: The hub id's revision.
        max_length: Subwords in a window, special tokens included.
        stride: Subwords that neighbouring windows share.
        kwargs: As `PipelineOperator`, without `components` and `config`.
    """

    template_fields: Sequence[str] = (*PipelineOperator.template_fields, *_TOKENIZER)

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
        return one_component("layout_tokenizer", self, _TOKENIZER)
