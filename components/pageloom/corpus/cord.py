"""CORD: a folder with `json/*.json` and `image/*.png`, a receipt a file.

A line's words that are no key make an entity of the line's category, such as "menu.nm".
Park et al., "CORD: A Consolidated Receipt Dataset for Post-OCR Parsing", 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import Range, make_doc, thousandths
from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.pictures import open_pages, page_size, picture_of
from pageloom.corpus.problems import BadRecord, Problem, shape_messages

__all__ = ["FORMAT", "check", "read"]


class _Quad(BaseModel):
    x1: float
    y1: float
    x2: float
    y2: float
    x3: float
    y3: float
    x4: float
    y4: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        across = (self.x1, self.x2, self.x3, self.x4)
        down = (self.y1, self.y2, self.y3, self.y4)
        return min(across), min(down), max(across), max(down)


class _Word(BaseModel):
    text: str
    quad: _Quad
    is_key: bool = False


class _Line(BaseModel):
    words: list[_Word]
    category: str


class _Size(BaseModel):
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class _Meta(BaseModel):
    image_size: _Size | None = None


class _Receipt(BaseModel):
    valid_line: list[_Line]
    meta: _Meta = _Meta()


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    folder = path / "json"
    if not folder.is_dir():
        yield Problem(
            str(path), "", "has no folder json/; give the folder of a split, as CORD/train"
        )
        return
    for file in sorted(folder.glob("*.json")):
        yield Entry(file, "", partial(_make, file, path / "image", settings, vocab))


def _make(file: Path, images: Path, settings: Settings, vocab: Vocab) -> Doc:
    try:
        receipt = _Receipt.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    notes: list[str] = []
    size = receipt.meta.image_size
    given = None if size is None else (size.width, size.height)
    pages = open_pages(
        vocab,
        picture_of(file.stem, images),
        str(images / f"{file.stem}.png"),
        size=given,
        images=settings.images,
        notes=notes,
    )
    words: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    lines: list[Range] = []
    entities: list[tuple[int, int, str]] = []
    for line in receipt.valid_line:
        start, begun = len(words), False
        for word in line.words:
            if not (text := word.text.strip()):
                continue
            at = len(words)
            words.append(text)
            boxes.append(word.quad.box)
            if word.is_key:
                begun = False
            elif begun:
                entities[-1] = (entities[-1][0], at + 1, line.category)
            else:
                entities.append((at, at + 1, line.category))
                begun = True
        if len(words) > start:
            lines.append((start, len(words)))
    pixels = page_size(pages, given)
    return make_doc(
        vocab,
        words=words,
        boxes=None if pixels is None else thousandths(boxes, *pixels),
        pages=pages,
        lines=lines,
        entities=entities,
        labels=settings.labels,
        box_of=settings.boxes,
        notes=notes,
    )


FORMAT = Format("cord", _entries)
read, check = FORMAT.read, FORMAT.check
