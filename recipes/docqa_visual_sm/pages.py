"""Pages to ask about, with their pictures."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pageloom.processing import LayoutLMv2ImageProcessor
from recipes.docqa_sm.data import KIND_SHARES, LANGUAGE_SHARES
from recipes.documents.damage import damaged, render
from recipes.documents.dataset import Example, Pool, draw, in_order
from recipes.documents.layout import LANGUAGES, Layout, Split, layout_numbers

__all__ = ["Pictured", "pictured", "pictured_pages"]

LONG_EDGE = 400
"""Pixels of a page's longer side before it is scaled to what the model looks at."""


@dataclass(frozen=True)
class Pictured(Example):
    """A page as `Example`, and how it looks: uint8 (3, 224, 224), BGR, as the model takes it."""

    picture: npt.NDArray[np.uint8]


def pictured(
    layout: Layout, document: int, chance: random.Random, strength: float | None = None
) -> Pictured:
    """One page; a third of them come clean, as from a text layer, unless `strength` is given."""
    sheet = draw(layout.kind, layout, document)
    if strength is None:
        strength = 0.0 if chance.random() < 0.33 else chance.uniform(0.3, 1.2)
    dpi = 72 * LONG_EDGE / max(sheet.width, sheet.height)
    rng = np.random.default_rng(chance.getrandbits(32))
    image, words = damaged(render(sheet, dpi), sheet.words, rng, strength)
    order = "drawn" if chance.random() < 0.5 else "rows"
    return Pictured(
        layout.kind,
        layout.language,
        tuple(in_order(words, (sheet.width, sheet.height), order)),  # type: ignore[arg-type]
        dict(sheet.captions),
        dict(sheet.facts),
        LayoutLMv2ImageProcessor(apply_ocr=False).pixels(image),
    )


def pictured_pages(
    kinds: Sequence[str], split: Split, chance: random.Random, *, fresh: float = 0.3
) -> Iterator[Pictured]:
    """Pages without end, by the shares of docqa-sm; many are seen several times (see `Pool`)."""
    numbers = layout_numbers(split)
    shares = [KIND_SHARES[kind] for kind in kinds]

    def new(chance: random.Random) -> Pictured:
        kind = chance.choices(kinds, shares)[0]
        language = chance.choices(LANGUAGES, LANGUAGE_SHARES)[0]
        layout = Layout(kind, chance.choice(numbers), language)
        return pictured(layout, chance.randrange(10**9), chance)

    pool = Pool(new, size=3000, fresh=fresh)
    while True:
        page = pool.example(chance)
        if page.words:
            assert isinstance(page, Pictured)
            yield page
