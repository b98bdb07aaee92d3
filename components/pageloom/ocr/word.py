"""A word on a page, and what an OCR engine is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Engine", "PagesEngine", "PixelBox", "Word", "clean", "split_glued", "split_line"]

PixelBox = tuple[float, float, float, float]
"""`(x0, y0, x1, y1)` in pixels of the page image, origin top left."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word that an engine read.

    Args:
        text: without white space, not empty.
        box: in pixels of the picture that was read.
        confidence: 0 to 1.
        line: number of its line on the page; words of a line follow one another.
        block: number of its block on the page; lines of a block follow one another.
    """

    text: str
    box: PixelBox
    confidence: float
    line: int
    block: int


class Engine(Protocol):
    """Reads words off a picture; called from several threads at once.

    One's own engine is registered with `spacy.registry.misc("mine.Engine.v1")` as a function of
    `lang` and `psm` that returns it, and is chosen with `{"engine": "mine.Engine.v1"}`.
    """

    def read(self, image: Image.Image, dpi: int | None = None) -> list[Word]:
        """The words of an RGB picture in reading order.

        Args:
            image: a page; not to be changed.
            dpi: its resolution, None if unknown.

        Raises:
            EngineError: the engine, or a language it needs, is missing, or it failed.
        """
        ...


@runtime_checkable
class PagesEngine(Engine, Protocol):
    """An engine that reads several pages at once for less than one after the other.

    `read_all` is all that makes it one; an engine without it is called page by page.
    """

    def read_all(self, images: Sequence[Image.Image], dpi: int | None = None) -> list[list[Word]]:
        """For each picture what `read` gives for it.

        Args:
            images: pages; not to be changed.
            dpi: the resolution of all of them, None if unknown.

        Raises:
            EngineError: as `read`, or one of the pages failed: read them one by one to learn which.
        """
        ...


# Latin ligatures are one glyph and several letters: a word is searched and tagged by its letters.
_LIGATURES = {
    0xFB00 + i: text for i, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))
}
# Format characters that change letters (Persian, Indic scripts) stay; invisible marks go.
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff\u200e\u200f\ufffe\uffff")


def clean(text: str) -> str:
    """`text` without white space, control characters, lone surrogates and invisible marks."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(
        character
        for character in text.translate(_LIGATURES)
        if character not in _INVISIBLE
        and not character.isspace()
        and unicodedata.category(character) not in ("Cc", "Cs", "Cn")
    )


def split_line(text: str, box: PixelBox) -> Iterator[tuple[str, PixelBox]]:
    """The words of a line whose own box alone is known, each with its share of the line's width.

    The share goes by typical widths of characters, which come closer than their mere count.
    """
    widths = [_width(character) for character in text]
    total = sum(widths) or 1.0
    x0, y0, x1, y1 = box
    scale, at, start = (x1 - x0) / total, 0.0, 0.0
    word: list[str] = []
    for character, width in zip(text + " ", [*widths, 0.0], strict=True):
        if character.isspace():
            if word:
                yield "".join(word), (x0 + scale * start, y0, x0 + scale * at, y1)
            word = []
        else:
            if not word:
                start = at
            word.append(character)
        at += width


# A caption up to its colon, and what it announces, which has a digit; not what begins with //.
_CAPTION = re.compile(r"([^\W\d_][^:\d]*:)((?!//).*\d.*)")
# 14/03/2018 or 14-Mar-18, and 5:57 or -5:57 or T5:57 without a blank before it.
_TIME = re.compile(
    r"(.*\d[-/.](?:\d{1,2}|[^\W\d_]{3,9})[-/.](?:\d{4}|\d\d))([-,;T]?\d{1,2}[:.]\d\d.*)"
)


def split_glued(text: str, box: PixelBox) -> list[tuple[str, PixelBox]]:
    """A word apart that is a caption and a value, or a date and a time, without a blank between.

    Some are printed so, and engines overlook blanks: `DATE:14/03/201818:05` is three words. Each
    has its share of the box's width, see `split_line`. Any other word is returned as it is.
    """
    if ":" not in text:
        return [(text, box)]
    words, rest = [], text
    if found := _CAPTION.fullmatch(rest):
        words, rest = [found[1]], found[2]
    if found := _TIME.fullmatch(rest):
        words, rest = [*words, found[1]], found[2]
    return list(split_line(" ".join([*words, rest]), box)) if words else [(text, box)]


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 2.0
    if character in "il.,:;'|!jI ()[]":
        return 0.5
    if character in "mwMW@%":
        return 1.5
    return 1.2 if character.isupper() else 1.0
