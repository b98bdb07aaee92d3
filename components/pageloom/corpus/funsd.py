"""FUNSD: a folder with `annotations/*.json` and `images/*.png`, a form a file.

The blocks of a form are its entities, by their label; "other" is none. Jaume, Ekenel and Thiran,
"FUNSD: A Dataset for Form Understanding in Noisy Scanned Documents", 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import Range, make_doc, thousandths
from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.pictures import open_pages, page_size, picture_of
from pageloom.corpus.problems import BadRecord, Problem, shape_messages

__all__ = ["FORMAT", "LABELS", "Block", "check", "make_form", "read"]

LABELS = ("header", "question", "answer")
OUTSIDE = "other"

Quad = tuple[float, float, float, float]


class _Word(BaseModel):
    text: str
    box: Quad


class Block(BaseModel):
    """A block of a form: words that belong together, with a label; XFUND has the same."""

    label: str
    words: list[_Word]


class _Form(BaseModel):
    form: list[Block]


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    folder = path / "annotations"
    if not folder.is_dir():
        yield Problem(
            str(path), "", "has no folder annotations/; give the folder that holds it and images/"
        )
        return
    for file in sorted(folder.glob("*.json")):
        yield Entry(file, "", partial(_make, file, path / "images", settings, vocab))


def _make(file: Path, images: Path, settings: Settings, vocab: Vocab) -> Doc:
    try:
        form = _Form.model_validate_json(file.read_bytes()).form
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    picture = picture_of(file.stem, images)
    return make_form(vocab, form, picture, str(images / f"{file.stem}.png"), None, settings)


def make_form(
    vocab: Vocab,
    blocks: Sequence[Block],
    picture: Path | None,
    wanted: str,
    size: tuple[int, int] | None,
    settings: Settings,
) -> Doc:
    """The document of a form's blocks, in their order. Blank words, of which both have some, go.

    Raises `BadRecord`.
    """
    notes: list[str] = []
    pages = open_pages(vocab, picture, wanted, size=size, images=settings.images, notes=notes)
    words: list[str] = []
    boxes: list[Quad] = []
    lines: list[Range] = []
    entities: list[tuple[int, int, str]] = []
    for block in blocks:
        start = len(words)
        for word in block.words:
            if text := word.text.strip():
                words.append(text)
                boxes.append(word.box)
        if len(words) == start:
            continue
        lines.append((start, len(words)))
        if block.label.lower() != OUTSIDE:
            entities.append((start, len(words), block.label.lower()))
    pixels = page_size(pages, size)
    return make_doc(
        vocab,
        words=words,
        boxes=None if pixels is None else thousandths(boxes, *pixels),
        pages=pages,
        lines=lines,
        entities=entities,
        labels=settings.labels or LABELS,
        box_of=settings.boxes,
        notes=notes,
    )


FORMAT = Format("funsd", _entries)
read, check = FORMAT.read, FORMAT.check
