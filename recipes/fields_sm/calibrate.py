"""Makes scores mean what they say: `python -m recipes.fields_sm.calibrate --cache FOLDER`.

Writes `calibration.json` beside the checkpoint. The receipts' four fields are fitted on the
validation receipts alone, given words with their own and their lines' boxes; all others on
generated pages of validation layouts, which are easier than real ones: no receipt says whether they
are right. What OCR's confidence is worth comes from the same receipts and from damaged scans of
such pages, read by each engine.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from pageloom.fields import Calibration, Graded
from recipes.documents.dataset import draw, in_order
from recipes.documents.layout import Layout, layout_numbers
from recipes.documents.scans import read_scans
from recipes.fields_sm.align import align
from recipes.fields_sm.pages import Store
from recipes.fields_sm.reading import (
    claim,
    given_doc,
    graded,
    page_doc,
    page_texts,
    pipeline,
    receipt_truth,
)
from recipes.fields_sm.sroie import DEFAULT_FOLDER, LABELS, Scan, read, split
from recipes.fields_sm.train import PACKAGED

__all__ = ["fields_of_pages", "fields_of_receipts", "fields_of_scans"]

DOCUMENT = 8_000
"""The generated documents of validation layouts are numbered from here."""
SCANS = 16
"""Layouts of each kind that are scanned: so receipts and generated pages count about alike."""


def fields_of_receipts(
    model: str, scans: Sequence[Scan], engines: Sequence[str], dtype: str = "auto"
) -> Iterator[Graded]:
    """The fields found on receipts, in each way of reading them."""
    receipts = [align(scan)[0] for scan in scans]
    truths = [receipt_truth(receipt) for receipt in receipts]
    nlp = pipeline(model, None, dtype)
    for boxes in ("word_boxes", "line_boxes"):
        yield from graded(nlp.pipe(given_doc(nlp, each, boxes) for each in receipts), truths)
    for engine in engines:
        nlp = pipeline(model, engine, dtype)
        yield from graded(nlp.pipe(str(each.image_path) for each in receipts), truths)


def fields_of_pages(model: str, store: Store, dtype: str = "auto") -> Iterator[Graded]:
    """The fields found on generated pages, but for those that receipts have too."""
    nlp = pipeline(model, None, dtype)
    pages = [store[number] for number in range(len(store))]
    truths = [page_texts(page.in_order("rows")) for page in pages]
    for field in graded(nlp.pipe(page_doc(nlp, page) for page in pages), truths):
        if field.label not in LABELS:
            yield field


def fields_of_scans(
    model: str, count: int, engines: Sequence[str], dtype: str = "auto"
) -> Iterator[Graded]:
    """The fields found on damaged scans, but for those that receipts have too, and items' fields.

    Items have so many that nothing else would count.
    """
    nlp = pipeline(model, None, dtype)
    for kind in ("invoice", "receipt"):
        layouts = [Layout(kind, number, "en") for number in layout_numbers("validation")[:count]]
        sheets = [draw(kind, layout, DOCUMENT + layout.number) for layout in layouts]
        truths = [
            page_texts(in_order(sheet.words, (sheet.width, sheet.height), "rows"))
            for sheet in sheets
        ]
        for engine in engines:
            for field in graded(nlp.pipe(read_scans(sheets, engine)), truths):
                if field.label not in LABELS and not field.label.startswith("item_"):
                    yield field


def main() -> None:
    """Read the arguments, fit, write, and show the claim on what it was fitted to."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PACKAGED, help="its folder")
    parser.add_argument("--cache", type=Path, required=True, help="what pages.py filled")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument(
        "--engine", action="append", help="of OCR; may be repeated; both if none is"
    )
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--limit", type=int, help="use that many receipts only: a quick try")
    args = parser.parse_args()
    scans = split(read(args.data)).validation[: args.limit]
    engines = args.engine or ["rapidocr", "tesseract"]
    found = list(fields_of_receipts(str(args.model), scans, engines, args.dtype))
    found += fields_of_pages(str(args.model), Store(args.cache, "validation"), args.dtype)
    found += fields_of_scans(str(args.model), SCANS, engines, args.dtype)
    calibration = Calibration.fit(found)
    calibration.save(args.model)
    for name, (right, sure) in sorted(claim(found, calibration).items()):
        print(f"{name}: {right} of {sure} sure ones are right")
    print(f"wrote {args.model}: {len(found)} fields, {len(calibration.curves)} curves")


if __name__ == "__main__":
    main()
