"""Generated invoices and receipts with their pictures, drawn once and kept in a cache.

`python -m recipes.fields_sm.pages --cache FOLDER` draws them before the training, politely; it goes
on where an earlier run stopped. A picture is as small as the model looks at it (224 by 224).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pageloom.processing import LayoutLMv2ImageProcessor
from recipes.documents.damage import damaged, render
from recipes.documents.dataset import Order, draw, in_order
from recipes.documents.layout import LANGUAGES, Layout, Split, layout_numbers
from recipes.documents.sheet import Word
from recipes.vqa_sm.pages import Cache, Page

__all__ = ["KINDS", "Drawn", "Store", "drawn", "fill", "layouts_to_learn"]

KINDS = ("invoice", "invoice", "invoice", "receipt")
"""What is drawn: the invoices vary more."""
ENGLISH = 0.7
"""The share of pages in English, the model's language; the others take turns."""
PAGES = {"train": 2000, "validation": 80}


@dataclass(frozen=True)
class Drawn:
    """A generated page as a scanner gives it.

    Args:
        kind: "invoice" or "receipt".
        language: "en", "de", "fr", "es" or "it".
        size: width and height in points.
        words: in the order of drawing, with the generator's fields.
        picture: uint8 (3, 224, 224), BGR, as the model takes it.
    """

    kind: str
    language: str
    size: tuple[float, float]
    words: tuple[Word, ...]
    picture: npt.NDArray[np.uint8]

    def in_order(self, order: Order) -> list[Word]:
        """The words as a reader gives them: row by row, or block by block."""
        return in_order(self.words, self.size, order)


def layouts_to_learn(split: Split, number: int, seed: int = 0) -> tuple[Layout, int]:
    """The layout of a cache's page, and the document's number."""
    chance = random.Random(f"fields {split} {seed} {number}")
    kind = KINDS[number % len(KINDS)]
    other = LANGUAGES[1:][number % (len(LANGUAGES) - 1)]
    language = "en" if chance.random() < ENGLISH else other
    numbers = layout_numbers(split)
    layout = Layout(kind, chance.choice(numbers), language)
    return layout, chance.randrange(1 << 40)


def drawn(
    layout: Layout, document: int, rng: np.random.Generator, strength: float | None = None
) -> Drawn:
    """One page; a third of them come clean, as from a text layer, unless `strength` is given."""
    sheet = draw(layout.kind, layout, document)
    if strength is None:
        strength = 0.0 if rng.random() < 0.33 else float(rng.uniform(0.3, 1.2))
    long_edge = max(sheet.width, sheet.height)
    image, words = damaged(render(sheet, 72 * 400 / long_edge), sheet.words, rng, strength)
    picture = LayoutLMv2ImageProcessor(apply_ocr=False).pixels(image)
    return Drawn(layout.kind, layout.language, (sheet.width, sheet.height), tuple(words), picture)


class Store:
    """The pages of a cache, by number.

    Args:
        folder: of the cache.
        split: "train" or "validation".
    """

    def __init__(self, folder: Path, split: Split) -> None:
        self.cache = Cache(folder, split)

    def __len__(self) -> int:
        return len(self.cache)

    def __getitem__(self, number: int) -> Drawn:
        page = self.cache[number]
        facts = page.facts
        words = tuple(Word(text, tuple(box), *rest) for text, box, *rest in facts["words"])
        pixels = np.ascontiguousarray(page.picture.transpose(2, 0, 1))
        wide, high = facts["size"]
        return Drawn(facts["kind"], facts["language"], (wide, high), words, pixels)

    def write(self, pages: Iterator[Drawn]) -> None:
        """Append pages."""
        self.cache.write(map(_page, pages))


def _page(drawn: Drawn) -> Page:
    words = [[getattr(word, field.name) for field in fields(Word)] for word in drawn.words]
    facts = {
        "kind": drawn.kind,
        "language": drawn.language,
        "size": drawn.size,
        "words": words,
    }
    return Page(np.ascontiguousarray(drawn.picture.transpose(1, 2, 0)), facts, [])


def fill(folder: Path, split: Split, count: int, workers: int = 1) -> None:
    """Make a cache's pages until there are `count`; goes on where another run stopped.

    A page follows from its number, whichever of the `workers` (processes beside this one) draws it;
    only Italian towns, which Faker takes from a set, change from one process to another.
    """
    store = Store(folder, split)
    missing = [(split, number) for number in range(len(store), count)]
    if workers <= 1 or not missing:
        store.write(map(_numbered, missing))
        return
    with multiprocessing.get_context("spawn").Pool(workers, os.nice, (10,)) as pool:
        store.write(pool.imap(_numbered, missing, chunksize=4))


def _numbered(place: tuple[Split, int]) -> Drawn:
    split, number = place
    layout, document = layouts_to_learn(split, number)
    return drawn(layout, document, np.random.default_rng([document, number]))


def main() -> None:
    """Read the arguments and fill the cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=PAGES["train"], help="to learn from")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    fill(args.cache, "validation", PAGES["validation"], args.workers)
    fill(args.cache, "train", args.pages, args.workers)


if __name__ == "__main__":
    main()
