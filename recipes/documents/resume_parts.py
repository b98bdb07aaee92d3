"""What a resume says, and the sections that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from recipes.documents import marks
from recipes.documents.column import Column, Pair, fitting
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.prose import Part, Prose
from recipes.documents.sheet import A4, LETTER, Sheet

__all__ = ["Resume"]


class Resume:
    """What one resume says, and its sections, which arrangements put in their places."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.content = layout, Content(layout, seed)
        self.prose = Prose(layout, self.content)
        content = self.content
        american = content.country in ("US", "CA") and layout.chance("letter paper", 0.85)
        self.sheet = Sheet(LETTER if american else A4)
        marks.none(self.sheet)
        self.sheet.facts |= {
            "kind": "resume", "line_items": 0, "table": False, "orientation": "portrait",
        }  # fmt: skip
        self.name = content.person()
        self.job = self.prose.word("jobs")
        self.margin = layout.margin
        self.size = layout.size
        self.low = self.sheet.height - max(34.0, self.margin * 0.8)
        self.birth = content.day(1958, 2004)
        self.years = self._years()
        self.jobs = content.random.randint(1, 5)
        self.tasks = content.random.randint(0, 5)
        self.schools = content.random.randint(1, 3)

    def column(self, x: float, y: float, wide: float, scale: float = 1.0) -> Column:
        """A column in the resume's typeface."""
        layout = self.layout
        return Column(
            self.sheet, x, y, wide, self.low, layout.regular, layout.bold, self.size * scale,
            layout.accent, leading=layout.between("leading", 1.22, 1.45),
        )  # fmt: skip

    def page(self, y: float = 0.0) -> Column:
        """A column of the page's whole width."""
        top = y or self.margin + 10
        return self.column(self.margin, top, self.sheet.width - 2 * self.margin)

    def _years(self) -> list[tuple[int, int]]:
        """Stations back in time, without a gap."""
        end, years = self.content.random.randint(2018, 2029), []
        for _ in range(9):
            start = end - self.content.random.randint(1, 5)
            years.append((start, end))
            end = start
        return years

    def period(self, place: int) -> str:
        """From when to when, as the layout writes it."""
        start, end = self.years[min(place, len(self.years) - 1)]
        style = self.layout.pick(
            "period", ("{} – {}", "{} - {}", "{}-{}", "{m}/{} – {k}/{}", "{m}.{} - {k}.{}")
        )
        month = self.content.random.randint
        m, k = f"{month(1, 12):02}", f"{month(1, 12):02}"
        if place == 0 and self.content.chance(0.6):
            words = self.prose.fixed("word.present")
            start_text = f"{m}/{start}" if "{m}" in style else str(start)
            return f"{start_text} – {words}"
        return style.format(start, end, m=m, k=k)

    # -- the person --------------------------------------------------------------------------------

    def details(self, some: Sequence[str] = ()) -> list[Pair]:
        """What the person is and where to be reached, with captions."""
        content, prose = self.content, self.prose
        address = ", ".join(content.address())
        every: list[tuple[float, str, str, Callable[[], str]]] = [
            (1.0, "address", "address", lambda: address),
            (0.95, "phone", "x_phone", content.phone),
            (0.3, "mobile", "x_mobile", content.phone),
            (0.95, "email", "email", lambda: content.email(self.name)),
            (0.25, "website", "website", content.website),
            (0.65, "birth_date", "birth_date", lambda: content.date(self.birth)),
            (0.3, "birth_place", "birth_place", lambda: str(content.fake.city())),
            (0.45, "nationality", "nationality", partial(prose.word, "nationalities")),
            (0.3, "marital_status", "marital_status", partial(prose.word, "marital")),
            (
                0.25,
                "driving_licence",
                "driving_licence",
                lambda: content.choose(("B", "A, B", "C")),
            ),
            (0.15, "availability", "availability", lambda: content.date(content.day(2020))),
        ]
        return [
            Pair(prose.caption(caption), value(), field)
            for chance, caption, field, value in every
            if (not some or caption in some) and self.layout.chance(f"detail {caption}", chance)
        ]

    def title(self, column: Column, align: str = "left", colour: str | None = None) -> None:
        """The name, and what the person does."""
        size = self.layout.between("name size", 15, 26)
        upper = self.layout.chance("name in capitals", 0.3)
        name = self.name.upper() if upper else self.name
        colour = colour or column.accent
        if self.layout.chance("title on top", 0.35):
            text = self.prose.fixed("title.cv")
            column.line(text, size=self.size * 1.25, align=align, colour=colour)  # type: ignore[arg-type]
            column.y += size * 0.6
        else:
            column.y += size * 0.4
        column.line(
            name, size=size, bold=self.layout.chance("bold name", 0.75), align=align,  # type: ignore[arg-type]
            colour=colour, field="candidate_name",
        )  # fmt: skip
        if self.layout.chance("headline", 0.55):
            column.line(
                self.job,
                size=self.size * 1.2,
                align=align,
                colour=colour,
                field="job_title",  # type: ignore[arg-type]
            )

    def contact_line(self, column: Column, align: str = "left") -> None:
        """Address, phone and e-mail in a line, without captions."""
        sign = self.layout.pick("contact sign", ("·", "|", "•", "–"))
        parts: list[Part] = []
        for pair in self.details(("address", "phone", "email", "website")):
            parts += [(pair.value, pair.field), (sign, None)]
        text = " ".join(part for part, _ in parts[:-1])
        size = fitting(text, column.regular, column.size * 0.95, column.wide)
        rest = column.wide - width(text, column.regular, size)
        x = column.x + rest * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        self.sheet.runs(x, column.y, parts[:-1], font=column.regular, size=size)
        column.y += column.step

    def photo(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A portrait: head and shoulders."""
        tint = self.layout.pick("photo", ("#c9d3dd", "#d8d0c4", "#cfcfcf", "#b8c7b8"))
        dark = self.content.choose(("#5b4636", "#7a8aa0", "#444444", "#8a5a44"))
        sheet, wide = self.sheet, x1 - x0
        sheet.rect(x0, y0, x1, y1, fill=tint, stroke="#888888", thick=0.4)
        middle, eye = (x0 + x1) / 2, y0 + (y1 - y0) * 0.42
        sheet.rect(
            middle - wide * 0.38, y1 - wide * 0.34, middle + wide * 0.38, y1, fill=dark,
            stroke=None, radius=wide * 0.15,
        )  # fmt: skip
        face = wide * 0.21
        sheet.rect(
            middle - face, eye - face * 1.3, middle + face, eye + face * 1.3, fill="#e8c9ae",
            stroke=None, radius=face,
        )  # fmt: skip

    # -- sections ----------------------------------------------------------------------------------

    def heading(self, column: Column, key: str, align: str = "left") -> bool:
        """The title of a section; False where there is no room for it and two lines."""
        column.skip(0.55)
        if not column.fits(4.2):
            return False
        style = self.layout.pick(
            "heading", ("rule", "plain", "capitals", "band", "rule", "bar", "spaced", "tinted")
        )
        text = self.prose.fixed(f"head.{key}")
        size = column.size * self.layout.between("heading size", 1.08, 1.4)
        if style in ("capitals", "spaced"):
            text = text.upper()
        if style in ("band", "tinted"):
            column.skip(0.25)
            fill = column.accent if style == "band" else "#e9e9e9"
            top = column.y - size * 0.98
            self.sheet.rect(column.x, top, column.right, top + size * 1.4, fill=fill, stroke=None)
            colour = "#ffffff" if style == "band" else column.accent
            inner = column.beside(column.x + 5, column.wide - 10)
            inner.line(text, size=size, bold=True, colour=colour)
            column.y += size * 1.5
        elif style == "bar":
            top = column.y - size * 0.85
            fill = column.accent
            self.sheet.rect(column.x, top, column.x + 4, top + size * 1.1, fill=fill, stroke=None)
            column.beside(column.x + 9, column.wide - 9).line(text, size=size, bold=True)
            column.y += size * 1.35
        else:
            column.line(text, size=size, bold=True, align=align, colour=column.accent)  # type: ignore[arg-type]
            if style in ("rule", "spaced"):
                y = column.y - size * 0.85
                self.sheet.rule(column.x, y, column.right, y, colour=column.accent)
        column.skip(0.35)
        return True

    def profile(self, column: Column) -> None:
        """A few sentences about the person."""
        self.prose.known = {"job": self.job}
        parts = self.prose.passage("cv.profile", self.content.random.randint(1, 4))
        self.prose.known = {}
        column.paragraph(parts, gap=0.3)

    def experience(self, column: Column) -> None:
        """Positions, the last one first."""
        for place in range(self.jobs):
            position = self.job if place == 0 else self.prose.word("jobs")
            employer = self.content.company()
            where = ""
            if self.layout.chance("cities", 0.6):
                beside = self.layout.pick("city beside employer", ("– {}", "({})", "· {}", "| {}"))
                where = beside.format(self.content.fake.city())
            tasks = [self.prose.plain("cv.task") for _ in range(max(0, self.tasks - place // 2))]
            heads = [(position, "position"), (employer, "employer")]
            if not self.station(column, place, place, heads, where, "employment_period", tasks):
                return

    def education(self, column: Column) -> None:
        """Degrees, the last one first."""
        word = self.prose.word
        for place in range(self.schools):
            degree = word("schools") if place == 2 else f"{word('degrees')}, {word('subjects')}"
            heads = [(degree, "degree"), (word("universities"), "university")]
            slot = self.jobs + place
            if not self.station(column, place, slot, heads, "", "study_period", []):
                return

    def station(
        self,
        column: Column,
        group: int,
        slot: int,
        heads: list[tuple[str, str]],
        where: str,
        field: str,
        points: list[str],
    ) -> bool:
        """One station of work or study; False where there is no room for it."""
        if not column.fits(3.2):
            return False
        style = self.layout.pick("station", ("dates left", "stacked", "right", "dates left", "one"))
        if column.wide < 250 and style in ("dates left", "right"):
            style = "stacked"
        when, layout = self.period(slot), self.layout
        if layout.chance("employer first", 0.3):
            heads = heads[::-1]
        left = self.dates_wide(column) if style == "dates left" else 0.0
        inner = column.beside(column.x + left, column.wide - left)
        if style == "dates left":
            column.beside(column.x, left - 8).line(when, field=field, group=group)
        (first, first_field), (second, second_field) = heads
        if style == "one":
            text = [
                (when, field),
                (first, first_field),
                ("–", None),
                (second, second_field),
                (where, None),
            ]
            inner.paragraph(text, group=group, gap=0)
        else:
            room = inner.wide - (width(when, column.regular, column.size) + 10) * (style == "right")
            top = inner.y
            head = inner.beside(inner.x, room)
            bold = layout.chance("bold positions", 0.8)
            head.paragraph(first, field=first_field, group=group, bold=bold, gap=0)
            inner.y = head.y
            if style == "right":
                self.sheet.text(
                    inner.right, top, when, font=column.regular, size=column.size, align="right",
                    field=field, group=group,
                )  # fmt: skip
            elif style == "stacked":
                inner.line(when, field=field, group=group, colour=column.accent)
            inner.paragraph([(second, second_field), (where, None)], group=group, gap=0)
        inner.bullets(points, mark=layout.pick("bullet", ("•", "-", "–", "*")))
        if field == "study_period" and layout.chance("grades", 0.3):
            grade = self.content.number(self.content.random.randint(10, 39) / 10, 1)
            inner.pairs([Pair(self.prose.caption("grade"), grade, "grade", group)])
        column.y = inner.y
        column.skip(layout.between("after a station", 0.25, 0.8))
        return True

    def dates_wide(self, column: Column) -> float:
        """The width of a column of dates."""
        return width("00/0000 – 00/0000 ", column.regular, column.size) + 10

    def skills(self, column: Column) -> None:
        """Skills in a list, a line, or as bars."""
        texts = [self.prose.word("skills") for _ in range(self.content.random.randint(3, 9))]
        style = self.layout.pick("skills", ("list", "line", "bars", "two columns", "dots"))
        if style == "line":
            column.paragraph(", ".join(texts), field="skills", gap=0.2)
        elif style in ("bars", "dots"):
            for text in texts:
                if not column.fits(1):
                    return
                full, x = self.content.random.uniform(0.3, 1), column.x + column.wide * 0.62
                end, y = column.right - 4, column.y - column.size * 0.5
                column.beside(column.x, column.wide * 0.58).line(text)
                if style == "dots":
                    for place in range(5):
                        fill = column.accent if place < full * 5 else "#d0d0d0"
                        left = x + place * (end - x) / 5
                        self.sheet.rect(
                            left, y, left + 5, y + 5, fill=fill, stroke=None, radius=2.5
                        )
                else:
                    self.sheet.rect(x, y, end, y + 4, fill="#d9d9d9", stroke=None)
                    fill = column.accent
                    self.sheet.rect(x, y, x + (end - x) * full, y + 4, fill=fill, stroke=None)
                column.y += column.step
        elif style == "two columns" and column.wide > 250:
            half, top = (len(texts) + 1) // 2, column.y
            right = column.beside(column.x + column.wide / 2, column.wide / 2)
            column.bullets(texts[:half])
            right.y = top
            right.bullets(texts[half:])
        else:
            column.bullets(texts)

    def languages(self, column: Column) -> None:
        """Languages and how well the person speaks them; the language is the level's caption."""
        pairs = [
            Pair(self.prose.word("language.names"), self.prose.word("levels"), "language_level", i)
            for i in range(self.content.random.randint(1, 4))
        ]
        column.pairs(pairs, colon=self.layout.chance("colon", 0.6))

    def points(self, column: Column, key: str, most: int = 3) -> None:
        """A list of certificates, interests and the like."""
        texts = [self.prose.word(key) for _ in range(self.content.random.randint(1, most))]
        if key == "interests" and self.layout.chance("interests in a line", 0.6):
            column.paragraph(", ".join(texts), field="interests", gap=0.2)
        else:
            column.bullets(texts)

    def publications(self, column: Column) -> None:
        """Papers, as a reference list has them."""
        for _ in range(self.content.random.randint(2, 8)):
            year, content = self.content.random.randint(2004, 2028), self.content
            text = f"{self.name.split()[-1]}, {self.name[0]}.; {content.fake.last_name()}, "
            text += f"{content.digits('?')}. ({year}). {self.prose.word('paper.topics')}. "
            text += f"{self.prose.word('subjects')} {content.random.randint(2, 60)}, "
            first = content.random.randint(1, 800)
            if not column.paragraph(f"{text}{first}–{first + 12}.", gap=0.35):
                return

    def references(self, column: Column) -> None:
        """People who can be asked."""
        for _ in range(self.content.random.randint(1, 2)):
            text = f"{self.content.person()}, {self.prose.word('jobs')}, {self.content.company()}"
            column.paragraph(f"{text}, {self.content.phone()}", gap=0.3)

    def write(self, column: Column, keys: Sequence[str], align: str = "left") -> None:
        """Sections one after another, as long as there is room."""
        for key in keys:
            # These stand on some resumes of a layout only.
            if key in ("certificates", "interests", "references") and self.content.chance(0.35):
                continue
            if not self.heading(column, key, align):
                return
            if key == "personal":
                above = column.wide < 200 and self.layout.chance("captions above", 0.6)
                column.pairs(self.details(), above=above, colon=self.layout.chance("colon", 0.6))
            elif key in ("certificates", "interests"):
                self.points(column, key)
            else:
                getattr(self, key)(column)

    def extras(self) -> None:
        """Marks that resumes bear now and then."""
        content, sheet = self.content, self.sheet
        words = {word.box[3] for word in sheet.words}
        low = max(words) * sheet.height / 1000
        if content.chance(0.14) and low < sheet.height - 95:
            city = f"{content.fake.city()}, {content.date(content.day())}"
            y = low + 34
            sheet.text(self.margin, y, city, font=self.layout.regular, size=self.size)
            marks.signature(sheet, content, self.margin + 190, y - 24, self.margin + 310, y + 8)
        if content.chance(0.08):
            x, y = content.random.uniform(60, 330), content.random.uniform(24, 60)
            marks.handwriting(sheet, content, x, y, self.prose.word("notes"), 14)
        if content.chance(0.05):
            x, y = sheet.width - 90, content.random.uniform(90, 700)
            marks.stamp(sheet, content, x, y, 32)
        if self.layout.chance("logo", 0.05):
            marks.logo(sheet, self.layout, sheet.width - 80, 12, sheet.width - 40, 36)
        if self.layout.chance("barcode", 0.06):
            x, y = sheet.width - 116, sheet.height - 44
            marks.barcode(sheet, content, x, y, x + 90, y + 30)
