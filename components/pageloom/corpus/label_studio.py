"""Label Studio: the JSON export of a project made with its OCR template.

A region is a rectangle, an ellipse or a polygon in percents, with a transcription and a label: one
entity. Choices for the whole document are its class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import Range, make_doc, thousandths
from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.pictures import find_picture, open_pages
from pageloom.corpus.problems import BadRecord, Problem, shape_messages
from pageloom.corpus.receipts import Line, reading_order
from pageloom.ocr.word import split_line

__all__ = ["FORMAT", "check", "read"]

KEYS = ("ocr", "image", "img", "url")
"""Where in a task's data the picture's address is looked for first."""
LABELS = ("labels", "rectanglelabels", "polygonlabels", "ellipselabels", "brushlabels")

_PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""Label Studio puts it before the name of an uploaded file."""

Box = tuple[float, float, float, float]


class _Result(BaseModel):
    id: str = ""
    type: str
    value: dict[str, Any] = {}
    original_width: int | None = None
    original_height: int | None = None


class _Annotation(BaseModel):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(BaseModel):
    data: dict[str, Any]
    annotations: list[_Annotation]


@dataclass
class _Region:
    """One region, from the results that share its id; its box in pixels."""

    box: Box | None = None
    text: str = ""
    labels: list[str] = field(default_factory=list)


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        try:
            tasks = TypeAdapter(list[dict[str, Any]]).validate_json(file.read_bytes())
        except ValidationError as error:
            for message in shape_messages(error):
                yield Problem(str(file), "", message)
            continue
        folder = settings.image_folder or file.parent
        for number, task in enumerate(tasks, start=1):
            name = f"task {task.get('id', number)}"
            yield Entry(file, name, partial(_make, task, folder, settings, vocab))


def _make(task: dict[str, Any], folder: Path, settings: Settings, vocab: Vocab) -> Doc:
    if "annotations" not in task and "data" not in task:
        raise BadRecord("it has no annotations and no data; export as JSON, not as JSON-MIN")
    try:
        checked = _Task.model_validate(task)
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    finished = [item for item in checked.annotations if not item.was_cancelled]
    if not finished:
        raise BadRecord("it has no finished annotation; label it, or leave it out of the export")
    results = max(finished, key=lambda item: item.ground_truth).result
    notes: list[str] = []
    size = next(
        (
            (item.original_width, item.original_height)
            for item in results
            if item.original_width and item.original_height
        ),
        None,
    )
    picture, wanted = _picture(checked.data, folder)
    pages = open_pages(vocab, picture, wanted, size=size, images=settings.images, notes=notes)
    pixels = size or ((pages[0].width, pages[0].height) if pages else None)
    regions = _regions(results, pixels or (100, 100), notes)
    words, boxes, lines, entities = _contents(regions, settings.outside, notes)
    classes = {
        str(choice): 1.0
        for item in results
        if item.type == "choices"
        for choice in item.value.get("choices", [])
    }
    return make_doc(
        vocab,
        words=words,
        boxes=None if pixels is None else thousandths(boxes, *pixels),
        pages=pages,
        lines=lines,
        entities=entities,
        cats=classes,
        labels=settings.labels,
        box_of=settings.boxes,
        notes=notes,
    )


def _picture(data: dict[str, Any], folder: Path) -> tuple[Path | None, str]:
    """The task's picture below `folder`, and what it is called."""
    texts = [data[key] for key in KEYS if isinstance(data.get(key), str)]
    texts += [value for value in data.values() if isinstance(value, str)]
    if not texts:
        return None, "(the task's data names none)"
    address = urlsplit(texts[0])
    query = parse_qs(address.query).get("d")  # /data/local-files/?d=receipts/1.png
    path = Path(query[0] if query else unquote(address.path))
    relative = Path(*path.parts[1:]) if path.is_absolute() else path
    names = [str(relative), path.name, _PREFIX.sub("", path.name)]
    return find_picture(names, [folder]), str(folder / names[-1])


def _regions(
    results: Sequence[_Result], pixels: tuple[int, int], notes: list[str]
) -> dict[str, _Region]:
    regions: dict[str, _Region] = {}
    for item in results:
        if item.type in ("choices", "relation") or not item.id:
            continue
        region = regions.setdefault(item.id, _Region())
        try:
            region.box = region.box or _box(item.value, *pixels)
        except (KeyError, TypeError, ValueError):
            notes.append(f"region {item.id}: its place cannot be read")
        for key in LABELS:
            region.labels += [name for name in item.value.get(key, []) if name not in region.labels]
        if item.type == "textarea":
            text = item.value.get("text", "")
            region.text = text if isinstance(text, str) else "\n".join(map(str, text))
    return regions


def _box(value: dict[str, Any], width: int, height: int) -> Box | None:
    """The upright box around a region, in pixels; None where `value` has no place."""
    if "points" in value:
        corners = [(x, y) for x, y in value["points"]]
    elif "radiusX" in value:
        x, y, a, b = (value[key] for key in ("x", "y", "radiusX", "radiusY"))
        corners = [(x - a, y - b), (x + a, y + b)]
    elif "width" in value:
        x, y, w, h = (value[key] for key in ("x", "y", "width", "height"))
        corners = [(x, y), (x + w, y), (x, y + h), (x + w, y + h)]
    else:
        return None
    placed = [(x * width / 100, y * height / 100) for x, y in corners]
    if angle := math.radians(value.get("rotation", 0)):
        # Clockwise about the upper left corner.
        left, top = placed[0]
        sine, cosine = math.sin(angle), math.cos(angle)
        placed = [
            (
                left + (x - left) * cosine - (y - top) * sine,
                top + (x - left) * sine + (y - top) * cosine,
            )
            for x, y in placed
        ]
    across, down = zip(*placed, strict=True)
    return min(across), min(down), max(across), max(down)


def _contents(
    regions: dict[str, _Region], outside: Sequence[str], notes: list[str]
) -> tuple[list[str], list[Box], list[Range], list[tuple[int, int, str]]]:
    """Words, boxes, lines and entities, the regions in reading order."""
    placed: list[tuple[_Region, Box]] = []
    for name, region in regions.items():
        if region.box is None:
            continue  # a text for the whole task
        if not region.text.strip():
            notes.append(f"region {name} has no transcription")
        kinds = [label for label in region.labels if label not in outside]
        if len(kinds) > 1:
            notes.append(f"region {name} has several labels: {', '.join(kinds)}")
        region.labels = kinds
        placed.append((region, region.box))
    shapes = [
        Line(region.text, (round(box[0]), round(box[1]), round(box[2]), round(box[3])))
        for region, box in placed
    ]
    words: list[str] = []
    boxes: list[Box] = []
    lines: list[Range] = []
    entities: list[tuple[int, int, str]] = []
    for index in reading_order(shapes):
        region, (x0, y0, x1, y1) = placed[index]
        first = len(words)
        texts = [text for text in region.text.splitlines() if text.strip()]
        high = (y1 - y0) / max(1, len(texts))
        for row, text in enumerate(texts):
            start = len(words)
            for word, box in split_line(text, (x0, y0 + row * high, x1, y0 + (row + 1) * high)):
                words.append(word)
                boxes.append(box)
            lines.append((start, len(words)))
        if region.labels and len(words) > first:
            entities.append((first, len(words), region.labels[0]))
    return words, boxes, lines, entities


FORMAT = Format("label-studio", _entries)
read, check = FORMAT.read, FORMAT.check
