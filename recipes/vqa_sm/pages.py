"""Pages to learn from: drawn, printed, damaged and scaled once, and kept in a cache of pictures.

A cache is two files: the pixels one after another, and a line of JSON for each picture. Both grow
while a process fills them, and can be read meanwhile.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pageloom.processing import ViltImageProcessor
from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.damage import damaged, render
from recipes.documents.dataset import KINDS, draw
from recipes.documents.layout import Layout, Split, layout_numbers
from recipes.documents.marks import MARKS
from recipes.documents.sheet import Box, Sheet, Word

__all__ = ["FACTS", "Cache", "Page", "drawn_page", "fill", "sheets"]

FACTS = ("kind", "table", "line_items", "orientation", *MARKS)
ADDED = {"stamp": 0.3, "signature": 0.12, "handwriting": 0.15, "barcode": 0.12}
"""The share of the training layouts' pages that get such a mark, besides those they have."""
ROW = "row"
"""The name under which a page's places list the first words of its line items."""


@dataclass(frozen=True)
class Page:
    """A page as the model sees it, and what is true of it.

    Args:
        picture: uint8 (height, width, 3), scaled as the model's image processor does.
        facts: what there is to ask about.
        places: (mark or "row", box on 0-1000), for the supervision of patches.
    """

    picture: npt.NDArray[np.uint8]
    facts: dict[str, Any]
    places: list[tuple[str, Box]]


def sheets(split: Split, seed: int) -> Iterator[Sheet]:
    """Pages of the layouts of a split, without end: twice as many invoices as of any other kind.

    Of the training layouts' pages many get marks that a document of their kind seldom has there:
    to find a stamp, a model must look for it, and see enough of them.
    """
    kinds = [*KINDS, "invoice"]
    for number in itertools.count():
        chance = random.Random(f"vqa {split} {seed} {number}")
        kind = kinds[number % len(kinds)]
        layout = Layout(kind, chance.choice(layout_numbers(split)))
        document = chance.randrange(1_000_000)
        sheet = draw(kind, layout, document)
        if split == "train":
            _add_marks(sheet, Content(layout, document), chance)
        yield sheet


def _add_marks(sheet: Sheet, content: Content, chance: random.Random) -> None:
    """Put a stamp, a signature, a barcode, a note anywhere on a page, each by its own chance."""
    wide, high = sheet.width, sheet.height
    x, y = chance.uniform(0.1, 0.9) * wide, chance.uniform(0.05, 0.95) * high
    if chance.random() < ADDED["stamp"]:
        radius = min(chance.uniform(24, 46), 0.25 * wide)
        left, top = min(max(x, radius), wide - radius), min(max(y, radius), high - radius)
        marks.stamp(sheet, content, left, top, radius)
    x, y = chance.uniform(0.02, 0.6) * wide, chance.uniform(0.02, 0.9) * high
    if chance.random() < ADDED["signature"]:
        right, low = x + chance.uniform(70, 150), y + chance.uniform(26, 48)
        marks.signature(sheet, content, x, y, min(right, wide), min(low, high))
    x, y = chance.uniform(0.02, 0.7) * wide, chance.uniform(0.03, 0.95) * high
    if chance.random() < ADDED["handwriting"]:
        text = " ".join(content.words.words(chance.randint(1, 3)))
        marks.handwriting(sheet, content, x, y, text, chance.uniform(11, 20))
    x, y = chance.uniform(0.02, 0.7) * wide, chance.uniform(0.02, 0.92) * high
    if chance.random() < ADDED["barcode"]:
        right, low = x + chance.uniform(70, 140), y + chance.uniform(18, 44)
        marks.barcode(sheet, content, x, y, min(right, wide), min(low, high))


def drawn_page(
    sheet: Sheet, rng: np.random.Generator, processor: ViltImageProcessor, strength: float = 1.0
) -> Page:
    """A sheet's page, printed at a random resolution, damaged, and scaled for the model."""
    edge = rng.uniform(400, 640)
    image = render(sheet, 72 * edge / min(sheet.width, sheet.height))
    places = [Word(mark, box, 0, 0) for mark, box in sheet.facts.get("places", ())]
    places += [Word(ROW, box, 0, 0) for box in _rows(sheet)]
    image, places = damaged(image, places, rng, strength)
    height, width = processor.scaled_size(image.height, image.width)
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    facts = {name: sheet.facts[name] for name in FACTS}
    return Page(np.asarray(small), facts, [(word.text, word.box) for word in places])


def _rows(sheet: Sheet) -> Iterator[Box]:
    """The first words of the line items, one box each."""
    rows: dict[str, dict[int, Box]] = {}
    for word in sheet.words:
        if word.field is not None and "item" in word.field:
            rows.setdefault(word.field, {}).setdefault(word.group, word.box)
    for boxes in rows.values():
        # A field that every item has, and no other row.
        if len(boxes) == sheet.facts["line_items"]:
            yield from boxes.values()
            return


class Cache:
    """Pages in a folder, by number; see the module's text.

    Args:
        folder: of the cache.
        name: of the part, such as "train".
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.pixels_file = folder / f"{name}.pixels"
        self.index_file = folder / f"{name}.jsonl"
        self._index: list[dict[str, Any]] = []
        self._read = 0

    def __len__(self) -> int:
        """The pages that are there by now."""
        if self.index_file.exists():
            with self.index_file.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._index.append(json.loads(line))
                    self._read += len(line)
        return len(self._index)

    def __getitem__(self, number: int) -> Page:
        entry = self._index[number]
        shape = (*entry["size"], 3)
        pixels = np.fromfile(
            self.pixels_file, dtype=np.uint8, count=int(np.prod(shape)), offset=entry["offset"]
        )
        places = [(mark, tuple(box)) for mark, box in entry["places"]]
        return Page(pixels.reshape(shape), entry["facts"], places)

    def facts(self) -> list[dict[str, Any]]:
        """The facts of the pages that `len` counted."""
        return [entry["facts"] for entry in self._index]

    def write(self, pages: Iterator[Page]) -> None:
        """Append pages."""
        self.index_file.parent.mkdir(parents=True, exist_ok=True)
        with self.pixels_file.open("ab") as pixels, self.index_file.open("a") as index:
            for page in pages:
                offset = pixels.tell()
                pixels.write(page.picture.tobytes())
                # Who reads the line finds the pixels.
                pixels.flush()
                line = {
                    "offset": offset,
                    "size": page.picture.shape[:2],
                    "facts": page.facts,
                    "places": page.places,
                }
                index.write(json.dumps(line) + "\n")
                index.flush()


def fill(folder: Path, name: str, split: Split, count: int, seed: int = 0) -> None:
    """Make a cache's pages until there are `count`; goes on where another run stopped."""
    cache = Cache(folder, name)
    ready = len(cache)
    if ready >= count:
        return
    processor = ViltImageProcessor()
    source = sheets(split, seed + 1000 * ready)

    def pages() -> Iterator[Page]:
        for number in range(ready, count):
            yield drawn_page(next(source), np.random.default_rng([seed, number]), processor)

    cache.write(pages())


def fill_in_background(folder: Path, count: int, seed: int) -> None:
    """What the process beside the training runs: with all that it may need, but politely."""
    os.nice(5)
    fill(folder, "train", "train", count, seed)


def shifted(page: Page, across: int, down: int) -> Page:
    """The same page, moved by pixels; what comes in takes the colour of the edge."""
    if not across and not down:
        return page
    height, width = page.picture.shape[:2]
    reach = max(abs(across), abs(down))
    padded = np.pad(page.picture, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    top, left = reach - down, reach - across
    picture = padded[top : top + height, left : left + width]
    dx, dy = 1000 * across / width, 1000 * down / height
    places = [
        (
            mark,
            tuple(
                round(min(1000, max(0, side + move)))
                for side, move in zip(box, (dx, dy) * 2, strict=True)
            ),
        )
        for mark, box in page.places
    ]
    return replace(page, picture=picture, places=places)
