"""Parts of forms other than single fields: titles, tables to fill in, ratings, signatures."""

from __future__ import annotations

from decimal import Decimal

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.form_rows import Filling, Rows, table_of
from recipes.documents.wording import caption, listed, section, variants
from recipes.documents.writer import Column, Writer

__all__ = ["Parts"]

HEADINGS = (
    "band", "bold", "line under", "numbered", "letter box", "grey band", "capitals", "tab",
    "centred",
)  # fmt: skip
HEADERS = (
    "left",
    "centred",
    "band",
    "box",
    "right logo",
    "left",
    "letterhead",
    "columns",
    "corner",
)


class Parts:
    """Draws the parts of one form.

    Args:
        writer: of the page.
        content: of the document.
        filling: what goes into the fields.
        rows: for the form's fields.
        subject: what the form is about.
        issuer: the name of the office that it comes from, and its address.
    """

    def __init__(
        self, writer: Writer, content: Content, filling: Filling, rows: Rows, subject: str,
        issuer: list[str],
    ) -> None:  # fmt: skip
        self.writer, self.sheet, self.layout = writer, writer.sheet, writer.layout
        self.content, self.filling, self.rows = content, filling, rows
        self.subject, self.issuer = subject, issuer
        self.size = writer.size
        self.count = 0

    # -- the top of the page -----------------------------------------------------------------------

    def header(self) -> float:
        """Title, issuer, logo, numbers and instructions; returns the y below them."""
        layout, writer, size = self.layout, self.writer, self.size
        title = caption(layout, "form_text", f"title:{self.subject}")
        if layout.chance("upper title", 0.3):
            title = title.upper()
        name = self.issuer[0]
        number = caption(layout, "form_text", "form_number").replace(
            "{n}", layout.pick("form number", ("12-704", "A 31", "2044", "B/17", "903-E", "W-8"))
        )
        number = number if layout.chance("form number", 0.5) else ""
        style = layout.pick("header", HEADERS)
        large = layout.between("title size", 1.5, 2.3)
        left, right, top = writer.left, writer.right, writer.layout.margin * 0.8
        colour = layout.accent if layout.chance("coloured title", 0.5) else "#000000"
        logo = layout.chance("logo", 0.62) and style not in ("band", "centred")
        if style in ("left", "letterhead", "columns"):
            if logo:
                marks.logo(self.sheet, layout, right - 80, top, right, top + 42)
            room = writer.wide - (90 if logo else 0)
            y = top + size * 1.2
            if style == "letterhead":
                writer.text(left, y, name, bold=True, wide=room, scale=1.2)
                for line in self.issuer[1:3]:
                    y += size * 1.25
                    writer.text(left, y, line, scale=0.85, wide=room)
                y += size * 3
                room = writer.wide
                y = max(y, top + 50 + size * large) if logo else y
            elif style == "columns":
                writer.text(left, y, name, wide=room * 0.45, scale=0.95)
                writer.text(left, y + size * 1.3, number, scale=0.8)
                writer.text(left + room * 0.48, y + size * 0.8, title, bold=True, scale=large,
                            colour=colour, wide=room * 0.52)  # fmt: skip
                y += size * 3
            if style != "columns":
                if style == "left":
                    writer.text(left, y, name, wide=room, scale=0.95)
                    y += size * large + 4
                writer.text(left, y, title, bold=True, scale=large, colour=colour, wide=room)
                y += size * 1.5
                writer.text(left, y, number, scale=0.8, colour="#555555")
                y += size * (1.2 if number else 0)
            y = max(y, top + 50) if logo else y
        elif style == "centred":
            middle = (left + right) / 2
            y = top + size
            writer.text(middle, y, name, align="center", wide=writer.wide)
            y += size * large + 6
            writer.text(middle, y, title, bold=True, scale=large, align="center", colour=colour,
                        wide=writer.wide)  # fmt: skip
            y += size * 1.4
            writer.text(middle, y, number, align="center", scale=0.8)
            y += size * 1.3
        elif style == "band":
            high = size * large * 1.9
            self.sheet.rect(left, top, right, top + high, fill=layout.accent, stroke=None)
            writer.text(left + 8, top + high * 0.66, title, bold=True, scale=large,
                        colour="#ffffff", wide=writer.wide - 16)  # fmt: skip
            y = top + high + size * 1.5
            writer.text(left, y, name, scale=0.9, wide=writer.wide * 0.6)
            writer.text(right, y, number, scale=0.9, align="right", wide=writer.wide * 0.35)
            y += size * 1.2
        elif style == "box":
            high = size * (large + 3.2)
            split = left + writer.wide * layout.between("split", 0.6, 0.75)
            self.sheet.rect(left, top, right, top + high)
            self.sheet.rule(split, top, split, top + high)
            writer.text(left + 6, top + size * 1.3, name, scale=0.9, wide=split - left - 12)
            writer.text(left + 6, top + high - size * 0.9, title, bold=True, scale=large,
                        colour=colour, wide=split - left - 12)  # fmt: skip
            writer.text(split + 6, top + size * 1.3, number, scale=0.85, wide=right - split - 12)
            self.field_in(split + 6, top + high - size * 0.8, right - split - 12, "reference")
            if logo and not number:
                marks.logo(self.sheet, layout, split + 6, top + 4, right - 6, top + high * 0.5)
            y = top + high + size * 0.8
        else:
            place = left if style == "right logo" else right
            if logo:
                at = (right - 90, right) if style == "right logo" else (left, left + 90)
                marks.logo(self.sheet, layout, at[0], top, at[1], top + 40)
            room = writer.wide - 100
            align = "left" if style == "right logo" else "right"
            writer.text(place, top + size * large, title, bold=True, scale=large, colour=colour,
                        wide=room, align=align)  # type: ignore[arg-type]  # fmt: skip
            writer.text(place, top + size * (large + 1.6), name, wide=room,
                        align=align)  # type: ignore[arg-type]  # fmt: skip
            writer.text(place, top + size * (large + 3), number, wide=room, scale=0.8,
                        align=align)  # type: ignore[arg-type]  # fmt: skip
            y = max(top + 48, top + size * (large + 3.6))
        if self.content.chance(0.15):
            marks.barcode(self.sheet, self.content, right - 120, y, right, y + 30)
            y += 36
        if layout.chance("instructions", 0.65):
            y = self.sentences(y + size * 1.2, layout.pick("how many instructions", (1, 2, 3)))
        return y + size * 0.6

    def field_in(self, x: float, y: float, wide: float, key: str) -> None:
        """A small field on one line, without a line or a box."""
        label = caption(self.layout, table_of(key), key)
        end = self.writer.text(x, y, self.writer.captioned(label), scale=0.85, wide=wide * 0.6)
        if self.filling.by == "typed" and self.filling.filled():
            value = self.filling.person.value(section(table_of(key), key)[0].split()[0])
            self.writer.text(end + 4, y, value, wide=x + wide - end - 4, field=f"form:{key}",
                             font=self.filling.face)  # fmt: skip
            self.sheet.captions[f"form:{key}", 0] = label

    def sentences(self, y: float, count: int, name: str = "sentences") -> float:
        """Some running text: instructions or a declaration."""
        options = list(variants(self.layout, "form_text", "sentence"))
        self.layout.random(name).shuffle(options)
        return self.writer.paragraph(
            self.writer.left, y, " ".join(options[:count]), self.writer.wide,
            scale=self.layout.pick("small print", (0.85, 0.75, 1.0, 0.9)), leading=1.3,
        )  # fmt: skip

    # -- sections ----------------------------------------------------------------------------------

    def heading(self, x: float, y: float, wide: float, name: str) -> float:
        """A section's heading with its top edge at `y`; returns its bottom edge."""
        text = caption(self.layout, "form_text", f"section:{name}")
        style = self.layout.pick("headings", HEADINGS)
        size, write = self.size, self.writer.text
        self.count += 1
        base, low = y + size * 1.25, y + size * 1.75
        if style in ("band", "grey band", "tab"):
            end = x + (wide if style != "tab" else min(wide, size * len(text) * 0.75 + 16))
            fill = "#dddddd" if style == "grey band" else self.layout.accent
            self.sheet.rect(x, y, end, low, fill=fill, stroke=None)
            write(x + size * 0.5, base, text, bold=True, wide=end - x - size,
                  colour="#000000" if style == "grey band" else "#ffffff")  # fmt: skip
            if style == "tab":
                self.sheet.rule(x, low, x + wide, low, colour=self.layout.accent, thick=1)
            return low + size * 0.4
        if style == "letter box":
            self.sheet.rect(x, y, x + size * 1.75, low, fill="#000000", stroke=None)
            write(x + size * 0.87, base, chr(64 + self.count), bold=True, align="center",
                  colour="#ffffff")  # fmt: skip
            write(x + size * 2.3, base, text, bold=True, wide=wide - size * 2.5)
            return low + size * 0.4
        if style == "numbered":
            text = f"{self.count}. {text}"
        elif style == "capitals":
            text = text.upper()
        place = x + wide / 2 if style == "centred" else x
        write(place, base, text, bold=style != "line under", scale=1.1, wide=wide,
              align="center" if style == "centred" else "left")  # fmt: skip
        if style in ("line under", "centred"):
            self.sheet.rule(x, low, x + wide, low, colour=self.layout.accent, thick=0.8)
        return low + size * 0.5

    def table(self, y: float, lowest: float) -> float:
        """A table of goods or expenses, filled as far as the form is."""
        layout, content, filling = self.layout, self.content, self.filling
        travel = self.subject == "travel"
        heads = listed(layout, "form_text", f"columns:{'travel' if travel else 'order'}")
        shares = (2, 5, 2, 2) if travel else (2, 5, 1.3, 2, 2)
        columns = [
            Column(head, share, "left" if at < 2 else "right" if at > 2 else "center")
            for at, (head, share) in enumerate(zip(heads, shares, strict=True))
        ]
        y = self.heading(self.writer.left, y, self.writer.wide, "table")
        lines = content.random.randint(1, 6) if filling.by == "typed" else 0
        rows, total = [], Decimal(0)
        for number in range(lines):
            price = Decimal(content.random.randint(200, 20000)) / 100
            count = content.random.randint(1, 6)
            day = filling.person.value("recent_date")
            if travel:
                total += price
                rows.append([day, filling.person.word("purpose"), str(number + 1),
                             content.number(price)])  # fmt: skip
            else:
                total += price * count
                rows.append([content.digits("###-##"), filling.person.word("goods"), str(count),
                             content.number(price), content.number(price * count)])  # fmt: skip
        blank = [[""] * len(columns)] * (layout.random("lines").randint(4, 10) - lines)
        style = layout.pick("table style", ("boxed", "lined", "boxed", "columns", "tinted boxes"))
        y, done = self.writer.table(self.writer.left, y, columns, rows + blank, self.writer.wide,
                                    "form", lowest=lowest - self.size * 3, style=style)  # fmt: skip
        self.sheet.facts["line_items"] = min(done, lines)
        y += self.size * 1.7
        label = caption(layout, "form_text", "total")
        self.writer.text(self.writer.right - 90, y, self.writer.captioned(label), bold=True,
                         align="right")  # fmt: skip
        if lines and done >= lines:
            self.writer.text(self.writer.right - 4, y, content.money(total), align="right",
                             font=filling.face, field="form:total_amount", wide=82)  # fmt: skip
            self.sheet.captions["form:total_amount", 0] = label
        else:
            self.sheet.rule(self.writer.right - 80, y + 2, self.writer.right, y + 2)
        return y + self.size

    def rating(self, y: float, lowest: float) -> float:
        """Statements with a row of boxes each."""
        layout, content = self.layout, self.content
        y = self.heading(self.writer.left, y, self.writer.wide, "rating")
        grades = listed(layout, "form_text", "grades")
        asked = list(variants(layout, "form_text", "rated"))
        layout.random("asked").shuffle(asked)
        start = self.writer.left + self.writer.wide * 0.42
        step = (self.writer.right - start) / len(grades)
        pitch = self.size * layout.between("rating pitch", 1.7, 2.2)
        lined = layout.chance("rating lines", 0.6)
        for at, grade in enumerate(grades):
            self.writer.text(start + step * (at + 0.5), y + self.size, grade, align="center",
                             scale=0.85, wide=step - 4)  # fmt: skip
        y += self.size * 1.6
        self.sheet.facts["table"] = True
        for text in asked[: layout.random("how many").randint(4, 10)]:
            if y + pitch > lowest:
                break
            if lined:
                self.sheet.rule(self.writer.left, y, self.writer.right, y, thick=0.3)
            base = y + pitch * 0.5 + self.size * 0.3
            self.writer.text(self.writer.left, base, text, wide=start - self.writer.left - 6)
            chosen = content.random.randrange(len(grades)) if self.filling.filled() else -1
            for at in range(len(grades)):
                self.rows.box(start + step * (at + 0.5) - self.size * 0.4, base, self.size,
                              layout.chance("round ratings", 0.3), at == chosen, False)  # fmt: skip
            y += pitch
        return y + self.size * 0.5

    def amounts(self, y: float, lowest: float) -> float:
        """Numbered lines with amounts at the right, as tax forms have them."""
        layout, content, filling = self.layout, self.content, self.filling
        y = self.heading(self.writer.left, y, self.writer.wide, "income")
        lines = list(variants(layout, "form_values", "tax_lines"))
        first = layout.random("first line").randint(1, 60)
        box = self.writer.right - self.writer.wide * layout.between("amount box", 0.2, 0.3)
        boxed = layout.chance("boxed amounts", 0.6)
        pitch = self.size * layout.between("amounts pitch", 1.7, 2.3)
        for at, line in enumerate(lines):
            if y + pitch > lowest:
                break
            label, _, key = (part.strip() for part in line.partition("~"))
            base = y + pitch * 0.68
            self.writer.text(self.writer.left, base, str(first + at), scale=0.9)
            end = self.writer.text(self.writer.left + self.size * 2.2, base, label,
                                   wide=box - self.writer.left - self.size * 3)  # fmt: skip
            if layout.chance("leaders", 0.5) and end + 8 < box:
                self.sheet.rule(end + 3, base, box - 4, base, dash=(0.8, 2.4))
            if boxed:
                self.sheet.rect(box, y + 1.5, self.writer.right, y + pitch - 1.5)
            else:
                self.sheet.rule(box, base + 2.5, self.writer.right, base + 2.5)
            if filling.filled():
                amount = content.number(round(content.random.uniform(50, 60000)), 0)
                if filling.by == "typed":
                    self.sheet.text(self.writer.right - 5, base, amount, font=filling.face,
                                    size=self.size, align="right", colour=filling.ink,
                                    field=f"form:{key}")  # fmt: skip
                    self.sheet.captions[f"form:{key}", 0] = label
                else:
                    filling.write(self.sheet, box + 12, base, amount, self.size * 1.2)
            else:
                self.sheet.facts.setdefault("blank", {})[f"form:{key}", 0] = label
            y += pitch
        return y + self.size * 0.5

    # -- the end -----------------------------------------------------------------------------------

    def signature(self, y: float) -> None:
        """Place, date and signature on lines or in boxes around `y`."""
        writer, size, layout = self.writer, self.size, self.layout
        split = writer.left + writer.wide * layout.between("signature split", 0.4, 0.55)
        boxed = layout.chance("boxed signature", 0.3)
        spans = [
            (writer.left, split - 14, "place_and_date"),
            (split + 6, writer.right, "signature"),
        ]
        if layout.chance("signature only", 0.15):
            spans = spans[1:]
        elif layout.chance("signature first", 0.15):
            spans = [(spans[0][0], spans[0][1], "signature"), (spans[1][0], spans[1][1], "date")]
        above = boxed or layout.chance("signature caption above", 0.25)
        for x0, x1, key in spans:
            label = caption(layout, table_of(key), key)
            if boxed:
                self.sheet.rect(x0, y - size * 3.2, x1, y + size * 0.6)
            else:
                self.sheet.rule(x0, y, x1, y)
            low = y - size * 2.3 if above else y + size * 1.05
            writer.text(x0 + (4 if boxed else 0), low, label, scale=0.8, wide=x1 - x0 - 6)
            signed = self.filling.by != "nobody" or self.content.chance(0.15)
            if key == "signature":
                if signed and self.content.chance(0.66):
                    marks.signature(self.sheet, self.content, x0 + 8, y - size * 3.4,
                                    min(x1 - 8, x0 + 190), y + size * 0.5)  # fmt: skip
            elif self.filling.filled():
                value = self.filling.person.value("place_date" if key != "date" else "recent_date")
                self.rows.write_line(x0 + 5, y - size * 0.35, x1 - x0 - 10, value, key, label)

    def office(self, y: float) -> float:
        """A box for the office that gets the form; returns its bottom edge."""
        writer, size = self.writer, self.size
        high = size * 5.4
        self.sheet.rect(writer.left, y, writer.right, y + high,
                        fill=self.layout.pick("grey", ("#f0f0f0", "#ffffff")))  # fmt: skip
        title = caption(self.layout, "form_text", "section:office")
        writer.text(writer.left + 5, y + size * 1.2, title, scale=0.85, bold=True,
                    wide=writer.wide - 10)  # fmt: skip
        half = writer.wide / 2
        for at, key in enumerate(("received_on", "customer_number")):
            x = writer.left + 5 + at * half
            self.field_in(x, y + size * 3.2, half * 0.8, key)
            self.sheet.rule(x, y + size * 3.6, x + half * 0.8, y + size * 3.6, thick=0.3)
        return y + high

    def notes(self, x: float, y: float, wide: float, lowest: float) -> None:
        """Explanations in a narrow column."""
        options = list(variants(self.layout, "form_text", "sentence"))
        self.layout.random("notes").shuffle(options)
        for text in options[: self.layout.random("how many notes").randint(2, 6)]:
            lines = self.sheet.wrapped(text, wide, self.writer.regular, self.size * 0.8)
            if y + len(lines) * self.size > lowest:
                return
            y = self.writer.paragraph(x, y, text, wide, scale=0.8, leading=1.25) + self.size * 0.8

    def footer(self) -> None:
        """The page's number and the form's at the foot."""
        y = self.sheet.height - min(24, self.layout.margin * 0.5)
        text = caption(self.layout, "form_text", "page")
        at = self.layout.pick("footer", ("right", "center", "left", "right"))
        x = {"left": self.writer.left, "center": self.sheet.width / 2, "right": self.writer.right}
        self.writer.text(x[at], y, text, scale=0.75, align=at)  # type: ignore[arg-type]
