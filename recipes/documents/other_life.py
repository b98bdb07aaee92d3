"""Pages of daily life: menus, tickets, certificates, recipes, timetables, flyers, labels."""

from __future__ import annotations

from decimal import Decimal

from babel.dates import get_day_names, get_month_names

from recipes.documents import marks
from recipes.documents.other_page import Page
from recipes.documents.sheet import Align
from recipes.documents.wording import variants
from recipes.documents.writer import Column

__all__ = ["calendar", "certificate", "flyer", "label", "menu", "programme", "recipe", "ticket",
           "timetable"]  # fmt: skip


def menu(page: Page) -> None:
    """Dishes with prices, in one or two columns."""
    writer, layout, content = page.writer, page.layout, page.content
    middle = page.sheet.width / 2
    y = layout.margin + writer.size
    name = page.issuer.split(" ")[0]
    if page.logo(middle - 45, layout.margin * 0.6, middle + 45, layout.margin * 0.6 + 44, 0.4):
        y += 50
    writer.text(middle, y, name, scale=2.2, bold=True, align="center", colour=layout.accent,
                wide=writer.wide)  # fmt: skip
    if layout.chance("frame", 0.3):
        edge = layout.margin * 0.45
        page.sheet.rect(edge, edge, page.sheet.width - edge, page.sheet.height - edge, thick=1.2)
    align: Align = layout.pick("align", ("center", "left", "center", "left"))
    y = page.title("menu", y + writer.size, scale=1.4, align=align)
    two = align == "left" and layout.chance("two columns", 0.4)
    style = layout.pick("prices", ("leader", "right", "after", "below"))
    wide = (writer.wide - 24) / 2 if two else writer.wide
    x, top, column, row = writer.left, y + writer.size * 1.5, 0, 0
    y = top
    dishes = page.some("dishes", 14)
    parts = page.listed("courses")
    for at, part in enumerate(parts):
        mine = dishes[at :: len(parts)][: layout.random("how many").randint(2, 5)]
        if y + writer.size * (3 + 2 * len(mine)) > writer.bottom:
            if not two or column:
                break
            column, x, y = 1, writer.left + wide + 24, top
        place = middle if align == "center" else x
        writer.text(place, y, part, bold=True, scale=1.25, colour=layout.accent, align=align)
        y += writer.size * 2
        for dish in mine:
            cents = content.random.randint(6, 70) * 50
            price = content.money(Decimal(cents) / 100)
            if align == "center":
                text = dish if style == "below" else f"{dish}  {price}"
                if style == "below":
                    writer.text(middle, y, text, align=align, field="dish", group=row)
                    y += writer.size * 1.3
                    writer.text(middle, y, price, align=align, field="price", group=row)
                else:
                    left = middle - wide * 0.3
                    writer.text(left, y, dish, wide=wide * 0.47, field="dish", group=row)
                    writer.text(middle + wide * 0.3, y, price, align="right", field="price",
                                group=row)  # fmt: skip
            else:
                end = writer.text(x, y, dish, wide=wide * 0.7, field="dish", group=row)
                writer.text(x + wide, y, price, align="right", field="price", group=row)
                if style == "leader":
                    page.sheet.rule(end + 4, y, x + wide - 55, y, dash=(0.8, 2.4))
            row += 1
            y += writer.size * 1.9
        y += writer.size * 1.4
    writer.paragraph(middle, page.sheet.height - layout.margin, page.caption("menu_note"),
                     writer.wide, scale=0.8, align="center", lowest=9999)  # fmt: skip


def _travel(page: Page) -> dict[str, str]:
    """What a boarding pass or a train ticket says."""
    content = page.content
    return {
        "passenger": content.person(), "origin": str(content.fake.city()),
        "destination": str(content.fake.city()), "flight": content.digits("?? ####"),
        "event_date": content.date(content.day(2016, 2029)), "boarding_time": page.clock(),
        "gate": content.digits("?##"), "seat": content.digits("##") + content.choose("ABCDEF"),
        "booking_number": content.digits("??#?##"),
    }  # fmt: skip


def _show(page: Page) -> dict[str, str]:
    """What a ticket for a show says."""
    content = page.content
    return {
        "event": page.word("shows"), "venue": page.word("venues"),
        "event_date": content.date(content.day(2016, 2029)), "start_time": page.clock(17, 21),
        "row": content.digits("##"), "seat": content.digits("##"),
        "price": content.money(content.random.randint(8, 140)),
        "ticket_holder": content.person(), "booking_number": content.digits("########"),
    }  # fmt: skip


def ticket(page: Page) -> None:
    """A ticket or a boarding pass: on its own paper, or at the top of a printed page."""
    writer, layout = page.writer, page.layout
    travel = layout.chance("travel", 0.5)
    facts = _travel(page) if travel else _show(page)
    facts = {key: value for key, value in facts.items() if layout.chance(f"has {key}", 0.85)}
    top, high = layout.margin, min(page.sheet.height - layout.margin * 2, writer.size * 26)
    stub = layout.between("stub", 0.68, 0.8)
    split = writer.left + writer.wide * stub
    if layout.chance("frame", 0.7):
        page.sheet.rect(writer.left, top, writer.right, top + high, radius=6)
    band = layout.chance("band", 0.5)
    if band:
        page.sheet.rect(writer.left, top, writer.right, top + writer.size * 2.6,
                        fill=layout.accent, stroke=None)  # fmt: skip
    title = layout.pick("title", ("ticket", "company", "both", "ticket"))
    text = {"ticket": page.caption("ticket_title"), "company": page.issuer}.get(
        title, f"{page.caption('ticket_title')} {page.issuer}"
    )
    writer.text(writer.left + 10, top + writer.size * 1.8, text, bold=True, scale=1.3,
                colour="#ffffff" if band else layout.accent, wide=writer.wide * 0.8)  # fmt: skip
    y = top + writer.size * 5.4
    items = list(facts.items())
    first = items[0]
    page.value(writer.left + 10, y, *first, scale=1.7, bold=True, wide=writer.wide * stub - 24)
    y += writer.size * 4.2
    across = layout.pick("across", (2, 3, 3, 4))
    step = (writer.wide * stub - 20) / across
    for at, (key, value) in enumerate(items[1:]):
        if at and at % across == 0:
            y += writer.size * 3.3
        if y > top + high - 8:
            break
        page.value(writer.left + 10 + (at % across) * step, y, key, value,
                   scale=layout.pick("scale", (1.0, 1.15, 1.3)), wide=step - 8)  # fmt: skip
    page.sheet.rule(split, top + 4, split, top + high - 4, dash=(3, 3))
    if page.content.chance(0.75):
        if layout.chance("code at the stub", 0.6):
            marks.barcode(page.sheet, page.content, split + 8, top + writer.size * 4,
                          writer.right - 8, top + high * 0.62)  # fmt: skip
        elif top + high - 44 > y + 6:
            marks.barcode(page.sheet, page.content, writer.left + 12, top + high - 44,
                          writer.left + 170, top + high - 8)  # fmt: skip
    for at, (_, value) in enumerate(items[-3:]):
        writer.text(split + 8, top + high * 0.7 + at * writer.size * 1.5, value, scale=0.9,
                    wide=writer.right - split - 14)  # fmt: skip
    if page.sheet.height > top + high + 120:
        writer.paragraph(writer.left, top + high + writer.size * 3, " ".join(
            page.options("ticket_note")), writer.wide, scale=0.85)  # fmt: skip


def certificate(page: Page) -> None:
    """A certificate with a frame, a name in large letters, and signatures."""
    writer, layout, content = page.writer, page.layout, page.content
    middle, high = page.sheet.width / 2, page.sheet.height
    for step in range(layout.pick("frames", (1, 2, 2, 3))):
        edge = 16 + 7 * step
        page.sheet.rect(edge, edge, page.sheet.width - edge, high - edge,
                        stroke=layout.accent, thick=1.5 if step else 0.7)  # fmt: skip
    y = high * 0.16
    page.logo(middle - 45, y - 50, middle + 45, y - 8)
    writer.text(middle, y + writer.size, page.issuer, align="center", wide=writer.wide - 40)
    title = page.caption("title:certificate")
    if layout.chance("upper title", 0.5):
        title = title.upper()
    y += writer.size * 5
    writer.text(middle, y, title, align="center", bold=True, scale=layout.between("title", 2.4, 4),
                colour=layout.accent, wide=writer.wide - 40)  # fmt: skip
    parts = page.listed("certify")
    name, course, day = content.person(), page.word("shows"), content.day(2012, 2028)
    if layout.chance("a course", 0.7):
        course = content.choose(variants(layout, "form_values", "event"))
    y += high * 0.1
    writer.text(middle, y, parts[0], align="center", scale=1.2, wide=writer.wide - 40)
    y += high * 0.075
    writer.text(middle, y, name, align="center", bold=True, scale=2.2, wide=writer.wide - 60,
                field="recipient")  # fmt: skip
    page.sheet.rule(middle - 150, y + 6, middle + 150, y + 6, thick=0.4)
    y += high * 0.06
    y = writer.paragraph(middle, y, parts[1], writer.wide - 60, scale=1.2, align="center")
    y += writer.size
    writer.text(middle, y, course, align="center", bold=True, scale=1.6, wide=writer.wide - 60,
                field="award")  # fmt: skip
    y += high * 0.055
    with page.sheet.block():
        end = writer.text(middle, y, parts[2], scale=1.1, align="right")
        writer.text(end + 5, y, content.date(day), scale=1.1, field="issue_date")
    low = min(high * 0.87, high - 60)
    names = page.listed("signers")
    for at, who in enumerate(names):
        x = page.sheet.width * (0.28 if at == 0 else 0.72)
        page.sheet.rule(x - 80, low, x + 80, low)
        writer.text(x, low + writer.size * 1.3, who, align="center", scale=0.9)
        if content.chance(0.6):
            marks.signature(page.sheet, content, x - 60, low - 40, x + 60, low + 6)
    if content.chance(0.35):
        marks.stamp(page.sheet, content, middle, low - 14, 36)


def _in_order(page: Page) -> list[str]:
    """Some of a recipe's steps, as they follow each other."""
    steps = page.some("steps", page.content.random.randint(4, 7))
    return sorted(steps, key=page.options("steps").index)


def recipe(page: Page) -> None:
    """Ingredients and steps."""
    writer, layout, content = page.writer, page.layout, page.content
    y = page.title("recipe", layout.margin, scale=1.1)
    writer.text(writer.left, y + writer.size * 1.8, page.word("dishes_to_cook"), bold=True,
                scale=2.2, wide=writer.wide, field="dish")  # fmt: skip
    minutes = [f"{content.random.randint(2, 18) * 5} min" for _ in range(2)]
    facts = {"servings": str(content.random.randint(2, 12)), "preparation_time": minutes[0],
             "cooking_time": minutes[1], "difficulty": page.word("levels")}  # fmt: skip
    style = layout.pick("facts", ("cells", "inline", "strip", "aligned", "above"))
    y = writer.pairs(writer.left, y + writer.size * 5, page.pairs(facts), writer.wide, "facts",
                     style=style) + writer.size  # fmt: skip
    heads = page.listed("recipe_heads")
    side = layout.chance("side by side", 0.5)
    room = writer.wide * 0.34 if side else writer.wide
    writer.text(writer.left, y, heads[0], bold=True, scale=1.2, colour=layout.accent)
    low = y + writer.size * 2
    mark = layout.pick("bullets", ("", "• ", "- ", "* "))
    for each in page.some("ingredients", content.random.randint(5, 12)):
        writer.text(writer.left, low, f"{mark}{each}", wide=room)
        low += writer.size * 1.5
    x = writer.left + room + 20 if side else writer.left
    y = y if side else low + writer.size * 1.5
    writer.text(x, y, heads[1], bold=True, scale=1.2, colour=layout.accent)
    y += writer.size * 2
    for at, each in enumerate(_in_order(page)):
        y = writer.paragraph(x, y, f"{at + 1}. {each}", writer.right - x) + writer.size * 0.6
    if layout.chance("picture", 0.4) and max(y, low) + 150 < writer.bottom:
        top = max(y, low) + 10
        page.sheet.rect(writer.left, top, writer.left + 200, top + 130, fill="#d8cfc0", stroke=None)
        page.sheet.rect(writer.left + 50, top + 30, writer.left + 150, top + 105, radius=35,
                        fill="#a8794a", stroke=None)  # fmt: skip
    if content.chance(0.12):
        marks.handwriting(page.sheet, content, writer.right - 150, layout.margin, "!!", 18)


def timetable(page: Page) -> None:
    """Stops and times."""
    writer, layout, content = page.writer, page.layout, page.content
    top = layout.margin * 0.8
    page.logo(writer.right - 90, top, writer.right, top + 34)
    y = page.title("timetable", top, scale=layout.between("title", 1.5, 2.4))
    facts = {"line": content.digits("##"), "valid_from": content.date(content.day(2015, 2028))}
    y = writer.pairs(writer.left, y + writer.size, page.pairs(facts), writer.wide * 0.6, "facts")
    stops = page.some("stops", content.random.randint(5, 12))
    runs = layout.random("runs").randint(4, 9)
    first = content.random.randint(300, 500)
    every = content.choose((20, 30, 60, 15))
    steps = [0]
    for _ in stops[1:]:
        steps.append(steps[-1] + content.random.randint(2, 9))
    for day in page.options("days")[: layout.random("blocks").randint(1, 2)]:
        y += writer.size * 1.5
        writer.text(writer.left, y, day, bold=True)
        columns = [Column("", 3)] + [Column(str(at + 1), 1, "center") for at in range(runs)]
        rows = []
        for stop, step in zip(stops, steps, strict=True):
            times = [first + step + at * every for at in range(runs)]
            rows.append([stop] + [f"{at // 60 % 24}:{at % 60:02}" for at in times])
        y, _ = writer.table(writer.left, y + writer.size * 0.8, columns, rows, writer.wide,
                            "times", scale=0.9)  # fmt: skip
        y += writer.size
        first += 30


def flyer(page: Page) -> None:
    """An advertisement: large words, few details."""
    writer, layout, content = page.writer, page.layout, page.content
    align: Align = layout.pick("align", ("center", "center", "left", "right"))
    x = {"left": writer.left, "center": page.sheet.width / 2, "right": writer.right}[align]
    y = page.sheet.height * layout.between("start", 0.12, 0.25)
    if layout.chance("coloured", 0.4):
        tint = layout.pick("tint", ("#fdf1c7", "#dff0ea", "#fbe0dc", "#e3e6f6"))
        page.sheet.rect(0, 0, page.sheet.width, page.sheet.height, fill=tint, stroke=None)
    page.logo(writer.left, layout.margin * 0.6, writer.left + 110, layout.margin * 0.6 + 46, 0.6)
    scale = layout.between("slogan", 3, 5)
    y = max(y, layout.margin * 0.6 + 56 + writer.size * scale)
    for line in page.sheet.wrapped(page.word("slogans"), writer.wide, writer.bold,
                                   writer.size * scale):  # fmt: skip
        writer.text(x, y, line, bold=True, scale=scale, align=align, colour=layout.accent,
                    wide=writer.wide)  # fmt: skip
        y += writer.size * scale * 1.2
    y += writer.size * 2
    for claim in page.some("claims", layout.random("claims").randint(1, 4)):
        writer.text(x, y, claim, scale=1.5, align=align, wide=writer.wide)
        y += writer.size * 2.8
    if layout.chance("price", 0.5):
        y += writer.size * 3
        writer.text(x, y, content.money(content.random.randint(1, 99)), bold=True, scale=4,
                    align=align, field="price")  # fmt: skip
    y += writer.size * 4
    facts = {"event_date": content.date(content.day(2015, 2029)), "start_time": page.clock(8, 20),
             "venue": page.word("venues")}  # fmt: skip
    if layout.chance("with captions", 0.5):
        y = writer.pairs(writer.left, y, page.pairs(facts), writer.wide, "facts")
    else:
        for key, value in facts.items():
            writer.text(x, y, value, scale=1.3, align=align, wide=writer.wide, field=key)
            y += writer.size * 2
    low = min(y + writer.size * 4, writer.bottom - writer.size * 3)
    writer.text(x, low, page.issuer, bold=True, align=align, wide=writer.wide)
    writer.text(x, low + writer.size * 1.5, f"{', '.join(page.address)}  {content.phone()}",
                scale=0.9, align=align, wide=writer.wide)  # fmt: skip


def label(page: Page) -> None:
    """A label for a parcel."""
    writer, layout, content = page.writer, page.layout, page.content
    low = min(writer.bottom, layout.margin + writer.size * 44)
    page.sheet.rect(writer.left, layout.margin, writer.right, low, thick=1.4)
    x, wide = writer.left + 10, writer.wide - 20
    y = page.title("label", layout.margin + 6, scale=1.6, align="center") + 4
    page.sheet.rule(writer.left, y, writer.right, y)
    for key, name, address in (
        ("sender", page.issuer, page.address),
        ("recipient", content.person(), content.address()),
    ):
        large = 1.3 if key == "recipient" else 0.9
        label_text = page.caption(key)
        writer.text(x, y + writer.size * 1.5, writer.captioned(label_text), scale=0.85)
        page.sheet.captions[key, 0] = label_text
        writer.text(x, y + writer.size * (1.7 + 1.4 * large), name, scale=large, wide=wide,
                    bold=key == "recipient", field=key)  # fmt: skip
        y = writer.lines(x, y + writer.size * (1.9 + 2.8 * large), address, wide, scale=large,
                         field=f"{key}_address")  # fmt: skip
        page.sheet.rule(writer.left, y, writer.right, y)
    facts = {"tracking_number": content.digits("#### #### ####"),
             "weight": f"{content.number(content.random.uniform(0.2, 31), 1)} kg",
             "issue_date": content.date(content.day(2015, 2029))}  # fmt: skip
    y = writer.pairs(x, y + writer.size * 1.8, page.pairs(facts), wide, "facts")
    if content.chance(0.85) and low - y > 40:
        marks.barcode(page.sheet, content, x + 20, y, x + wide - 20, min(low - 8, y + 76))


def programme(page: Page) -> None:
    """Times and what happens then."""
    writer, layout, content = page.writer, page.layout, page.content
    align: Align = layout.pick("align", ("left", "center", "left", "center"))
    page.logo(writer.right - 80, layout.margin * 0.6, writer.right, layout.margin * 0.6 + 30, 0.4)
    y = page.title("programme", layout.margin + 10, scale=2, align=align)
    x = page.sheet.width / 2 if align == "center" else writer.left
    writer.text(x, y + writer.size * 1.5, page.word("shows"), scale=1.5, align=align,
                wide=writer.wide, field="event")  # fmt: skip
    facts = {"event_date": content.date(content.day(2015, 2029)), "venue": page.word("venues")}
    y = writer.pairs(writer.left, y + writer.size * 4, page.pairs(facts), writer.wide, "facts")
    y += writer.size
    minutes = content.random.randint(32, 76) * 15
    for item in page.some("agenda_items", 8) + page.some("shows", 4):
        if y > writer.bottom - 20:
            break
        writer.text(writer.left, y, f"{minutes // 60 % 24:02}:{minutes % 60:02}", bold=True)
        y = writer.paragraph(writer.left + 60, y, item, writer.wide - 60) + writer.size * 0.9
        minutes += content.choose((15, 30, 45, 60))


def calendar(page: Page) -> None:
    """A month with its days."""
    writer, layout, content = page.writer, page.layout, page.content
    month, year = content.random.randint(1, 12), content.random.randint(2014, 2030)
    names = get_month_names("wide", locale=content.locale)
    days = get_day_names("abbreviated", locale=content.locale)
    text = f"{names[month]} {year}"
    writer.text(page.sheet.width / 2, layout.margin + 30, text, bold=True, scale=3,
                align="center", colour=layout.accent)  # fmt: skip
    top, step = layout.margin + 60, writer.wide / 7
    high = min((writer.bottom - top - 24) / 6, step * 1.1)
    page.sheet.facts["table"] = True
    for at in range(7):
        writer.text(writer.left + step * (at + 0.5), top + 14, str(days[at]), bold=True,
                    align="center")  # fmt: skip
    start, length = content.random.randint(0, 6), content.choose((28, 30, 31))
    for day in range(length):
        row, at = divmod(start + day, 7)
        x, y = writer.left + at * step, top + 22 + row * high
        page.sheet.rect(x, y, x + step, y + high, thick=0.4)
        writer.text(x + 4, y + writer.size * 1.2, str(day + 1))
        if content.chance(0.12):
            writer.text(x + 4, y + high * 0.6, page.word("agenda_items").split()[0], scale=0.8,
                        wide=step - 8)  # fmt: skip
        if content.chance(0.03):
            marks.handwriting(page.sheet, content, x + 5, y + high - 6, page.clock(), 12)
