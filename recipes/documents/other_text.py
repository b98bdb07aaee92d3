"""Pages of text: newspapers, books, contracts, messages, data sheets, minutes, maps."""

from __future__ import annotations

from recipes.documents import marks
from recipes.documents.other_page import Page
from recipes.documents.sheet import Align
from recipes.documents.wording import caption
from recipes.documents.writer import Column

__all__ = ["agenda", "book", "contract", "data_sheet", "empty", "mail", "newspaper", "site_map"]


def _story(page: Page, sentences: int) -> str:
    """Running text: sentences of stories, some of random words."""
    content = page.content
    return " ".join(
        page.word("story")
        if content.chance(0.65)
        else content.sentence(content.random.randint(7, 16))
        for _ in range(sentences)
    )


def newspaper(page: Page) -> None:
    """A name, a rule, and articles in columns."""
    writer, layout, content = page.writer, page.layout, page.content
    middle = page.sheet.width / 2
    top = layout.margin * 0.8
    names = page.options("paper_names")
    pattern = layout.pick("name", names)
    city = page.address[-1].split(",")[0].split()[-1]
    name = pattern.replace("{city}", city).replace("{name}", page.issuer.split()[0])
    scale = layout.between("name", 2.6, 4.2)
    y = top + writer.size * scale
    writer.text(middle, y, name, bold=True, scale=scale, align="center", wide=writer.wide)
    y += writer.size * 1.8
    with page.sheet.block():
        date = content.date(content.day(2005, 2029))
        writer.text(writer.left, y, date, scale=0.9, field="issue_date")
        writer.text(middle, y, f"No. {content.random.randint(1, 400)}", scale=0.9, align="center")
        price = content.money(content.random.randint(10, 40) / 10)
        writer.text(writer.right, y, price, scale=0.9, align="right", field="price")
    for offset in (-writer.size * 1.2, writer.size * 0.6):
        page.sheet.rule(writer.left, y + offset, writer.right, y + offset, thick=0.8)
    y += writer.size * 3.4
    headlines = page.some("headlines", 8)
    large = layout.between("headline", 1.8, 3)
    if layout.chance("one large headline", 0.6):
        y = writer.paragraph(writer.left, y + writer.size, headlines[0], writer.wide, bold=True,
                             scale=large, leading=1.15, field="headline")  # fmt: skip
        y += writer.size * 0.5
    count = layout.pick("columns", (2, 3, 4, 3, 5))
    gap = 14.0
    wide = (writer.wide - gap * (count - 1)) / count
    picture = layout.random("picture").randrange(count + 1)
    for at in range(count):
        x, low = writer.left + at * (wide + gap), y
        if at == picture:
            high = wide * layout.between("picture", 0.6, 1.1)
            page.sheet.rect(x, low - writer.size, x + wide, low + high, fill="#c9c9c9", stroke=None)
            low = writer.paragraph(x, low + high + writer.size * 1.2, page.word("story"), wide,
                                   scale=0.75) + writer.size  # fmt: skip
        while low < writer.bottom - writer.size * 4:
            title = headlines[(at * 2 + int(low)) % len(headlines)]
            low = writer.paragraph(x, low, title, wide, bold=True, scale=1.2, leading=1.2)
            text = _story(page, content.random.randint(4, 12))
            low = writer.paragraph(x, low + 2, text, wide, scale=0.95) + writer.size * 1.2
        if at and layout.chance("rules", 0.5):
            page.sheet.rule(x - gap / 2, y - writer.size, x - gap / 2, writer.bottom, thick=0.3)


def book(page: Page) -> None:
    """Running text with a head and a page number."""
    writer, layout, content = page.writer, page.layout, page.content
    title = layout.pick("book", page.options("books"))
    number = str(content.random.randint(3, 480))
    y = layout.margin
    if layout.chance("running head", 0.7):
        left = layout.chance("head left", 0.5)
        writer.text(writer.left if left else writer.right, y, title, scale=0.85,
                    align="left" if left else "right")  # fmt: skip
    y += writer.size * 4
    if content.chance(0.3):
        y += 60
        writer.text(page.sheet.width / 2, y, content.choose(("I", "II", "III", "4", "12")),
                    scale=1.8, align="center")  # fmt: skip
        y += 50
    indent = layout.chance("indent", 0.6)
    while y < writer.bottom - writer.size * 3:
        text = _story(page, content.random.randint(3, 9))
        y = writer.paragraph(writer.left + (12 if indent else 0), y, text,
                             writer.wide - (12 if indent else 0), leading=1.45,
                             lowest=writer.bottom - writer.size * 2)  # fmt: skip
        y += 0 if indent else writer.size * 0.8
        if content.chance(0.03):
            break
    align: Align = layout.pick("number", ("center", "right", "left", "center"))
    x = {"left": writer.left, "center": page.sheet.width / 2, "right": writer.right}[align]
    writer.text(x, page.sheet.height - layout.margin * 0.6, number, scale=0.9, align=align,
                field="page_number")  # fmt: skip


def contract(page: Page) -> None:
    """Parties, numbered clauses, two signatures."""
    writer, layout, content = page.writer, page.layout, page.content
    align: Align = layout.pick("align", ("center", "left", "center", "left"))
    page.logo(writer.left, layout.margin * 0.5, writer.left + 90, layout.margin * 0.5 + 32, 0.25)
    y = page.title("contract", layout.margin + 20, scale=1.7, align=align) + writer.size
    parts = page.listed("parties")
    whole = f"{page.issuer}, {', '.join(page.address)},"
    other = f"{content.person()}, {', '.join(content.address())},"
    with page.sheet.block():
        for text, field in (
            (parts[0], None),
            (whole, "first_party"),
            (parts[1], None),
            (other, "second_party"),
            (parts[-1] if len(parts) > 2 else "", None),
        ):
            if text:
                y = writer.paragraph(writer.left, y, text, writer.wide, field=field)
    if layout.chance("facts", 0.5):
        facts = {"issue_date": content.date(content.day(2010, 2028)),
                 "order_number": content.digits("V-####/##")}  # fmt: skip
        y = writer.pairs(writer.left, y + writer.size, page.pairs(facts), writer.wide, "facts")
    heads = list(page.options("clause_heads"))
    mark = layout.pick("numbers", ("{}.", "§ {}", "Art. {}", "{})", "{}"))
    for number, head in enumerate(heads, 1):
        if y + writer.size * 13 > writer.bottom:
            break
        y += writer.size * 1.2
        writer.text(writer.left, y, f"{mark.format(number)} {head}", bold=True)
        y += writer.size * 1.5
        for at, text in enumerate(page.some("clauses", content.random.randint(1, 3)), 1):
            lead = f"{number}.{at} " if layout.chance("sub-numbers", 0.5) else ""
            y = writer.paragraph(writer.left, y, lead + text, writer.wide)
    low = min(y + writer.size * 6, writer.bottom)
    for x in (writer.left, writer.left + writer.wide * 0.55):
        page.sheet.rule(x, low, x + writer.wide * 0.42, low)
        label = caption(layout, "form_person", "signature").split(",")[0]
        writer.text(x, low + writer.size * 1.2, label, scale=0.8, wide=writer.wide * 0.4)
        if content.chance(0.5):
            marks.signature(page.sheet, content, x + 8, low - 36, x + 150, low + 6)
    if content.chance(0.15):
        marks.stamp(page.sheet, content, writer.left + writer.wide * 0.5, low - 12, 32)


def mail(page: Page) -> None:
    """A printed e-mail."""
    writer, layout, content = page.writer, page.layout, page.content
    sender, reader = content.person(), content.person()
    day = content.date(content.day(2005, 2029))
    y = layout.margin + writer.size
    if layout.chance("name on top", 0.5):
        writer.text(writer.left, y, reader, bold=True, scale=1.2)
        page.sheet.rule(writer.left, y + 5, writer.right, y + 5, thick=1.2)
        y += writer.size * 2.6
    facts = {"mail_from": f"{sender} <{content.email(sender)}>",
             "mail_to": content.email(reader) if layout.chance("address only", 0.5) else reader,
             "mail_date": f"{day} {page.clock(0, 23)}",
             "mail_subject": page.word("mail_subjects")}  # fmt: skip
    keys = list(facts)
    if layout.chance("another order", 0.4):
        layout.random("order").shuffle(keys)
    y = writer.pairs(writer.left, y, page.pairs({key: facts[key] for key in keys}), writer.wide,
                     "head", style=layout.pick("head", ("aligned", "inline", "bold value",
                                                        "aligned")))  # fmt: skip
    page.sheet.rule(writer.left, y, writer.right, y, thick=0.4)
    y += writer.size * 2
    body = content.choose(page.options("mail_body")).replace("{name}", reader.split()[0])
    parts = [part.strip() for part in body.split(" ~ ")]
    for part in [parts[0], *parts[1:-1], parts[-1], sender]:
        y = writer.paragraph(writer.left, y, part, writer.wide) + writer.size * 0.7
        if part in parts[1:-1] and content.chance(0.4):
            y = writer.paragraph(writer.left, y, _story(page, 3), writer.wide) + writer.size * 0.7
    if content.chance(0.4):
        y += writer.size
        lead = f"> {content.person()} <{content.email()}>, {day}:"
        writer.text(writer.left, y, lead, colour="#555555", scale=0.9, wide=writer.wide)
        for _ in range(content.random.randint(1, 4)):
            y += writer.size * 1.5
            writer.text(writer.left, y, f"> {page.word('story')}", colour="#555555", scale=0.9,
                        wide=writer.wide)  # fmt: skip
    if content.chance(0.08):
        marks.handwriting(page.sheet, content, writer.right - 140, y + 40, "ok!", 18)


def data_sheet(page: Page) -> None:
    """A product's properties."""
    writer, layout, content = page.writer, page.layout, page.content
    top = layout.margin * 0.8
    page.logo(writer.right - 100, top, writer.right, top + 38)
    model = content.digits(layout.pick("model", ("??-###", "K ####", "?#-##?", "###?")))
    y = page.title("data_sheet", top, scale=1.2)
    writer.text(writer.left, y + writer.size * 1.8, f"{page.issuer.split()[0]} {model}", bold=True,
                scale=2, wide=writer.wide * 0.7, field="product")  # fmt: skip
    y += writer.size * 4
    if layout.chance("text", 0.6):
        y = writer.paragraph(writer.left, y, _story(page, 2), writer.wide) + writer.size
    if layout.chance("picture", 0.6):
        page.sheet.rect(
            writer.left, y, writer.left + 190, y + 120, fill="#e6e6e6", stroke="#999999"
        )
        page.sheet.rect(writer.left + 60, y + 25, writer.left + 130, y + 100, radius=9,
                        fill="#8a97a5", stroke="#444444")  # fmt: skip
        y += 136
    number, whole = content.number, content.random.randint
    size = " x ".join(str(whole(20, 900)) for _ in range(3))
    values = {
        "dimensions": f"{size} mm", "weight": f"{number(whole(2, 400) / 10, 1)} kg",
        "voltage": content.choose(("230 V AC", "12 V DC", "24 V", "400 V")),
        "power": f"{whole(5, 2400)} W", "material": page.word("materials"),
        "colour": page.word("colours"), "protection": f"IP{whole(20, 68)}",
        "temperature": f"-{whole(1, 30)} ... +{whole(30, 80)} °C", "noise": f"{whole(20, 75)} dB",
        "warranty": page.word("years"), "article_number": content.digits("###.###.##"),
        "capacity": f"{number(whole(1, 900) / 10, 1)} l",
    }  # fmt: skip
    lines = list(page.options("properties"))
    layout.random("order").shuffle(lines)
    pairs = []
    for line in lines[: layout.random("how many").randint(6, 12)]:
        label, key = (part.strip() for part in line.split("~"))
        pairs.append((key, label, values[key]))
    style = layout.pick("list", ("grid", "aligned", "table", "leader", "spread", "table", "right"))
    if style != "table":
        writer.pairs(writer.left, y + writer.size * 1.5, pairs, writer.wide, "data", style=style)
        return
    heads = page.listed("columns:delivered")
    rows = [[label, value] for _, label, value in pairs]
    columns = [Column(page.caption("title:data_sheet"), 3), Column(heads[2], 3, "left", "property")]
    before = len(page.sheet.words)
    writer.table(writer.left, y + writer.size * 0.5, columns, rows, writer.wide, "data")
    # Each row's value is a field of its own here, as in the other arrangements.
    for at, word in enumerate(page.sheet.words[before:], before):
        if word.field == "property":
            key, label, _ = pairs[word.group]
            page.sheet.words[at] = type(word)(word.text, word.box, word.line, word.block, key, 0)
            page.sheet.captions[key, 0] = label


def agenda(page: Page) -> None:
    """Minutes or the agenda of a meeting."""
    writer, layout, content = page.writer, page.layout, page.content
    page.logo(writer.right - 90, layout.margin * 0.6, writer.right, layout.margin * 0.6 + 34, 0.4)
    y = page.title("agenda", layout.margin, scale=1.8)
    facts = {"event_date": content.date(content.day(2010, 2029)), "start_time": page.clock(8, 20),
             "venue": page.word("venues"), "chair": content.person(),
             "participants": ", ".join(content.person() for _ in range(3))}  # fmt: skip
    facts = {key: value for key, value in facts.items() if layout.chance(f"has {key}", 0.8)}
    if facts:
        y = writer.pairs(
            writer.left,
            y + writer.size * 1.2,
            page.pairs(facts),
            writer.wide,
            "facts",
            style=layout.pick("facts", ("aligned", "inline", "grid", "aligned")),
        )
    y += writer.size
    mark = layout.pick("marks", ("{}.", "TOP {}", "{})", "#{}"))
    long = layout.chance("minutes", 0.6)
    for at, item in enumerate(page.some("agenda_items", content.random.randint(4, 8)), 1):
        if y > writer.bottom - writer.size * 9:
            break
        writer.text(writer.left, y, f"{mark.format(at)} {item}", bold=long, wide=writer.wide)
        y += writer.size * 1.7
        if long:
            y = writer.paragraph(writer.left + 14, y, _story(page, content.random.randint(1, 3)),
                                 writer.wide - 14) + writer.size * 0.7  # fmt: skip
    if content.chance(0.3):
        marks.signature(page.sheet, content, writer.left, writer.bottom - 50, writer.left + 140,
                        writer.bottom - 10)  # fmt: skip


def site_map(page: Page) -> None:
    """Streets, blocks and a few names; hardly any text."""
    writer, layout = page.writer, page.layout
    y = page.title("map", layout.margin * 0.8, scale=1.6)
    draw = layout.random("map")
    top, low = y + 6, writer.bottom - 40
    page.sheet.rect(writer.left, top, writer.right, low, fill="#f3efe6")
    rows, columns = draw.randint(3, 6), draw.randint(3, 6)
    wide, high = writer.wide / columns, (low - top) / rows
    for row in range(rows):
        for column in range(columns):
            x0 = writer.left + column * wide + draw.uniform(4, 10)
            y0 = top + row * high + draw.uniform(4, 10)
            x1, y1 = x0 + wide - draw.uniform(14, 24), y0 + high - draw.uniform(14, 24)
            fill = draw.choice(("#dcd6c8", "#cfe0c3", "#dcd6c8", "#c4d8e6"))
            page.sheet.rect(x0, y0, x1, y1, fill=fill, stroke="#bbbbbb", thick=0.4)
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    names = page.some("stops", draw.randint(3, 8))
    for name, (row, column) in zip(
        names, page.content.random.sample(cells, len(names)), strict=False
    ):
        x = writer.left + (column + 0.12) * wide
        writer.text(x, top + (row + 0.5) * high, name, scale=0.85, wide=wide * 0.8)
    scale = f"1:{page.content.random.randint(1, 50) * 500}"
    page.pair(writer.left, low + writer.size * 2, "scale", scale, writer.wide * 0.5)
    writer.text(writer.right, low + writer.size * 2, page.caption("legend"), align="right")


def empty(page: Page) -> None:
    """Next to nothing."""
    writer, content = page.writer, page.content
    y = page.sheet.height * page.layout.between("height", 0.12, 0.7)
    align: Align = page.layout.pick("align", ("center", "left", "center", "right"))
    x = {"left": writer.left, "center": page.sheet.width / 2, "right": writer.right}[align]
    writer.text(x, y, page.word("empty"), align=align, wide=writer.wide, scale=1.2)
    if content.chance(0.6):
        writer.text(x, writer.bottom, str(content.random.randint(2, 300)), align=align, scale=0.9)
    if content.chance(0.2):
        marks.handwriting(page.sheet, content, writer.left + 30, y + 80, content.person(), 18)
    if content.chance(0.08):
        marks.stamp(page.sheet, content, page.sheet.width * 0.6, y + 160, 40)
    if content.chance(0.1):
        marks.signature(page.sheet, content, writer.left, y + 200, writer.left + 150, y + 250)
