"""Receipts that nobody has: the head of one and the body of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recipes.fields_sm.align import Receipt
from recipes.fields_sm.augment import from_words, to_words
from recipes.fields_sm.replace import Word, field_of

__all__ = ["crossed"]

HEAD = ("company", "address")
LOWEST = 600
"""Heads that reach further down (0-1000) stay with their bodies: a name may stand at the end."""


def crossed(receipt: Receipt, pool: Sequence[Receipt], rng: np.random.Generator) -> Receipt:
    """`receipt` down to the end of its name and address, and another's page from there on.

    The other's lines are moved and stretched into the room. `receipt` itself, if either has its
    name or address far down or not at all. `fields` stay those of the first.
    """
    other = pool[int(rng.integers(len(pool)))]
    first, second = _end(receipt), _end(other)
    if first is None or second is None:
        return receipt
    top, cut = first, second
    scale = (1000 - top) / (1000 - cut)

    def down(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = box
        y0, y1 = (min(1000, max(0, int(top + (y - cut) * scale))) for y in (y0, y1))
        return x0, y0, x1, y1

    head = [word for word in to_words(receipt) if _middle(word) <= top]
    after = 1 + max((word.line for word in head), default=0)
    body = [
        replace(word, box=down(word.box), line_box=down(word.line_box), line=word.line + after)
        for word in to_words(other)
        if _middle(word) > cut
    ]
    return from_words(receipt, _whole([*head, *body]))


def _end(receipt: Receipt) -> int | None:
    ends = [word.line_box[3] for word in to_words(receipt) if field_of(word.label) in HEAD]
    return max(ends) if ends and max(ends) <= LOWEST else None


def _middle(word: Word) -> float:
    return (word.line_box[1] + word.line_box[3]) / 2


def _whole(words: list[Word]) -> list[Word]:
    """The words, with a `B-` wherever a value lost its beginning."""
    result: list[Word] = []
    last = ""
    for word in words:
        if word.label.startswith("I-") and field_of(last) != field_of(word.label):
            word = replace(word, label=word.label.replace("I-", "B-", 1))
        result.append(word)
        last = word.label
    return result
