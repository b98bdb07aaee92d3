"""Invoices: of traders, craftsmen, freelancers, utilities, telephone companies and hotels; credit
notes and proforma invoices."""

from __future__ import annotations

from recipes.documents import marks
from recipes.documents.bill import Bill
from recipes.documents.bill_values import statements
from recipes.documents.content import Content
from recipes.documents.invoice_ends import (
    ask,
    drawn_marks,
    footer,
    payment,
    slip,
    split_values,
    tables,
)
from recipes.documents.invoice_heads import ARRANGEMENTS, Head
from recipes.documents.invoice_sums import sums, tax_table
from recipes.documents.invoice_table import positions
from recipes.documents.layout import Layout
from recipes.documents.pen import Pen
from recipes.documents.sheet import A4, LETTER, Sheet

__all__ = ["draw"]


def draw(layout: Layout, seed: int) -> Sheet:
    """One page with an invoice; as many rows as fit."""
    most, scale = 20, 1.0
    while True:
        pen = _draw(layout, seed, most, scale)
        if pen.y <= pen.bottom or (most == 1 and scale < 0.75):
            return pen.sheet
        rows = len(pen.bill.rows)
        over = (pen.y - pen.bottom) / pen.step / 1.6
        most = max(1, min(rows - 1, int(rows - over)))
        scale = scale if rows > 1 else scale * 0.9


def _draw(layout: Layout, seed: int, most: int, scale: float) -> Pen:
    content = Content(layout, seed)
    wide, high = LETTER if content.country in ("US", "CA", "MX") else A4
    landscape = layout.chance("landscape", 0.05)
    sheet = Sheet((high, wide) if landscape else (wide, high))
    marks.none(sheet)
    sheet.facts.update(kind="invoice", table=True)
    sheet.facts["orientation"] = "landscape" if landscape else "portrait"
    pen = Pen(sheet, layout, content, Bill(layout, content, most))
    pen.size *= scale
    pen.step *= scale
    head, near, end, foot = split_values(pen)
    arrange = layout.pick("arrangement", ARRANGEMENTS)
    arrange(Head(pen, statements(pen) + near, head))
    footer(pen, foot)
    ask(pen)
    if layout.chance("greeting", 0.15):
        text = pen.sentence("greeting")
        pen.y = pen.lines(pen.left, pen.y, [text], pen.wide) + pen.step * 0.6
    tables(pen)
    positions(pen)
    sums(pen)
    tax_table(pen)
    payment(pen, end)
    slip(pen)
    drawn_marks(pen)
    return pen
