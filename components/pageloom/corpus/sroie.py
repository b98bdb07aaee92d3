"""SROIE: receipts as text lines with boxes, and apart from them the true texts of four fields.

Two layouts: `receipts.jsonl` with a record a line (`id`, `image`, `width`, `height`, `lines`,
`fields`); and the challenge's own, `img/*.jpg`, `box/*.txt` (or `.csv`) with "x1,y1,...,x4,y4,text"
a line, and `key/` or `entities/` with a JSON object a receipt. `pageloom.corpus.align` finds the
words that say a field; words that may or may not are left as spaCy's missing entities.

Huang et al., "ICDAR2019 Competition on Scanned Receipt OCR and Information Extraction", 2019.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import Range, box_messages, make_doc, thousandths
from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.pictures import find_picture, open_pages, page_size, picture_of
from pageloom.corpus.problems import BadRecord, Problem, shape_messages
from pageloom.corpus.receipts import LABELS, Line, Scan, normalise

__all__ = ["FORMAT", "check", "read"]

_BOX = re.compile(r"\s*" + r"(-?\d+(?:\.\d+)?)\s*,\s*" * 8 + r"(.*)")


class _Line(BaseModel):
    text: str
    box: tuple[float, float, float, float]


class _Receipt(BaseModel):
    image: str
    lines: list[_Line]
    fields: dict[str, str]
    width: int | None = Field(None, gt=0)
    height: int | None = Field(None, gt=0)


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    records = path / "receipts.jsonl" if path.is_dir() else path
    if records.is_file():
        for number, line in enumerate(_text(records).split("\n"), start=1):
            if line.strip():
                made = partial(_of_record, line, records.parent, settings, vocab)
                yield Entry(records, f"line {number}{_identity(line)}", made)
        return
    keys = next((path / name for name in ("key", "entities") if (path / name).is_dir()), None)
    if not (path / "box").is_dir() or keys is None:
        yield Problem(
            str(path),
            "",
            "has neither receipts.jsonl nor the folders box/ and key/ (or entities/); give the "
            "folder that holds them",
        )
        return
    for file in sorted((path / "box").iterdir()):
        if file.suffix in (".txt", ".csv"):
            yield Entry(file, "", partial(_of_files, file, keys, path / "img", settings, vocab))


def _identity(line: str) -> str:
    found = re.search(r'"id":\s*"([^"]{1,80})"', line)
    return f" (id {found[1]})" if found else ""


def _text(file: Path) -> str:
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # a few of the challenge's files are older
        return data.decode("cp1252", errors="replace")


def _of_record(line: str, folder: Path, settings: Settings, vocab: Vocab) -> Doc:
    try:
        receipt = _Receipt.model_validate_json(line)
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    lines = [(item.text, item.box) for item in receipt.lines]
    size = (receipt.width, receipt.height) if receipt.width and receipt.height else None
    picture = find_picture([receipt.image], [folder])
    wanted = str(folder / receipt.image)
    return _make(vocab, lines, receipt.fields, picture, wanted, size, settings, [])


def _of_files(file: Path, keys: Path, images: Path, settings: Settings, vocab: Vocab) -> Doc:
    notes: list[str] = []
    lines = []
    for number, row in enumerate(_text(file).splitlines(), start=1):
        if not row.strip():
            continue
        if (match := _BOX.fullmatch(row)) is None:
            notes.append(f"line {number} is not x1,y1,x2,y2,x3,y3,x4,y4,text: {row[:60]!r}")
            continue
        across, down = ([float(match[n]) for n in range(at, 9, 2)] for at in (1, 2))
        lines.append((match[9], (min(across), min(down), max(across), max(down))))
    fields: dict[str, str] = {}
    key = find_picture([f"{file.stem}.txt", f"{file.stem}.json"], [keys])
    if key is None:
        notes.append(f"its fields {keys / file.stem}.txt are missing")
    else:
        fields = _fields(key, notes)
    wanted = str(images / f"{file.stem}.jpg")
    picture = picture_of(file.stem, images)
    return _make(vocab, lines, fields, picture, wanted, None, settings, notes)


def _fields(key: Path, notes: list[str]) -> dict[str, str]:
    try:
        found: Any = json.loads(_text(key))
    except ValueError as error:
        notes.append(f"{key} is not JSON: {error}")
        return {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        notes.append(f"{key} is not an object of texts")
        return {}
    return found


def _make(
    vocab: Vocab,
    lines: Sequence[tuple[str, tuple[float, float, float, float]]],
    fields: dict[str, str],
    picture: Path | None,
    wanted: str,
    size: tuple[int, int] | None,
    settings: Settings,
    notes: list[str],
) -> Doc:
    from pageloom.corpus.align import IGNORE, align

    pages = open_pages(vocab, picture, wanted, size=size, images=settings.images, notes=notes)
    known = settings.labels or LABELS
    notes += [
        f"label {label!r} is not in the scheme: {', '.join(known)}"
        for label in fields
        if label not in known or label not in LABELS
    ]
    pixels = page_size(pages, size)
    lines = [line for line in lines if line[0].strip()]
    if pixels is not None:
        texts = [text for text, _ in lines]
        notes += box_messages(texts, thousandths([box for _, box in lines], *pixels), "line")
    if notes or pixels is None or not lines:
        words = [word for text, _ in lines for word in text.split()]
        return make_doc(vocab, words=words, boxes=None, pages=pages, notes=notes)
    scan = Scan(
        id=wanted,
        image_path=Path(wanted),
        width=pixels[0],
        height=pixels[1],
        lines=tuple(Line(text, _ordered(box)) for text, box in lines),
        fields={label: text for label, text in fields.items() if normalise(text)},
    )
    receipt, _ = align(scan, order=settings.order)
    return make_doc(
        vocab,
        words=receipt.words,
        boxes=receipt.word_boxes if settings.boxes == "word" else receipt.line_boxes,
        pages=pages,
        lines=list(_runs(receipt.line_index)),
        entities=_entities(receipt.labels),
        unknown=[(n, n + 1) for n, label in enumerate(receipt.labels) if label == IGNORE],
    )


def _ordered(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = map(round, box)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _runs(values: Sequence[int]) -> Iterator[Range]:
    """(first, one past the last) of each run of equal values."""
    start = 0
    for _, run in groupby(values):
        end = start + sum(1 for _ in run)
        yield start, end
        start = end


def _entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for word, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix == "B":
            found.append((word, word + 1, label))
        elif prefix == "I":
            found[-1] = (found[-1][0], word + 1, label)
    return found


FORMAT = Format("sroie", _entries)
read, check = FORMAT.read, FORMAT.check
