"""Common pieces of pages: text that fits its room, captions with values, tables.

How they look is the layout's choice, under a name that the caller gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.sheet import Align, Sheet

__all__ = ["Column", "Pair", "Writer", "fitted"]

Pair = tuple[str, str, str]
"""A field, its printed caption, and the value."""

LISTS = (
    "aligned", "inline", "above", "spread", "aligned", "cells", "right", "inline", "grid", "leader",
    "strip", "bold value",
)  # fmt: skip
TABLES = (
    "lined", "zebra", "boxed", "bare", "filled head", "columns", "lined", "thick head",
    "dashed", "tinted boxes",
)  # fmt: skip
SMALLEST = 0.72


def fitted(text: str, wide: float, face: str, size: float) -> tuple[str, float]:
    """A text and its size in at most `wide`: first smaller, then without its last words."""
    whole = width(text, face, size)
    if whole <= wide or not text:
        return text, size
    smaller = max(size * SMALLEST, size * wide / whole * 0.995)
    while " " in text and width(text, face, smaller) > wide:
        text = text.rsplit(" ", 1)[0]
    return text, smaller if width(text, face, smaller) <= wide else size * wide / width(
        text, face, size
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, its share of the width, and the field of its cells."""

    head: str
    share: float
    align: Align = "left"
    field: str | None = None


class Writer:
    """A sheet, with a layout's typefaces and choices at hand.

    Args:
        sheet: to write on.
        layout: whose choices count.
        size: of the text; the layout's own if not given.
    """

    def __init__(self, sheet: Sheet, layout: Layout, size: float | None = None) -> None:
        self.sheet = sheet
        self.layout = layout
        self.size = size or layout.size
        self.regular, self.bold = layout.regular, layout.bold
        self.left, self.right = layout.margin, sheet.width - layout.margin
        self.bottom = sheet.height - max(34.0, layout.margin * 0.8)

    @property
    def wide(self) -> float:
        """The width between the margins."""
        return self.right - self.left

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        scale: float = 1.0,
        bold: bool = False,
        colour: str = "#000000",
        align: Align = "left",
        wide: float | None = None,
        field: str | None = None,
        group: int = 0,
        font: str | None = None,
    ) -> float:
        """One run of text, in at most `wide`; returns the x at its end."""
        face, size = font or (self.bold if bold else self.regular), self.size * scale
        if wide is not None:
            text, size = fitted(text, wide, face, size)
        return self.sheet.text(
            x, y, text, font=face, size=size, colour=colour, align=align, field=field, group=group
        )

    def paragraph(
        self,
        x: float,
        y: float,
        text: str,
        wide: float,
        *,
        scale: float = 1.0,
        bold: bool = False,
        colour: str = "#000000",
        align: Align = "left",
        leading: float = 1.35,
        field: str | None = None,
        group: int = 0,
        lowest: float | None = None,
    ) -> float:
        """Text in lines of at most `wide`; returns the baseline after the last line."""
        return self.sheet.paragraph(
            x,
            y,
            text,
            wide=wide,
            font=self.bold if bold else self.regular,
            size=self.size * scale,
            leading=leading,
            colour=colour,
            align=align,
            field=field,
            group=group,
            lowest=lowest or self.bottom,
        )

    def lines(
        self,
        x: float,
        y: float,
        lines: Sequence[str],
        wide: float,
        *,
        scale: float = 1.0,
        align: Align = "left",
        colour: str = "#000000",
        field: str | None = None,
        group: int = 0,
    ) -> float:
        """Lines of one block, each in at most `wide`; returns the baseline after the last."""
        with self.sheet.block():
            for line in lines:
                self.text(
                    x, y, line, scale=scale, align=align, colour=colour, wide=wide, field=field,
                    group=group,
                )  # fmt: skip
                y += self.size * scale * 1.3
        return y

    # -- captions and values -----------------------------------------------------------------------

    def captioned(self, caption: str) -> str:
        """A caption with the mark that the layout puts after it."""
        if caption.endswith(("?", ":", "...")):
            return caption
        mark = self.layout.pick("mark after captions", (":", "", ":", "", ":", "", " :", " -"))
        if mark == ":" and self.layout.language == "fr":
            mark = self.layout.pick("blank before colons", (" :", ":"))
        return f"{caption}{mark}"

    def pairs(
        self,
        x: float,
        y: float,
        pairs: Sequence[Pair],
        wide: float,
        name: str,
        *,
        style: str | None = None,
        group: int = 0,
    ) -> float:
        """Captions and values from the baseline `y` on; returns the baseline after the last."""
        style = style or self.layout.pick(f"list {name}", LISTS)
        for field, caption, value in pairs:
            if value:
                self.sheet.captions[field, group] = caption
        if style in ("cells", "strip"):
            return self._cells(x, y, pairs, wide, style, name, group)
        pitch = self.size * self.layout.between(f"pitch {name}", 1.3, 1.75)
        if style == "grid":
            pitch = self.size * 1.8
        longest = max(width(self.captioned(c), self.bold, self.size) for _, c, _ in pairs)
        column = min(longest + self.size * 1.2, wide * 0.55)
        bold = self.layout.chance(f"bold captions {name}", 0.3) and style != "bold value"
        if style == "grid":
            top = y - self.size * 1.2
            shade = self.layout.pick(f"shade {name}", ("#eeeeee", "#ffffff", "#e4ecf5", "#f3efe2"))
            self.sheet.rect(x, top, x + column, top + pitch * len(pairs), fill=shade, stroke=None)
        for field, caption, value in pairs:
            label = self.captioned(caption)
            valued = {"field": field, "group": group}
            if style == "above":
                self.text(x, y, label, scale=0.8, wide=wide, colour="#444444")
                y += self.size * 1.2
                self.text(x, y, value, wide=wide, bold=not bold, **valued)  # type: ignore[arg-type]
                y += pitch * 1.15
                continue
            if style == "grid":
                self.sheet.rect(x, y - self.size * 1.2, x + wide, y - self.size * 1.2 + pitch)
                self.sheet.rule(x + column, y - self.size * 1.2, x + column,
                                y - self.size * 1.2 + pitch)  # fmt: skip
            inset = self.size * 0.5 if style == "grid" else 0
            if style in ("inline", "leader", "spread", "bold value"):
                end = self.text(x, y, label, bold=bold, wide=wide * 0.6)
            else:
                end = self.text(x + inset, y, label, bold=bold, wide=column - self.size * 0.8)
            room = x + wide - end - self.size * 0.4
            if style in ("inline", "bold value"):
                self.text(end + self.size * 0.4, y, value, wide=room, bold=style != "inline",
                          **valued)  # type: ignore[arg-type]  # fmt: skip
            elif style in ("spread", "leader", "right"):
                start = self.text(x + wide, y, value, align="right", wide=room, **valued)  # type: ignore[arg-type]
                if style == "leader":
                    begin = start - min(room, width(value, self.regular, self.size)) - 3
                    if begin > end + 4:
                        self.sheet.rule(end + 2, y, begin, y, dash=(0.8, 2.2))
            else:
                self.text(x + column + inset, y, value, wide=wide - column - inset * 2,
                          **valued)  # type: ignore[arg-type]  # fmt: skip
            y += pitch
        return y

    def _cells(
        self,
        x: float,
        y: float,
        pairs: Sequence[Pair],
        wide: float,
        style: str,
        name: str,
        group: int,
    ) -> float:
        """Captions over values in boxes side by side, several rows of them where they are many."""
        row = max(1, min(len(pairs), int(wide // (self.size * 10))))
        rows = -(-len(pairs) // row)
        row = -(-len(pairs) // rows)
        cell, high = wide / row, self.size * (2.9 if style == "cells" else 3.2)
        top = y - self.size
        fill = self.layout.pick(f"head {name}", ("#e8e8e8", "#ffffff", "#dde6ef", "#f4ead9"))
        for start in range(0, len(pairs), row):
            part = pairs[start : start + row]
            if style == "strip":
                self.sheet.rect(x, top, x + cell * len(part), top + high * 0.45, fill=fill,
                                stroke=None)  # fmt: skip
            for place, (field, caption, value) in enumerate(part):
                left = x + place * cell
                if style == "cells":
                    self.sheet.rect(left, top, left + cell, top + high)
                room = cell - self.size * 0.7
                self.text(left + self.size * 0.35, top + self.size * 0.95, caption, wide=room,
                          scale=0.8 if style == "cells" else 0.9, bold=style == "strip",
                          colour="#333333")  # fmt: skip
                self.text(left + self.size * 0.35, top + self.size * 2.35, value, wide=room,
                          field=field, group=group)  # fmt: skip
            top += high
        return top + self.size * 1.6

    # -- tables ------------------------------------------------------------------------------------

    def table(
        self,
        x: float,
        y: float,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        wide: float,
        name: str,
        *,
        lowest: float | None = None,
        style: str | None = None,
        pitch: float | None = None,
        scale: float = 1.0,
        first: int = 0,
    ) -> tuple[float, int]:
        """A table from the top edge `y` on; returns its bottom edge and how many rows had room.

        Cells with a field are grouped by their row's number, from `first` on. Cells of the widest
        column are broken into lines; the others are fitted.
        """
        self.sheet.facts["table"] = True
        style = style or self.layout.pick(f"table {name}", TABLES)
        size = self.size * scale
        pitch = pitch or size * self.layout.between(f"pitch {name}", 1.45, 2.1)
        lowest = lowest or self.bottom
        whole = sum(column.share for column in columns)
        edges = [x]
        for column in columns:
            edges.append(edges[-1] + wide * column.share / whole)
        broad = max(range(len(columns)), key=lambda at: columns[at].share)
        accent = self.layout.accent
        dark = style in ("filled head", "tinted boxes")
        head = y
        if dark:
            self.sheet.rect(x, y, x + wide, y + pitch * 1.1, fill=accent, stroke=None)
        elif style == "zebra":
            self.sheet.rect(x, y, x + wide, y + pitch * 1.1, fill="#dddddd", stroke=None)
        upper = self.layout.chance(f"upper heads {name}", 0.15)
        for column, x0, x1 in zip(columns, edges, edges[1:], strict=False):
            named = column.head.upper() if upper else column.head
            self._cell(named, x0, x1, y + pitch * 0.72, column.align, scale=scale * 0.94,
                       bold=not self.layout.chance(f"plain heads {name}", 0.2),
                       colour="#ffffff" if dark else "#000000")  # fmt: skip
        y += pitch * 1.1
        rule = {"lined": 0.5, "thick head": 1.6, "bare": 0.4, "dashed": 0.8, "columns": 0.8}
        if style in rule:
            self.sheet.rule(x, y, x + wide, y, thick=rule[style], colour=accent)
        done = 0
        for row in rows:
            room = edges[broad + 1] - edges[broad] - size * 0.8
            face = self.regular
            parts = self.sheet.wrapped(row[broad], room, face, size)[:3] or [""]
            high = pitch + (len(parts) - 1) * size * 1.25
            if y + high > lowest:
                break
            if (style == "zebra" and done % 2) or style == "tinted boxes":
                self.sheet.rect(x, y, x + wide, y + high, stroke=None,
                                fill="#f2f2f2" if style == "zebra" else "#f7f4ee")  # fmt: skip
            base = y + pitch * 0.5 + size * 0.3
            for at, (column, x0, x1) in enumerate(zip(columns, edges, edges[1:], strict=False)):
                with self.sheet.block():
                    for step, part in enumerate(parts if at == broad else [row[at]]):
                        if part:
                            low = base + step * size * 1.25
                            self._cell(part, x0, x1, low, column.align, scale=scale,
                                       field=column.field, group=first + done)  # fmt: skip
            y += high
            if style == "lined":
                self.sheet.rule(x, y, x + wide, y, thick=0.3, colour="#999999")
            elif style == "dashed":
                self.sheet.rule(x, y, x + wide, y, thick=0.4, dash=(2, 2))
            elif style in ("boxed", "tinted boxes"):
                self.sheet.rule(x, y, x + wide, y, thick=0.5)
            done += 1
        if style in ("boxed", "tinted boxes", "columns"):
            if style != "columns":
                self.sheet.rule(x, head, x + wide, head)
                self.sheet.rule(x, head + pitch * 1.1, x + wide, head + pitch * 1.1)
            for edge in edges if style != "columns" else edges[1:-1]:
                self.sheet.rule(edge, head, edge, y, thick=0.5)
        if style in ("columns", "thick head", "bare", "boxed"):
            self.sheet.rule(x, y, x + wide, y, thick=0.6, colour=accent)
        return y, done

    def _cell(
        self,
        text: str,
        x0: float,
        x1: float,
        y: float,
        align: Align,
        *,
        scale: float,
        bold: bool = False,
        colour: str = "#000000",
        field: str | None = None,
        group: int = 0,
    ) -> None:
        inset = self.size * 0.4
        x = {"left": x0 + inset, "right": x1 - inset, "center": (x0 + x1) / 2}[align]
        self.text(x, y, text, scale=scale, bold=bold, colour=colour, align=align, field=field,
                  wide=x1 - x0 - inset * 2, group=group)  # fmt: skip
