"""A layout: one template's choices, the same for every document that is printed with it.

A layout is a kind of document and a number. All its choices (typefaces, margins, arrangement, the
wording of captions) are drawn from these two, so two documents of one layout differ only in what
they say. Test layouts have numbers that no training layout has, and half of their choices come from
options which no training layout may use.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, TypeVar

from recipes.documents.fonts import FAMILIES, Family, font

__all__ = ["LANGUAGES", "Layout", "Split", "layout_numbers"]

T = TypeVar("T")
Split = Literal["train", "validation", "test"]

LANGUAGES = ("en", "de", "fr", "es", "it")

# A share of the options of every choice is kept for test layouts.
HELD_OUT = 0.25
NUMBERS = {"train": range(400), "validation": range(400, 440), "test": range(500, 560)}


def layout_numbers(split: Split) -> range:
    """The numbers of the layouts of a part of the data."""
    return NUMBERS[split]


class Layout:
    """The choices of one template.

    Args:
        kind: of document, such as "invoice".
        number: see `layout_numbers`.
        language: "en", "de", "fr", "es" or "it"; drawn from the number if not given.
    """

    def __init__(self, kind: str, number: int, language: str | None = None) -> None:
        self.kind = kind
        self.number = number
        self.split: Split = next(name for name, part in NUMBERS.items() if number in part)  # type: ignore[misc]
        self.language = language or LANGUAGES[number % len(LANGUAGES)]

    def __repr__(self) -> str:
        return f"Layout({self.kind!r}, {self.number}, {self.language!r})"

    def random(self, name: str) -> random.Random:
        """The generator of one choice: always the same for this layout and name."""
        return random.Random(f"{self.kind} {self.number} {name}")

    def pick(self, name: str, options: Sequence[T]) -> T:
        """One of `options`. The last quarter of them (from four up) is for test layouts only, which
        take one of these every other time."""
        chance = self.random(name)
        kept = round(len(options) * HELD_OUT) if len(options) >= 4 else 0
        common, held = options[: len(options) - kept], options[len(options) - kept :]
        if self.split == "test" and held and chance.random() < 0.5:
            return chance.choice(held)
        return chance.choice(common)

    def chance(self, name: str, probability: float) -> bool:
        """True with a probability."""
        return self.random(name).random() < probability

    def between(self, name: str, low: float, high: float) -> float:
        """A number between two."""
        return self.random(name).uniform(low, high)

    @cached_property
    def family(self) -> Family:
        """The typeface of the text."""
        kinds = ("sans", "sans", "sans", "serif", "mono")
        kind = self.random("kind of typeface").choice(kinds)
        return self.pick("typeface", [each for each in FAMILIES if each.kind == kind])

    @property
    def regular(self) -> str:
        """The name of the text's font."""
        return font(self.family)

    @property
    def bold(self) -> str:
        """The name of the text's bold font."""
        return font(self.family, bold=True)

    @cached_property
    def size(self) -> float:
        """The text's size in points."""
        return round(self.between("size", 7.5, 11), 1)

    @cached_property
    def accent(self) -> str:
        """The colour of titles, rules and table heads."""
        return self.pick(
            "accent", ["#000000", "#1f3a5f", "#7a1f1f", "#333333", "#0b5d4e", "#5b2a86", "#b34700"]
        )

    @cached_property
    def margin(self) -> float:
        """The page's margin in points."""
        return self.between("margin", 30, 70)
