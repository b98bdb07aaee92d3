"""What spaCy's entry points name.

spaCy imports this module at every `spacy.blank()`, so it imports nothing heavy: a component's own
module, and with it torch, Pillow or an OCR engine, is imported when a component is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacy.language import Language

from pageloom.pipes.question_factories import layoutlmv2_qa, lilt_qa, vilt_matcher, vilt_vqa

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageloom.document import DocumentReader
    from pageloom.ocr import Engine
    from pageloom.pipes.document_classifier import DocumentClassifier
    from pageloom.pipes.layout_tokenizer import LayoutTokenizer
    from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
    from pageloom.pipes.lilt_tagger import LiltTagger
    from pageloom.pipes.ocr import Ocr

__all__ = [
    "document_classifier",
    "document_reader",
    "layout_tokenizer",
    "layoutlmv2_qa",
    "layoutlmv2_tagger",
    "lilt_qa",
    "lilt_tagger",
    "ocr",
    "rapidocr",
    "tesseract",
    "tesserocr",
    "vilt_matcher",
    "vilt_vqa",
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

CLASSIFIER_CONFIG: dict[str, Any] = {
    "revision": None,
    "max_length": 512,
    "stride": 128,
    "batch_tokens": 4096,
    "device": "auto",
    "dtype": "auto",
    "label_smoothing": 0.0,
    "class_weights": {},
}

TAGGER_CONFIG: dict[str, Any] = {
    **CLASSIFIER_CONFIG,
    "spans_key": None,
    "set_ents": True,
    "threshold": 0.0,
    "label_all_subwords": False,
    "field_values": {},
}

ENTITY_SCORES: dict[str, Any] = {
    "ents_f": 1.0,
    "ents_p": 0.0,
    "ents_r": 0.0,
    "ents_per_type": None,
}

CLASS_SCORES: dict[str, Any] = {
    "cats_score": 1.0,
    "cats_score_desc": None,
    "cats_acc": 0.0,
    "cats_macro_f": 0.0,
    "cats_macro_p": None,
    "cats_macro_r": None,
    "cats_macro_auc": None,
    "cats_micro_p": None,
    "cats_micro_r": None,
    "cats_micro_f": None,
    "cats_f_per_type": None,
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
    default_config={"model": "pageloom/fields-sm", **TAGGER_CONFIG},
    assigns=["doc.ents", "doc.spans"],
    default_score_weights=ENTITY_SCORES,
)
def layoutlmv2_tagger(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    spans_key: str | None,
    set_ents: bool,
    threshold: float,
    label_all_subwords: bool,
    field_values: dict[str, Any],
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
    label_smoothing: float,
    class_weights: dict[str, float],
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
        label_all_subwords=label_all_subwords,
        field_values=field_values,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
    )


@Language.factory(
    "lilt_tagger",
    default_config={"model": "pageloom/fields-multi-sm", **TAGGER_CONFIG},
    assigns=["doc.ents", "doc.spans"],
    default_score_weights=ENTITY_SCORES,
)
def lilt_tagger(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    spans_key: str | None,
    set_ents: bool,
    threshold: float,
    label_all_subwords: bool,
    field_values: dict[str, Any],
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
    label_smoothing: float,
    class_weights: dict[str, float],
) -> LiltTagger:
    """Entities and fields by a LiLT token classifier."""
    from pageloom.pipes.lilt_tagger import LiltTagger

    return LiltTagger(
        name,
        model=model,
        revision=revision,
        spans_key=spans_key,
        set_ents=set_ents,
        threshold=threshold,
        label_all_subwords=label_all_subwords,
        field_values=field_values,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
    )


@Language.factory(
    "document_classifier",
    default_config={"model": "pageloom/doctype-sm", **CLASSIFIER_CONFIG},
    assigns=["doc.cats"],
    default_score_weights=CLASS_SCORES,
)
def document_classifier(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
    label_smoothing: float,
    class_weights: dict[str, float],
) -> DocumentClassifier:
    """What kind of document it is, by a LayoutLMv2 or LiLT sequence classifier."""
    from pageloom.pipes.document_classifier import DocumentClassifier

    return DocumentClassifier(
        name,
        model=model,
        revision=revision,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
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
