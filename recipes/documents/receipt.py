"""Receipts: of shops, restaurants, filling stations, taxis; and slips of card terminals."""

from __future__ import annotations

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.pen import Entry
from recipes.documents.receipt_items import items
from recipes.documents.receipt_sums import pay, slip, sums, taxes
from recipes.documents.sale import Sale
from recipes.documents.sheet import Sheet
from recipes.documents.till import Till

__all__ = ["draw"]

NUMBERS = (
    "######", "####", "{y}-#####", "??######", "####/####", "CS########", "#### ## ####",
    "T#-######", "INV######", "000####", "##-##-####", "#######-###",
)  # fmt: skip
NOTES = ("ok", "#4", "12.50", "B/7", "K. M.", "3x", "Lunch", "Taxi")


def head(till: Till) -> None:
    """The shop: name, address, ways to reach it, tax number; in the middle or at the left."""
    layout, seller = till.layout, till.sale.seller
    centered = layout.chance("centered", 0.78)
    x = till.sheet.width / 2 if centered else till.left
    if layout.chance("logo", 0.3):
        high = layout.between("logo's height", 24, 44)
        marks.logo(till.sheet, layout, x - 60 if centered else x, till.y - till.size,
                   x + 60, till.y - till.size + high)  # fmt: skip
        till.y += high + till.size
    size = till.size * layout.pick("name's size", (1.0, 1.3, 1.7, 1.2, 2.1))
    bold = layout.chance("bold name", 0.6)
    till.y += max(0.0, size - till.size) * 0.6
    align = "center" if centered else "left"
    till.y = till.lines(x, till.y, [till.said(seller.name)], till.wide, field="seller", bold=bold,
                        size=size, align=align)  # type: ignore[arg-type]  # fmt: skip
    if till.sale.malay and layout.chance("company number", 0.6):
        text = till.content.digits(
            layout.pick(
                "company number",
                ("(######-?)", "######-?", "CO. NO : ######-?", "(CO. REG : ######-?)"),
            )
        )
        till.y = till.lines(x, till.y, [text], till.wide, align=align, field="x_registration")  # type: ignore[arg-type]
    elif layout.chance("owner", 0.12):
        till.y = till.lines(x, till.y, [till.said(seller.person)], till.wide, align=align)  # type: ignore[arg-type]
    if layout.chance("address", 0.95):
        texts = [till.said(line) for line in seller.address]
        if layout.chance("address in a line", 0.2):
            texts = [", ".join(texts)]
        till.y = till.lines(x, till.y, texts, till.wide, field="seller_address", align=align)  # type: ignore[arg-type]
    entries = []
    if layout.chance("phone", 0.65):
        entries.append(Entry("x_phone", till.words("phone"), seller.phone))
    if layout.chance("tax id", 0.65):
        entries.append(Entry("tax_id", till.words("tax_id"), seller.tax_id))
    if layout.chance("website", 0.2):
        till.y = till.lines(x, till.y, [till.content.website()], till.wide, align=align)  # type: ignore[arg-type]
    layout.random("order in the head").shuffle(entries)
    for entry in entries:
        till.pair(x, till.y, entry, align=align)  # type: ignore[arg-type]
        till.y += till.step
    till.gap()


def title(till: Till) -> None:
    """What it is called, on some."""
    if till.layout.chance("title", 0.5):
        size = till.size * till.layout.pick("title's size", (1.0, 1.2, 1.0, 1.5))
        till.middle(
            till.said(till.term("title")), bold=till.layout.chance("bold title", 0.6), size=size
        )
        till.gap(0.3)


def meta(till: Till) -> None:
    """Number, date, time, till and cashier: in lines, spread, two a line, or all in one row."""
    layout, content, sale = till.layout, till.content, till.sale
    time = f"{content.random.randint(7, 22):02}:{content.random.randint(0, 59):02}"
    if layout.chance("seconds", 0.35):
        time += f":{content.random.randint(0, 59):02}"
    if content.country == "US" and layout.chance("am and pm", 0.6):
        hour, _, rest = time.partition(":")
        time = f"{(int(hour) - 1) % 12 + 1}:{rest} {'AM' if int(hour) < 12 else 'PM'}"
    pattern = layout.pick("number", NUMBERS).replace("{y}", str(sale.day.year))
    number = Entry("invoice_number", till.term("number"), content.digits(pattern))
    date = Entry("invoice_date", till.term("date"), content.date(sale.day))
    clock = Entry("x_time", till.term("time"), time)
    rest = [clock] if layout.chance("time", 0.8) else []
    if layout.chance("number stated", 0.8):
        rest.append(number)
    for key, text, likely in (
        ("cashier", content.fake.first_name(), 0.5), ("register", content.digits("0#"), 0.35),
        ("table", content.digits("##"), 0.7 if sale.shop == "shop:restaurant" else 0.0),
        ("member", content.digits("########"), 0.12),
    ):  # fmt: skip
        if layout.chance(f"states {key}", likely):
            rest.append(Entry(f"x_{key}", till.term(key), till.said(text)))
    layout.random("order of values").shuffle(rest)
    style = layout.pick(
        "values", ("lines", "bare row", "spread", "pairs", "lines", "bare", "aligned")
    )
    if style.startswith("bare"):
        _bare(till, date, rest, style)
    elif style == "pairs":
        _pairs(till, [date, *rest])
    else:
        entries = [date, *rest]
        if layout.chance("number first", 0.5) and number in rest:
            entries = [number, *[entry for entry in entries if entry is not number]]
        at = max(_wide(till, till.label(entry.caption)) for entry in entries) + till.size
        for entry in entries:
            if style == "spread":
                till.two(till.label(entry.caption), entry.text, entry.field, label=entry.caption)
            elif style == "aligned" and at < till.wide / 2:
                till.put(till.left, till.y, till.label(entry.caption))
                till.put(till.left + at, till.y, entry.text, field=entry.field, label=entry.caption,
                         wide=till.wide - at)  # fmt: skip
                till.y += till.step
            else:
                till.pair(till.left, till.y, entry)
                till.y += till.step
    till.gap(0.4)


def _wide(till: Till, text: str) -> float:
    return width(text, till.bold, till.size)


def _bare(till: Till, date: Entry, rest: list[Entry], style: str) -> None:
    """Date and time without captions on one line; the others with theirs below, or in the row."""
    time = [entry for entry in rest if entry.field == "x_time"]
    others = [entry for entry in rest if entry.field != "x_time"]
    spread = till.layout.chance("time at the right", 0.5)
    with till.sheet.block():
        x = till.put(till.left, till.y, date.text, field=date.field)
        for entry in time:
            if spread:
                till.put(till.right, till.y, entry.text, align="right", field=entry.field)
            else:
                till.put(x + till.size * 0.7, till.y, entry.text, field=entry.field)
    till.y += till.step
    if style == "bare row" and others:
        whole = sum(_wide(till, entry.text) + till.size for entry in others)
        if whole < till.wide:
            x = till.left
            for entry in others:
                x = till.put(x, till.y, entry.text, field=entry.field) + till.size
            till.y += till.step
            return
    for entry in others:
        till.pair(till.left, till.y, entry)
        till.y += till.step


def _pairs(till: Till, entries: list[Entry]) -> None:
    """Two values a line, one at each end, where there is room."""
    left: list[Entry] = list(entries)
    while left:
        first = left.pop(0)
        whole = _wide(till, f"{till.label(first.caption)} {first.text}")
        till.pair(till.left, till.y, first)
        if left:
            second = left[0]
            more = _wide(till, f"{till.label(second.caption)} {second.text}")
            if whole + more + till.size < till.wide:
                till.pair(till.right, till.y, left.pop(0), align="right")
        till.y += till.step


def buyer(till: Till) -> None:
    """Who bought: rare, as most shops do not know."""
    if till.layout.chance("buyer", 0.12):
        label = till.term("customer")
        party = till.sale.buyer
        whole = _wide(till, f"{label} :: {party.name}".upper())
        size = min(till.size, till.size * till.wide / whole)
        till.pair(till.left, till.y, Entry("buyer", label, till.said(party.name)), size=size)
        till.y += till.step
        if till.layout.chance("buyer's address", 0.4):
            till.y = till.lines(till.left, till.y, party.address, till.wide, field="buyer_address")
        till.gap(0.3)


def foot(till: Till) -> None:
    """Thanks, terms, a code of bars."""
    layout, content = till.layout, till.content
    till.gap(0.6)
    if content.chance(0.35):
        high = layout.between("code's height", 22, 40)
        inset = till.wide * layout.between("code's inset", 0.05, 0.25)
        marks.barcode(till.sheet, content, till.left + inset, till.y - till.size * 0.5,
                      till.right - inset, till.y + high)  # fmt: skip
        till.y += high + till.size * 2
    for key, likely in (("thanks", 0.8), ("policy", 0.45), ("hours", 0.15)):
        if layout.chance(f"says {key}", likely):
            till.middle(till.said(till.term(key)))
    if layout.chance("website at the end", 0.2):
        till.middle(content.website())


def card_slip(till: Till) -> None:
    """A terminal's slip states no goods: the total and the card."""
    till.sheet.facts.update(line_items=0, table=False)
    sums_only = till.layout.chance("large amount", 0.5)
    till.two(till.label(till.term("total")), till.money(till.sale.payable), "total", bold=True,
             size=till.size * (1.5 if sums_only else 1), label=till.term("total"))  # fmt: skip
    slip(till)


RULE = "divide"
PARTS = {
    "head": head, "title": title, "meta": meta, "buyer": buyer, "items": items, "sums": sums,
    "pay": pay, "taxes": taxes, "foot": foot, "card": card_slip, RULE: Till.divide,
}  # fmt: skip
# The last quarter stands on test layouts only.
ARRANGEMENTS = (
    "head title meta buyer divide items divide sums pay taxes foot",
    "head meta divide items divide sums pay divide taxes foot",
    "head divide items divide sums pay taxes divide meta foot",
    "head buyer title divide meta items sums divide pay foot",
    "title head meta divide items sums taxes pay foot",
    "head items sums taxes pay meta foot",
    "head meta title items divide sums taxes divide foot",
    "head title divide meta card divide foot",
    "head divide title items divide sums pay buyer meta taxes foot",
    "meta head title divide items sums pay taxes foot",
    "head foot divide meta items sums taxes divide pay",
    "buyer meta title items sums taxes pay divide head foot",
)


def draw(layout: Layout, seed: int) -> Sheet:
    """A receipt; the paper is as long as what stands on it."""
    wide = layout.between("paper", 200, 300)
    # The first drawing finds out how long it is.
    till = _draw(layout, seed, (wide, 3000.0))
    return _draw(layout, seed, (wide, till.y + till.size + layout.between("end", 2, 30))).sheet


def _draw(layout: Layout, seed: int, size: tuple[float, float]) -> Till:
    content = Content(layout, seed)
    sheet = Sheet(size)
    marks.none(sheet)
    sheet.facts.update(kind="receipt", line_items=0, table=False, orientation="portrait")
    till = Till(sheet, layout, content, Sale(layout, content))
    for part in layout.pick("arrangement", ARRANGEMENTS).split():
        PARTS[part](till)
    end = till.y
    if content.chance(0.09):
        x = content.random.uniform(till.left, till.left + till.wide * 0.5)
        text = content.choose(NOTES)
        marks.handwriting(sheet, content, x, end + 6, text, content.random.uniform(13, 22))
        till.y += 16
    if content.chance(0.08):
        radius = content.random.uniform(24, 40)
        x = content.random.uniform(till.left + radius, till.right - radius)
        marks.stamp(sheet, content, x, max(radius, end - content.random.uniform(0, 160)), radius)
    if content.chance(0.07):
        marks.signature(sheet, content, till.left + 20, till.y, till.right - 20, till.y + 34)
        till.y += 40
    return till
