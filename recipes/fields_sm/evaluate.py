"""Scores a model on what training never saw: `python -m recipes.fields_sm.evaluate`.

The held-out receipts, from the given lines (words cut at blanks, their boxes in proportion) and
from the picture alone through OCR; and generated invoices and receipts of the test layouts, from
their exact words and from damaged scans through OCR. All by the components that users run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from pageloom.fields import Calibration, Graded
from recipes.documents.dataset import draw
from recipes.documents.layout import Layout, layout_numbers
from recipes.documents.scans import normalised, read_scans, value_texts
from recipes.documents.sheet import Sheet
from recipes.fields_sm.align import Receipt, align
from recipes.fields_sm.lessons import page_tags
from recipes.fields_sm.model import FIELDS, GENERATED
from recipes.fields_sm.pages import drawn
from recipes.fields_sm.reading import (
    TAGGER,
    claim,
    given_doc,
    graded,
    page_doc,
    page_texts,
    pipeline,
    receipt_truth,
)
from recipes.fields_sm.score import (
    Rates,
    best_texts,
    ceiling,
    entity_scores,
    field_scores,
    table,
)
from recipes.fields_sm.sroie import DEFAULT_FOLDER, LABELS, read, split

SINGLE = {theirs: ours for theirs, ours in GENERATED.items() if not ours.startswith("item_")}
"""The generator's names, and ours, of the fields of a whole document."""
DOCUMENT = 7_000
"""The generated documents of test layouts are numbered from here."""


def tags(doc: Doc, labels: Sequence[str] = FIELDS) -> list[str]:
    """BIO labels of the entities of these labels."""
    return [
        f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ in labels else "O" for token in doc
    ]


def sure(nlp: Language, found: Sequence[Graded]) -> str:
    """The claim of the calibrated scores, as a Markdown table."""
    calibration: Calibration | None = nlp.get_pipe(TAGGER).checkpoint.calibration  # type: ignore[attr-defined]
    lines = ["| fields at 0.9 or more | right | of |", "| --- | ---: | ---: |"]
    for name, (right, all_) in sorted(claim(found, calibration).items()):
        lines.append(f"| {name} | {right / all_:.3f} | {all_} |")
    return "\n".join(lines)


def receipt_sections(
    model: str, receipts: Sequence[Receipt], engines: Sequence[str], dtype: str
) -> Iterator[str]:
    """The report's paragraphs on real receipts, as they are ready."""
    fields = [receipt.fields for receipt in receipts]
    truths = [receipt_truth(receipt) for receipt in receipts]
    nlp = pipeline(model, None, dtype)
    for boxes in ("word_boxes", "line_boxes"):
        docs = list(nlp.pipe(given_doc(nlp, receipt, boxes) for receipt in receipts))
        yield f"## Receipts, given lines, {boxes.replace('_', ' ')}\n"
        yield "Entities (same first and last word):\n"
        found = [tags(doc, LABELS) for doc in docs]
        yield table(entity_scores([r.labels for r in receipts], found)) + "\n"
        yield "Fields (the best one's text, case, blanks and punctuation aside):\n"
        yield table(field_scores(fields, [best_texts(doc._.fields) for doc in docs])) + "\n"
        yield sure(nlp, list(graded(docs, truths))) + "\n"
    for engine in engines:
        nlp = pipeline(model, engine, dtype)
        start = time.perf_counter()
        docs = list(nlp.pipe(str(receipt.image_path) for receipt in receipts))
        seconds = (time.perf_counter() - start) / len(receipts)
        yield f"## Receipts, from the picture, OCR by {engine} ({seconds:.2f} s a receipt)\n"
        yield "Fields:\n"
        yield table(field_scores(fields, [best_texts(doc._.fields) for doc in docs])) + "\n"
        yield "Ceiling: fields that stand in the OCR's text at all:\n"
        yield table(ceiling(fields, [doc.text for doc in docs])) + "\n"
        yield sure(nlp, list(graded(docs, truths))) + "\n"


def page_sections(
    model: str, count: int, engines: Sequence[str], dtype: str, language: str = "en"
) -> Iterator[str]:
    """The report's paragraphs on generated pages of test layouts, as they are ready."""
    for kind in ("invoice", "receipt"):
        layouts = [Layout(kind, number, language) for number in layout_numbers("test")[:count]]
        pages = [
            drawn(layout, DOCUMENT + layout.number, np.random.default_rng(layout.number), 0.0)
            for layout in layouts
        ]
        nlp = pipeline(model, None, dtype)
        docs = list(nlp.pipe(page_doc(nlp, page) for page in pages))
        yield f"## Generated {kind}s of {len(pages)} test layouts, exact words ({language})\n"
        truths = [page_tags(page.in_order("rows")) for page in pages]
        yield table(_named(entity_scores(truths, map(tags, docs)))) + "\n"
        texts = [page_texts(page.in_order("rows")) for page in pages]
        yield sure(nlp, list(graded(docs, texts))) + "\n"
        for engine in engines:
            sheets = [draw(kind, each, DOCUMENT + each.number) for each in layouts]
            yield f"## Generated {kind}s, from damaged scans, OCR by {engine} ({language})\n"
            yield through_ocr(nlp, sheets, engine)


def _named(scores: dict[str, Rates]) -> dict[str, Rates]:
    """Without what is neither there nor found, "all" last."""
    kept = {name: rates for name, rates in scores.items() if rates.true or rates.predicted}
    return {name: kept[name] for name in (*FIELDS, "all") if name in kept}


def through_ocr(nlp: Language, sheets: Sequence[Sheet], engine: str) -> str:
    """The share of pages whose field is exactly right, beside what the engine's text allows."""
    lines = ["| field | exact match | at most | pages |", "| --- | ---: | ---: | ---: |"]
    counts = {field: [0, 0, 0] for field in (*SINGLE.values(), "all")}
    docs = nlp.pipe(read_scans(sheets, engine))
    for sheet, doc in zip(sheets, docs, strict=True):
        text = normalised(doc.text)
        for theirs, ours in SINGLE.items():
            truths = value_texts(sheet, theirs)
            if truths:
                for name in (ours, "all"):
                    counts[name][0] += _best(doc, ours) in truths
                    counts[name][1] += any(truth in text for truth in truths)
                    counts[name][2] += 1
    lines += [
        f"| {name} | {right / there:.2f} | {most / there:.2f} | {there} |"
        for name, (right, most, there) in counts.items()
        if there
    ]
    return "\n".join(lines) + "\n"


def _best(doc: Doc, field: str) -> str | None:
    """The surest value of a field, normalised; of an address, all its lines."""
    found = doc._.fields.get(field)
    if not found:
        return None
    if field.endswith("address"):
        lines = sorted(found, key=lambda each: each.start)
        return normalised(" ".join(each.text for each in lines))
    return normalised(found[0].text)


def main() -> None:
    """Read the arguments and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pageloom/fields-sm")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--part", choices=("validation", "held_out"), default="held_out")
    parser.add_argument("--engine", action="append", default=[], help="may be repeated")
    parser.add_argument("--pages", type=int, default=60, help="test layouts of each kind; 0: none")
    parser.add_argument("--language", default="en", help="of the generated pages")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--limit", type=int, help="use that many receipts only: a quick try")
    args = parser.parse_args()
    scans = getattr(split(read(args.data)), args.part)[: args.limit]
    receipts = [align(scan)[0] for scan in scans]
    print(f"# {args.model} on {len(receipts)} {args.part.replace('_', '-')} receipts\n")
    for paragraph in receipt_sections(args.model, receipts, args.engine, args.dtype):
        print(paragraph, flush=True)
    for paragraph in (
        page_sections(args.model, args.pages, args.engine, args.dtype, args.language)
        if args.pages
        else ()
    ):
        print(paragraph, flush=True)


if __name__ == "__main__":
    main()
