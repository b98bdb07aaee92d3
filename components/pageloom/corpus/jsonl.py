"""pageloom's own format: JSON lines, a document a line. `docs/corpus.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import gold_answer, make_doc, thousandths
from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.pictures import find_picture, open_pages
from pageloom.corpus.problems import BadRecord, Problem, shape_messages
from pageloom.document import Answer, Page

__all__ = ["FORMAT", "Record", "check", "json_schema", "read"]

Box = tuple[float, float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PageRecord(_Strict):
    """One page. `number` is the page's number, from 1: its place in the list by default; in a PDF
    or a TIFF of several pages it says which of them."""

    image: str | None = Field(None, description="Path, relative to the corpus file.")
    width: int | None = Field(None, gt=0, description="Pixels that boxes count in.")
    height: int | None = Field(None, gt=0, description="Pixels that boxes count in.")
    number: int | None = Field(None, ge=1, description="From 1; by default the place in the list.")


class WordRecord(_Strict):
    """One word with its box."""

    text: str
    box: Box = Field(description="x0, y0, x1, y1, origin top left, in the record's unit.")
    page: int = Field(1, ge=1, description="Number of its page.")


class EntityRecord(_Strict):
    """Words that are a field."""

    start: int = Field(ge=0, description="First word, from 0.")
    end: int = Field(description="One past the last word.")
    label: str


class AnswerRecord(_Strict):
    """A true answer: words of the document, or a text that may stand nowhere in it."""

    text: str | None = Field(None, description="By default the words from start to end.")
    start: int | None = Field(None, ge=0, description="First word, from 0.")
    end: int | None = Field(None, description="One past the last word.")
    page: int | None = Field(None, ge=1, description="By default that of the first word.")


class QuestionRecord(_Strict):
    """A question with its true answers; none where the document does not answer it."""

    question: str
    answers: list[AnswerRecord] = []


class Record(_Strict):
    """One document of a pageloom corpus."""

    id: str | int | None = Field(None, description="For messages.")
    image: str | None = Field(
        None, description="Picture, TIFF or PDF of all pages; a path relative to the corpus file."
    )
    width: int | None = Field(None, gt=0, description="Of `image`, in the pixels of the boxes.")
    height: int | None = Field(None, gt=0, description="Of `image`, in the pixels of the boxes.")
    pages: list[PageRecord] | None = Field(None, description="Instead of `image`.")
    words: list[WordRecord] | list[str] = Field(
        description="In reading order; plain texts where `boxes` has their boxes."
    )
    boxes: list[Box] | None = Field(None, description="One for each word that is a plain text.")
    unit: Literal["pixel", "thousandth"] = Field(
        "pixel", description="Of the boxes; a thousandth is one of the page's width or height."
    )
    lines: list[tuple[int, int]] | None = Field(
        None, description="Text lines: first word, one past the last."
    )
    entities: list[EntityRecord] | None = Field(
        None, description="Left out: nobody looked for entities. Empty: there are none."
    )
    document_class: str | None = Field(None, alias="class", description="What the document is.")
    classes: dict[str, float] | None = Field(
        None, description="Instead of `class`: 1 or 0 for each class."
    )
    questions: list[QuestionRecord] = []


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line."""
    return Record.model_json_schema()


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    made = partial(_make, line, file.parent, settings, vocab)
                    yield Entry(file, f"line {number}{_identity(line)}", made)


def _identity(line: bytes) -> str:
    try:
        return f" (id {json.loads(line)['id']})"
    except (KeyError, TypeError, ValueError):
        return ""


def _make(line: bytes, folder: Path, settings: Settings, vocab: Vocab) -> Doc:
    try:
        record = Record.model_validate_json(line)
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    notes: list[str] = []
    pages, sizes = _pages(record, folder, settings, vocab, notes)
    words, boxes, numbers = _words(record, notes)
    placed = _placed(words, boxes, numbers, sizes, record.unit, notes)
    if record.document_class is not None and record.classes is not None:
        notes.append("it has class and classes; give one of them")
    cats = record.classes or {}
    if record.document_class is not None:
        cats = {record.document_class: 1.0}
    marked = record.entities
    return make_doc(
        vocab,
        words=words,
        boxes=placed,
        pages=pages,
        page_numbers=numbers,
        lines=record.lines,
        entities=None if marked is None else [(e.start, e.end, e.label) for e in marked],
        cats=cats,
        answers=_answers(record, words, numbers, notes),
        labels=settings.labels,
        box_of=settings.boxes,
        notes=notes,
    )


def _pages(
    record: Record, folder: Path, settings: Settings, vocab: Vocab, notes: list[str]
) -> tuple[list[Page], dict[int, tuple[int, int]]]:
    """The pages, and by number the size that the record's pixels count in."""
    if record.pages is not None and record.image is not None:
        notes.append("it has image and pages; give one of them")
    whole = PageRecord(image=record.image, width=record.width, height=record.height, number=None)
    given = [whole] if record.pages is None else record.pages
    pages: list[Page] = []
    sizes: dict[int, tuple[int, int]] = {}
    for place, item in enumerate(given, start=1):
        number = None if record.pages is None else item.number or place
        size = (item.width, item.height) if item.width and item.height else None
        if size is None and record.unit == "thousandth":
            blank: tuple[int, int] | None = (1000, 1000)  # any size will do for a missing picture
        else:
            blank = size
        if item.image is None:
            if settings.images:
                notes.append("it names no image; set images = false for models that read no pixels")
            if blank is None:
                notes.append("it has neither an image nor the page's width and height")
            else:
                pages.append(Page(number or 1, *blank, dpi=0, source="", sha256=""))
        else:
            picture = find_picture([item.image], [folder])
            opened = open_pages(
                vocab,
                picture,
                str(folder / item.image),
                size=size if picture is not None else blank,
                number=number,
                images=settings.images,
                notes=notes,
            )
            pages += opened
        if size is not None:
            sizes[number or 1] = size
    for page in pages:
        sizes.setdefault(page.number, (page.width, page.height))
    if len({page.number for page in pages}) < len(pages):
        notes.append(f"pages have the same number: {[page.number for page in pages]}")
    return pages, sizes


def _words(record: Record, notes: list[str]) -> tuple[list[str], list[Box] | None, list[int]]:
    words: list[str] = []
    boxes: list[Box] = []
    numbers: list[int] = []
    for word in record.words:
        words.append(word if isinstance(word, str) else word.text)
        numbers.append(1 if isinstance(word, str) else word.page)
        if not isinstance(word, str):
            boxes.append(word.box)
    if record.boxes is None:
        if words and not boxes:
            notes.append("words are plain texts and boxes are missing; give one box for each word")
            return words, None, numbers
        return words, boxes, numbers
    if boxes:
        notes.append("boxes are given twice: in words, and in boxes")
        return words, boxes, numbers
    if len(record.boxes) != len(words):
        notes.append(f"{len(words)} words and {len(record.boxes)} boxes; give one box a word")
        return words, None, numbers
    return words, list(record.boxes), numbers


def _placed(
    words: Sequence[str],
    boxes: Sequence[Box] | None,
    numbers: Sequence[int],
    sizes: dict[int, tuple[int, int]],
    unit: str,
    notes: list[str],
) -> list[tuple[int, int, int, int]] | None:
    """The boxes in thousandths; None where they cannot be told, which is noted."""
    if boxes is None:
        return None
    notes += [
        f"word {n} ({words[n]!r}): its box {box} has its corners in another order than x0, y0, x1, "
        "y1"
        for n, box in enumerate(boxes)
        if box[0] > box[2] or box[1] > box[3]
    ]
    if unit == "thousandth":
        return thousandths(boxes, 1000, 1000)
    if not set(numbers) <= set(sizes):
        return None  # the missing page has been told of, or make_doc tells of it
    return [
        thousandths([box], *sizes[number])[0] for box, number in zip(boxes, numbers, strict=True)
    ]


def _answers(
    record: Record, words: Sequence[str], numbers: Sequence[int], notes: list[str]
) -> list[Answer]:
    found = []
    for item in record.questions:
        if not item.question.strip():
            notes.append("a question is blank")
        if not item.answers:
            found.append(gold_answer(item.question, ""))
        for answer in item.answers:
            start, end = answer.start, answer.end
            if (start is None) != (end is None):
                notes.append(f"an answer to {item.question!r} has start or end; give both")
                continue
            text, page = answer.text, answer.page
            span = None
            if start is not None and end is not None:
                span = (start, end)
                text = " ".join(words[start:end]) if text is None else text
                page = page or (numbers[start] if start < len(numbers) else None)
            if text is None:
                notes.append(f"an answer to {item.question!r} has neither text nor start and end")
                continue
            found.append(gold_answer(item.question, text, page=page, span=span))
    return found


FORMAT = Format("jsonl", _entries)
read, check = FORMAT.read, FORMAT.check
