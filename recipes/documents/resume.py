"""Curricula vitae: in one or two columns, as a table, along a line of time, academic."""

from __future__ import annotations

from collections.abc import Callable

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

from recipes.documents.layout import Layout
from recipes.documents.resume_parts import Resume
from recipes.documents.sheet import Sheet

__all__ = ["draw"]

ORDERS = (
    ("profile", "experience", "education", "skills", "languages", "interests"),
    ("education", "experience", "languages", "skills", "certificates", "interests"),
    ("experience", "education", "certificates", "skills", "languages", "references"),
    ("profile", "skills", "experience", "education", "languages"),
    ("skills", "languages", "experience", "education", "interests"),
)


def draw(layout: Layout, seed: int) -> Sheet:
    """One page: the life of one person, its stations of work and study."""
    resume = Resume(layout, seed)
    layout.pick("arrangement", ARRANGEMENTS)(resume)
    resume.extras()
    return resume.sheet


def _one_column(resume: Resume) -> None:
    """Everything in one column under the name."""
    page, layout = resume.page(), resume.layout
    align = layout.pick("align", ("center", "left", "center", "right"))
    if layout.chance("photo", 0.3):
        top = resume.margin
        left = page.x if align == "right" else page.right - 72
        resume.photo(left, top, left + 72, top + 90)
        head = page.beside(page.x + (84 if align == "right" else 0), page.wide - 84)
        resume.title(head, "right" if align == "right" else "left")
        resume.contact_line(head, "right" if align == "right" else "left")
        page.y = max(head.y, top + 100)
    else:
        resume.title(page, align)
        resume.contact_line(page, align)
    order = layout.pick("order", ORDERS)
    if layout.chance("personal details", 0.35):
        order = ("personal", *order)
    resume.write(page, order, "center" if align == "center" else "left")


def _bar(resume: Resume) -> None:
    """Person, skills and languages in a narrow column, the rest in a wide one."""
    sheet, layout = resume.sheet, resume.layout
    wide = layout.between("bar width", 150, 190)
    at_left = layout.chance("bar at the left", 0.65)
    x0 = 0.0 if at_left else sheet.width - wide
    filled = layout.pick("bar fill", ("#ececec", "accent", "#e3ecf4", "none", "accent", "#f3ead9"))
    if filled != "none":
        fill = layout.accent if filled == "accent" else filled
        sheet.rect(x0, 0, x0 + wide, sheet.height, fill=fill, stroke=None)
    bar = resume.column(x0 + 18, 46, wide - 34, 0.92)
    main = resume.column(wide + 22 if at_left else 40, 52, sheet.width - wide - 62)
    if filled == "accent":
        bar.colour = bar.accent = "#ffffff"
    if layout.chance("photo", 0.5):
        resume.photo(bar.x + 20, 40, bar.right - 20, 40 + 1.2 * (bar.wide - 40))
        bar.y = 70 + 1.2 * (bar.wide - 40)
    if layout.chance("name in the bar", 0.3):
        resume.title(bar)
    else:
        resume.title(main)
    heading = layout.pick("heading", HEADINGS)
    if filled == "accent" and heading in ("band", "tinted"):
        # White headings would not show on a white band.
        bar.accent = "#333333"
    keys = ("personal", "skills", "languages", "interests")
    resume.write(bar, keys if layout.chance("skills in the bar", 0.7) else keys[:1] + keys[2:])
    last = layout.pick("last section", ("certificates", "references", "certificates"))
    resume.write(main, ("profile", "experience", "education", last))


def _table(resume: Resume) -> None:
    """Captions flush right, a line, and the values beside it, as in the European form."""
    page, layout = resume.page(), resume.layout
    share = layout.between("left share", 0.25, 0.34)
    left = page.wide * share
    page.line(resume.prose.fixed("title.cv"), size=resume.size * 1.8, colour=page.accent)
    top = page.y
    page.skip(0.6)
    line = layout.chance("line between", 0.7)

    def captioned(key: str) -> None:
        """A heading in the left part."""
        page.skip(0.6)
        head = page.beside(page.x, left - 10)
        text = resume.prose.fixed(f"head.{key}")
        head.line(text, bold=True, size=resume.size * 1.1, align="right", colour=page.accent)
        page.y = head.y

    def rows(values: list[tuple[str, str, str, int]]) -> None:
        for caption, value, field, group in values:
            if not page.fits(2.2):
                return
            inner = page.beside(page.x + left + 8, page.wide - left - 8)
            if not inner.paragraph(value, field=field, group=group, gap=0.1):
                return
            own = field not in ("position", "degree")
            page.beside(page.x, left - 10).line(
                caption, align="right", group=group,
                field=None if own else {"position": "employment_period"}.get(field, "study_period"),
            )  # fmt: skip
            if own:
                resume.sheet.captions[(field, group)] = caption
            page.y = inner.y

    captioned("personal")
    name = resume.prose.caption("name")
    rows([(name, resume.name, "candidate_name", 0)])
    rows([(pair.caption, pair.value, pair.field, pair.group) for pair in resume.details()])
    for key, count in (("experience", resume.jobs), ("education", resume.schools)):
        if not page.fits(4):
            break
        captioned(key)
        for place in range(count):
            slot = place + (resume.jobs if key == "education" else 0)
            job = resume.prose.word("jobs")
            degree = f"{resume.prose.word('degrees')}, {resume.prose.word('subjects')}"
            value, field = (job, "position") if key == "experience" else (degree, "degree")
            rows([(resume.period(slot), value, field, place)])
            where = resume.content.company()
            inner = page.beside(page.x + left + 8, page.wide - left - 8)
            if key == "experience":
                inner.paragraph(where, field="employer", group=place, gap=0.1)
                inner.bullets([resume.prose.plain("cv.task") for _ in range(resume.tasks // 2)])
            else:
                school = resume.prose.word("universities")
                inner.paragraph(school, field="university", group=place, gap=0.1)
            page.y = inner.y
            page.skip(0.3)
    if page.fits(4):
        captioned("languages")
        names, levels = "language.names", "levels"
        count = range(resume.content.random.randint(1, 4))
        word = resume.prose.word
        rows([(word(names), word(levels), "language_level", i) for i in count])
    if page.fits(4):
        captioned("skills")
        inner = page.beside(page.x + left + 8, page.wide - left - 8)
        resume.skills(inner)
        page.y = inner.y
    if line:
        x = page.x + left
        resume.sheet.rule(x, top, x, page.y - resume.size, colour=page.accent, thick=0.8)


def _timeline(resume: Resume) -> None:
    """Stations along a line with dots."""
    page, sheet, layout = resume.page(), resume.sheet, resume.layout
    resume.title(page)
    resume.contact_line(page)
    dates = resume.dates_wide(page)
    at = page.x + dates + 6
    for key, count in (("experience", resume.jobs), ("education", resume.schools)):
        if not resume.heading(page, key):
            break
        dots: list[float] = []
        top = page.y - resume.size
        for place in range(count):
            if not page.fits(3.5):
                break
            period = "employment_period" if key == "experience" else "study_period"
            slot = place + (resume.jobs if key == "education" else 0)
            dots.append(page.y - resume.size * 0.35)
            page.beside(page.x, dates).line(resume.period(slot), field=period, group=place)
            inner = page.beside(at + 14, page.right - at - 14)
            word, field, second = resume.prose.word, "degree", "university"
            first = f"{word('degrees')}, {word('subjects')}" if key == "education" else word("jobs")
            where = word("universities") if key == "education" else resume.content.company()
            points: list[str] = []
            if key == "experience":
                field, second = "position", "employer"
                points = [resume.prose.plain("cv.task") for _ in range(resume.tasks)]
            inner.paragraph(first, field=field, group=place, bold=True, gap=0)
            inner.paragraph(where, field=second, group=place, gap=0.1)
            inner.bullets(points)
            page.y = inner.y
            page.skip(0.5)
        sheet.rule(at, top, at, page.y - resume.size, colour=layout.accent, thick=1.2)
        _dots(sheet, at, dots, layout.accent)
    resume.write(page, ("skills", "languages", "certificates", "interests"))


def _dots(sheet: Sheet, x: float, heights: list[float], colour: str) -> None:
    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(HexColor(colour))
        for y in heights:
            canvas.circle(x, sheet.height - y, 3.4, stroke=0, fill=1)

    sheet.draw(paint)


def _academic(resume: Resume) -> None:
    """Sober, with education first and a list of publications."""
    page = resume.page()
    align = resume.layout.pick("align", ("center", "left"))
    page.line(resume.prose.fixed("title.cv"), size=resume.size * 1.2, align=align)
    page.y += resume.size
    page.line(resume.name, size=resume.size * 1.7, bold=True, align=align, field="candidate_name")
    half = page.wide / 2
    details = resume.details()
    left, right = page.beside(page.x, half - 10), page.beside(page.x + half + 10, half - 10)
    left.pairs(details[: (len(details) + 1) // 2])
    right.pairs(details[(len(details) + 1) // 2 :])
    page.y = max(left.y, right.y)
    resume.jobs = min(resume.jobs, 2)
    resume.tasks = min(resume.tasks, 2)
    order = ("education", "experience", "publications", "languages", "references")
    if resume.layout.chance("publications first", 0.4):
        order = ("education", "publications", "experience", "languages", "references")
    resume.write(page, order, align)


def _banner(resume: Resume) -> None:
    """A coloured band with the name, and two columns of equal width."""
    sheet, layout = resume.sheet, resume.layout
    page = resume.page()
    high = layout.between("band height", 84, 120)
    sheet.rect(0, 0, sheet.width, high, fill=layout.accent, stroke=None)
    head = page.beside(page.x, page.wide, colour="#ffffff")
    head.y = 34.0
    photo = layout.chance("photo", 0.4)
    if photo:
        resume.photo(page.right - 64, 10, page.right, high - 8)
        head.wide -= 80
    resume.title(head, colour="#ffffff")
    page.y = high + 22
    resume.contact_line(page)
    half = page.wide / 2 - 10
    left, right = page.beside(page.x, half), page.beside(page.x + half + 20, half)
    resume.write(left, ("profile", "experience"))
    resume.write(right, ("education", "skills", "languages", "personal", "certificates"))


def _grid(resume: Resume) -> None:
    """Boxed cells, like a form that has been filled in."""
    page, prose, content = resume.page(), resume.prose, resume.content
    sheet = resume.sheet
    page.line(prose.fixed("title.cv").upper(), size=resume.size * 1.6, bold=True, align="center")
    page.skip(0.6)
    head = [prose.fixed("head.personal"), ""]
    pairs = resume.details()
    first = (prose.caption("name"), resume.name)
    sheet.captions[("candidate_name", 0)] = first[0]
    # Each row has another field, so each is a table of one row without a head.
    page.line(head[0], bold=True)
    for caption, value, field in [
        (*first, "candidate_name"), *((pair.caption, pair.value, pair.field) for pair in pairs)
    ]:  # fmt: skip
        top, left = page.y - resume.size, page.wide * 0.3
        inner = page.beside(page.x + left + 5, page.wide - left - 10)
        inner.y += 2
        page.beside(page.x + 5, left - 10, y=page.y + 2).line(caption)
        inner.paragraph(value, field=field, gap=0)
        bottom = inner.y - resume.size * 0.6
        sheet.rect(page.x, top, page.x + left, bottom, thick=0.5)
        sheet.rect(page.x + left, top, page.right, bottom, thick=0.5)
        sheet.captions[(field, 0)] = caption
        page.y = bottom + resume.size
    page.skip(0.8)
    for key, count in (("experience", resume.jobs), ("education", resume.schools)):
        page.line(prose.fixed(f"head.{key}"), bold=True)
        rows = []
        for place in range(count):
            slot = place + (resume.jobs if key == "education" else 0)
            what = prose.word("jobs") if key == "experience" else prose.word("degrees")
            where = content.company() if key == "experience" else prose.word("universities")
            rows.append((resume.period(slot), what, where))
        names = {0: "employment_period", 1: "position", 2: "employer"}
        if key == "education":
            names = {0: "study_period", 1: "degree", 2: "university"}
        caption = prose.head("table.stations")
        page.table(caption, rows, shares=(1.2, 1.6, 2), fields=names, style="boxed")
    resume.write(page, ("languages", "skills"))


HEADINGS = ("rule", "plain", "capitals", "band", "rule", "bar", "spaced", "tinted")
ARRANGEMENTS: tuple[Callable[[Resume], None], ...] = (
    _one_column, _bar, _table, _timeline, _academic, _bar, _banner, _grid,
)  # fmt: skip
