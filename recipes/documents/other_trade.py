"""Documents of trade that are near to invoices: delivery notes, quotes, orders, price lists."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal

from recipes.documents import marks
from recipes.documents.other_page import Page
from recipes.documents.wording import variants
from recipes.documents.writer import Column

__all__ = ["confirmation", "delivery_note", "payslip", "price_list", "purchase_order", "quote"]

GOODS = ("goods:it", "goods:office", "goods:building", "goods:parts", "goods:wholesale")


def _goods(page: Page, count: int) -> list[tuple[str, Decimal]]:
    """What the issuer sells, with prices."""
    table = page.layout.pick("trade", GOODS)
    options = list(variants(page.layout, "goods", table))
    chosen = page.content.random.sample(options, min(count, len(options)))
    found = []
    for each in chosen:
        name, price, _ = each.rsplit(" ", 2)
        change = Decimal(page.content.random.randint(70, 140)) / 100
        found.append((name, (Decimal(price) * change).quantize(Decimal("0.01"))))
    return found


def _party(page: Page, role: str, x: float, y: float, wide: float, name: str,
           address: list[str], field: str) -> float:  # fmt: skip
    """A caption, a name and an address."""
    writer = page.writer
    if page.layout.chance("captions of parties", 0.7):
        label = page.caption(f"party:{role}")
        writer.text(x, y, writer.captioned(label), bold=page.layout.chance("bold parties", 0.6),
                    wide=wide, scale=0.9)  # fmt: skip
        page.sheet.captions[field, 0] = label
        y += writer.size * 1.4
    writer.text(x, y, name, wide=wide, bold=page.layout.chance("bold names", 0.4), field=field)
    return writer.lines(x, y + writer.size * 1.3, address, wide, field=f"{field}_address")


Head = Callable[[Page, str, dict[str, str], tuple[str, list[str]]], float]


def _head_window(
    page: Page, sort: str, facts: dict[str, str], buyer: tuple[str, list[str]]
) -> float:
    """Issuer at the top right, buyer in an envelope's window, title and data below."""
    writer, top = page.writer, page.layout.margin * 0.8
    page.logo(writer.left, top, writer.left + 110, top + 40)
    writer.text(writer.right, top + writer.size, page.issuer, bold=True, align="right",
                wide=writer.wide * 0.6, field="seller")  # fmt: skip
    low = writer.lines(writer.right, top + writer.size * 2.3, page.address, writer.wide * 0.5,
                       align="right", scale=0.9, field="seller_address")  # fmt: skip
    y = _party(
        page, "to", writer.left, max(top + 66, low - 20), writer.wide * 0.45, *buyer, "buyer"
    )
    y = page.title(sort, max(y, low) + writer.size, scale=page.layout.between("title", 1.4, 2))
    return writer.pairs(writer.left, y + writer.size * 0.8, page.pairs(facts), writer.wide, "facts")


def _head_side(page: Page, sort: str, facts: dict[str, str], buyer: tuple[str, list[str]]) -> float:
    """Title left, data in a column at the right; both parties below, side by side."""
    writer, top = page.writer, page.layout.margin * 0.8
    half = writer.wide / 2
    y = page.title(sort, top, scale=page.layout.between("title", 1.4, 2.2))
    style = page.layout.pick("side", ("spread", "aligned", "grid", "right", "inline", "above"))
    low = writer.pairs(writer.left + half + 12, top + writer.size * 1.4, page.pairs(facts),
                       half - 12, "facts", style=style)  # fmt: skip
    page.logo(writer.left, y, writer.left + 100, y + 36)
    y = max(low, y + 44) + writer.size
    a = _party(page, "from", writer.left, y, half - 14, page.issuer, page.address, "seller")
    b = _party(page, "to", writer.left + half + 12, y, half - 12, *buyer, "buyer")
    return max(a, b) + writer.size * 0.5


def _head_boxes(
    page: Page, sort: str, facts: dict[str, str], buyer: tuple[str, list[str]]
) -> float:
    """A centred head, the parties in boxes, data in a row of cells."""
    writer, top = page.writer, page.layout.margin * 0.8
    middle = page.sheet.width / 2
    writer.text(middle, top + writer.size * 1.3, page.issuer, bold=True, scale=1.3, align="center",
                wide=writer.wide, field="seller", group=1)  # fmt: skip
    y = page.title(sort, top + writer.size * 2, align="center", scale=1.5)
    half = writer.wide / 2
    y += writer.size * 1.8
    a = _party(page, "from", writer.left + 6, y, half - 18, page.issuer, page.address, "seller")
    b = _party(page, "to", writer.left + half + 6, y, half - 12, *buyer, "buyer")
    low = max(a, b) - writer.size * 0.5
    writer.sheet.rect(writer.left, y - writer.size * 1.4, writer.left + half - 6, low)
    writer.sheet.rect(writer.left + half, y - writer.size * 1.4, writer.right, low)
    return writer.pairs(writer.left, low + writer.size * 1.7, page.pairs(facts), writer.wide,
                        "facts", style=page.layout.pick("row", ("cells", "strip")))  # fmt: skip


def _head_band(page: Page, sort: str, facts: dict[str, str], buyer: tuple[str, list[str]]) -> float:
    """A coloured band with the issuer's name; the rest below it."""
    writer = page.writer
    high = writer.size * 4
    page.sheet.rect(0, 0, page.sheet.width, high, fill=page.layout.accent, stroke=None)
    writer.text(writer.left, high * 0.62, page.issuer, bold=True, scale=1.5, colour="#ffffff",
                wide=writer.wide * 0.6, field="seller")  # fmt: skip
    writer.text(writer.right, high * 0.62, page.caption(f"title:{sort}"), colour="#ffffff",
                scale=1.2, align="right", wide=writer.wide * 0.38)  # fmt: skip
    y = high + writer.size * 2.6
    half = writer.wide / 2
    low = writer.pairs(
        writer.left,
        y,
        page.pairs(facts),
        half - 16,
        "facts",
        style=page.layout.pick("side", ("aligned", "spread", "grid", "above")),
    )
    end = _party(page, "to", writer.left + half + 10, y, half - 10, *buyer, "buyer")
    return max(low, end) + writer.size * 0.6


HEADS: tuple[Head, ...] = (
    _head_window,
    _head_side,
    _head_boxes,
    _head_window,
    _head_side,
    _head_band,
)


def _head(page: Page, sort: str, number: str, extra: dict[str, str]) -> float:
    """The upper part of a document of trade."""
    content, layout = page.content, page.layout
    day = content.day(2015, 2027)
    later = content.date(day + datetime.timedelta(days=content.random.randint(5, 40)))
    pattern = layout.pick("number", ("######", "20##-####", "??-#####", "########", "#####/2#",
                                     "?#######", "##.####", "???/##/###"))  # fmt: skip
    facts = {number: content.digits(pattern), "issue_date": content.date(day)}
    possible = {
        "order_number": content.digits(layout.pick("order", ("######", "PO-#####", "4500######"))),
        "customer_number": content.digits(layout.pick("client", ("#####", "K######", "##-####"))),
        "contact": content.person(),
        "delivery_date": later,
    } | extra
    facts |= {key: value or later for key, value in possible.items()
              if key not in facts and layout.chance(f"has {key}", 0.5)}  # fmt: skip
    buyer = content.company() if content.chance(0.75) else content.person()
    head = layout.pick("arrangement", HEADS)
    y = head(page, sort, facts, (buyer, content.address()))
    if layout.chance("intro", 0.7):
        y = page.writer.paragraph(page.writer.left, y + page.writer.size,
                                  page.options(f"intro:{sort}")[0], page.writer.wide)  # fmt: skip
    return y + page.writer.size * 0.4


def _close(page: Page, sort: str, y: float, sign: float) -> None:
    """Closing sentences, signature, stamp."""
    writer = page.writer
    notes = page.options(f"intro:{sort}")[1:]
    for note in notes[: page.layout.random("notes").randint(0, len(notes))]:
        if y + writer.size * 2 < writer.bottom:
            y = writer.paragraph(writer.left, y, note, writer.wide, scale=0.9) + 2
    low = min(y + writer.size * 5, writer.bottom)
    if page.layout.chance("received", 0.85 if sort == "delivery_note" else 0.25):
        label = page.caption("received")
        page.sheet.rule(writer.left, low, writer.left + 190, low)
        writer.text(writer.left, low + writer.size * 1.05, label, scale=0.8, wide=190)
    if page.content.chance(sign):
        marks.signature(
            page.sheet, page.content, writer.left + 6, low - 36, writer.left + 160, low + 6
        )
    if page.content.chance(0.15):
        marks.stamp(page.sheet, page.content, writer.right - 80, low - 20, 34)
    if page.content.chance(0.15):
        foot = writer.bottom
        marks.barcode(page.sheet, page.content, writer.right - 130, foot - 30, writer.right, foot)
    if page.content.chance(0.1):
        marks.handwriting(
            page.sheet,
            page.content,
            writer.right - 150,
            low - 10,
            page.content.choose(("ok", "2x", "!", page.content.person())),
            15,
        )


def delivery_note(page: Page) -> None:
    """Goods with quantities and without prices."""
    content, writer = page.content, page.writer
    y = _head(page, "delivery_note", "delivery_note_number", {
        "carrier": page.word("carriers"), "packages": str(content.random.randint(1, 30)),
        "weight": f"{content.number(content.random.uniform(1, 900), 1)} kg"})  # fmt: skip
    heads = page.listed("columns:delivered")
    columns = [
        Column(heads[0], 1.4),
        Column(heads[1], 6, "left", "item_description"),
        Column(heads[2], 1.6, "right", "item_quantity"),
        Column(heads[3], 1.6, "right"),
    ]
    unit = page.layout.pick("unit", ("1", "kg", "St", "l", "m"))
    rows = []
    for at, (name, _) in enumerate(_goods(page, content.random.randint(1, 14))):
        count = content.random.randint(1, 60)
        last = unit if len(heads[3]) < 8 else str(count - (count > 9))
        code = str(at + 1) if len(heads[0]) < 5 else content.digits("####-##")
        rows.append([code, name, str(count), last])
    y, done = writer.table(writer.left, y, columns, rows, writer.wide, "goods",
                           lowest=writer.bottom - writer.size * 11)  # fmt: skip
    page.sheet.facts["line_items"] = done
    _close(page, "delivery_note", y + writer.size * 2, 0.5)


def _priced(page: Page, sort: str, number: str, extra: dict[str, str]) -> None:
    """Goods with prices and sums."""
    content, writer, layout = page.content, page.writer, page.layout
    y = _head(page, sort, number, extra)
    heads = page.listed("columns:priced")
    fields = (None, "item_description", "item_quantity", "item_unit_price", "item_amount")
    columns = [Column(head, share, "left" if at < 2 else "right", field)
               for at, (head, share, field) in enumerate(zip(heads, (1.3, 5.5, 1.3, 1.8, 1.9),
                                                             fields, strict=True))]  # fmt: skip
    if layout.chance("no numbers", 0.3):
        columns = columns[1:]
    room = writer.bottom - writer.size * 14 - y
    goods = _goods(page, max(1, min(content.random.randint(1, 11), int(room / writer.size / 2.6))))
    rows, net = [], Decimal(0)
    for at, (name, price) in enumerate(goods):
        count = content.random.randint(1, 12)
        net += price * count
        row = [str(at + 1) if len(heads[0]) < 5 else content.digits("#####"), name, str(count),
               content.number(price), content.number(price * count)]  # fmt: skip
        rows.append(row[-len(columns) :])
    y, done = writer.table(writer.left, y, columns, rows, writer.wide, "goods")
    page.sheet.facts["line_items"] = done
    rate = content.tax_rate()
    tax = (net * rate / 100).quantize(Decimal("0.01"))
    sums = {"net": content.money(net), "tax": content.money(tax), "total": content.money(net + tax)}
    if layout.chance("total only", 0.25):
        sums = {"total": content.money(net)}
    style = layout.pick("sums", ("spread", "right", "grid", "leader", "aligned", "cells"))
    wide = writer.wide * layout.between("width of sums", 0.38, 0.5)
    y = writer.pairs(writer.right - wide, y + writer.size * 1.8, page.pairs(sums), wide, "sums",
                     style=style)  # fmt: skip
    _close(page, sort, y + writer.size, 0.35 if sort == "quote" else 0.2)


def quote(page: Page) -> None:
    """An offer."""
    terms = {"valid_until": "", "payment_terms": page.word("terms")}
    _priced(page, "quote", "quote_number", terms)


def confirmation(page: Page) -> None:
    """The confirmation of an order."""
    terms = {"payment_terms": page.word("terms"), "carrier": page.word("carriers")}
    _priced(page, "order_confirmation", "order_number", terms)


def purchase_order(page: Page) -> None:
    """An order to a supplier."""
    _priced(page, "purchase_order", "order_number", {"payment_terms": page.word("terms")})


def price_list(page: Page) -> None:
    """Many goods with prices, in one or two columns."""
    content, writer, layout = page.content, page.writer, page.layout
    top = layout.margin * 0.8
    page.logo(writer.right - 100, top, writer.right, top + 40)
    writer.text(writer.left, top + writer.size, page.issuer, wide=writer.wide * 0.7, field="seller")
    y = page.title("price_list", top + writer.size * 2, scale=layout.between("title", 1.6, 2.6))
    day = content.date(content.day(2015, 2027))
    note = page.caption("price_note").replace("{currency}", content.currency).replace("{date}", day)
    if layout.chance("note above", 0.5):
        y = writer.paragraph(writer.left, y + writer.size, note, writer.wide, scale=0.9)
    heads = page.listed("columns:prices")
    columns = [
        Column(heads[0], 1.6, "left"),
        Column(heads[1], 6, "left", "item_description"),
        Column(heads[2], 1.2),
        Column(heads[3], 1.8, "right", "item_unit_price"),
    ]
    keep = layout.pick("columns", ((0, 1, 2, 3), (1, 3), (0, 1, 3), (1, 2, 3), (0, 1, 2, 3)))
    columns = [columns[at] for at in keep]
    groups = layout.random("groups").randint(1, 3)
    done = 0
    for group in range(groups):
        goods = _goods(page, content.random.randint(4, 15))
        if y + writer.size * 8 > writer.bottom:
            break
        if groups > 1:
            y += writer.size * 1.8
            writer.text(writer.left, y, f"{chr(65 + group)}. {goods[0][0].split()[0].strip(',')}",
                        bold=True, scale=1.1)  # fmt: skip
        rows = []
        for name, price in goods:
            unit = content.choose(("1", "10", "kg", "m", "l", "100"))
            row = [content.digits("##-####"), name, unit, content.number(price)]
            rows.append([row[at] for at in keep])
        y, more = writer.table(writer.left, y + writer.size * 0.6, columns, rows, writer.wide,
                               "prices", first=done, lowest=writer.bottom - 20)  # fmt: skip
        done += more
    if not layout.chance("note above", 0.5):
        writer.paragraph(writer.left, y + writer.size * 1.8, note, writer.wide, scale=0.85)
    page.sheet.facts["line_items"] = done


def payslip(page: Page) -> None:
    """What somebody earned in a month."""
    content, writer, layout = page.content, page.writer, page.layout
    top = layout.margin * 0.8
    logo = page.logo(writer.right - 90, top, writer.right, top + 34)
    y = page.title("payslip", top, scale=layout.between("title", 1.3, 1.9))
    y = max(y, top + 40) if logo else y
    day = content.day(2015, 2027)
    facts = {"employer": page.issuer, "employee": content.person(),
             "personnel_number": content.digits("#####"),
             "pay_period": layout.pick("month", (day.strftime("%m/%Y"), day.strftime("%Y-%m"))),
             "issue_date": content.date(day)}  # fmt: skip
    y = writer.pairs(
        writer.left,
        y + writer.size,
        page.pairs(facts),
        writer.wide,
        "facts",
        style=layout.pick("list", ("aligned", "cells", "grid", "inline", "strip")),
    )
    heads = page.listed("columns:pay")
    columns = [Column(heads[0], 5), Column(heads[1], 1.5, "right"), Column(heads[2], 1.5, "right"),
               Column(heads[3], 2, "right")]  # fmt: skip
    lines = list(page.options("pay_lines"))
    gross = Decimal(content.random.randint(180000, 700000)) / 100
    net, rows = gross, [[lines[0], "", "", content.number(gross)]]
    for line in lines[1 : content.random.randint(4, len(lines))]:
        part = (gross * content.random.randint(1, 12) / 100).quantize(Decimal("0.01"))
        net -= part
        rows.append([line, content.choose(("", "30", "1")), content.choose(("", "9,3 %", "1.5")),
                     f"-{content.number(part)}"])  # fmt: skip
    y, _ = writer.table(writer.left, y, columns, rows, writer.wide, "pay")
    sums = {"gross_pay": content.money(gross), "net_pay": content.money(net)}
    wide = writer.wide * layout.between("sums", 0.4, 1)
    writer.pairs(
        writer.right - wide,
        y + writer.size * 2,
        page.pairs(sums),
        wide,
        "sums",
        style=layout.pick("sums", ("spread", "grid", "cells", "leader", "right")),
    )
