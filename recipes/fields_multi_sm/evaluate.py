"""Scores `pageloom/fields-multi-sm` on layouts that training never saw.

`python -m recipes.fields_multi_sm.evaluate` prints entity F1 on exact words by field, kind and
language. `--engine tesseract` and `--engine rapidocr` add the share of fields that are right when
the words come from damaged scans through OCR, beside the most that the engine's text allows;
`--receipts` adds the real receipts that `recipes.fields_sm` holds out, and this recipe never reads.
"""

from __future__ import annotations

import argparse
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import spacy
from spacy.tokens import Doc

from pageloom.models import LiltForTokenClassification
from pageloom.processing import LayoutXLMTokenizer
from recipes.documents.dataset import draw, example
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.scans import normalised, read_scans, value_texts
from recipes.documents.sheet import Sheet
from recipes.fields_multi_sm.model import FIELDS
from recipes.fields_multi_sm.train import PACKAGED, entity_scores, f1

SINGLE = tuple(field for field in FIELDS if not field.startswith("item_"))
"""The fields of a whole document; the rest are of its rows."""


def exact_words(model_folder: Path, pages_each: int) -> None:
    """Entity F1 by field, and by kind and language."""
    model = LiltForTokenClassification.from_pretrained(model_folder).eval()
    tokenizer = LayoutXLMTokenizer.from_pretrained(model_folder)
    by_field: dict[str, list[int]] = {field: [0, 0, 0] for field in FIELDS}
    print("| entity F1, exact words | " + " | ".join(LANGUAGES) + " |")
    print("| --- |" + " ---: |" * len(LANGUAGES))
    for kind in ("invoice", "receipt"):
        cells = []
        for language in LANGUAGES:
            numbers = layout_numbers("test")[:pages_each]
            pages = [example(kind, Layout(kind, n, language), 7_000 + n) for n in numbers]
            scores = entity_scores(model, tokenizer, pages)
            for field, counts in scores.items():
                by_field[field] = [a + b for a, b in zip(by_field[field], counts, strict=True)]
            total = [sum(values) for values in zip(*scores.values(), strict=True)]
            cells.append(f"{f1(*total):.2f}")
        print(f"| {kind} | " + " | ".join(cells) + " |")
    print("\n| field | F1 | in the test |\n| --- | ---: | ---: |")
    for field, counts in by_field.items():
        print(f"| {field} | {f1(*counts):.2f} | {counts[2]} |")
    total = [sum(values) for values in zip(*by_field.values(), strict=True)]
    print(f"| all | {f1(*total):.2f} | {total[2]} |")


def best(doc: Doc, field: str) -> str | None:
    """The surest value of a field, normalised; of an address, all its lines."""
    found = doc._.fields.get(field)
    if not found:
        return None
    if field.endswith("_address"):
        lines = sorted(found, key=lambda each: each.start)
        return normalised(" ".join(each.text for each in lines))
    return normalised(found[0].text)


def ocr_words(model: str, engine: str, pages_each: int, lang: str) -> None:
    """The share of documents whose field is exactly right, through OCR."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("lilt_tagger", config={"model": model})
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for kind in ("invoice", "receipt"):
        sheets: list[Sheet] = [
            draw(kind, Layout(kind, n), 7_000 + n) for n in layout_numbers("test")[:pages_each]
        ]
        docs: Iterable[Doc] = nlp.pipe(read_scans(sheets, engine, lang=lang))
        for sheet, doc in zip(sheets, docs, strict=True):
            text = normalised(doc.text)
            for field in SINGLE:
                truths = value_texts(sheet, field)
                if truths:
                    counts[field][0] += best(doc, field) in truths
                    counts[field][1] += any(truth in text for truth in truths)
                    counts[field][2] += 1
    print(
        f"\n| exact match, {engine} | model | at most | documents |\n| --- | ---: | ---: | ---: |"
    )
    for field, (right, readable, there) in counts.items():
        print(f"| {field} | {right / there:.2f} | {readable / there:.2f} | {there} |")
    right, readable, there = (sum(column) for column in zip(*counts.values(), strict=True))
    print(f"| all | {right / there:.2f} | {readable / there:.2f} | {there} |")


def real_receipts(model: str) -> None:
    """The share of the held-out SROIE receipts whose field is right, from the given words."""
    from recipes.fields_sm.align import align
    from recipes.fields_sm.sroie import DEFAULT_FOLDER, read, split

    names = {"company": "seller", "address": "seller_address", "date": "invoice_date",
             "total": "total"}  # fmt: skip
    nlp = spacy.blank("xx")
    nlp.add_pipe("lilt_tagger", config={"model": model})
    right, there = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for held in split(read(DEFAULT_FOLDER)).held_out:
        receipt, _ = align(held, order="reading")
        doc = Doc(nlp.vocab, words=list(receipt.words))
        for token, box in zip(doc, receipt.word_boxes, strict=True):
            token._.box, token._.page = box, 1
        doc = nlp(doc)
        for name, truth in receipt.fields.items():
            there[name] += 1
            right[name] += best(doc, names[name]) == normalised(truth)
    print("\n| real receipts, given words | exact match |\n| --- | ---: |")
    for name in names:
        print(f"| {names[name]} | {right[name] / there[name]:.2f} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and print the tables."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PACKAGED)
    parser.add_argument("--pages", type=int, default=60, help="layouts a kind and language")
    parser.add_argument("--engine", action="append", default=[])
    parser.add_argument("--lang", default="eng", help="of Tesseract")
    parser.add_argument("--receipts", action="store_true")
    args = parser.parse_args(arguments)
    exact_words(args.model, args.pages)
    for engine in args.engine:
        ocr_words(str(args.model), engine, args.pages, args.lang)
    if args.receipts:
        real_receipts(str(args.model))


if __name__ == "__main__":
    main()
