"""Till receipts: what they say (data), and one layout that prints any of them as a vector page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.pdfgen.canvas import Canvas

from samples.amounts import money

__all__ = ["Item", "Receipt", "printed"]

MARGIN = 14.0


@dataclass(frozen=True)
class Item:
    """One thing bought: its code, name, number and unit price in cents."""

    code: str
    name: str
    number: int
    cents: int

    @property
    def amount(self) -> int:
        """What it costs in all, in cents."""
        return self.number * self.cents


@dataclass(frozen=True)
class Receipt:
    """What a till prints, from the top down.

    `head` stands below the company, centred; `facts` are rows of caption and value; `total_caption`
    names the row that the bookkeeper wants. `rounding` and `paid` are cents. `font` is one of
    PDF's own families, "Courier" or "Helvetica". `columns` prints items in one row with headings,
    otherwise a name and below it number and price.
    """

    company: str
    address: Sequence[str]
    head: Sequence[str]
    title: str
    facts: Sequence[tuple[str, str]]
    items: Sequence[Item]
    total_caption: str
    paid_with: tuple[str, int]
    foot: Sequence[str]
    currency: str = "RM"
    tax: tuple[str, int] | None = None
    service: int = 0
    rounding: int = 0
    font: str = "Courier"
    size: float = 9.0
    columns: bool = False
    width: float = 226.0

    @property
    def subtotal(self) -> int:
        """The items' sum in cents."""
        return sum(item.amount for item in self.items)

    @property
    def total(self) -> int:
        """What was to be paid, in cents: items, service charge and rounding; tax is included."""
        return self.subtotal + self.service + self.rounding


def printed(receipt: Receipt) -> bytes:
    """The receipt as a PDF of one page, as long as it needs."""
    # Drawn twice: the first time only to learn how long the paper has to be.
    length = _draw(receipt, Canvas(io.BytesIO()), 2000.0)
    buffer = io.BytesIO()
    height = 2000.0 - length + 44
    canvas = Canvas(buffer, pagesize=(receipt.width, height), invariant=True)
    _draw(receipt, canvas, height - 16)
    canvas.save()
    return buffer.getvalue()


def _draw(receipt: Receipt, canvas: Canvas, top: float) -> float:
    """Print from `top` downwards; the height of the last line is returned."""
    pen = _Pen(canvas, receipt, top)
    pen.centred(receipt.company, bold=True, size=receipt.size + 2)
    for text in (*receipt.address, *receipt.head):
        pen.centred(text, size=receipt.size - 0.5)
    pen.gap()
    pen.centred(receipt.title, bold=True)
    pen.gap(0.4)
    for caption, value in receipt.facts:
        pen.pair(caption, value)
    pen.rule()
    _draw_items(receipt, pen)
    pen.rule()
    _draw_sums(receipt, pen)
    pen.gap(0.6)
    for text in receipt.foot:
        pen.centred(text, size=receipt.size - 1)
    return pen.y


def _draw_items(receipt: Receipt, pen: _Pen) -> None:
    if receipt.columns:
        pen.table(("QTY", "DESCRIPTION", "PRICE", "AMOUNT"), bold=True)
        pen.rule()
        for item in receipt.items:
            pen.table((str(item.number), item.name, money(item.cents), money(item.amount)))
        return
    for item in receipt.items:
        pen.left(f"{item.code} {item.name}")
        pen.pair(f"   {item.number} x {money(item.cents)}", money(item.amount))


def _draw_sums(receipt: Receipt, pen: _Pen) -> None:
    unit = receipt.currency
    pieces = sum(item.number for item in receipt.items)
    pen.left(f"ITEM(S): {len(receipt.items)}   QTY: {pieces}")
    if receipt.service or receipt.rounding:
        pen.pair("SUBTOTAL", money(receipt.subtotal))
    if receipt.service:
        pen.pair("SERVICE CHARGE 10%", money(receipt.service))
    if receipt.rounding:
        pen.pair("ROUNDING ADJ", money(receipt.rounding))
    pen.pair(
        receipt.total_caption, f"{unit}{money(receipt.total)}", bold=True, size=receipt.size + 2
    )
    how, paid = receipt.paid_with
    pen.pair(how, money(paid))
    if paid != receipt.total:
        pen.pair("CHANGE", money(paid - receipt.total))
    if receipt.tax:
        name, percent = receipt.tax
        net = round(receipt.total * 100 / (100 + percent))
        pen.rule()
        pen.pair("TAX SUMMARY", f"AMOUNT({unit})    TAX({unit})")
        pen.pair(f"{name} @ {percent}%", f"{money(net):>10} {money(receipt.total - net):>10}")


class _Pen:
    """Writes lines from the top down, each a little below the last."""

    def __init__(self, canvas: Canvas, receipt: Receipt, top: float) -> None:
        self.canvas, self.y = canvas, top
        self.family, self.size = receipt.font, receipt.size
        self.x0, self.x1 = MARGIN, receipt.width - MARGIN

    def gap(self, lines: float = 1.0) -> None:
        self.y -= lines * self.size

    def centred(self, text: str, *, bold: bool = False, size: float | None = None) -> None:
        for part in self._wrapped(text, bold, size or self.size):
            self._line(bold, size)
            self.canvas.drawCentredString((self.x0 + self.x1) / 2, self.y, part)

    def left(self, text: str) -> None:
        for part in self._wrapped(text, False, self.size):
            self._line()
            self.canvas.drawString(self.x0, self.y, part)

    def pair(self, left: str, right: str, *, bold: bool = False, size: float | None = None) -> None:
        self._line(bold, size)
        self.canvas.drawString(self.x0, self.y, left)
        self.canvas.drawRightString(self.x1, self.y, right)

    def table(self, cells: tuple[str, str, str, str], *, bold: bool = False) -> None:
        number, name, price, amount = cells
        font, room = self._font(bold), self.x1 - self.x0 - 118
        while self.canvas.stringWidth(name, font, self.size - 0.5) > room:
            name = name[:-1]
        self._line(bold, self.size - 0.5)
        self.canvas.drawString(self.x0, self.y, number)
        self.canvas.drawString(self.x0 + 24, self.y, name)
        self.canvas.drawRightString(self.x1 - 48, self.y, price)
        self.canvas.drawRightString(self.x1, self.y, amount)

    def rule(self) -> None:
        self.y -= self.size * 0.7
        self.canvas.setDash(3, 2)
        self.canvas.line(self.x0, self.y, self.x1, self.y)

    def _font(self, bold: bool) -> str:
        return f"{self.family}-Bold" if bold else self.family

    def _line(self, bold: bool = False, size: float | None = None) -> None:
        size = size or self.size
        self.y -= size * 1.35
        self.canvas.setFont(self._font(bold), size)

    def _wrapped(self, text: str, bold: bool, size: float) -> list[str]:
        lines: list[str] = [""]
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            fits = self.canvas.stringWidth(longer, self._font(bold), size) <= self.x1 - self.x0
            if fits or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines
