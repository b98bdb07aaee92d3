"""The rows of a form: captions with lines, boxes and combs, and what is written into them."""

from __future__ import annotations

from copy import copy
from random import Random

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.fonts import HANDWRITING, font, width
from recipes.documents.form_values import Person
from recipes.documents.sheet import Sheet
from recipes.documents.wording import caption, listed, section, sections
from recipes.documents.writer import Writer, fitted

__all__ = ["CELLS", "Filling", "Rows", "table_of"]

TABLES = ("form_person", "form_things", "form_life")
CELLS = (
    "line beside", "box", "line above", "grid", "box above", "dots", "line beside", "box beside",
    "box", "line above", "tinted", "caption under", "underscores",
)  # fmt: skip
HEIGHTS = {
    "line beside": 2.3, "box": 2.75, "line above": 3.2, "grid": 2.1, "box above": 3.5, "dots": 2.2,
    "box beside": 2.35, "tinted": 3.6, "caption under": 3.1, "underscores": 2.3,
}  # fmt: skip
COMBED = {"birth_date", "recent_date", "postal_code", "id_number", "social_number", "tax_number"}


def table_of(key: str) -> str:
    """The table that has a field's section. Raises KeyError for an unknown field."""
    for table in TABLES:
        if key in sections(table):
            return table
    raise KeyError(f"no table of forms has [{key}]")


class Filling:
    """How a form is filled in: by whom, with what, and how much of it.

    Args:
        content: of the document.
        by: "typed", "hand" or "nobody".
        share: of the fields that have a value.
    """

    def __init__(self, content: Content, by: str, share: float) -> None:
        self.content, self.by, self.share = content, by, share
        self.person = Person(content)
        own = (content.layout.regular, "Courier", "Helvetica", "Times-Roman", "Courier-Bold")
        self.face = content.choose((*own, content.layout.regular, content.layout.bold))
        self.ink = content.choose(("#000000", "#000000", "#111111", "#10206e", "#1a1a6a"))
        self.hand = content.random.getrandbits(48)
        self.tick = content.choose(("X", "x", "X", "drawn", "drawn", "check", "full"))

    def filled(self) -> bool:
        """Whether the next field has a value."""
        return self.by != "nobody" and self.content.chance(self.share)

    def write(self, sheet: Sheet, x: float, y: float, text: str, size: float) -> None:
        """Handwriting, in all fields the same hand and pen."""
        content = copy(self.content)
        content.random = Random(self.hand)
        marks.handwriting(sheet, content, x, y, text, size)


class Rows:
    """Draws the fields of a form, as the layout has them.

    Args:
        writer: of the page.
        filling: what goes into the fields.
        cell: one of `CELLS`.
    """

    def __init__(self, writer: Writer, filling: Filling, cell: str) -> None:
        self.writer, self.sheet, self.layout = writer, writer.sheet, writer.layout
        self.filling, self.cell = filling, cell
        self.size = writer.size
        self.high = self.size * HEIGHTS[cell] * self.layout.between("row height", 0.94, 1.2)
        self.combs = self.layout.chance("combs", 0.3) and filling.by != "hand"
        self.other = self.layout.chance("second language", 0.07)
        self.number = 0

    def widths(self, keys: list[str], columns: int = 12) -> list[list[tuple[str, float, int]]]:
        """Fields in rows: (field, width in shares of the row, height in rows)."""
        rows: list[list[tuple[str, float, int]]] = []
        used = 99.0
        for key in keys:
            note = section(table_of(key), key)[0].split()[1]
            share = min(12.0, float(note.strip("*")) * 12 / columns)
            if self.cell == "grid" or (self.cell == "dots" and share > 5):
                share = 12
            if self.cell in ("line beside", "dots", "box beside", "underscores"):
                share = min(12.0, share * 1.25)
            if used + share > 12.01:
                rows.append([])
                used = 0
            rows[-1].append((key, share, 2 if note.endswith("*") else 1))
            used += share
        stretched = []
        for row in rows:
            whole = sum(share for _, share, _ in row)
            stretched.append([(key, share / whole, high) for key, share, high in row])
        return stretched

    def height(self, row: list[tuple[str, float, int]]) -> float:
        """How high a row is."""
        return max(high for _, _, high in row) * self.high

    def label(self, key: str) -> str:
        """A field's caption, perhaps in two languages, perhaps numbered or marked as needed."""
        text = caption(self.layout, table_of(key), key)
        if self.other and self.layout.language != "en":
            text += " / " + section(table_of(key), key)[1]["en"][0]
        return text

    def row(self, x: float, y: float, wide: float, row: list[tuple[str, float, int]]) -> float:
        """One row with its top edge at `y`; returns its bottom edge."""
        high = self.height(row)
        gap = 0 if self.cell in ("box", "grid") else self.size * 0.9
        at = x
        for key, share, _ in row:
            room = wide * share
            self.field(at, y, room - (gap if share < 0.99 else 0), high, key)
            at += room
        return y + high

    def field(self, x: float, y: float, wide: float, high: float, key: str) -> None:
        """One field in a rectangle from (x, y)."""
        maker = section(table_of(key), key)[0].split()[0]
        label = self.label(key)
        shown = label
        if self.layout.chance("numbered fields", 0.18):
            self.number += 1
            shown = f"{self.number} {label}" if self.cell == "box" else f"{self.number}. {label}"
        elif self.layout.chance("stars", 0.12) and self.layout.chance(f"star {key}", 0.4):
            shown = f"{label} *" if label.endswith("?") else f"{label}*"
        filled = self.filling.filled()
        if maker in ("choice", "yes_no"):
            self._choice(x, y, wide, high, key, shown, label, maker, filled)
            return
        value = self.filling.person.value(maker) if filled else ""
        self._note(key, label, value)
        size = self.size
        cell, base = self.cell, y + high - size * 0.75
        lines = int(high > self.high * 1.5) + 1
        line = "#000000" if self.layout.chance("black lines", 0.7) else "#888888"
        if cell in ("box", "tinted", "box above", "line above"):
            small = 0.72 if cell == "box" else 0.85
            if cell in ("box", "tinted"):
                self.sheet.rect(x, y, x + wide, y + high - (4 if cell == "tinted" else 0),
                                fill="#ffffff" if cell == "tinted" else None, stroke=line,
                                radius=3 if cell == "tinted" else 0)  # fmt: skip
                self.writer.text(x + size * 0.35, y + size * 0.9, shown, scale=small,
                                 wide=wide - size * 0.7)  # fmt: skip
            else:
                self.writer.text(x, y + size * 0.9, shown, scale=small, wide=wide)
                if cell == "box above":
                    self.sheet.rect(x, y + size * 1.15, x + wide, base + size * 0.45, stroke=line)
                else:
                    self._rule(x, base + size * 0.3, x + wide, line)
            inset = 0 if cell == "line above" else size * 0.45
            if cell == "tinted":
                base -= 3
            self._write(x + inset, base, wide - inset * 2, value, key, maker, lines, y + size)
        elif cell == "caption under":
            self._rule(x, base - size * 0.75, x + wide, line)
            self.writer.text(x, base + size * 0.2, shown, scale=0.75, wide=wide, colour="#333333")
            self._write(x + 2, base - size, wide - 4, value, key, maker, lines, y)
        else:
            self._beside(x, y, wide, high, base, key, shown, value, maker, lines, line)

    def _beside(
        self, x: float, y: float, wide: float, high: float, base: float, key: str, shown: str,
        value: str, maker: str, lines: int, line: str,
    ) -> None:  # fmt: skip
        """A caption with its line, box or column of a grid at its right."""
        size, cell = self.size, self.cell
        if cell == "grid":
            column = wide * self.layout.between("grid column", 0.28, 0.45)
            fill = self.layout.pick("grid fill", ("#eeeeee", "#ffffff", "#e6edf5", "#f5f0e1"))
            self.sheet.rect(x, y, x + column, y + high, fill=fill)
            self.sheet.rect(x + column, y, x + wide, y + high)
            self.writer.text(x + size * 0.4, y + self.high - size * 0.75, shown,
                             wide=column - size * 0.8)  # fmt: skip
            start = x + column + size * 0.5
        else:
            first = y + self.high - size * 0.75
            end = self.writer.text(x, first, self.writer.captioned(shown), wide=wide * 0.62)
            if self.layout.chance("aligned lines", 0.4) and wide > self.writer.wide * 0.6:
                end = max(end, x + wide * 0.3)
            start = end + size * 0.4
            if cell == "box beside":
                self.sheet.rect(start, y + size * 0.25, x + wide, y + high - size * 0.25,
                                stroke=line)  # fmt: skip
                start += size * 0.4
            elif cell == "dots":
                for step in range(lines):
                    low = base + 2 - step * self.high
                    self.sheet.rule(start, low, x + wide, low, dash=(0.8, 2), thick=0.8)
            else:
                thick = 0.9 if cell == "underscores" else 0.5
                for step in range(lines):
                    low = base + 2.5 - step * self.high
                    self._rule(start, low, x + wide, line, thick)
        self._write(start, base, x + wide - start - size * 0.3, value, key, maker, lines, y)

    def _rule(self, x0: float, y: float, x1: float, colour: str, thick: float = 0.5) -> None:
        self.sheet.rule(x0, y, x1, y, colour=colour, thick=thick)

    def _note(self, key: str, label: str, value: str) -> None:
        """Remember the caption of a value that can be read, or of a field without one."""
        place = (f"form:{key}", 0)
        if value and self.filling.by == "typed":
            self.sheet.captions[place] = label
        elif not value:
            self.sheet.facts.setdefault("blank", {})[place] = label

    def _write(
        self, x: float, y: float, wide: float, value: str, key: str, maker: str, lines: int,
        top: float,
    ) -> None:  # fmt: skip
        """A value with its last line's baseline at `y`: typed, by hand, or letter by letter."""
        letters = value.replace(" ", "")
        cell = self.size * 1.25
        count = max(len(letters), 8)
        combed = maker in COMBED and self.layout.chance(f"comb {key}", 0.75)
        # A month's name has no place in boxes for digits.
        combed = combed and not (maker.endswith("date") and any(map(str.isalpha, value)))
        if self.combs and combed and cell * count < wide and lines == 1:
            for place in range(count):
                left = x + place * cell
                self._rule(left, y + 2.5, left + cell, "#444444", 0.4)
                for edge in (left, left + cell):
                    self.sheet.rule(edge, y + 2.5, edge, y - self.size * 0.35, thick=0.4)
                if place < len(letters):
                    self.sheet.text(left + cell / 2, y, letters[place], font=self.filling.face,
                                    size=self.size, align="center", colour=self.filling.ink,
                                    field=f"form:{key}")  # fmt: skip
            return
        if not value:
            return
        if lines == 1:
            self._line(x, y, wide, value, key)
            return
        parts = self.sheet.wrapped(value, wide * (0.95 if self.filling.by == "typed" else 0.72),
                                   self.filling.face, self.size)[:2]  # fmt: skip
        ruled = self.cell in ("line beside", "dots", "underscores")
        pitch = self.high if ruled else (y - top) * 0.5
        with self.sheet.block():
            for step, part in enumerate(parts):
                self._line(x, y - (1 - step) * pitch, wide, part, key)

    def write_line(self, x: float, y: float, wide: float, value: str, key: str, label: str) -> None:
        """A value on one line whose caption stands elsewhere."""
        self._note(key, label, value)
        self._line(x, y, wide, value, key)

    def _line(self, x: float, y: float, wide: float, value: str, key: str) -> None:
        if self.filling.by == "hand":
            size = self.size * 1.35
            longest = max(width(value, font(face), size) for face in HANDWRITING)
            size *= min(1.0, wide / (longest * 1.22 + 0.1))
            self.filling.write(self.sheet, x, y - 0.5, value, size)
            return
        text, size = fitted(value, wide, self.filling.face, self.size)
        self.sheet.text(x, y, text, font=self.filling.face, size=size, colour=self.filling.ink,
                        field=f"form:{key}")  # fmt: skip

    # -- boxes to tick -----------------------------------------------------------------------------

    def _choice(
        self, x: float, y: float, wide: float, high: float, key: str, shown: str, label: str,
        maker: str, filled: bool,
    ) -> None:  # fmt: skip
        """Options with boxes. What is ticked is a value only where the tick is a printed letter."""
        table = table_of(key)
        options = (
            listed(self.layout, "form_text", "yes_no")
            if maker == "yes_no"
            else listed(self.layout, table, f"options:{key}")
        )
        ticked = self.filling.content.random.randrange(len(options)) if filled else -1
        size, base = self.size, y + high - self.size * 0.75
        if self.cell in ("box", "grid"):
            self.sheet.rect(x, y, x + wide, y + high)
        inset = size * 0.4 if self.cell in ("box", "grid", "tinted") else 0
        if self.cell == "grid":
            start = x + wide * self.layout.between("grid column", 0.28, 0.45) + size * 0.5
            self.sheet.rule(start - size * 0.5, y, start - size * 0.5, y + high)
            self.writer.text(x + inset, base, shown, wide=start - x - size)
        elif self.cell in ("box", "tinted", "box above", "line above", "caption under"):
            self.writer.text(x + inset, y + size * 0.9, shown, scale=0.75, wide=wide - inset * 2)
            start = x + inset
        else:
            end = self.writer.text(x, base, self.writer.captioned(shown), wide=wide * 0.4)
            start = end + size * 0.8
        readable = self.tickboxes(start, base, x + wide - start - 2, options, ticked, key)
        self._note(key, label, options[ticked] if readable else "")
        if ticked >= 0 and not readable:
            self.sheet.facts.get("blank", {}).pop((f"form:{key}", 0), None)

    def tickboxes(
        self, x: float, y: float, wide: float, options: list[str], ticked: int, key: str
    ) -> bool:
        """Options in a row, each with its box; True where words say which one is ticked."""
        size = self.size
        style = self.layout.pick("tick style", ("box", "box", "[ ]", "circle", "box after", "( )"))
        face = self.writer.regular
        spelled = style in ("[ ]", "( )")
        box = width(style.replace(" ", "X"), face, size) + size * 0.4 if spelled else size * 1.35
        need = sum(width(each, face, size) for each in options)
        need += len(options) * (box + size * 0.75)
        scale = min(1.0, wide / need)
        small = size * scale
        printed = self.filling.by == "typed" and (spelled or self.filling.tick in "Xx")
        step = (
            (wide - need * scale) / len(options) if self.layout.chance("spread ticks", 0.3) else 0
        )
        for place, option in enumerate(options):
            chosen = place == ticked
            field = f"form:{key}" if chosen and printed and key else None
            if style == "box after":
                x = self.writer.text(x, y, option, scale=scale, field=field) + small * 0.4
            if spelled:
                tick = ("x" if self.filling.tick == "x" else "X") if chosen and printed else " "
                text = style.replace(" ", tick)
                self.writer.text(x, y, text if tick != " " else style[0], scale=scale)
                if tick == " ":
                    close = width(style.replace(" ", "X"), face, small) - width(
                        style[2], face, small
                    )
                    self.writer.text(x + close, y, style[2], scale=scale)
                if chosen and not printed:
                    self._mark(x + small * 0.1, y, small)
            else:
                self.box(x, y, small, style == "circle", chosen, printed)
            x += box * scale
            if style != "box after":
                x = self.writer.text(x, y, option, scale=scale, field=field)
            x += small * 0.7 + min(step, size * 4)
        return printed and ticked >= 0

    def box(self, x: float, y: float, size: float, circle: bool, on: bool, printed: bool) -> None:
        """A box or a circle to tick, its lower edge a little below the baseline."""
        edge = size * 0.85
        self.sheet.rect(x, y - edge + 1, x + edge, y + 1, radius=edge / 2 if circle else 0)
        if on and printed:
            self.sheet.text(x + edge / 2, y + 1 - edge * 0.12, self.filling.tick, align="center",
                            font="Helvetica-Bold", size=edge * 0.95)  # fmt: skip
        elif on:
            self._mark(x, y, size)

    def _mark(self, x: float, y: float, size: float) -> None:
        """A tick that is drawn, not printed."""
        edge, tick = size * 0.85, self.filling.tick
        ink = self.filling.ink if self.filling.by == "typed" else "#1a2a80"
        if tick == "full":
            self.sheet.rect(x + 1.5, y - edge + 2.5, x + edge - 1.5, y - 0.5, fill=ink, stroke=None)
        elif tick == "check":
            self.sheet.rule(x + 1, y - edge / 2, x + edge * 0.4, y, colour=ink, thick=1.2)
            self.sheet.rule(x + edge * 0.4, y, x + edge * 1.2, y - edge * 1.1, colour=ink,
                            thick=1.2)  # fmt: skip
        else:
            reach = 1.0 if self.filling.by == "hand" else -0.5
            low, high = y + 1 + reach, y - edge + 1 - reach
            self.sheet.rule(x - reach, low, x + edge + reach, high, colour=ink, thick=1)
            self.sheet.rule(x - reach, high, x + edge + reach, low, colour=ink, thick=1)
