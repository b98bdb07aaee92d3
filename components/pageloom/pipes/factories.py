"""What spaCy's entry points name.

spaCy imports this module at every `spacy.blank()`, so it imports nothing heavy: a component's own
module, and with it torch, Pillow or an OCR engine, is imported when a component is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacy.language import Language

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageloom.document import DocumentReader
    from pageloom.ocr import Engine
    from pageloom.pipes.layout_tokenizer import LayoutTokenizer
    from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
    from pageloom.pipes.ocr import Ocr

__all__ = [
    "document_reader",
    "layout_tokenizer",
    "layoutlmv2_tagger",
    "ocr",
    "rapidocr",
    "tesseract",
    "tesserocr",
]

OCR_CONFIG: dict[str, Any] = {
    "engine": "tesseract",
    "lang": "eng",
    "mode": "auto",
    "psm": 3,
    "workers": 0,
    "min_confidence": 0.0,
}

LAYOUT_TOKENIZER_CONFIG: dict[str, Any] = {
    "tokenizer": "pageloom/fields-sm",
    "revision": None,
    "max_length": 512,
    "stride": 128,
}

TAGGER_CONFIG: dict[str, Any] = {
    "model": "pageloom/fields-sm",
    "revision": None,
    "spans_key": None,
    "set_ents": True,
    "threshold": 0.0,
    "max_length": 512,
    "stride": 128,
    "batch_tokens": 4096,
    "device": "auto",
    "dtype": "auto",
}


def document_reader(
    dpi: int = 200, password: str | None = None, max_pixels: int = 89_000_000
) -> Callable[[Language], DocumentReader]:
    """The tokenizer `pageloom.DocumentReader.v1`: `nlp("invoice.pdf")` opens the document."""

    def make(nlp: Language) -> DocumentReader:
        from pageloom.document import DocumentReader

        return DocumentReader(nlp.vocab, dpi=dpi, password=password, max_pixels=max_pixels)

    return make


@Language.factory("ocr", default_config=OCR_CONFIG, retokenizes=True)
def ocr(
    nlp: Language,
    name: str,
    engine: str,
    lang: str,
    mode: str,
    psm: int,
    workers: int,
    min_confidence: float,
) -> Ocr:
    """Words, boxes, confidence and lines; the text layer first, OCR where a page has none."""
    from pageloom.pipes.ocr import Ocr

    return Ocr(
        nlp.vocab,
        name,
        engine=engine,
        lang=lang,
        mode=mode,
        psm=psm,
        workers=workers,
        min_confidence=min_confidence,
    )


@Language.factory("layout_tokenizer", default_config=LAYOUT_TOKENIZER_CONFIG)
def layout_tokenizer(
    nlp: Language,
    name: str,
    tokenizer: str,
    revision: str | None,
    max_length: int,
    stride: int,
) -> LayoutTokenizer:
    """Windows of subwords with boxes, so that a CPU task prepares what a GPU task consumes."""
    from pageloom.pipes.layout_tokenizer import LayoutTokenizer

    return LayoutTokenizer(
        name, tokenizer=tokenizer, revision=revision, max_length=max_length, stride=stride
    )


@Language.factory(
    "layoutlmv2_tagger",
    default_config=TAGGER_CONFIG,
    assigns=["doc.ents", "doc.spans"],
)
def layoutlmv2_tagger(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    spans_key: str | None,
    set_ents: bool,
    threshold: float,
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
) -> LayoutLMv2Tagger:
    """Entities and fields by a LayoutLMv2 token classifier."""
    from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger

    return LayoutLMv2Tagger(
        name,
        model=model,
        revision=revision,
        spans_key=spans_key,
        set_ents=set_ents,
        threshold=threshold,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
    )


def tesseract(lang: str = "eng", psm: int = 3) -> Engine:
    """`pageloom.Tesseract.v1`: the Tesseract program, through pytesseract."""
    from pageloom.ocr import Tesseract

    return Tesseract(lang, psm)


def tesserocr(lang: str = "eng", psm: int = 3) -> Engine:
    """`pageloom.Tesserocr.v1`: Tesseract's library in this process, through tesserocr."""
    from pageloom.ocr import Tesserocr

    return Tesserocr(lang, psm)


def rapidocr(lang: str = "eng", psm: int = 3) -> Engine:
    """`pageloom.RapidOcr.v1`: the ONNX models in the rapidocr wheel; no system package.

    Its one model needs neither setting.
    """
    from pageloom.ocr import RapidOcr

    return RapidOcr()
