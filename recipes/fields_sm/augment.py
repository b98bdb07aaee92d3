"""Varies labelled receipts, so that a model learns how fields look and not these receipts by heart.

`augment` is one fresh variation, always the same one for a receipt, a seed and an epoch. It is a
chain of small steps over `Word`s; each takes words and a random generator and returns words:
other values for the fields (`recipes.fields_sm.replace`), misread characters, words glued and
cut, words and lines lost, lines out of order, boxes moved.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recipes.fields_sm.align import Receipt
from recipes.fields_sm.replace import Word, field_of, span_of, with_other_values

__all__ = [
    "Strength",
    "augment",
    "cut_words",
    "from_words",
    "glue_words",
    "lose_words",
    "misread",
    "move_boxes",
    "shuffle_lines",
    "to_words",
    "wrap_company",
]

Box = tuple[int, int, int, int]

# What OCR engines take for what, on print like this. Upper case, because receipts are.
_MISREAD = {
    "0": "OD", "1": "IL", "2": "Z", "3": "8", "4": "A", "5": "S", "6": "G", "7": "T", "8": "B",
    "9": "G", "A": "4", "B": "8", "C": "GO", "D": "O", "E": "F", "F": "P", "G": "C6", "H": "N",
    "I": "1L", "J": "I", "L": "I1", "M": "N", "N": "M", "O": "0", "P": "F", "Q": "O", "R": "P",
    "S": "5", "T": "I", "U": "V", "V": "U", "W": "V", "Y": "V", "Z": "2", ".": ",", ",": ".",
    ":": ".;", "-": "~_", "/": "1I7", "(": "C", ")": "J", "&": "8", "@": "0",
}  # fmt: skip


@dataclass(frozen=True)
class Strength:
    """How much to vary: each value is a chance, 0-1, for a receipt unless said otherwise."""

    other_values: float = 0.7  # give the fields other values
    line_boxes: float = 0.5  # give every word its line's box
    misread: float = 0.5  # read characters wrongly, each with a chance of at most `misread_rate`
    misread_rate: float = 0.05
    glue: float = 0.3  # join neighbours, a few in a hundred
    cut: float = 0.3  # cut words at their punctuation, a few in a hundred
    lose: float = 0.4  # leave out words and lines that are no field
    wrap: float = 0.25  # print the end of the company's name on a line of its own
    shuffle: float = 0.3  # put some lines elsewhere in the order
    move: float = 0.8  # shift and scale the page, jitter each box


def augment(
    receipt: Receipt,
    pool: Sequence[Receipt],
    *,
    seed: int,
    epoch: int,
    strength: Strength = Strength(),
) -> Receipt:
    """A variation of `receipt`; its `word_boxes` are the boxes to train with.

    `pool` gives the names and addresses that may stand in for its own: training receipts only.
    `fields` stay those of the original. Returns at least one word if there was one.
    """
    rng = np.random.default_rng([seed, epoch, zlib.crc32(receipt.id.encode())])
    words = to_words(receipt)
    if rng.random() < strength.other_values:
        words = with_other_values(words, pool, rng)
    if rng.random() < strength.wrap:
        words = wrap_company(words, rng)
    if rng.random() < strength.line_boxes:
        words = [replace(word, box=word.line_box) for word in words]
    steps: list[tuple[float, Callable[[list[Word], np.random.Generator], list[Word]]]] = [
        (strength.shuffle, shuffle_lines),
        (strength.lose, lose_words),
        (strength.cut, cut_words),
        (strength.glue, glue_words),
        (strength.misread, lambda words, rng: misread(words, rng, strength.misread_rate)),
        (strength.move, move_boxes),
    ]
    for chance, step in steps:
        if rng.random() < chance:
            words = step(words, rng) or words
    return from_words(receipt, words)


def to_words(receipt: Receipt) -> list[Word]:
    """The receipt's words, each with its label, boxes and line."""
    return [
        Word(*parts)
        for parts in zip(
            receipt.words,
            receipt.labels,
            receipt.word_boxes,
            receipt.line_boxes,
            receipt.line_index,
            strict=True,
        )
    ]


def from_words(receipt: Receipt, words: Sequence[Word]) -> Receipt:
    """`receipt` with these words in place of its own."""
    return replace(
        receipt,
        words=tuple(word.text for word in words),
        labels=tuple(word.label for word in words),
        word_boxes=tuple(word.box for word in words),
        line_boxes=tuple(word.line_box for word in words),
        line_index=tuple(word.line for word in words),
    )


def misread(words: list[Word], rng: np.random.Generator, most: float = 0.05) -> list[Word]:
    """Characters taken for others, lost or doubled, each with one chance drawn up to `most`."""
    rate = rng.uniform(0, most)
    result = []
    for word in words:
        wrong = rng.random(len(word.text)) < rate
        text = "".join(
            _misread_character(c, rng) if bad else c
            for c, bad in zip(word.text, wrong, strict=True)
        )
        result.append(replace(word, text=text or word.text))
    return result


def _misread_character(character: str, rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.7:
        alike = _MISREAD.get(character.upper(), character)
        return alike[rng.integers(len(alike))]
    if kind < 0.9:
        return ""
    return character * 2


def glue_words(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """A few neighbours of one line and one role joined, as an engine does that misses a blank.

    Words of different roles stay apart: a field glued to its caption has no right label.
    """
    result: list[Word] = []
    for word in words:
        last = result[-1] if result else None
        joinable = (
            last is not None
            and last.line == word.line
            and field_of(last.label) == field_of(word.label)
            and not word.label.startswith("B-")
        )
        if joinable and last is not None and rng.random() < 0.05:
            box = (last.box[0], *last.box[1:2], max(last.box[2], word.box[2]), last.box[3])
            result[-1] = replace(last, text=last.text + word.text, box=box)
        else:
            result.append(word)
    return result


def cut_words(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """A few words cut in two after a punctuation mark or at random, their boxes in proportion."""
    result = []
    for word in words:
        if len(word.text) < 4 or rng.random() > 0.06:
            result.append(word)
            continue
        marks = [i + 1 for i, c in enumerate(word.text[:-1]) if not c.isalnum()]
        at = int(rng.choice(marks)) if marks and rng.random() < 0.7 else len(word.text) // 2
        x0, y0, x1, y1 = word.box
        middle = x0 + (x1 - x0) * at // len(word.text)
        whole_line = word.box == word.line_box
        rest = word.label.replace("B-", "I-", 1)
        result += [
            replace(
                word, text=word.text[:at], box=word.box if whole_line else (x0, y0, middle, y1)
            ),
            replace(
                word,
                text=word.text[at:],
                label=rest,
                box=word.box if whole_line else (middle, y0, x1, y1),
            ),
        ]
    return result


def wrap_company(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """The last word or two of a company's name on a line of their own, a line further down; all
    below it moves down too. Only where the name fills one line, and two words of it stay."""
    start, end = next(iter(span_of(words, "company")), (0, 0))
    cut = end - int(rng.integers(1, 3))
    name = words[start:end]
    of_line = [word for word in words if name and word.line == name[0].line]
    if cut - start < 2 or name != of_line:
        return words
    x0, top, x1, bottom = name[0].line_box
    left = words[cut].box[0]
    step = bottom - top
    back = (left - x0) // 2  # the lower line is centred as well
    upper = (x0, top, left, bottom)
    lower = (left - back, bottom, x1 - back, bottom + step)
    line = max(word.line for word in words) + 1

    def down(box: Box) -> Box:
        return _on_page((box[0], box[1] + step, box[2], box[3] + step))

    result = []
    for at, word in enumerate(words):
        if start <= at < cut:
            result.append(replace(word, line_box=_on_page(upper)))
        elif cut <= at < end:
            box = _on_page((word.box[0] - back, lower[1], word.box[2] - back, lower[3]))
            result.append(replace(word, box=box, line_box=_on_page(lower), line=line))
        elif word.line_box[1] >= bottom - step // 2:
            result.append(replace(word, box=down(word.box), line_box=down(word.line_box)))
        else:
            result.append(word)
    return result


def _on_page(box: Box) -> Box:
    x0, y0, x1, y1 = (min(1000, max(0, edge)) for edge in box)
    return (x0, y0, x1, y1)


def lose_words(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """Some words and some whole lines that are no part of a field are not there."""
    plain = sorted({word.line for word in words} - {w.line for w in words if field_of(w.label)})
    gone = {line for line in plain if rng.random() < 0.06}
    return [
        word
        for word in words
        if field_of(word.label) or (word.line not in gone and rng.random() > 0.02)
    ]


def shuffle_lines(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """Up to four lines go elsewhere in the order; the lines of one field stay together."""
    blocks: list[list[Word]] = []
    for i, word in enumerate(words):
        goes_on = blocks and (
            word.line == blocks[-1][-1].line or (i > 0 and word.label.startswith("I-"))
        )
        if goes_on:
            blocks[-1].append(word)
        else:
            blocks.append([word])
    for _ in range(int(rng.integers(1, 5))):
        block = blocks.pop(int(rng.integers(len(blocks))))
        # The annotators put what they had forgotten at the end, so the end is the likeliest.
        at = len(blocks) if rng.random() < 0.5 else int(rng.integers(len(blocks) + 1))
        blocks.insert(at, block)
    return [word for block in blocks for word in block]


def move_boxes(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """The page cropped or on a larger sheet, and each box a little off."""
    scale = rng.uniform(0.8, 1.15, 2)
    shift = rng.uniform(-0.02, 1.0, 2) * np.maximum(0, 1000 * (1 - scale)) + rng.uniform(-15, 15, 2)
    jitter = rng.uniform(0, 3)
    moved: dict[tuple[int, int, int, int], tuple[int, int, int, int]] = {}

    def move(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        # The words of a line share its box, so equal boxes move alike.
        if box not in moved:
            corners = np.array(box, dtype=float) * np.tile(scale, 2) + np.tile(shift, 2)
            corners = np.clip(corners + rng.normal(0, jitter, 4), 0, 1000).astype(int)
            x0, y0, x1, y1 = (int(v) for v in corners)
            moved[box] = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        return moved[box]

    return [replace(word, box=move(word.box), line_box=move(word.line_box)) for word in words]
