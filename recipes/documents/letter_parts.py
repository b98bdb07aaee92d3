"""What a letter says, and the parts that arrangements put in their places."""

from __future__ import annotations

from recipes.documents import marks
from recipes.documents.column import Column, Pair, fitting
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.prose import Part, Prose
from recipes.documents.sheet import A4, LETTER, Sheet

__all__ = ["Letter"]

COMPANY = ("business", "reminder", "offer", "notice", "complaint", "reminder", "business")
PERSON = ("private", "complaint", "cover", "cancel", "cover", "private")


class Letter:
    """What one letter says, and the parts that arrangements put in their places."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.content = layout, Content(layout, seed)
        self.prose = prose = Prose(layout, self.content)
        content = self.content
        american = content.country in ("US", "CA") and layout.chance("letter paper", 0.85)
        self.sheet = Sheet(LETTER if american else A4)
        marks.none(self.sheet)
        self.sheet.facts |= {
            "kind": "letter", "line_items": 0, "table": False, "orientation": "portrait",
        }  # fmt: skip
        self.company = layout.chance("of a company", 0.62)
        self.purpose = content.choose(COMPANY if self.company else PERSON)
        self.person = content.person()
        self.sender = content.company() if self.company else self.person
        self.address = content.address()
        self.phone, self.email = content.phone(), content.email(self.person)
        self.website = content.website()
        to_person = self.purpose == "private" or (self.company and content.chance(0.4))
        self.recipient = content.person() if to_person else content.company()
        self.recipient_address = content.address()
        self.to_person = to_person
        self.day = content.day()
        self.date = content.date(self.day)
        prose.values = {"letter_date": self.date}
        self.margin = max(layout.margin, 44)
        self.size = max(layout.size, 8.6)
        self.low = self.sheet.height - self.margin

    def column(self, x: float, y: float, wide: float, lowest: float, scale: float = 1.0) -> Column:
        """A column in the letter's typeface."""
        return Column(
            self.sheet, x, y, wide, lowest, self.layout.regular, self.layout.bold,
            self.size * scale, self.layout.accent,
            leading=self.layout.between("leading", 1.22, 1.5),
            gap=self.layout.between("gap", 0.4, 1),
        )  # fmt: skip

    def page(self, y: float, lowest: float | None = None) -> Column:
        """A column of the page's whole width."""
        wide = self.sheet.width - 2 * self.margin
        return self.column(self.margin, y, wide, lowest or self.low)

    # -- the parts ---------------------------------------------------------------------------------

    def letterhead(self) -> float:
        """The sender on top of the page; returns the lowest baseline."""
        style = self.layout.pick(
            "letterhead", ("left", "middle", "right", "line", "left", "band", "logo beside")
        )
        head = self.page(self.margin)
        logo = self.company and self.layout.chance("logo", 0.58)
        high = self.layout.between("logo height", 26, 48)
        if style == "band":
            self.sheet.rect(0, 0, self.sheet.width, 62, fill=self.layout.accent, stroke=None)
            head.y = 30
            head.line(self.sender, size=17, bold=True, colour="#ffffff", field="sender")
            head.line(self.slogan(), size=8, colour="#ffffff")
            if logo:
                right = self.sheet.width - self.margin
                marks.logo(self.sheet, self.layout, right - 70, 72, right, 72 + high)
            return 84 + (high if logo else 0)
        align = {"middle": "center", "right": "right"}.get(style, "left")
        if logo:
            end = head.right
            left = {"right": head.x, "middle": head.x + head.wide / 2 - high}.get(style, end - 110)
            left = head.x if style == "logo beside" else left
            wide = 2 * high if style == "middle" else 110
            top = self.margin - 14
            marks.logo(self.sheet, self.layout, left, top, left + wide, top + high)
            if style == "middle":
                head.y += high + 6
            elif style == "logo beside":
                head = head.beside(head.x + 122, head.wide - 122)
            else:
                shift = 118 if style == "right" else 0
                head = head.beside(head.x + shift, head.wide - 118)
        size = self.layout.between("name size", 12, 20)
        upper = self.layout.chance("name in capitals", 0.2)
        name = self.sender.upper() if upper else self.sender
        options = {"align": align, "colour": self.layout.accent}
        with self.sheet.block():
            head.line(name, size=size, bold=True, field="sender", **options)  # type: ignore[arg-type]
            if self.company and self.layout.chance("slogan", 0.4):
                head.line(self.slogan(), size=self.size * 0.85, align=align)  # type: ignore[arg-type]
        if style == "line":
            text = " · ".join((*self.address, self.phone))
            head.line(text, size=self.size * 0.85, align="left")
        elif not self.layout.chance("address in the footer", 0.3):
            small = {"size": self.size * 0.9, "align": align}
            head.lines(self.address, field="sender_address", **small)
            head.line(self.phone, field="x_phone", group=2, **small)  # type: ignore[arg-type]
            head.line(self.email, field="email", group=2, **small)  # type: ignore[arg-type]
        y = max(head.y, self.margin + high if logo else 0)
        if self.layout.chance("rule under letterhead", 0.45):
            end = self.sheet.width - self.margin
            self.sheet.rule(self.margin, y, end, y, colour=self.layout.accent, thick=1)
            y += 6
        return y + self.size

    def slogan(self) -> str:
        """What the company says of itself, the same on all its letters."""
        return self.layout.pick("slogan", [*self.prose.texts["slogans"]])

    def to(self, column: Column) -> None:
        """The recipient's name and address."""
        with self.sheet.block():
            if self.layout.chance("way of delivery", 0.15) and self.company:
                column.line(self.prose.word("delivery"), bold=True)
            column.line(self.recipient, field="recipient")
            if not self.to_person and self.content.chance(0.5):
                column.line(self.prose.word("departments"))
            column.lines(self.recipient_address, field="recipient_address")

    def return_line(self, column: Column) -> None:
        """The sender in one small line over the recipient's address."""
        text = " · ".join((self.sender, *self.address))
        small = self.size * 0.68
        column.line(text, size=small)
        under = column.y - small * 1.05
        self.sheet.rule(column.x, under, column.right, under, thick=0.3)
        column.y += self.size * 0.8

    def place_and_date(self, column: Column, align: str = "right") -> None:
        """ "Lyon, le 3 mai 2024"."""
        parts = self.prose.parts(self.layout.pick("place.date", self.prose.texts["place.date"]))
        whole = sum(width(text, column.regular, column.size) for text, _ in parts)
        whole += width(" ", column.regular, column.size) * (len(parts) - 1)
        x = column.right - whole if align == "right" else column.x
        self.sheet.runs(x, column.y, parts, font=column.regular, size=column.size)
        column.y += column.step

    def details(self) -> list[Pair]:
        """Date and references with their captions."""
        prose, layout, number = self.prose, self.layout, self.prose.number
        every = [
            (1.0, "letter_date", "letter_date", self.date),
            (0.6, "our_reference", "our_reference", number()),
            (0.45, "your_reference", "your_reference", number()),
            (0.45, "customer_number", "x_customer_number", self.content.digits("#######")),
            (0.5, "contact", "contact_person", self.person),
            (0.5, "phone", "x_phone", self.phone),
            (0.35, "email", "email", self.email),
        ]
        if not self.company:
            every = [every[0], *every[5:]]
        pairs = [
            Pair(prose.caption(caption), value, field)
            for chance, caption, field, value in every
            if layout.chance(f"detail {caption}", chance)
        ]
        if layout.chance("date last", 0.4):
            pairs = [*pairs[1:], pairs[0]]
        return pairs

    def subject(self, column: Column) -> None:
        """The line that says what the letter is about; private letters have none."""
        if self.purpose == "private":
            return
        text = self.prose.word(f"subject.{self.purpose}")
        style = self.layout.pick(
            "subject", ("bold", "caption", "bold", "capitals", "under", "plain", "framed", "large")
        )
        if style == "caption":
            caption = self.prose.caption("subject")
            self.sheet.captions[("subject", 0)] = caption
            column.pairs([Pair(caption, text, "subject")], bold_captions=True, bold_values=True)
        elif style == "capitals":
            column.paragraph(text.upper(), field="subject", bold=True, gap=0)
        elif style == "large":
            size = column.size * 1.35
            column.paragraph(text, field="subject", size=size, colour=column.accent, gap=0)
        else:
            top = column.y
            column.paragraph(text, field="subject", bold=style != "plain", gap=0)
            if style in ("under", "framed"):
                y0, y1 = top - column.size * 1.2, column.y - column.step + column.size * 0.5
                if style == "framed":
                    self.sheet.rect(column.x - 4, y0, column.right + 4, y1, stroke=column.accent)
                else:
                    self.sheet.rule(column.x, y1 - 2, column.right, y1 - 2, thick=0.5)
        column.skip(1.0)

    def body(self, column: Column, closing_at: float = 0.0) -> None:
        """Salutation, text, closing and signature. `closing_at` moves the last to the right, as a
        part of the width."""
        content, prose, purpose = self.content, self.prose, self.purpose
        self.subject(column)
        prose.known = {"last": self.recipient.split()[-1], "first": self.recipient.split()[0]}
        how = "private" if purpose == "private" else "named" if self.to_person else "unknown"
        if how == "named":
            prose.known["person"] = self.recipient
        column.paragraph(prose.word(f"salutation.{how}"))
        prose.known = {}
        end = column.lowest
        column.lowest = end - 8.5 * column.step
        indent = column.size * 2 if self.layout.chance("indented", 0.15) else 0.0
        last = "letter.end" if self.company else "letter.person.end"
        count = content.random.randint(0, 7)
        if purpose == "reminder":
            self.claim(column)
            count = min(count, 3)
        else:
            opening = prose.sentence(f"letter.{purpose}.open")
            more = prose.passage(f"letter.{purpose}", content.random.randint(0, 2))
            column.paragraph([*opening, *more], indent=indent)
        for _ in range(count):
            parts = prose.passage(f"letter.{purpose}", content.random.randint(1, 3))
            if not column.paragraph(parts, indent=indent):
                break
        if purpose != "private":
            column.paragraph(prose.passage(last, 1), indent=indent)
        column.lowest = end
        self.close(column, closing_at)

    def claim(self, column: Column) -> None:
        """What a reminder asks for: an invoice named in the text, or several in a table."""
        content, prose = self.content, self.prose
        rows = []
        for _ in range(content.random.randint(1, 4)):
            day = self.day.fromordinal(self.day.toordinal() - content.random.randint(45, 200))
            due = day.fromordinal(day.toordinal() + content.choose((10, 14, 30)))
            number, amount = prose.number(), content.random.randint(2000, 900000) / 100
            rows.append((number, content.date(day), content.date(due), amount))
        names = ("invoice_number", "invoice_date", "due_date", "amount_due")
        if not self.layout.chance("claims in a table", 0.55):
            prose.values |= dict(zip(names, (*rows[0][:3], content.money(rows[0][3])), strict=True))
            bold = self.layout.chance("claim in bold", 0.4)
            column.paragraph(prose.sentence("letter.reminder.open"), bold_fields=bold)
            return
        column.paragraph(prose.sentence("letter.reminder.table"))
        head = [prose.caption(name) for name in names]
        column.y += column.size * 0.4
        style = self.layout.pick("table style", ("lined", "boxed", "ruled", "bare", "zebra"))
        column.table(
            head, [(*row[:3], content.money(row[3])) for row in rows],
            shares=(3, 3, 3, 3), numbers=(3,), fields=dict(enumerate(names)), style=style,
        )  # fmt: skip
        if len(rows) == 1:
            self.sheet.captions |= {(name, 0): text for name, text in zip(names, head, strict=True)}
        else:
            total = content.money(sum(row[3] for row in rows))
            column.pairs([Pair(prose.caption("total_due"), total, "total_due")], bold_values=True)
        column.skip(0.5)

    def close(self, column: Column, at: float) -> None:
        """Closing, signature, name and enclosures."""
        content, prose = self.content, self.prose
        how = "private" if self.purpose == "private" else "formal"
        column.skip(0.3)
        right = column.beside(column.x + at * column.wide, column.wide * (1 - at))
        right.line(prose.word(f"closing.{how}"))
        if self.company and self.layout.chance("company under the closing", 0.3):
            right.line(self.sender, field="sender", group=1)
        if content.chance(0.6):
            top = right.y - column.size * 0.6
            wide = min(right.wide, content.random.uniform(80, 150))
            marks.signature(self.sheet, content, right.x, top, right.x + wide, top + 30)
        right.y += 34
        name = self.person.split()[0] if how == "private" else self.person
        right.line(name, field="signatory")
        if self.company:
            right.line(prose.word("roles"), field="signatory_role")
        column.y = right.y
        column.skip(0.6)
        if how == "formal" and content.chance(0.45):
            texts = [prose.word("enclosures") for _ in range(content.random.randint(1, 2))]
            column.size *= 0.9
            column.pairs([Pair(prose.caption("enclosures"), ", ".join(texts), "enclosures")])
            if content.chance(0.3):
                column.pairs([Pair(prose.caption("copy_to"), content.person(), "copy_to")])

    def footer(self) -> float:
        """The company's details at the foot; returns where text has to end."""
        if not self.company or not self.layout.chance("footer", 0.75):
            return self.low
        content, prose = self.content, self.prose
        small = self.size * 0.76
        pairs = [
            Pair(prose.caption("phone"), content.phone(), "x_phone", 1),
            Pair(prose.caption("website"), self.website, "website"),
            Pair(prose.caption("bank"), content.company(), "x_bank"),
            Pair(prose.caption("iban"), content.iban(), "iban"),
            Pair(prose.caption("tax_id"), content.tax_id(), "tax_id"),
        ]
        end = self.sheet.width - self.margin
        style = self.layout.pick("footer style", ("columns", "line", "columns", "two lines"))
        top = self.sheet.height - (6.8 * small if style == "columns" else 3.4 * small) - 18
        self.sheet.rule(self.margin, top - 1.4 * small, end, top - 1.4 * small, thick=0.4)
        if style == "columns":
            wide, groups = end - self.margin, ([], pairs[:2], pairs[2:])
            for place, group in enumerate(groups):
                # The last column has the longest values: a bank's name and an account.
                x, share = ((0.0, 0.28), (0.28, 0.3), (0.58, 0.42))[place]
                part = self.column(self.margin + x * wide, top, share * wide - 8, 1e4, 0.76)
                part.leading = 1.3
                if place == 0:
                    part.lines([self.sender, *self.address], size=small)
                part.pairs(group, colon=self.layout.chance("colon in footer", 0.6), share=0.4)
            return top - 3.2 * small
        line = self.column(self.margin, top, end - self.margin, 1e4, 0.76)
        line.lines([" · ".join((self.sender, *self.address))], size=small, align="center")
        parts: list[Part] = []
        for pair in pairs[3:] if style == "line" else pairs[1:4]:
            parts += [(pair.caption, None), (pair.value, pair.field)]
            self.sheet.captions[(pair.field, pair.group)] = pair.caption
        whole = width(" ".join(text for text, _ in parts), line.regular, small)
        size = fitting(" ".join(text for text, _ in parts), line.regular, small, line.wide)
        x = line.x + (line.wide - whole * size / small) / 2
        self.sheet.runs(x, line.y, parts, font=line.regular, size=size)
        return top - 3.2 * small

    def extras(self) -> None:
        """What the recipient put on the page: a stamp of receipt, a note."""
        content = self.content
        if content.chance(0.12):
            x, y = content.random.uniform(250, 480), content.random.uniform(130, 620)
            marks.stamp(self.sheet, content, x, y, content.random.uniform(26, 42))
        if content.chance(0.1):
            x, y = content.random.uniform(60, 330), content.random.uniform(30, 800)
            text = self.prose.word("notes")
            marks.handwriting(self.sheet, content, x, y, text, content.random.uniform(11, 18))
        if self.company and self.layout.chance("barcode", 0.06):
            x, y = self.sheet.width - 110, 8.0
            marks.barcode(self.sheet, content, x, y, x + 84, y + 16)
