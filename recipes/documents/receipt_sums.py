"""The sums of receipts, how they were paid, and the taxes."""

from __future__ import annotations

from recipes.documents.fonts import width
from recipes.documents.till import Till

__all__ = ["pay", "slip", "sums", "taxes"]


def sums(till: Till) -> None:
    """Subtotal, discount, taxes that are added, total and rounding."""
    sale, layout = till.sale, till.layout
    totals = sale.totals
    if totals.reduction or totals.shipping or (
        totals.inclusive and layout.chance("subtotal", 0.25)
    ):  # fmt: skip
        till.two(till.term("subtotal"), till.money(totals.rows), "x_subtotal")
        if totals.reduction:
            till.two(till.term("reduction"), till.money(-totals.reduction), "x_discount")
        if totals.shipping:
            till.two(till.term("service"), till.money(totals.shipping), "x_service")
    if totals.taxes and not totals.inclusive:
        till.two(till.term("net"), till.money(totals.net), "net")
        for rate, _, tax in totals.taxes:
            till.two(till.term("tax", rate), till.money(tax), "tax")
    if sale.rounding:
        if layout.chance("before rounding", 0.6):
            till.two(till.term("unrounded"), till.money(totals.total), "x_unrounded")
        till.two(till.term("rounding"), till.money(sale.rounding), "x_rounding")
    _total(till)


def _total(till: Till) -> None:
    layout = till.layout
    size = till.size * layout.pick("total's size", (1.0, 1.25, 1.6, 1.0, 2.0))
    bold = layout.chance("bold total", 0.65)
    framed = layout.chance("framed total", 0.12)
    if layout.chance("divider above total", 0.4):
        till.divide()
    top = till.y
    label, text = till.term("total"), till.money(till.sale.payable)
    mark = till.mark
    face = till.bold if bold else till.regular
    colon = till.colon if layout.chance("colon after total", 0.3) else ""
    with_mark = layout.chance("currency beside the total", 0.25) and mark not in text
    whole = width(f"{label}{colon} {mark}   {text}", face, till.size)
    if with_mark and mark not in label and whole < till.wide:
        size = min(size, till.size * till.wide / whole)
        till.y += max(0.0, size - till.size) * 0.7
        with till.sheet.block():
            x = till.put(till.left, till.y, label + colon, bold=bold, size=size)
            till.put(x + size * 0.5, till.y, mark, field="currency", bold=bold, size=size)
            till.put(till.right, till.y, text, field="total", label=label, bold=bold, size=size,
                     align="right")  # fmt: skip
        till.y += max(till.step, size * 1.2)
    elif layout.chance("total in the middle", 0.08):
        whole = width(f"{label}{colon} {text}", face, size)
        size = min(size, size * till.wide / whole)
        till.y += max(0.0, size - till.size) * 0.7
        x = till.left + (till.wide - width(f"{label}{colon} {text}", face, size)) / 2
        with till.sheet.block():
            x = till.put(x, till.y, label + colon, bold=bold, size=size)
            till.put(x + width(" ", face, size), till.y, text, field="total", label=label,
                     bold=bold, size=size)  # fmt: skip
        till.y += max(till.step, size * 1.2)
    else:
        till.two(label + colon, text, "total", bold=bold, size=size, label=label)
    if framed:
        till.sheet.rect(
            till.left - 4, top - till.size * 1.05, till.right + 4,
            till.y - till.step + till.size * 0.4,
        )  # fmt: skip
        till.gap(0.4)


def taxes(till: Till) -> None:
    """The taxes that the prices include: in lines, or in a table by rates."""
    sale, layout = till.sale, till.layout
    rows = sale.totals.taxes
    shown = layout.chance("taxes shown", 0.75)
    if (
        not rows
        or not shown
        or (not sale.totals.inclusive and not layout.chance("table too", 0.25))
    ):
        return
    if layout.pick("taxes", ("table", "lines", "table", "lines", "table")) == "lines":
        with_net = layout.chance("net too", 0.45)
        for rate, net, tax in rows:
            till.two(till.term("tax", rate), till.money(tax), "tax")
            if with_net:
                till.two(till.term("net", rate), till.money(net), "net")
        return
    if layout.chance("title of the taxes", 0.25):
        till.middle(till.words("tax_table"))
    heads = [till.words("rate"), till.term("net"), till.words("tax"), till.words("gross")]
    order = layout.pick("tax columns", ("rnt", "rntg", "rnt", "rtn", "rgnt"))
    each = till.wide / len(order)
    names = dict(zip("rntg", heads, strict=True))
    with till.sheet.block():
        for at, key in enumerate(order):
            till.put(
                till.left if not at else till.left + (at + 1) * each, till.y, names[key],
                align="left" if not at else "right", wide=each - till.size * 0.5,
                size=till.size * 0.92,
            )  # fmt: skip
    till.y += till.step
    letters = layout.chance("letters in the tax table", 0.4)
    for number, (rate, net, tax) in enumerate(rows):
        values = {
            "r": (None, ("AB"[number % 2] + " " if letters else "") + till.percent(rate)),
            "n": ("net", till.money(net, row=True)),
            "t": ("tax", till.money(tax, row=True)),
            "g": ("x_tax_gross", till.money(net + tax, row=True)),
        }
        for at, key in enumerate(order):
            name, text = values[key]
            till.put(
                till.left if not at else till.left + (at + 1) * each, till.y, text, field=name,
                label=names[key] if name else "", align="left" if not at else "right",
                wide=each - till.size * 0.5,
            )  # fmt: skip
        till.y += till.step


def pay(till: Till) -> None:
    """Cash and change, or a card."""
    if till.layout.chance("payment not stated", 0.1):
        return
    if till.content.chance(0.55):
        given = till.sale.cash()
        till.two(till.term("cash"), till.money(given), "x_cash")
        if given != till.sale.payable or till.layout.chance("change of zero", 0.7):
            till.two(till.term("change"), till.money(given - till.sale.payable), "x_change")
        return
    till.two(till.term("card"), till.money(till.sale.payable), "x_card")
    if till.layout.chance("slip", 0.45):
        slip(till)


def slip(till: Till) -> None:
    """What the card's terminal prints."""
    content, layout = till.content, till.layout
    till.gap(0.4)
    card, auth, terminal, merchant, done = till.terms("slip")
    number = layout.pick(
        "card number",
        ("************####", "XXXX XXXX XXXX ####", "xxxx####", "#### **** **** ####"),
    )
    values = [
        (card, content.digits(number), "x_card_number"),
        (auth, content.digits("######"), "x_authorisation"),
        (terminal, content.digits("########"), "x_terminal"),
        (merchant, content.digits("###########"), "x_merchant"),
    ]
    count = layout.random("lines of the slip").randint(1, 4)
    spread = layout.chance("slip spread", 0.5)
    for label, text, name in values[:count]:
        if spread:
            till.two(till.said(till.label(label)), text, name)
        else:
            x = till.put(till.left, till.y, till.said(till.label(label)))
            till.put(x + till.size * 0.5, till.y, text, field=name, label=label)
            till.y += till.step
    if layout.chance("AID", 0.3):
        till.put(till.left, till.y, f"AID: {content.digits('A00000000####')}")
        till.y += till.step
    if layout.chance("approved", 0.6):
        till.middle(till.said(done))
    if layout.chance("tip", 0.25) and till.sale.shop == "shop:restaurant":
        till.gap(0.6)
        for text in till.terms("tip"):
            end = till.put(till.left, till.y, till.said(till.label(text)))
            till.sheet.rule(
                max(end + 6, till.left + till.wide * 0.35), till.y + 1, till.right, till.y + 1
            )
            till.y += till.step * 1.6
