"""Writes generated forms in FUNSD's format: `python -m benchmarks.forms FOLDER`.

FUNSD itself has a licence of its own and is not in the repository; these forms let a comparison run
without it (`benchmarks.funsd`). They are English, printed with the layouts of `recipes.documents`,
and typed or blank. Captions are questions, what is filled in are answers, the title and the
sections' headings are headers; every run of text is a block. Where a text could be either of two
(an option that is worded like a caption, a caption cut short), the form is left out, so the labels
are exact. The testing data have layouts, and in part wordings, that the training data do not.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from pageloom.ocr.reading_order import arrange
from recipes.documents import form
from recipes.documents.damage import render
from recipes.documents.dataset import layouts
from recipes.documents.form_rows import TABLES
from recipes.documents.layout import Layout, Split
from recipes.documents.sheet import Sheet, Word
from recipes.documents.wording import caption, listed, section, sections, variants

__all__ = ["blocks", "write"]

PARTS: dict[str, Split] = {"training_data": "train", "testing_data": "test"}
COUNTS = {"training_data": 149, "testing_data": 50}
"""As many as FUNSD has."""
DPI = 100
HEADERS = ("title:", "section:")

Block = tuple[str, list[Word]]
"""A label of FUNSD's, and the words."""


def plain(text: str) -> str:
    """A caption without its number and the marks after it."""
    return re.sub(r"^\d+\.? (?=\S)", "", text).rstrip(" *:-").casefold()


@cache
def _texts(number: int) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """What a layout prints as captions, as headers, and in lists that are neither; all `plain`."""
    layout = Layout("form", number, "en")
    captions, others = [], []
    for table in TABLES:
        for key in sections(table):
            if key.startswith("options:"):
                others += listed(layout, table, key)
            else:
                label = caption(layout, table, key)
                captions += [label, f"{label} / {section(table, key)[1]['en'][0]}"]
    lines = variants(layout, "form_values", "tax_lines")
    captions += [line.partition("~")[0].strip() for line in lines]
    captions.append(caption(layout, "form_text", "total"))
    keys = sections("form_text")
    headers = [caption(layout, "form_text", key) for key in keys if key.startswith(HEADERS)]
    for key in ("yes_no", "grades", *(key for key in keys if key.startswith("columns:"))):
        others += listed(layout, "form_text", key)
    others += [*variants(layout, "form_text", "rated")]
    return tuple(frozenset(map(plain, each)) for each in (captions, headers, others))  # type: ignore[return-value]


def blocks(sheet: Sheet, number: int) -> list[Block] | None:
    """A form's blocks in reading order, or None where its labels are not certain.

    Args:
        sheet: an English form.
        number: of its layout.
    """
    captions, headers, others = _texts(number)
    found: list[Block] = []
    answered: tuple[str, int] | None = None
    for _, run in groupby(sheet.words, key=lambda word: word.line):
        words = list(run)
        field = (words[0].field, words[0].group) if words[0].field else None
        if field is not None and field == answered:
            found[-1][1].extend(words)  # a value's next line, or letter
            continue
        answered = field
        if field is not None:
            found.append(("answer", words))
            continue
        text = plain(" ".join(word.text for word in words))
        kinds = (text in captions) + (text in headers) + (text in others)
        cut = not kinds and any(each.startswith(f"{text} ") for each in captions | headers)
        if kinds > 1 or (text and cut):
            return None
        label = "question" if text in captions else "header" if text in headers else "other"
        found.append((label, words))
    wide, high = sheet.width / 1000, sheet.height / 1000
    boxes = [_around(words) for _, words in found]
    places = arrange([(b[0] * wide, b[1] * high, b[2] * wide, b[3] * high) for b in boxes])
    return [found[place] for place, _, _ in places]


def _around(words: list[Word]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = zip(*(word.box for word in words), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def forms(part: str) -> Iterator[tuple[str, Sheet, list[Block]]]:
    """A name, a form and its blocks, without end; a layout's turn comes again and again."""
    every = list(layouts("form", PARTS[part], "en"))
    seed = 0
    while True:
        for layout in every:
            sheet = form.draw(layout, seed)
            # Handwriting is on the picture alone.
            found = None if sheet.facts["handwriting"] else blocks(sheet, layout.number)
            if found is not None:
                yield f"{layout.number:03}-{seed}", sheet, found
        seed += 1


def record(found: list[Block], size: tuple[int, int]) -> dict[str, Any]:
    """A form as FUNSD writes it; boxes in pixels of a picture of this size."""

    def pixels(box: tuple[int, int, int, int]) -> list[int]:
        return [round(at * size[side % 2] / 1000) for side, at in enumerate(box)]

    return {
        "form": [
            {
                "id": number,
                "label": label,
                "text": " ".join(word.text for word in words),
                "box": pixels(_around(words)),
                "words": [{"text": word.text, "box": pixels(word.box)} for word in words],
                "linking": [],
            }
            for number, (label, words) in enumerate(found)
        ]
    }


def write(folder: Path, counts: dict[str, int] = COUNTS) -> None:
    """Write training_data/ and testing_data/, each with annotations/ and images/."""
    for part, count in counts.items():
        annotations, images = folder / part / "annotations", folder / part / "images"
        for each in (annotations, images):
            each.mkdir(parents=True, exist_ok=True)
        for name, sheet, found in islice(forms(part), count):
            picture = render(sheet, DPI).convert("L")
            picture.save(images / f"{name}.png")
            text = json.dumps(record(found, picture.size), ensure_ascii=False)
            (annotations / f"{name}.json").write_text(text, encoding="utf8")


def main() -> None:
    """Write the forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=COUNTS["training_data"], help="how many")
    parser.add_argument("--test", type=int, default=COUNTS["testing_data"], help="how many")
    args = parser.parse_args()
    write(args.folder, {"training_data": args.train, "testing_data": args.test})


if __name__ == "__main__":
    main()
