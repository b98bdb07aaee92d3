"""The sums of an invoice, and its taxes by their rates, in the layout's style."""

from __future__ import annotations

from decimal import Decimal

from recipes.documents.fonts import width
from recipes.documents.pen import Pen

__all__ = ["sums", "tax_table"]


def _sum_rows(pen: Pen) -> list[tuple[str, str, str]]:
    """(field, caption, amount) of each sum, in the order of the layout."""
    layout, sums = pen.layout, pen.bill.totals
    rows: list[tuple[str, str, str]] = []
    adjusted = bool(sums.reduction or sums.shipping)
    if adjusted:
        rows.append(("x_subtotal", pen.words("subtotal"), pen.amount(sums.rows)))
        if sums.reduction:
            share = f" {pen.percent(Decimal(round(sums.reduction / sums.rows * 100)))}"
            word = pen.words("reduction") + (share if layout.chance("share", 0.4) else "")
            rows.append(("x_discount", word, pen.amount(-sums.reduction)))
        if sums.shipping:
            rows.append(("x_shipping", pen.words("shipping"), pen.amount(sums.shipping)))
    taxes: list[tuple[str, str, str]] = []
    stated = layout.chance("tax stated", 0.95)
    if sums.taxes and stated:
        bare = len(sums.taxes) == 1 and layout.chance("tax without rate", 0.1)
        for rate, _, tax in sums.taxes:
            taxes.append(("tax", pen.words("tax", None if bare else rate), pen.amount(tax)))
    elif not sums.taxes and layout.chance("tax of zero", 0.3):
        taxes.append(("tax", pen.words("tax", Decimal(0)), pen.amount(Decimal(0))))
    inclusive = sums.inclusive
    plain = not adjusted and layout.chance("net is called subtotal", 0.4)
    word = pen.words("subtotal" if plain else "net")
    net = ("net", word, pen.amount(sums.net))
    avoid = ("{tax}", "TTC", "T.T.C.", "rutto", "Gross") if not sums.taxes else ()
    if pen.bill.paid:
        avoid += ("due", "Due", "pay", "Pay", "ahl", "payer", "régler", "pagar", "pagare")
    total = ("total", pen.words("total", without=avoid), pen.amount(sums.total))
    with_net = bool(taxes) and (not inclusive or layout.chance("net stated", 0.6))
    parts = ([net] if with_net else []) + taxes
    if inclusive and layout.chance("total first", 0.6):
        rows += [total, *parts]
    else:
        rows += [*parts, total]
    if pen.bill.paid:
        left = sums.total - pen.bill.paid
        rows.append(("x_paid", pen.words("paid"), pen.amount(-pen.bill.paid)))
        rows.append(("x_balance", pen.words("balance"), pen.amount(left)))
    return rows


def sums(pen: Pen) -> None:
    """The sums below the table: at the right, in boxes, in a band across, or at the left."""
    layout, sheet = pen.layout, pen.sheet
    rows = _sum_rows(pen)
    place = layout.pick(
        "sums", ("right", "right", "boxed", "wide", "right", "across", "middle", "left")
    )
    if place == "across" and len(rows) <= 5:
        _sums_across(pen, rows)
        return
    total_size = pen.size * layout.pick("total size", (1.0, 1.15, 1.3, 1.0))
    step = pen.size * layout.between("sums step", 1.35, 1.75)
    widest = max(
        width(caption + pen.colon, pen.bold, total_size) + width(text, pen.bold, total_size)
        for _, caption, text in rows
    )
    wide = min(pen.wide, max(widest + 24, pen.wide * layout.between("sums width", 0.33, 0.5)))
    right = pen.right
    if place == "middle":
        right -= (pen.wide - wide) * 0.4
    elif place == "left":
        right = pen.left + wide
    left = pen.left if place == "wide" else right - wide
    flush = layout.chance("sums' captions flush right", 0.3)
    highlight = layout.pick("total", ("bold", "ruled", "filled", "bold", "double", "bold"))
    cell = layout.between("value column", 0.36, 0.42) * wide if flush else 0.0
    colon = layout.chance("colon after sums", 0.45)
    y = pen.y + pen.size * 0.6
    for name, caption, text in rows:
        strong = name == "total" or (name == "x_balance" and layout.chance("bold balance", 0.5))
        size = total_size if name == "total" else pen.size
        y += max(0.0, size - pen.size) * 0.6
        top = y - step * 0.72
        inset = 5.0
        colour = "#000000"
        if place == "boxed":
            sheet.rect(left, top, right, top + step, stroke=pen.muted, thick=0.4)
        if name == "total" and highlight == "filled":
            dark = layout.chance("dark total", 0.5)
            sheet.rect(
                left, top, right, top + step, fill=pen.accent if dark else "#e8e8e8", stroke=None
            )
            colour = "#ffffff" if dark else colour
        elif name == "total" and highlight in ("ruled", "double"):
            sheet.rule(left, top, right, top, colour=pen.accent)
        label = pen.label(caption) if colon else caption
        room = wide - width(text, pen.bold, size) - 3 * inset
        with sheet.block():
            x = (
                right - max(cell, width(text, pen.bold, size) + 2 * inset)
                if flush
                else left + inset
            )
            pen.put(
                x, y, label, bold=strong, size=size, colour=colour, wide=room,
                align="right" if flush else "left",
            )  # fmt: skip
            pen.put(
                right - inset, y, text, bold=strong, size=size, colour=colour, align="right",
                field=name, label=caption,
            )  # fmt: skip
        if name == "total" and highlight == "double":
            for shift in (0.0, 2.0):
                below = top + step + shift
                sheet.rule(left, below, right, below, colour=pen.accent)
            y += 5
        y += step
    pen.y = y + pen.step * 0.6


def _sums_across(pen: Pen, rows: list[tuple[str, str, str]]) -> None:
    """Captions over amounts, side by side over the page's width."""
    each = pen.wide / len(rows)
    top, high = pen.y, pen.size * 3.4
    pen.sheet.rect(pen.left, top, pen.right, top + high, stroke=pen.muted)
    for at, (name, caption, text) in enumerate(rows):
        middle = pen.left + (at + 0.5) * each
        if at:
            pen.sheet.rule(middle - each / 2, top, middle - each / 2, top + high, colour=pen.muted)
        with pen.sheet.block():
            pen.put(
                middle, top + pen.size * 1.1, caption, size=pen.size * 0.85, align="center",
                wide=each - 6, colour=pen.muted,
            )  # fmt: skip
            pen.put(
                middle, top + pen.size * 2.7, text, bold=name == "total", align="center",
                field=name, label=caption, wide=each - 6,
            )  # fmt: skip
    pen.y = top + high + pen.step * 1.4


def tax_table(pen: Pen) -> None:
    """Net amount and tax of each rate in a small table at the left."""
    taxes = pen.bill.totals.taxes
    if not taxes or not pen.layout.chance("tax table", 0.6 if len(taxes) > 1 else 0.14):
        return
    size = pen.size * 0.9
    heads = [pen.words(key) for key in ("rate", "net", "tax", "gross")]
    widest = max(width(head, pen.bold, size) for head in heads) + 8
    wide = min(pen.wide, max(4 * widest, pen.wide * 0.4))
    each = wide / 4
    y = pen.y + size * 0.4
    if pen.layout.chance("tax table's title", 0.5):
        pen.put(pen.left, y, pen.words("tax_table"), bold=True, size=size)
        y += pen.step * 1.2
    with pen.sheet.block():
        for at, head in enumerate(heads):
            pen.put(
                pen.left + (at + 1) * each - 4, y, head, align="right", size=size, wide=each - 6,
                bold=pen.bold_captions,
            )  # fmt: skip
    pen.sheet.rule(pen.left, y + 3, pen.left + wide, y + 3, colour=pen.muted, thick=0.4)
    for rate, net, tax in taxes:
        y += size * 1.4
        values = (
            ("x_rate_of_tax", pen.percent(rate)), ("net", pen.amount(net, row=True)),
            ("tax", pen.amount(tax, row=True)), ("x_tax_gross", pen.amount(net + tax, row=True)),
        )  # fmt: skip
        for at, (name, text) in enumerate(values):
            pen.put(
                pen.left + (at + 1) * each - 4, y, text, align="right", size=size, field=name,
                label=heads[at], wide=each - 6,
            )  # fmt: skip
    pen.y = y + pen.step * 1.6
