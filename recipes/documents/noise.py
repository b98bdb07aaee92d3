"""What OCR engines do to words: misread, glue, cut and lose them, and move their boxes a little.

Each function takes words and a random generator and returns words; `noisy` is the usual mixture.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from recipes.documents.sheet import Box, Word

__all__ = ["cut", "glue", "line_boxes", "lose", "misread", "moved", "noisy", "without_accents"]

# What is taken for what.
ALIKE = {
    "0": "OoD", "1": "Il|i", "2": "Zz", "3": "8", "4": "A", "5": "Ss", "6": "Gb", "7": "T",
    "8": "B",
    "9": "gq", "A": "4", "B": "8", "C": "GO(", "D": "O", "E": "F", "F": "P", "G": "C6", "I": "1l|",
    "J": "I", "L": "I", "M": "N", "N": "M", "O": "0Q", "P": "F", "Q": "O", "R": "P", "S": "5",
    "T": "7",
    "U": "V", "V": "U", "Y": "V", "Z": "2", "a": "eo", "b": "h6", "c": "eo", "d": "cl", "e": "co",
    "f": "t", "g": "9q", "h": "b", "i": "l1", "j": "i", "k": "h", "l": "1I", "m": "rn", "n": "ru",
    "o": "0c", "q": "g", "r": "n", "s": "5", "t": "fl", "u": "v", "v": "u", "w": "vv", "y": "v",
    "z": "2", ".": ",", ",": ".", ":": ".;", "-": "~_", "/": "1l", "€": "EC", "£": "E", "$": "S8",
    "°": "o", "'": "`",
}  # fmt: skip


def noisy(words: Sequence[Word], chance: random.Random, strength: float = 1.0) -> list[Word]:
    """A variation of a page's words; at `strength` 0 they stay as they are.

    A third of the pages stays clean, as text layers are. Never returns an empty list for words.
    """
    result = list(words)
    if strength <= 0 or chance.random() < 0.33:
        return moved(result, chance) if strength > 0 else result
    if chance.random() < 0.15 * strength:
        result = without_accents(result)
    if chance.random() < 0.12 * strength:
        result = line_boxes(result)
    if chance.random() < 0.35 * strength:
        result = cut(result, chance, 0.05)
    if chance.random() < 0.35 * strength:
        result = glue(result, chance, 0.05)
    if chance.random() < 0.7 * strength:
        result = misread(result, chance, chance.uniform(0, 0.06))
    if chance.random() < 0.5 * strength:
        result = lose(result, chance, chance.uniform(0, 0.05))
    return moved(result, chance)


def misread(words: Sequence[Word], chance: random.Random, rate: float) -> list[Word]:
    """Characters taken for others, lost or doubled, each with the chance `rate`."""

    def seen(character: str) -> str:
        if chance.random() >= rate:
            return character
        what = chance.random()
        if what < 0.7:
            return chance.choice(ALIKE.get(character, character))
        return "" if what < 0.9 else character * 2

    return [replace(word, text="".join(map(seen, word.text)) or word.text) for word in words]


def without_accents(words: Sequence[Word]) -> list[Word]:
    """Letters without their accents, as an engine reads them that does not know the language."""

    def plain(text: str) -> str:
        parts = unicodedata.normalize("NFD", text.replace("ß", "B"))
        return "".join(c for c in parts if not unicodedata.combining(c)) or text

    return [replace(word, text=plain(word.text)) for word in words]


def glue(words: Sequence[Word], chance: random.Random, rate: float) -> list[Word]:
    """Neighbours of one line and one role joined; a value and its caption stay apart."""
    result: list[Word] = []
    for word in words:
        last = result[-1] if result else None
        if (
            last is not None
            and (last.line, last.field, last.group) == (word.line, word.field, word.group)
            and chance.random() < rate
        ):
            box = (
                min(last.box[0], word.box[0]),
                min(last.box[1], word.box[1]),
                max(last.box[2], word.box[2]),
                max(last.box[3], word.box[3]),
            )
            result[-1] = replace(last, text=last.text + word.text, box=box)
        else:
            result.append(word)
    return result


def cut(words: Sequence[Word], chance: random.Random, rate: float) -> list[Word]:
    """Words cut in two, best after a punctuation mark; their boxes in proportion."""
    result: list[Word] = []
    for word in words:
        if len(word.text) < 4 or chance.random() >= rate:
            result.append(word)
            continue
        marks = [at + 1 for at, c in enumerate(word.text[:-1]) if not c.isalnum()]
        at = chance.choice(marks) if marks and chance.random() < 0.7 else len(word.text) // 2
        x0, y0, x1, y1 = word.box
        middle = x0 + (x1 - x0) * at // len(word.text)
        result.append(replace(word, text=word.text[:at], box=(x0, y0, middle, y1)))
        result.append(replace(word, text=word.text[at:], box=(middle, y0, x1, y1)))
    return result


def lose(words: Sequence[Word], chance: random.Random, rate: float) -> list[Word]:
    """Some words that are no part of a field are not there."""
    kept = [word for word in words if word.field is not None or chance.random() >= rate]
    return kept or list(words)


def line_boxes(words: Sequence[Word]) -> list[Word]:
    """Each word with the box of its line, as engines give it that find lines only."""
    around: dict[int, Box] = {}
    for word in words:
        x0, y0, x1, y1 = around.get(word.line, word.box)
        a0, b0, a1, b1 = word.box
        around[word.line] = (min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1))
    return [replace(word, box=around[word.line]) for word in words]


def moved(words: Sequence[Word], chance: random.Random) -> list[Word]:
    """The page cropped, or on a larger sheet, and each box a little off."""
    scale = [chance.uniform(0.88, 1.06) for _ in "xy"]
    shift = [
        chance.uniform(0, 1) * max(0.0, 1000 * (1 - s)) + chance.uniform(-12, 12) for s in scale
    ]
    jitter = chance.uniform(0, 2.5)

    def move(value: int, axis: int) -> int:
        off = chance.gauss(0, jitter)
        return min(1000, max(0, int(value * scale[axis] + shift[axis] + off)))

    result = []
    for word in words:
        x0, x1 = sorted((move(word.box[0], 0), move(word.box[2], 0)))
        y0, y1 = sorted((move(word.box[1], 1), move(word.box[3], 1)))
        result.append(replace(word, box=(x0, y0, x1, y1)))
    return result
