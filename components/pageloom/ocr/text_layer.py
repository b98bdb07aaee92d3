"""The words that a PDF page holds as text."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pageloom.document import pdf
from pageloom.document.images import page_source
from pageloom.document.source import sniff
from pageloom.ocr.reading_order import arrange
from pageloom.ocr.word import PixelBox, Word, clean

if TYPE_CHECKING:
    from pageloom.document.types import Page

__all__ = ["text_layer"]

GARBAGE_SHARE = 0.2
"""A layer with a larger share of characters that stand for no letter is taken for none."""
SCAN_SHARE, SCAN_WORDS = 0.7, 10
"""A picture over this share of a page with fewer words is a scan with a stamp or footer on it."""

_HYPHENS = frozenset("\x02\ufffe\u00ad")  # what PDFium has for a hyphen at the end of a line
_PRECISION = 1000


@dataclass(slots=True)
class _Run:
    """Characters of one word: their ink, the cell around all of them, and that of the last."""

    text: list[str] = field(default_factory=list)
    ink: list[PixelBox] = field(default_factory=list)
    line: PixelBox = (0.0, 0.0, 0.0, 0.0)
    last: PixelBox = (0.0, 0.0, 0.0, 0.0)


def text_layer(page: Page) -> list[Word] | None:
    """The words of a PDF page in reading order, each with confidence 1.

    Returns:
        None where the page has no text layer worth reading: it is an image file, or a scan, or its
        fonts do not say which letters their glyphs are.

    Raises:
        DocumentOpenError: the source is gone, has changed, or the page is damaged.
    """
    with page_source(page) as source:
        if sniff(source.read(1024)) != "PDF":
            return None
        with pdf.open_page(source, page.sha256, page.number) as opened:
            runs, garbage, characters = _read(opened, page)
            if not runs or garbage > GARBAGE_SHARE * characters:
                return None
            if len(runs) < SCAN_WORDS and _picture_share(opened) > SCAN_SHARE:
                return None
    words = [("".join(run.text), _around(run.ink), run.line) for run in runs]
    return [
        Word(words[at][0], words[at][1], 1.0, line, block)
        for at, line, block in arrange([line for _, _, line in words])
    ]


def _around(boxes: list[PixelBox]) -> PixelBox:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


class _ToPixels:
    """From a page's own coordinates to pixels; crop box and rotation are PDFium's to know."""

    def __init__(self, raw: Any, opened: Any, page: Page) -> None:
        size = page.width * _PRECISION, page.height * _PRECISION

        def at(x: float, y: float) -> tuple[float, float]:
            px, py = ctypes.c_int(), ctypes.c_int()
            raw.FPDF_PageToDevice(opened.raw, 0, 0, *size, 0, x, y, px, py)
            return px.value / _PRECISION, py.value / _PRECISION

        span = 100.0
        self.origin = at(0, 0)
        right, up = at(span, 0), at(0, span)
        self.x = ((right[0] - self.origin[0]) / span, (right[1] - self.origin[1]) / span)
        self.y = ((up[0] - self.origin[0]) / span, (up[1] - self.origin[1]) / span)

    def box(self, left: float, bottom: float, right: float, top: float) -> PixelBox:
        ax, ay = self._point(left, bottom)
        bx, by = self._point(right, top)
        return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return (
            self.origin[0] + x * self.x[0] + y * self.y[0],
            self.origin[1] + x * self.x[1] + y * self.y[1],
        )


def _read(opened: Any, page: Page) -> tuple[list[_Run], int, int]:
    """Words in the file's own order, how many characters stand for no letter, and how many are."""
    import pypdfium2.raw as raw

    textpage = opened.get_textpage()
    runs: list[_Run] = []
    run = _Run()
    garbage = characters = 0
    try:
        for character, ink, line in _characters(raw, textpage.raw, _ToPixels(raw, opened, page)):
            if character is None:  # white space
                run = _Run()
                continue
            characters += 1
            if ink[2] < 0 or ink[3] < 0 or ink[0] > page.width or ink[1] > page.height:
                continue
            text = clean(character)
            if not text or character == "\ufffd" or 0xE000 <= ord(character) <= 0xF8FF:
                garbage += 1
                if not text:
                    continue
            if run.text and _is_apart(run, line):
                run = _Run()
            if not run.text:
                runs.append(run)
                run.line = line
            run.text.append(text)
            run.ink.append(ink)
            run.line, run.last = _around([run.line, line]), line
    finally:
        textpage.close()
    return runs, garbage, characters


def _is_apart(run: _Run, line: PixelBox) -> bool:
    """Whether a character is too far from the last one to be of the same word, in any direction."""
    last = run.last
    reach = max(last[2] - last[0], last[3] - last[1], line[2] - line[0], line[3] - line[1])
    across = max(line[0] - last[2], last[0] - line[2])
    down = max(line[1] - last[3], last[1] - line[3])
    return max(across, down) > reach


def _characters(
    raw: Any, textpage: Any, pixels: _ToPixels
) -> Iterator[tuple[str | None, PixelBox, PixelBox]]:
    """Each character with the box of its ink and that of its cell; None for white space."""
    nowhere = (0.0, 0.0, 0.0, 0.0)
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    cell = raw.FS_RECTF()
    high = 0
    for at in range(raw.FPDFText_CountChars(textpage)):
        code = raw.FPDFText_GetUnicode(textpage, at)
        if 0xD800 <= code < 0xDC00:  # the first half of a pair
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
        high = 0
        character = chr(code) if code <= 0x10FFFF else "\ufffd"
        if character in _HYPHENS:
            character = "-"
        elif character.isspace() and character != "\x00":
            yield None, nowhere, nowhere
            continue
        if code == 0 or raw.FPDFText_HasUnicodeMapError(textpage, at) == 1:
            character = "\ufffd"
        if raw.FPDFText_GetLooseCharBox(textpage, at, cell):
            line = pixels.box(cell.left, cell.bottom, cell.right, cell.top)
        else:
            continue
        ink = line
        if raw.FPDFText_GetCharBox(textpage, at, left, right, bottom, top):
            tight = pixels.box(left.value, bottom.value, right.value, top.value)
            if tight[2] > tight[0] and tight[3] > tight[1]:
                ink = tight
        yield character, ink, line


def _picture_share(opened: Any) -> float:
    """The largest picture's share of the page, 0 to 1."""
    import pypdfium2.raw as raw

    width, height = opened.get_size()
    largest = 0.0
    for item in opened.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        largest = max(largest, (right - left) * (top - bottom))
    return float(largest / max(1e-6, width * height))
