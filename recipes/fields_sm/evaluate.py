"""Scores a model on the held-out receipts: `python -m recipes.fields_sm.evaluate`.

From the given lines (words cut at blanks, their boxes in proportion), and from the picture alone
through OCR, by the components that users run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from pageloom import open_document
from pageloom.document.extensions import set_tokens
from recipes.fields_sm.align import Receipt, align
from recipes.fields_sm.score import best_texts, ceiling, entity_scores, field_scores, table
from recipes.fields_sm.sroie import DEFAULT_FOLDER, read, split


def pipeline(model: str, engine: str | None, dtype: str) -> Language:
    """Reader, OCR (if an engine is given) and tagger."""
    reader = {"@tokenizers": "pageloom.DocumentReader.v1"}
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": reader}})
    if engine:
        nlp.add_pipe("ocr", config={"engine": engine})
    nlp.add_pipe("layoutlmv2_tagger", config={"model": model, "dtype": dtype})
    return nlp


def given_doc(nlp: Language, receipt: Receipt, boxes: str) -> Doc:
    """A `Doc` of the given words, with the picture's page."""
    doc = Doc(nlp.vocab, words=list(receipt.words))
    page = open_document(receipt.image_path, nlp.vocab)
    doc._.pages = page._.pages
    doc._.source = page._.source
    count = len(receipt.words)
    set_tokens(doc, getattr(receipt, boxes), [1] * count, [1.0] * count)
    return doc


def tags(doc: Doc) -> list[str]:
    """BIO labels of the entities."""
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]


def sections(
    model: str, receipts: Sequence[Receipt], engines: Sequence[str], dtype: str
) -> Iterator[str]:
    """The report's paragraphs, as they are ready."""
    truths = [receipt.fields for receipt in receipts]
    nlp = pipeline(model, None, dtype)
    for boxes in ("word_boxes", "line_boxes"):
        docs = list(nlp.pipe(given_doc(nlp, receipt, boxes) for receipt in receipts))
        yield f"## Given lines, {boxes.replace('_', ' ')}\n"
        yield "Entities (same first and last word):\n"
        yield table(entity_scores([r.labels for r in receipts], map(tags, docs))) + "\n"
        yield "Fields (the best one's text, case, blanks and punctuation aside):\n"
        yield table(field_scores(truths, [best_texts(doc._.fields) for doc in docs])) + "\n"
    for engine in engines:
        nlp = pipeline(model, engine, dtype)
        start = time.perf_counter()
        docs = list(nlp.pipe(str(receipt.image_path) for receipt in receipts))
        seconds = (time.perf_counter() - start) / len(receipts)
        yield f"## From the picture, OCR by {engine} ({seconds:.2f} s a receipt)\n"
        yield "Fields:\n"
        yield table(field_scores(truths, [best_texts(doc._.fields) for doc in docs])) + "\n"
        yield "Ceiling: fields that stand in the OCR's text at all:\n"
        yield table(ceiling(truths, [doc.text for doc in docs])) + "\n"


def main() -> None:
    """Read the arguments and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pageloom/fields-sm")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--part", choices=("validation", "held_out"), default="held_out")
    parser.add_argument("--engine", action="append", help="an OCR engine; may be repeated")
    parser.add_argument("--dtype", default="auto")
    args = parser.parse_args()
    scans = getattr(split(read(args.data)), args.part)
    receipts = [align(scan)[0] for scan in scans]
    print(f"# {args.model} on {len(receipts)} {args.part.replace('_', '-')} receipts\n")
    for paragraph in sections(args.model, receipts, args.engine or ["tesseract"], args.dtype):
        print(paragraph, flush=True)


if __name__ == "__main__":
    main()
