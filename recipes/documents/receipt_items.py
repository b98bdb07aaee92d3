"""The ways in which receipts list what was bought. Each goes on from the till's `y`."""

from __future__ import annotations

from decimal import Decimal

from recipes.documents.bill import Row
from recipes.documents.fonts import width
from recipes.documents.till import Till

__all__ = ["items"]


def _quantity(till: Till, row: Row) -> str:
    places = 3 if row.unit in ("kg", "l") and row.quantity % 1 else 0
    if not places and till.layout.chance("counts with cents", 0.12):
        places = 2
    return till.content.number(row.quantity, places)


def _code(till: Till, row: Row) -> str:
    """The letter that says which rate of tax a row has, or nothing."""
    if not till.sale.taxed or not till.layout.chance("tax letters", 0.35):
        return ""
    rates = [rate for rate, _, _ in till.sale.totals.taxes]
    letters = till.layout.pick("letters", ("AB", "12", "TF", "BA", ("SR", "ZR"), "*#"))
    return letters[rates.index(row.rate) % 2]


def _described(till: Till, x: float, y: float, text: str, at: int, wide: float) -> None:
    """A description on one line; what a till has no room for is cut off."""
    text = till.said(text)
    while width(text, till.regular, till.size) > wide and " " in text:
        text = text.rsplit(" ", 1)[0]
    till.put(x, y, text, field="item_description", group=at, wide=wide)


def _amount(till: Till, y: float, row: Row, at: int, label: str = "") -> float:
    """The amount at the right, with the tax's letter behind; returns the x where it starts."""
    right, code = till.right, _code(till, row)
    if code:
        till.put(right, y, code, align="right", field="x_tax_letter", group=at)
        right -= width(code, till.regular, till.size) + till.size
    text = till.money(row.amount, row=True)
    till.put(right, y, text, align="right", field="item_amount", group=at, label=label)
    return right - width(text, till.regular, till.size)


def _times(till: Till, x: float, y: float, row: Row, at: int, price_first: bool = False) -> float:
    """Quantity, a mark, unit price; returns the x at the end."""
    mark = till.layout.pick("times", ("x", "X", "x", "@", "*", "à"))
    blank = width(" ", till.regular, till.size)
    unit = row.unit if row.unit in ("kg", "l") else ""
    count, price = _quantity(till, row) + unit, till.money(row.price, row=True)
    parts = [(count, "item_quantity"), (mark, None), (price, "item_unit_price")]
    if price_first:
        parts.reverse()
    with till.sheet.block():
        for text, name in parts:
            x = till.put(x, y, text, field=name, group=at if name else None) + blank
    return x


def one_line(till: Till) -> None:
    """Description and amount on a line, with the count before it where it is not one."""
    always = till.layout.chance("counts always", 0.35)
    for at, row in enumerate(till.sale.rows):
        start = _amount(till, till.y, row, at)
        x = till.left
        if always or row.quantity != 1:
            text = _quantity(till, row) + till.layout.pick("after the count", ("", "x", "", " x"))
            parts = text.split(" ")
            end = till.put(x, till.y, parts[0], field="item_quantity", group=at)
            if parts[1:]:
                end = till.put(end + 3, till.y, parts[1])
            x = max(end + till.size * 0.6, till.left + till.size * (2.4 if always else 0))
        _described(till, x, till.y, row.description, at, start - x - till.size)
        till.y += till.step


def priced_below(till: Till) -> None:
    """The description, and below it the count times the price, with the amount."""
    indent = till.size * till.layout.between("indent", 0.5, 4)
    single = till.layout.chance("single ones on one line", 0.5)
    for at, row in enumerate(till.sale.rows):
        if single and row.quantity == 1:
            start = _amount(till, till.y, row, at)
            _described(till, till.left, till.y, row.description, at, start - till.left - till.size)
        else:
            _described(till, till.left, till.y, row.description, at, till.wide)
            till.y += till.step
            _times(till, till.left + indent, till.y, row, at)
            _amount(till, till.y, row, at)
        till.y += till.step


def priced_above(till: Till) -> None:
    """The count times the price, and below it the description with the amount."""
    indent = till.size * till.layout.between("indent", 0, 5)
    swap = till.layout.chance("price before count", 0.3)
    for at, row in enumerate(till.sale.rows):
        if row.quantity != 1:
            _times(till, till.left + indent, till.y, row, at, swap)
            till.y += till.step
        start = _amount(till, till.y, row, at)
        _described(till, till.left, till.y, row.description, at, start - till.left - till.size)
        till.y += till.step


def in_columns(till: Till) -> None:
    """A table with a head: count, description, price and amount."""
    heads = [till.said(part) for part in till.terms("columns")]
    order = till.layout.pick("columns", ("qdpa", "dqpa", "qda", "dqpa", "qdpa", "dpqa"))
    texts = {
        "q": [_quantity(till, row) for row in till.sale.rows],
        "p": [till.money(row.price, row=True) for row in till.sale.rows],
        "a": [till.money(row.amount, row=True) for row in till.sale.rows],
    }
    named = dict(zip("qdpa", heads, strict=True))
    gap = till.size * 0.8
    wide = {
        key: max(width(text, till.bold, till.size) for text in (*texts[key], named[key])) + gap
        for key in texts
        if key in order
    }
    room = till.wide - sum(wide.values())
    own_line = room < till.size * 9
    # Where it is too narrow, the description has a line of its own above the numbers.
    wide["d"] = room
    fields = {"q": "item_quantity", "p": "item_unit_price", "a": "item_amount"}
    bold = till.layout.chance("bold heads", 0.4)

    def line(values: dict[str, str], at: int | None) -> None:
        x = till.left
        for key in order:
            right = x + wide[key]
            if key == "d":
                if at is not None:
                    if not own_line:
                        _described(till, x, till.y, values[key], at, room - gap)
                elif room > till.size:
                    till.put(x, till.y, values[key], bold=bold, wide=room - gap / 2)
            elif key == "q" and order[0] == "q":
                till.put(x, till.y, values[key], field=fields[key] if at is not None else None,
                         group=at, bold=bold and at is None)  # fmt: skip
            else:
                till.put(
                    right, till.y, values[key], align="right", group=at,
                    field=fields[key] if at is not None else None, bold=bold and at is None,
                )  # fmt: skip
            x = right
        till.y += till.step

    with till.sheet.block():
        line(named, None)
    till.divide()
    for at, row in enumerate(till.sale.rows):
        if own_line:
            _described(till, till.left, till.y, row.description, at, till.wide)
            till.y += till.step
        line({"d": row.description, **{key: texts[key][at] for key in texts}}, at)


def coded(till: Till) -> None:
    """A number of the article with the description, the numbers below: usual in Malaysia."""
    pattern = till.layout.pick("article", ("#############", "######", "###-####", "?####", "####"))
    behind = till.layout.chance("article below", 0.4)
    for at, row in enumerate(till.sale.rows):
        code = till.content.digits(pattern)
        x = till.left
        if not behind:
            x = till.put(x, till.y, code, field="x_item_code", group=at) + till.size * 0.8
            if till.right - x < till.size * 8:
                till.y += till.step
                x = till.left
        _described(till, x, till.y, row.description, at, till.right - x)
        till.y += till.step
        x = till.left + till.size
        if behind:
            x = till.put(till.left, till.y, code, field="x_item_code", group=at) + till.size
        start = _amount(till, till.y, row, at)
        if _room(till, row) < start - x - till.size:
            _times(till, x, till.y, row, at)
        till.y += till.step


def _room(till: Till, row: Row) -> float:
    text = f"{_quantity(till, row)} x {till.money(row.price, row=True)}kg"
    return width(text, till.regular, till.size)


def numbered(till: Till) -> None:
    """A number before each article; the count and the price in brackets or behind an @ below."""
    for at, row in enumerate(till.sale.rows):
        start = _amount(till, till.y, row, at)
        x = till.put(till.left, till.y, f"{at + 1:02}") + till.size * 0.6
        _described(till, x, till.y, row.description, at, start - x - till.size)
        if row.quantity != 1 or row.price != row.amount:
            till.y += till.step
            _times(till, x, till.y, row, at)
        till.y += till.step


# The last two stand on test layouts only.
STYLES = (one_line, priced_below, in_columns, priced_above, one_line, coded, numbered, in_columns)


def items(till: Till) -> None:
    """What was bought."""
    if till.layout.chance("head above the prices", 0.15):
        text = till.said(till.term("price_head").replace("{currency}", till.mark))
        till.put(till.right, till.y, text, align="right")
        till.y += till.step
    style = till.layout.pick("items", STYLES)
    if till.sale.malay and till.layout.chance("with codes", 0.5):
        style = coded
    style(till)
    till.sheet.facts["line_items"] = len(till.sale.rows)
    till.sheet.facts["table"] = style is in_columns
    if till.layout.chance("count of items", 0.2):
        till.gap(0.3)
        count = sum((row.quantity for row in till.sale.rows if row.unit == "pc"), Decimal(0))
        till.two(till.label(till.term("count")), till.content.number(count, 0), "x_count")
