"""Scores `pageloom/doctype-sm` on layouts that training never saw.

`python -m recipes.doctype_sm.evaluate` prints accuracy and F1 by kind on exact words;
`--engine tesseract` and `--engine rapidocr` add the same for damaged scans through OCR.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import spacy

from pageloom.models import LiltForSequenceClassification
from pageloom.processing import LayoutXLMTokenizer
from recipes.doctype_sm.train import LABELS, PACKAGED, predictions
from recipes.documents.dataset import draw, example
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.scans import read_scans


def table(title: str, truths: Sequence[str], found: Sequence[str]) -> None:
    """Precision, recall and F1 of each kind, and what is taken for what."""
    pairs = Counter(zip(truths, found, strict=True))
    print(f"\n| {title} | precision | recall | F1 | most often taken for |")
    print("| --- | ---: | ---: | ---: | --- |")
    scores = []
    for kind in LABELS:
        right = pairs[kind, kind]
        recall = right / max(1, sum(n for (t, _), n in pairs.items() if t == kind))
        precision = right / max(1, sum(n for (_, f), n in pairs.items() if f == kind))
        scores.append(2 * precision * recall / max(1e-9, precision + recall))
        wrong = Counter({f: n for (t, f), n in pairs.items() if t == kind and f != kind})
        worst = ", ".join(f"{name} {count}" for name, count in wrong.most_common(2))
        print(f"| {kind} | {precision:.2f} | {recall:.2f} | {scores[-1]:.2f} | {worst} |")
    right = sum(n for (t, f), n in pairs.items() if t == f)
    print(
        f"| accuracy {right / len(truths):.3f}, macro F1 {sum(scores) / len(scores):.3f} | | | | |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and print the tables."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PACKAGED)
    parser.add_argument("--pages", type=int, default=60, help="layouts a kind")
    parser.add_argument("--engine", action="append", default=[])
    args = parser.parse_args(arguments)
    model = LiltForSequenceClassification.from_pretrained(args.model).eval()
    tokenizer = LayoutXLMTokenizer.from_pretrained(args.model)
    numbers = layout_numbers("test")[: args.pages]
    pages = [
        example(kind, Layout(kind, number, language), 7_000 + number)
        for kind in LABELS
        for number in numbers
        for language in LANGUAGES
    ]
    found = [LABELS[label] for label in predictions(model, tokenizer, pages)]
    table("exact words", [page.kind for page in pages], found)
    for language in LANGUAGES:
        hits = [p.kind == f for p, f in zip(pages, found, strict=True) if p.language == language]
        print(f"{language}: accuracy {sum(hits) / len(hits):.3f}")
    nlp = spacy.blank("xx")
    nlp.add_pipe("document_classifier", config={"model": str(args.model)})
    for engine in args.engine:
        truths = [kind for kind in LABELS for _ in numbers]
        sheets = [draw(kind, Layout(kind, n), 7_000 + n) for kind in LABELS for n in numbers]
        docs = nlp.pipe(read_scans(sheets, engine))
        table(f"scans, {engine}", truths, [max(doc.cats, key=doc.cats.__getitem__, default="")
                                           for doc in docs])  # fmt: skip


if __name__ == "__main__":
    main()
