"""A column of text: paragraphs, headings, lists, captioned values and tables, top to bottom.

Nothing is written below the column's end: what does not fit is left out as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recipes.documents.fonts import width
from recipes.documents.prose import Part
from recipes.documents.sheet import Align, Sheet

__all__ = ["Column", "Pair", "fitting"]


@dataclass(frozen=True)
class Pair:
    """A value with its printed caption; the caption may be empty."""

    caption: str
    value: str
    field: str
    group: int = 0


def fitting(text: str, font: str, size: float, wide: float) -> float:
    """The size at which a text is at most `wide`, not above `size`."""
    whole = width(text, font, size)
    return size if whole <= wide else max(4.0, size * wide / whole)


@dataclass
class Column:
    """Where text flows.

    Args:
        sheet: to write on.
        x: the left end.
        y: the next baseline; moves down as text is written.
        wide: the width.
        lowest: no baseline stands below it.
        regular: the text's font.
        bold: of headings.
        size: of the text.
        accent: the colour of headings and rules.
        colour: of the text.
        leading: from line to line, in sizes.
    """

    sheet: Sheet
    x: float
    y: float
    wide: float
    lowest: float
    regular: str
    bold: str
    size: float
    accent: str = "#000000"
    colour: str = "#000000"
    leading: float = 1.35
    gap: float = 0.6

    @property
    def step(self) -> float:
        """From baseline to baseline."""
        return self.size * self.leading

    @property
    def right(self) -> float:
        """The right end."""
        return self.x + self.wide

    def fits(self, lines: float) -> bool:
        """Whether so many lines have room."""
        return self.y + (lines - 1) * self.step <= self.lowest

    def beside(self, x: float, wide: float, **changes: object) -> Column:
        """A column like this one that starts at the same height."""
        return replace(self, x=x, wide=wide, **changes)  # type: ignore[arg-type]

    def skip(self, lines: float = 0.6) -> None:
        """Leave room."""
        self.y += lines * self.step

    def rule(self, thick: float = 0.6, colour: str | None = None) -> None:
        """A line over the whole width, just above the next line of text."""
        y = self.y - self.size * 0.95
        self.sheet.rule(self.x, y, self.right, y, thick=thick, colour=colour or self.accent)
        self.y += self.size * 0.35

    # -- text --------------------------------------------------------------------------------------

    def line(
        self,
        text: str,
        *,
        size: float | None = None,
        bold: bool = False,
        align: Align = "left",
        colour: str | None = None,
        field: str | None = None,
        group: int = 0,
    ) -> bool:
        """One line, made smaller where it is too wide."""
        font = self.bold if bold else self.regular
        size = fitting(text, font, size or self.size, self.wide)
        if self.y > self.lowest or not text:
            return False
        x = {"left": self.x, "right": self.right, "center": self.x + self.wide / 2}[align]
        self.sheet.text(
            x,
            self.y,
            text,
            font=font,
            size=size,
            align=align,
            colour=colour or self.colour,
            field=field,
            group=group,
        )
        self.y += size * self.leading
        return True

    def lines(self, texts: Sequence[str], **options: object) -> None:
        """Lines of one block, such as an address."""
        with self.sheet.block():
            for text in texts:
                self.line(text, **options)  # type: ignore[arg-type]

    def paragraph(
        self,
        parts: str | Sequence[Part],
        *,
        field: str | None = None,
        group: int = 0,
        bold: bool = False,
        size: float | None = None,
        colour: str | None = None,
        indent: float = 0.0,
        gap: float | None = None,
        bold_fields: bool = False,
    ) -> bool:
        """Text in lines; False, and nothing written, where it does not fit."""
        if isinstance(parts, str):
            parts = [(parts, field)]
        font, size = self.bold if bold else self.regular, size or self.size
        longest = max((word for text, _ in parts for word in text.split()), key=len, default="")
        size = fitting(longest, font, size, self.wide)
        lines = _broken(parts, self.wide, indent, font, size)
        step = size * self.leading
        if not lines or self.y + (len(lines) - 1) * step > self.lowest:
            return False
        with self.sheet.block():
            for place, line in enumerate(lines):
                self.sheet.runs(
                    self.x + (indent if place == 0 else 0.0),
                    self.y,
                    line,
                    font=font,
                    size=size,
                    bold=self.bold if bold_fields else None,
                    colour=colour or self.colour,
                    group=group,
                )
                self.y += step
        self.y += step * (self.gap if gap is None else gap)
        return True

    def bullets(self, texts: Sequence[str], mark: str = "•", gap: float = 0.15) -> int:
        """Points of a list; returns how many had room."""
        deep = width(mark + "  ", self.regular, self.size)
        for place, text in enumerate(texts):
            inner = self.beside(self.x + deep, self.wide - deep)
            first = self.y
            written = inner.paragraph(text, gap=gap)
            if not written:
                return place
            self.sheet.text(
                self.x, first, mark, font=self.regular, size=self.size, colour=self.accent
            )
            self.y = inner.y
        return len(texts)

    # -- captioned values --------------------------------------------------------------------------

    def pairs(
        self,
        pairs: Sequence[Pair],
        *,
        colon: bool = True,
        above: bool = False,
        bold_captions: bool = False,
        bold_values: bool = False,
        share: float = 0.5,
        right: bool = False,
        gap: float = 0.12,
    ) -> None:
        """Captions with their values beside or under them. `share` is the most that the captions
        may take of the width; `right` sets them flush to the values."""
        font = self.bold if bold_captions else self.regular
        mark = ":" if colon else ""
        size = self.size
        wide = max((width(pair.caption + mark, font, size) for pair in pairs), default=0.0)
        if wide > share * self.wide:
            size *= max(0.75, share * self.wide / wide)
            wide = max(width(pair.caption + mark, font, size) for pair in pairs)
        beside = min(wide + size * 0.9, 0.7 * self.wide)
        under = above
        for pair in pairs:
            # A long e-mail address stands under its caption where it has no room beside it.
            longest = max(pair.value.split(), key=len, default="")
            most = 0.8 * width(longest, self.bold if bold_values else self.regular, self.size)
            above = under or most > self.wide - beside
            wide = 0.0 if above else beside
            inner = self.beside(self.x + wide, self.wide - wide, gap=gap)
            if above and pair.caption:
                inner.y += self.step
            first = self.y
            value = [(pair.value, pair.field)]
            if not inner.paragraph(value, group=pair.group, bold=bold_values):
                return
            if pair.caption:
                text = pair.caption + mark
                small = fitting(text, font, size, self.wide if above else wide)
                x = self.x + (wide - size * 0.9 - width(text, font, small) if right else 0.0)
                self.sheet.text(x, first, text, font=font, size=small, colour=self.accent)
                self.sheet.captions[(pair.field, pair.group)] = pair.caption
            self.y = inner.y

    def pair_row(self, pairs: Sequence[Pair], *, boxed: bool = False) -> None:
        """Captions in a row over their values."""
        if not pairs:
            return
        wide, room = self.wide / len(pairs), self.wide / len(pairs) - 8
        top, lowest = self.y - self.size, self.y + self.step
        for place, pair in enumerate(pairs):
            x = self.x + place * wide + (4 if boxed else 0)
            size = fitting(pair.caption, self.regular, self.size * 0.8, room)
            self.sheet.text(
                x, self.y, pair.caption, font=self.regular, size=size, colour=self.accent
            )
            inner = replace(self, x=x, y=self.y + self.step, wide=room, lowest=1e4)
            # A few letters too many are set smaller, more of them in lines.
            size = fitting(pair.value, self.regular, self.size, room)
            size = size if size > 0.8 * self.size else self.size
            inner.paragraph(pair.value, field=pair.field, group=pair.group, size=size, gap=0.0)
            self.sheet.captions[(pair.field, pair.group)] = pair.caption
            lowest = max(lowest, inner.y - size * self.leading)
        for place in range(len(pairs) if boxed else 0):
            left, bottom = self.x + place * wide, lowest + self.size * 0.5
            self.sheet.rect(left, top, left + wide, bottom, stroke=self.accent, thick=0.5)
        self.y = lowest + self.step * (1.6 if boxed else 1.2)

    # -- tables ------------------------------------------------------------------------------------

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        shares: Sequence[float],
        numbers: Sequence[int] = (),
        fields: dict[int, str] | None = None,
        captions: int | None = None,
        style: str = "lined",
        first_group: int = 0,
    ) -> int:
        """A table; returns how many rows had room.

        `shares` are the columns' parts of the width, `numbers` the columns that stand flush right,
        `fields` those whose cells are values, one group a row; the column `captions` names them.
        Styles: "lined", "boxed", "zebra", "bare", "ruled" (head and end only).
        """
        total = sum(shares)
        starts = [self.x + self.wide * sum(shares[:i]) / total for i in range(len(shares))]
        ends = [*starts[1:], self.right]
        pad = self.size * 0.45
        plans = []
        for row in (head, *rows):
            font = self.bold if row is head else self.regular
            sizes = [self.size * (0.92 if row is head else 1.0)] * len(row)
            cells = []
            for i, text in enumerate(row):
                room = ends[i] - starts[i] - 2 * pad
                longest = max(text.split(), key=len, default="")
                sizes[i] = fitting(longest, font, sizes[i], room)
                cells.append(Sheet.wrapped(text, room, font, sizes[i]))
            tall = max((len(cell) for cell in cells), default=1) * self.step + 2 * pad
            plans.append((font, sizes, cells, tall))
        top = start = self.y - self.size
        written = -1
        for place, (font, sizes, cells, tall) in enumerate(plans):
            if top + tall > self.lowest + self.size * 0.5:
                break
            # A head without any row is no table.
            if place == 0 and (
                len(plans) < 2 or top + tall + plans[1][3] > self.lowest + self.size * 0.5
            ):
                return 0
            fill = None
            if place == 0 and style in ("boxed", "zebra"):
                fill = self.accent if style == "zebra" else "#e6e6e6"
            elif style == "zebra" and place % 2 == 0:
                fill = "#f0f0f0"
            if fill:
                self.sheet.rect(self.x, top, self.right, top + tall, fill=fill, stroke=None)
            if style == "boxed":
                for left, end in zip(starts, ends, strict=True):
                    self.sheet.rect(left, top, end, top + tall, thick=0.5)
            white = place == 0 and style == "zebra"
            for i, cell in enumerate(cells):
                y = top + pad + self.size * 0.95
                flush = i in numbers
                name = (fields or {}).get(i) if place else None
                group = first_group + place - 1
                with self.sheet.block():
                    for text in cell:
                        self.sheet.text(
                            ends[i] - pad if flush else starts[i] + pad,
                            y,
                            text,
                            font=font,
                            size=sizes[i],
                            colour="#ffffff" if white else self.colour,
                            align="right" if flush else "left",
                            field=name,
                            group=group if name else 0,
                        )
                        y += self.step
                if name and captions is not None and cell:
                    self.sheet.captions[(name, group)] = rows[place - 1][captions]
            top += tall
            written += 1
            if style == "lined" or (style in ("bare", "ruled") and place == 0):
                thick = 0.9 if place == 0 else 0.3
                self.sheet.rule(self.x, top, self.right, top, thick=thick, colour=self.accent)
        if style == "ruled":
            self.sheet.rule(self.x, start, self.right, start, thick=0.9, colour=self.accent)
            self.sheet.rule(self.x, top, self.right, top, thick=0.9, colour=self.accent)
        self.y = top + self.size * 1.6
        if written > 0:
            self.sheet.facts["table"] = True
        return max(0, written)


def _broken(
    parts: Sequence[Part], wide: float, indent: float, font: str, size: float
) -> list[list[Part]]:
    """The lines of a text in parts. Words of one part stay one part on each line."""
    blank = width(" ", font, size)
    lines: list[list[Part]] = []
    length = wide + 1.0
    for text, name in parts:
        for word in text.split():
            more = width(word, font, size)
            if length + blank + more > wide:
                length = indent if not lines else 0.0
                lines.append([(word, name)])
                length += more
            else:
                length += blank + more
                before, kept = lines[-1][-1]
                if kept == name:
                    lines[-1][-1] = (f"{before} {word}", name)
                else:
                    lines[-1].append((word, name))
    return lines
