"""A page that is drawn once and known twice: as a PDF, and as words with exact boxes and fields."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from recipes.documents.fonts import width

__all__ = ["A4", "LETTER", "Box", "Sheet", "Word"]

Box = tuple[int, int, int, int]
Align = Literal["left", "right", "center"]

A4 = (595.0, 842.0)
LETTER = (612.0, 792.0)
ASCENT, DESCENT = 0.74, 0.22
"""How far letters reach above and below the baseline, in sizes."""


@dataclass(frozen=True, slots=True)
class Word:
    """A printed word.

    Args:
        text: without blanks.
        box: (x0, y0, x1, y1) on 0-1000, origin top left.
        line: number of the run of text that it belongs to, in the order of drawing.
        block: number of the block, in the order of drawing.
        field: what it belongs to, such as "total"; None for the rest.
        group: tells two fields of one name apart (the rows of a table).
    """

    text: str
    box: Box
    line: int
    block: int
    field: str | None = None
    group: int = 0


class Sheet:
    """A page of paper. Lengths are in points; the origin is the top left corner.

    Drawing collects the words at once; the PDF is made when it is asked for, so words alone are
    cheap. `facts` holds what is on the page and no word says, such as `facts["signature"] = True`.
    `captions` names the printed label of a field ("Invoice No."), as far as it has one.
    """

    def __init__(self, size: tuple[float, float] = A4) -> None:
        self.width, self.height = size
        self.words: list[Word] = []
        self.facts: dict[str, Any] = {}
        self.captions: dict[tuple[str, int], str] = {}
        self._drawn: list[Callable[[Canvas], None]] = []
        self._line = 0
        self._block = 0
        self._open = False

    # -- text --------------------------------------------------------------------------------------

    @contextmanager
    def block(self) -> Iterator[None]:
        """What is drawn inside is one block of text (a paragraph, an address, a column)."""
        outer = self._open
        if not outer:
            self._block += 1
        self._open = True
        try:
            yield
        finally:
            self._open = outer

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        font: str,
        size: float,
        colour: str = "#000000",
        align: Align = "left",
        field: str | None = None,
        group: int = 0,
        printed: bool = True,
    ) -> float:
        """Write one run of text with its baseline at `y`; returns the x at its end.

        `align` says what `x` is: the left end, the right end or the middle. Words of one field and
        group make one value, also over several runs. With `printed=False` the page shows the text
        and no word is noted (handwriting that no OCR engine is expected to read).
        """
        text = " ".join(text.split())
        whole = width(text, font, size)
        left = x - whole * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        if printed:
            self._note(left, y, text, font, size, field, group)

        def draw(canvas: Canvas) -> None:
            canvas.setFillColor(HexColor(colour))
            canvas.setFont(font, size)
            canvas.drawString(left, self.height - y, text)

        self._drawn.append(draw)
        return left + whole

    def _note(
        self, x: float, y: float, text: str, font: str, size: float, field: str | None, group: int
    ) -> None:
        self._line += 1
        if not self._open:
            self._block += 1
        blank = width(" ", font, size)
        top, bottom = y - ASCENT * size, y + DESCENT * size
        for part in text.split(" "):
            if not part:
                continue
            end = x + width(part, font, size)
            box = self.scaled(x, top, end, bottom)
            # What runs off the paper cannot be read.
            if box[0] < box[2] and box[1] < box[3]:
                self.words.append(Word(part, box, self._line, self._block, field, group))
            x = end + blank

    def runs(
        self,
        x: float,
        y: float,
        parts: Sequence[tuple[str, str | None]],
        *,
        font: str,
        size: float,
        bold: str | None = None,
        colour: str = "#000000",
        group: int = 0,
    ) -> float:
        """Write (text, field) parts one after another on one line; returns the x at the end.

        Parts with a field are set in `bold`, if given. All parts are one line of text.
        """
        line = self._line + 1
        with self.block():
            for text, field in parts:
                face = bold if bold and field else font
                self._line = line - 1
                x = self.text(
                    x, y, text, font=face, size=size, colour=colour, field=field, group=group
                )
                x += width(" ", font, size)
        return x

    def paragraph(
        self,
        x: float,
        y: float,
        text: str,
        *,
        wide: float,
        font: str,
        size: float,
        leading: float = 1.35,
        colour: str = "#000000",
        align: Align = "left",
        field: str | None = None,
        group: int = 0,
        lowest: float | None = None,
    ) -> float:
        """Write a text in lines of at most `wide`; returns the baseline after the last line.

        Lines that would stand below `lowest` are left out. `x` is as `align` says.
        """
        with self.block():
            for line in self.wrapped(text, wide, font, size):
                if lowest is not None and y > lowest:
                    break
                self.text(
                    x,
                    y,
                    line,
                    font=font,
                    size=size,
                    colour=colour,
                    align=align,
                    field=field,
                    group=group,
                )
                y += size * leading
        return y

    @staticmethod
    def wrapped(text: str, wide: float, font: str, size: float) -> list[str]:
        """The lines of a text that is broken at `wide`."""
        lines: list[str] = []
        line, length = "", 0.0
        blank = width(" ", font, size)
        for word in text.split():
            more = width(word, font, size)
            if line and length + blank + more > wide:
                lines.append(line)
                line, length = word, more
            else:
                length += more + (blank if line else 0)
                line = f"{line} {word}" if line else word
        return [*lines, line] if line else lines

    # -- the rest ----------------------------------------------------------------------------------

    def rule(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        *,
        colour: str = "#000000",
        thick: float = 0.6,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """A straight line."""

        def draw(canvas: Canvas) -> None:
            canvas.saveState()
            canvas.setStrokeColor(HexColor(colour))
            canvas.setLineWidth(thick)
            if dash:
                canvas.setDash(*dash)
            canvas.line(x0, self.height - y0, x1, self.height - y1)
            canvas.restoreState()

        self._drawn.append(draw)

    def rect(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        *,
        fill: str | None = None,
        stroke: str | None = "#000000",
        thick: float = 0.6,
        radius: float = 0,
    ) -> None:
        """A rectangle, filled, outlined or both. Draw it before the text that stands on it."""

        def draw(canvas: Canvas) -> None:
            canvas.saveState()
            if fill:
                canvas.setFillColor(HexColor(fill))
            if stroke:
                canvas.setStrokeColor(HexColor(stroke))
            canvas.setLineWidth(thick)
            canvas.roundRect(
                x0,
                self.height - y1,
                x1 - x0,
                y1 - y0,
                radius,
                stroke=int(stroke is not None),
                fill=int(fill is not None),
            )
            canvas.restoreState()

        self._drawn.append(draw)

    def picture(self, x0: float, y0: float, x1: float, y1: float, image: Any) -> None:
        """A Pillow image, stretched to the rectangle; transparent where its alpha says so."""
        self._drawn.append(
            lambda canvas: canvas.drawImage(
                ImageReader(image), x0, self.height - y1, x1 - x0, y1 - y0, mask="auto"
            )
        )

    def draw(self, paint: Callable[[Canvas], None]) -> None:
        """Whatever else a PDF can show; `paint` gets the canvas (origin at the bottom left)."""

        def saved(canvas: Canvas) -> None:
            canvas.saveState()
            paint(canvas)
            canvas.restoreState()

        self._drawn.append(saved)

    def scaled(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A rectangle in points as a box on 0-1000, clamped to the page."""
        return (
            min(1000, max(0, int(1000 * x0 / self.width))),
            min(1000, max(0, int(1000 * y0 / self.height))),
            min(1000, max(0, int(1000 * x1 / self.width))),
            min(1000, max(0, int(1000 * y1 / self.height))),
        )

    def values(self) -> dict[tuple[str, int], list[int]]:
        """The places in `words` of each field's words, by (field, group), in order."""
        found: dict[tuple[str, int], list[int]] = {}
        for place, word in enumerate(self.words):
            if word.field is not None:
                found.setdefault((word.field, word.group), []).append(place)
        return found

    def pdf(self) -> bytes:
        """The page as a PDF document."""
        data = io.BytesIO()
        canvas = Canvas(data, pagesize=(self.width, self.height), invariant=1)
        for draw in self._drawn:
            draw(canvas)
        canvas.showPage()
        canvas.save()
        return data.getvalue()
