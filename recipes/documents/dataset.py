"""From layouts to examples: words in reading order, with boxes and fields."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pageloom.ocr.reading_order import arrange
from recipes.documents.layout import LANGUAGES, Layout, Split, layout_numbers
from recipes.documents.sheet import Sheet, Word

__all__ = ["KINDS", "Example", "Order", "Pool", "draw", "example", "in_order", "layouts", "tags"]

Order = Literal["drawn", "rows"]

KINDS = {
    "invoice": "invoice",
    "receipt": "receipt",
    "letter": "letter",
    "form": "form",
    "report": "report",
    "resume": "resume",
    "bank statement": "statement",
    "other": "other",
}
"""The kinds of document and the modules that draw them."""


@dataclass(frozen=True)
class Example:
    """One page as a model sees it.

    Args:
        kind: of document, a key of `KINDS`.
        language: "en", "de", "fr", "es" or "it".
        words: in reading order.
        captions: the printed label of each field that has one.
        facts: what is on the page and no word says.
    """

    kind: str
    language: str
    words: tuple[Word, ...]
    captions: dict[tuple[str, int], str]
    facts: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The words' texts."""
        return [word.text for word in self.words]

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """The words' boxes."""
        return [word.box for word in self.words]


def draw(kind: str, layout: Layout, seed: int) -> Sheet:
    """One document of a kind."""
    module = importlib.import_module(f"recipes.documents.{KINDS[kind]}")
    sheet: Sheet = module.draw(layout, seed)
    return sheet


def example(kind: str, layout: Layout, seed: int, order: Order = "rows") -> Example:
    """One document's words, in an order."""
    sheet = draw(kind, layout, seed)
    words = in_order(sheet.words, (sheet.width, sheet.height), order)
    return Example(kind, layout.language, tuple(words), dict(sheet.captions), dict(sheet.facts))


def in_order(words: Sequence[Word], size: tuple[float, float], order: Order) -> list[Word]:
    """The words as a reader gives them.

    "drawn" goes block by block, as an engine with a good eye for columns; "rows" is what
    pageloom's own reader makes of boxes: row by row across the page, but running text in columns
    column by column.
    """
    if order == "drawn":
        return list(words)
    wide, high = size[0] / 1000, size[1] / 1000
    boxes = [(w.box[0] * wide, w.box[1] * high, w.box[2] * wide, w.box[3] * high) for w in words]
    return [replace(words[at], line=line, block=block) for at, line, block in arrange(boxes)]


class Pool:
    """Examples that are seen several times, since drawing one takes as long as learning from it.

    Args:
        new: makes an example.
        size: how many are kept.
        fresh: the share of new ones once there are a few hundred; each takes an old one's place.
    """

    def __init__(
        self, new: Callable[[random.Random], Example], size: int = 6000, fresh: float = 0.3
    ) -> None:
        self.new = new
        self.size = size
        self.fresh = fresh
        self._kept: list[Example] = []

    def example(self, chance: random.Random) -> Example:
        """A new example, or one seen before."""
        if len(self._kept) > 300 and chance.random() > self.fresh:
            return chance.choice(self._kept)
        made = self.new(chance)
        if len(self._kept) < self.size:
            self._kept.append(made)
        else:
            self._kept[chance.randrange(self.size)] = made
        return made


def layouts(kind: str, split: Split, language: str | None = None) -> Iterator[Layout]:
    """The layouts of a part of the data: their languages take turns, or all have one."""
    for number in layout_numbers(split):
        yield Layout(kind, number, language or LANGUAGES[number % len(LANGUAGES)])


def tags(words: Sequence[Word], labels: Sequence[str]) -> list[str]:
    """A BIO tag for each word: the fields in `labels`, each unbroken run of a value from B on."""
    known = set(labels)
    result: list[str] = []
    last: tuple[str, int] | None = None
    for word in words:
        if word.field in known and word.field is not None:
            here = (word.field, word.group)
            result.append(f"{'I' if here == last else 'B'}-{word.field}")
            last = here
        else:
            result.append("O")
            last = None
    return result
