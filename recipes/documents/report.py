"""Reports: of managers, laboratories, inspectors and researchers, minutes and memos."""

from __future__ import annotations

from collections.abc import Callable

from recipes.documents.column import Pair
from recipes.documents.layout import Layout
from recipes.documents.report_parts import TABLES, Report
from recipes.documents.sheet import Sheet

__all__ = ["draw"]


def draw(layout: Layout, seed: int) -> Sheet:
    """One page: a report of some kind, a page of a paper, minutes or a memo."""
    report = Report(layout, seed)
    layout.pick("arrangement", ARRANGEMENTS)(report)
    report.foot()
    report.extras()
    return report.sheet


def _management(report: Report) -> None:
    """Sections of text, often with a table or a chart."""
    page, layout = report.page(), report.layout
    report.head(page, "management")
    topic = report.prose.word("topics")
    page.paragraph(topic[0].upper() + topic[1:], size=report.size * 1.25, field="subject")
    names = ("report_date", "author", "department", "period", "report_number", "distribution")
    report.details(page, report.pairs(names))
    report.end()
    page.lowest = report.low
    report.sections(page, ("summary",), "report.management")
    if layout.chance("figures", 0.5):
        report.figures(page)
    if layout.chance("chart", 0.35):
        report.chart(page)
    keys = layout.pick(
        "order",
        (
            ("introduction", "results", "recommendations"),
            ("results", "risks", "recommendations", "conclusion"),
            ("introduction", "method", "results", "conclusion"),
            ("discussion", "risks", "conclusion"),
        ),
    )
    report.sections(page, keys, "report.management", 3)


def _lab(report: Report) -> None:
    """Details of a sample, results in a table, remarks."""
    page, content, prose = report.page(), report.content, report.prose
    report.head(page, "lab")
    names = (
        "sample_number", "report_date", "client", "sample_type", "received", "report_number",
        "department",
    )  # fmt: skip
    report.details(page, report.pairs(names, 3))
    if report.heading(page, "results"):
        rows = []
        units = ("mg/l", "µg/l", "mg/dl", "%", "g/l", "mmol/l")
        for _ in range(content.random.randint(3, 12)):
            value = content.random.uniform(0.01, 150)
            places = 0 if value > 50 else content.random.randint(1, 2)
            limit = f"< {content.number(value * content.random.uniform(0.9, 3), places)}"
            method = content.choose(("ISO {}", "EN {}", "ASTM D{}", "M-{}")).format(
                content.random.randint(1000, 19999)
            )
            cells = (content.number(value, places), content.choose(units), limit, method)
            rows.append((prose.word("lab.parameters"), *cells))
        page.table(
            prose.head("table.lab"), rows, shares=(2, 1.1, 1, 1.5, 1.4), numbers=(1,),
            fields={1: "result"}, captions=0, style=report.layout.pick("table style", TABLES),
        )  # fmt: skip
    if report.heading(page, "remarks"):
        report.text(page, "report.lab", content.random.randint(1, 3))
    report.sign(page, 0.6)


def _inspection(report: Report) -> None:
    """An object, findings in a table, what has to be done."""
    page, content, prose = report.page(), report.content, report.prose
    report.head(page, "inspection")
    names = (
        "inspection_date", "inspector", "location", "equipment", "client", "report_number",
        "overall_result",
    )  # fmt: skip
    report.details(page, report.pairs(names, 3))
    if report.layout.chance("introduction", 0.6):
        report.text(page, "report.inspection", 1, 3)
    rows = []
    boxes = report.layout.chance("boxes to tick", 0.2)
    for place in range(content.random.randint(3, 10)):
        deadline = report.date(content.random.randint(7, 120)) if content.chance(0.5) else "-"
        cells = (prose.word("inspection.items"), prose.plain("report.finding"))
        rating = prose.word("inspection.ratings")
        rows.append((str(place + 1), *cells, f"[x] {rating}" if boxes else rating, deadline))
    page.table(
        prose.head("table.inspection"), rows, shares=(0.6, 1.7, 2.6, 1.4, 1.3),
        fields={3: "rating"}, captions=1, style=report.layout.pick("table style", TABLES),
    )  # fmt: skip
    report.sections(page, ("recommendations",), "report.inspection")
    report.text(page, "report.inspection", content.random.randint(0, 2))
    report.sign(page, 0.65)


def _paper(report: Report) -> None:
    """The first page of a paper: title, authors, abstract, two columns."""
    page, prose, content, layout = report.page(), report.prose, report.content, report.layout
    align = layout.pick("align", ("center", "left"))
    journal = f"{prose.word('subjects')} {content.random.randint(2, 60)} ({report.day.year})"
    first = content.random.randint(1, 900)
    page.line(f"{journal} {first}–{first + 9}", size=report.size * 0.85, align=align)
    page.skip(1)
    size = layout.between("title size", 14, 19)
    for line in report.sheet.wrapped(prose.word("paper.topics"), page.wide, page.bold, size):
        page.line(line, size=size, bold=True, align=align, field="report_title")
    page.skip(0.5)
    others = [content.person() for _ in range(content.random.randint(0, 3))]
    page.line(
        ", ".join([report.author, *others]), size=report.size * 1.1, align=align, field="author"
    )
    page.line(f"{prose.word('universities')}, {content.email(report.author)}", align=align)
    page.skip(1)
    inset = page.wide * 0.07 if layout.chance("abstract is inset", 0.6) else 0.0
    abstract = page.beside(page.x + inset, page.wide - 2 * inset)
    abstract.size *= 0.94
    abstract.line(prose.fixed("head.abstract"), bold=True)
    abstract.paragraph(prose.passage("report.paper", 4), field="abstract")
    words = "; ".join(prose.word("subjects") for _ in range(3))
    # German keeps its capitals.
    words = words if layout.language == "de" else words.lower()
    abstract.pairs(
        [Pair(prose.caption("keywords"), words, "keywords")], bold_captions=True, share=0.3
    )
    page.y = abstract.y + report.size * 1.5
    count = layout.pick("columns", (2, 1, 2, 2))
    room = (page.wide - 18 * (count - 1)) / count
    keys = ["introduction", "method", "results", "discussion", "conclusion", "bibliography"]
    for place in range(count):
        column = page.beside(page.x + place * (room + 18), room)
        column.size *= 0.93 if count == 2 else 1.0
        if place == 1 and layout.chance("chart", 0.5):
            report.chart(column, 105)
        while keys and column.fits(5):
            key = keys.pop(0)
            if not report.heading(column, key, 6 - len(keys)):
                break
            if key == "bibliography":
                for number in range(1, 9):
                    year, title = content.random.randint(1985, 2025), prose.word("paper.topics")
                    name = f"{content.fake.last_name()} {content.digits('?')}."
                    column.paragraph(f"[{number}] {name} {title}. {year}.", gap=0.2)
            else:
                report.text(column, "report.paper", content.random.randint(1, 3), 4)


def _annual(report: Report) -> None:
    """A page of an annual report: figures, a chart, text in one or two columns."""
    page, content, layout = report.page(), report.content, report.layout
    report.head(page, "annual", str(report.day.year))
    page.pairs(report.pairs(("report_date",), 0))
    parts: list[Callable[[], None]] = [
        lambda: report.text(page, "report.annual", content.random.randint(1, 2)),
        lambda: report.chart(page, layout.between("chart height", 90, 170)),
        lambda: report.figures(page),
    ]
    layout.random("order").shuffle(parts)
    for part in parts:
        part()
        page.skip(0.3)
    report.end()
    page.lowest = max(report.low, page.y)
    if layout.chance("two columns", 0.5):
        half = page.wide / 2 - 9
        for x in (page.x, page.x + half + 18):
            column = page.beside(x, half)
            if report.heading(column, "results" if x == page.x else "conclusion"):
                report.text(column, "report.annual", 3)
    else:
        report.sections(page, ("results", "risks", "conclusion"), "report.annual")


def _minutes(report: Report) -> None:
    """Who met, what was said and decided, who does what."""
    page, content, prose, layout = report.page(), report.content, report.prose, report.layout
    report.head(page, "minutes")
    names = ("report_date", "participants", "location", "time", "absent", "chair", "minute_taker")
    report.details(page, report.pairs(names, 2))
    topics = [prose.word("topics") for _ in range(content.random.randint(2, 5))]
    topics = [topic[0].upper() + topic[1:] for topic in topics]
    if layout.chance("agenda", 0.5) and report.heading(page, "agenda"):
        page.bullets([f"{i}. {topic}" for i, topic in enumerate(topics, 1)], mark="")
        page.skip(0.5)
    for place, topic in enumerate(topics, 1):
        if not page.fits(4):
            break
        page.paragraph(f"{place}. {topic}", bold=True, gap=0.15)
        report.text(page, "report.minutes", content.random.randint(1, 2), 3)
    if content.chance(0.5) and report.heading(page, "decisions"):
        rows = [
            (prose.word("topics"), content.person(), report.date(content.random.randint(5, 60)))
            for _ in range(content.random.randint(1, 4))
        ]
        style = layout.pick("table style", TABLES)
        page.table(prose.head("table.actions"), rows, shares=(3, 1.6, 1.2), style=style)
    page.pairs(report.pairs(("next_meeting",), 1))
    report.sign(page, 0.5)


def _memo(report: Report) -> None:
    """From, to, date and subject over a short text."""
    page, content, layout = report.page(), report.content, report.layout
    report.head(page, "memo")
    names = ("sender", "recipient", "report_date", "subject", "distribution", "department")
    pairs = report.pairs(names, 4)
    if layout.chance("recipient first", 0.6):
        pairs = [pairs[1], pairs[0], *pairs[2:]]
    page.pairs(
        pairs, bold_captions=layout.chance("bold captions", 0.6),
        colon=layout.chance("colon", 0.75), share=0.3,
    )  # fmt: skip
    page.skip(0.4)
    if layout.chance("rule under details", 0.7):
        page.rule(thick=1.0)
        page.skip(0.7)
    report.text(page, "report.memo", content.random.randint(1, 5))
    if content.chance(0.4):
        page.bullets([report.prose.plain("report.memo") for _ in range(3)])
        page.skip(0.6)
    if content.chance(0.5):
        report.sign(page, 0.55)


def _status(report: Report) -> None:
    """A project on one page: boxes with its state, steps in a table, points."""
    page, content, prose, layout = report.page(), report.content, report.prose, report.layout
    report.head(page, "status")
    page.pair_row(report.pairs(("project", "report_date", "author"), 3), boxed=True)
    page.pair_row(report.pairs(("status", "budget", "version"), 3), boxed=True)
    report.sections(page, ("summary",), "report.management", 1)
    if report.heading(page, "milestones"):
        rows = []
        for place in range(content.random.randint(3, 7)):
            step = f"{place + 1}. {prose.word('topics')}"
            days = place * 40
            rows.append((step, report.date(days), report.date(days + 9), prose.word("states")))
        style = layout.pick("table style", TABLES)
        page.table(prose.head("table.milestones"), rows, shares=(3, 1.2, 1.2, 1.1), style=style)
    if layout.chance("chart", 0.4):
        report.chart(page, 90)
    report.sections(page, ("risks", "recommendations"), "report.management", 1)


def _audit(report: Report) -> None:
    """A narrow column of details beside numbered sections."""
    page, layout = report.page(), report.layout
    report.head(page, "audit")
    wide = layout.between("side width", 120, 150)
    side = page.beside(page.x, wide)
    side.size *= 0.9
    names = ("report_date", "author", "client", "department", "period", "approved_by", "version")
    side.pairs(report.pairs(names, 3), above=True, colon=False, bold_captions=True, gap=0.5)
    main = page.beside(page.x + wide + 20, page.wide - wide - 20)
    line = page.x + wide + 10
    report.end()
    main.lowest = report.low
    top = main.y - report.size
    report.sections(main, ("summary", "method"), "report.audit")
    report.sections(main, ("results", "recommendations", "conclusion"), "report.audit", 3)
    report.sheet.rule(line, top, line, max(main.y, side.y), colour=layout.accent, thick=0.5)
    main.lowest = report.sheet.height - 46
    report.sign(main, 0.5)


ARRANGEMENTS: tuple[Callable[[Report], None], ...] = (
    _management, _lab, _inspection, _paper, _annual, _minutes, _memo, _status, _audit,
)  # fmt: skip
