"""What a report says, and the pieces that its pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recipes.documents import marks
from recipes.documents.charts import bars, curve
from recipes.documents.column import Column, Pair
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.prose import Part, Prose
from recipes.documents.sheet import A4, LETTER, Sheet

__all__ = ["TABLES", "Report"]

TABLES = ("lined", "boxed", "zebra", "ruled", "lined", "bare")


class Report:
    """One report's content and typefaces.

    Args:
        layout: picks what all reports of one template share.
        seed: of the document.
    """

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.content = layout, Content(layout, seed)
        self.prose = Prose(layout, self.content)
        content = self.content
        american = content.country in ("US", "CA") and layout.chance("letter paper", 0.85)
        self.sheet = Sheet(LETTER if american else A4)
        marks.none(self.sheet)
        self.sheet.facts |= {
            "kind": "report", "line_items": 0, "table": False, "orientation": "portrait",
        }  # fmt: skip
        self.author = content.person()
        self.company = content.company()
        self.day = content.day()
        self.margin = max(layout.margin, 38)
        self.size = layout.size
        self.low = self.sheet.height - max(self.margin, 46)
        self.full = content.random.uniform(0.35, 1.0)
        self.headed = 0  # numbered sections so far

    def column(self, x: float, y: float, wide: float, scale: float = 1.0) -> Column:
        """A column in the report's typeface, which ends where this report's text does."""
        layout = self.layout
        return Column(
            self.sheet, x, y, wide, self.low, layout.regular, layout.bold, self.size * scale,
            layout.accent, leading=layout.between("leading", 1.22, 1.5),
            gap=layout.between("gap", 0.35, 0.9),
        )  # fmt: skip

    def page(self, y: float = 0.0) -> Column:
        """A column of the page's whole width."""
        top = y or self.margin + 10
        return self.column(self.margin, top, self.sheet.width - 2 * self.margin)

    def end(self) -> None:
        """A shorter document stops earlier: text after this call ends before the page does."""
        self.low *= 0.45 + 0.55 * self.full

    # -- values ------------------------------------------------------------------------------------

    def date(self, days: int = 0) -> str:
        """The report's day, or one so many days later, as the layout writes it."""
        return self.content.date(self.day.fromordinal(self.day.toordinal() + days))

    def pairs(self, wanted: Sequence[str], always: int = 2) -> list[Pair]:
        """Captioned values; the first `always` stand on every layout, the rest on some."""
        return [
            Pair(self.prose.caption(name), self.value(name), name)
            for place, name in enumerate(wanted)
            if place < always or self.layout.chance(f"value {name}", 0.6)
        ]

    def value(self, name: str) -> str:
        """What stands under a caption."""
        content, prose = self.content, self.prose
        number = content.random.randint
        values: dict[str, Callable[[], str]] = {
            "report_date": self.date,
            "author": lambda: self.author,
            "report_number": prose.number,
            "sample_number": lambda: content.digits("??-####"),
            "department": lambda: prose.word("departments"),
            "client": content.company,
            "period": lambda: prose.word("months.word"),
            "version": lambda: f"{number(1, 4)}.{number(0, 9)}",
            "approved_by": content.person,
            "distribution": lambda: ", ".join(prose.word("departments") for _ in range(2)),
            "received": lambda: self.date(-number(2, 9)),
            "sample_type": lambda: prose.word("lab.materials"),
            "inspector": lambda: self.author,
            "inspection_date": lambda: self.date(-number(0, 5)),
            "location": lambda: ", ".join(content.address()[:2]),
            "equipment": lambda: prose.word("inspection.items"),
            "overall_result": lambda: prose.word("verdicts"),
            "participants": lambda: ", ".join(content.person() for _ in range(number(3, 7))),
            "absent": lambda: ", ".join(content.person() for _ in range(number(1, 2))),
            "chair": content.person,
            "minute_taker": lambda: self.author,
            "next_meeting": lambda: self.date(number(14, 90)),
            "time": lambda: (
                f"{number(8, 12)}:{content.choose(('00', '15', '30'))} – 1{number(3, 8)}:30"
            ),
            "budget": lambda: content.money(number(20, 900) * 1000),
            "project": lambda: f"{content.fake.city()} {number(2, 30)}",
            "status": lambda: prose.word("states"),
            "sender": lambda: self.author,
            "recipient": lambda: f"{content.person()}, {prose.word('departments')}",
            "subject": lambda: prose.word("topics"),
        }
        return values[name]()

    # -- pieces ------------------------------------------------------------------------------------

    def head(self, column: Column, kind: str, extra: str = "") -> None:
        """The title with the company's name or logo above, in one of several ways."""
        layout, sheet = self.layout, self.sheet
        style = layout.pick("head", ("plain", "logo", "rule", "middle", "band", "boxed"))
        text = self.prose.fixed(f"title.{kind}") + (f" {extra}" if extra else "")
        size = layout.between("title size", 15, 24)
        if layout.chance("logo", 0.5):
            wide = 90.0
            left = column.x if style == "rule" else column.right - wide
            top = self.margin - 16
            marks.logo(sheet, layout, left, top, left + wide, top + 30)
            column.y = max(column.y, top + 46)
        if layout.chance("company on top", 0.6):
            column.line(self.company, field="company", colour=column.accent)
            column.skip(0.4)
        if layout.chance("title in capitals", 0.25):
            text = text.upper()
        if style in ("band", "boxed"):
            top, high = column.y - self.size, size * 1.9
            filled = style == "band"
            sheet.rect(
                column.x, top, column.right, top + high, fill=column.accent if filled else None,
                stroke=None if filled else column.accent,
            )  # fmt: skip
            inner = column.beside(column.x + 8, column.wide - 16)
            inner.y = top + high / 2 + size * 0.34
            inner.line(
                text, size=size, bold=True, field="report_title",
                colour="#ffffff" if filled else column.accent,
            )  # fmt: skip
            column.y = top + high + self.size * 1.8
            return
        column.y += size * 0.5
        align = "center" if style == "middle" else "left"
        column.line(
            text, size=size, bold=True, align=align, colour=column.accent,  # type: ignore[arg-type]
            field="report_title",
        )  # fmt: skip
        if style == "rule":
            sheet.rule(
                column.x, column.y - size * 0.8, column.right, column.y - size * 0.8,
                colour=column.accent, thick=1.4,
            )  # fmt: skip
        column.y += self.size * 0.5

    def details(self, column: Column, pairs: Sequence[Pair]) -> None:
        """Captioned values: in one or two columns, a frame, or a row."""
        style = self.layout.pick(
            "details", ("list", "two columns", "framed", "row", "list", "above", "right")
        )
        colon = self.layout.chance("colon", 0.6)
        bold = self.layout.chance("bold captions", 0.4)
        if style == "row":
            for start in range(0, len(pairs), 3):
                column.pair_row(pairs[start : start + 3], boxed=self.layout.chance("cells", 0.5))
        elif style in ("two columns", "above"):
            half, cut = column.wide / 2, (len(pairs) + 1) // 2
            right = column.beside(column.x + half + 6, half - 6)
            left = column.beside(column.x, half - 6)
            above = style == "above"
            left.pairs(pairs[:cut], colon=colon, bold_captions=bold, above=above)
            right.pairs(pairs[cut:], colon=colon, bold_captions=bold, above=above)
            column.y = max(left.y, right.y)
        elif style == "framed":
            inner = column.beside(column.x + 8, column.wide - 16)
            inner.pairs(pairs, colon=colon, bold_captions=bold)
            top = column.y - self.size * 1.5
            bottom = inner.y - self.size * 0.6
            self.sheet.rect(column.x, top, column.right, bottom, stroke=column.accent)
            column.y = inner.y + self.size * 0.6
        else:
            column.pairs(pairs, colon=colon, bold_captions=bold, right=style == "right")
        column.skip(0.8)

    def heading(self, column: Column, key: str, number: int = 0) -> bool:
        """A section's heading; False where there is no room for it and some text."""
        column.skip(0.3)
        if not column.fits(4):
            return False
        style = self.layout.pick("heading", ("bold", "large", "capitals", "rule", "bold", "tinted"))
        text = self.prose.fixed(f"head.{key}")
        if number and self.layout.chance("numbered headings", 0.5):
            text = f"{number}. {text}" if self.layout.chance("dot", 0.4) else f"{number} {text}"
        size = column.size * (1.35 if style == "large" else 1.12)
        text = text.upper() if style == "capitals" else text
        if style == "tinted":
            top = column.y - size
            self.sheet.rect(
                column.x - 3, top, column.right, top + size * 1.4, fill="#e8e8e8", stroke=None
            )
        column.line(text, size=size, bold=True, colour=column.accent)
        if style == "rule":
            y = column.y - size * 0.9
            self.sheet.rule(column.x, y, column.right, y, colour=column.accent, thick=0.5)
        column.skip(0.3)
        return True

    def text(self, column: Column, key: str, paragraphs: int, most: int = 4) -> None:
        """Paragraphs of one section of prose."""
        for _ in range(paragraphs):
            parts = self.prose.passage(key, self.content.random.randint(2, most))
            if not column.paragraph(parts):
                return

    def sections(self, column: Column, keys: Sequence[str], prose: str, most: int = 2) -> None:
        """Headed sections, as long as there is room."""
        for key in keys:
            if not self.heading(column, key, self.headed + 1):
                return
            self.headed += 1
            if key in ("recommendations", "risks") and self.layout.chance("points", 0.7):
                texts = [self.prose.plain(prose) for _ in range(self.content.random.randint(2, 4))]
                column.bullets(texts, mark=self.layout.pick("bullet", ("•", "-", "–", "*")))
                column.skip(0.4)
            else:
                self.text(column, prose, self.content.random.randint(1, most))

    def figures(self, column: Column, years: bool = True) -> None:
        """A table of figures of several regions or lines of business."""
        content = self.content
        head = self.prose.head("table.figures")
        if years and self.layout.chance("years as heads", 0.5):
            head = [head[0], str(self.day.year), str(self.day.year - 1), head[3]]
        rows = []
        for _ in range(content.random.randint(3, 7)):
            now, before = content.random.uniform(10, 4000), content.random.uniform(10, 4000)
            now = before * content.random.uniform(0.75, 1.3) if before else now
            change = content.number(100 * (now - before) / before, 1) + " %"
            row = (self.prose.word("regions"), content.number(now, 1), content.number(before, 1))
            rows.append((*row, change))
        self.caption(column, "table")
        column.table(
            head, rows, shares=(2.4, 1.3, 1.3, 1.1), numbers=(1, 2, 3), fields={1: "figure"},
            captions=0, style=self.layout.pick("table style", TABLES),
        )  # fmt: skip

    def caption(self, column: Column, key: str) -> None:
        """The line over a table or under a chart."""
        if self.layout.chance(f"caption of a {key}", 0.6):
            word, topic = self.prose.fixed(f"table.{key}"), self.prose.word("topics")
            number = self.content.random.randint(1, 9)
            column.paragraph(f"{word} {number}: {topic}", size=column.size * 0.88, gap=0.3)

    def chart(self, column: Column, high: float = 120) -> None:
        """Bars or a curve, with the names or years under it."""
        if column.y + high + 2 * column.step > column.lowest:
            return
        content = self.content
        paint = self.layout.pick("chart", (bars, curve, bars, curve))
        names = [str(self.day.year - i) for i in range(content.random.randint(4, 6), -1, -1)]
        if self.layout.chance("regions under bars", 0.35):
            names = [self.prose.word("regions") for _ in range(4)]
        values = [content.random.uniform(15, 100) for _ in names]
        paint(self, column, names, values, high)
        self.caption(column, "figure")

    def foot(self) -> None:
        """Page number, and often the company's name."""
        layout, content = self.layout, self.content
        y, size = self.sheet.height - 24, self.size * 0.8
        page, last = content.random.randint(1, 3), content.random.randint(3, 9)
        parts: list[Part] = [(f"{page}/{last}", "page_number")]
        style, font = layout.pick("foot", ("right", "both", "middle", "none")), layout.regular
        if style == "none":
            return
        if layout.chance("page caption", 0.5):
            caption = self.prose.caption("page")
            self.sheet.captions[("page_number", 0)] = caption
            parts = [(caption, None), (str(page), "page_number")]
        wide = width(" ".join(text for text, _ in parts), font, size)
        right = self.sheet.width - self.margin - wide
        x = (self.sheet.width - wide) / 2 if style == "middle" else right
        self.sheet.runs(x, y, parts, font=font, size=size)
        if style == "both":
            self.sheet.text(self.margin, y, self.company, font=font, size=size)

    def sign(self, column: Column, chance: float = 0.5) -> None:
        """Place, date and the author's signature over the name."""
        if not column.fits(6):
            return
        column.skip(1)
        content = self.content
        column.line(f"{content.fake.city()}, {self.date()}")
        if content.chance(chance):
            top = column.y - self.size
            marks.signature(self.sheet, content, column.x, top, column.x + 120, top + 30)
        column.y += 34
        y = column.y - self.size * 1.1
        self.sheet.rule(column.x, y, column.x + 150, y, thick=0.4)
        column.line(self.author, field="signatory")

    def extras(self) -> None:
        """Notes, stamps and codes that readers and registries put on reports."""
        content, sheet = self.content, self.sheet
        if content.chance(0.1):
            x, y = content.random.uniform(60, 330), content.random.uniform(24, 780)
            size = content.random.uniform(11, 17)
            marks.handwriting(sheet, content, x, y, self.prose.word("notes"), size)
        if content.chance(0.1):
            x, y = content.random.uniform(380, 500), content.random.uniform(80, 700)
            marks.stamp(sheet, content, x, y, content.random.uniform(26, 42))
        if self.layout.chance("barcode", 0.08):
            x, y = sheet.width - 130, 12.0
            marks.barcode(sheet, content, x, y, x + 100, y + 20)
