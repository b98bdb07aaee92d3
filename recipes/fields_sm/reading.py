"""Receipts and generated pages as users' pipelines take them, and what is right on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import spacy
from PIL import Image
from spacy.language import Language
from spacy.tokens import Doc

from pageloom import open_document
from pageloom.document.extensions import set_tokens
from pageloom.fields import Calibration, Graded, grade
from recipes.documents.sheet import Word
from recipes.fields_sm.align import Receipt
from recipes.fields_sm.lessons import page_tags
from recipes.fields_sm.model import FIELDS
from recipes.fields_sm.pages import Drawn
from recipes.fields_sm.score import entities
from recipes.fields_sm.sroie import LABELS

__all__ = [
    "SURE",
    "TAGGER",
    "claim",
    "given_doc",
    "graded",
    "page_doc",
    "page_texts",
    "pipeline",
    "receipt_truth",
]

TAGGER = "layoutlmv2_tagger"
SURE = 0.9
"""Of fields whose score is at least this, as many are to be right."""


def pipeline(model: str, engine: str | None, dtype: str) -> Language:
    """Reader, OCR (if an engine is given) and tagger."""
    reader = {"@tokenizers": "pageloom.DocumentReader.v1"}
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": reader}})
    if engine:
        nlp.add_pipe("ocr", config={"engine": engine})
    nlp.add_pipe(TAGGER, config={"model": model, "dtype": dtype})
    return nlp


def given_doc(nlp: Language, receipt: Receipt, boxes: str) -> Doc:
    """A `Doc` of the given words, with the picture's page."""
    page = open_document(receipt.image_path, nlp.vocab)
    return _doc(nlp, page, receipt.words, getattr(receipt, boxes))


def page_doc(nlp: Language, page: Drawn) -> Doc:
    """A `Doc` of a generated page's exact words, row by row."""
    words = page.in_order("rows")
    picture = Image.fromarray(page.picture.transpose(1, 2, 0)[..., ::-1].copy())
    here = open_document(picture, nlp.vocab)
    return _doc(nlp, here, [word.text for word in words], [word.box for word in words])


def _doc(nlp: Language, page: Doc, words: Sequence[str], boxes: Sequence[object]) -> Doc:
    doc = Doc(nlp.vocab, words=list(words))
    doc._.pages = page._.pages
    doc._.source = page._.source
    set_tokens(doc, boxes, [1] * len(words), [1.0] * len(words))  # type: ignore[arg-type]
    return doc


def page_texts(words: Sequence[Word]) -> dict[str, list[str]]:
    """The texts of a generated page's fields, each as the tagger is to find it.

    All of `FIELDS` are named. `words` are row by row.
    """
    texts: dict[str, list[str]] = {field: [] for field in FIELDS}
    for field, start, end in sorted(entities(page_tags(words)), key=lambda found: found[1]):
        texts[field].append(" ".join(word.text for word in words[start:end]))
    return texts


def graded(docs: Iterable[Doc], truths: Iterable[Mapping[str, Sequence[str]]]) -> Iterator[Graded]:
    """The fields that the tagger found, with its own scores, and whether each is right."""
    for doc, texts in zip(docs, truths, strict=True):
        yield from grade(doc, texts, TAGGER)


def receipt_truth(receipt: Receipt) -> dict[str, list[str]]:
    """The texts of a receipt's four fields, and of no other."""
    return {label: [receipt.fields[label]] for label in LABELS if label in receipt.fields}


def claim(found: Iterable[Graded], calibration: Calibration | None) -> dict[str, tuple[int, int]]:
    """(right, all) of the fields whose calibrated score is at least `SURE`: by label and "all"."""
    counts: dict[str, list[int]] = {}
    for field in found:
        score = field.score
        if calibration is not None:
            score = calibration(field.label, field.evidence, score, field.confidence)
        if score >= SURE:
            for name in (field.label, "all"):
                pair = counts.setdefault(name, [0, 0])
                pair[0] += field.right
                pair[1] += 1
    return {name: (right, all_) for name, (right, all_) in counts.items()}
