"""Invoices: what they say (data), and three layouts that print any of them as vector pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.pdfgen.canvas import Canvas

from samples.amounts import euros, money

__all__ = ["Invoice", "Row", "classic", "modern", "plain"]


@dataclass(frozen=True)
class Row:
    """One position: what, how many of which unit, and the unit price in cents."""

    text: str
    number: int
    unit: str
    cents: int

    @property
    def amount(self) -> int:
        """What the position costs in all, in cents."""
        return self.number * self.cents


@dataclass(frozen=True)
class Invoice:
    """What an invoice says. `facts` are captions and values (number, dates, terms); `tax` is its
    caption and percent, added to the net sum; `bank` and `notes` stand at the end."""

    company: str
    address: Sequence[str]
    contact: Sequence[str]
    buyer: Sequence[str]
    facts: Sequence[tuple[str, str]]
    rows: Sequence[Row]
    tax: tuple[str, int]
    total_caption: str
    currency: str
    bank: Sequence[str]
    notes: Sequence[str] = ()
    title: str = "INVOICE"
    comma: bool = False
    rows_a_page: int = 18

    @property
    def net(self) -> int:
        """The positions' sum in cents."""
        return sum(row.amount for row in self.rows)

    @property
    def tax_amount(self) -> int:
        """The tax in cents."""
        return round(self.net * self.tax[1] / 100)

    @property
    def total(self) -> int:
        """What is to be paid, in cents."""
        return self.net + self.tax_amount

    def amount(self, cents: int) -> str:
        """An amount as this seller prints it."""
        return euros(cents) if self.comma else money(cents)


Column = tuple[str, float, str]


def _pages(invoice: Invoice) -> list[Sequence[Row]]:
    step = invoice.rows_a_page
    return [invoice.rows[i : i + step] for i in range(0, len(invoice.rows), step)]


def _document(
    size: tuple[float, float], invoice: Invoice, draw: Callable[[Canvas, int, int], None]
) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=True)
    canvas.setTitle(f"{invoice.title} {invoice.facts[0][1]}")
    canvas.setAuthor(invoice.company)
    count = len(_pages(invoice))
    for number in range(count):
        draw(canvas, number, count)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _lines(
    canvas: Canvas, x: float, y: float, texts: Sequence[str], font: str, size: float, **kept: bool
) -> float:
    canvas.setFont(font, size)
    for text in texts:
        (canvas.drawRightString if kept.get("right") else canvas.drawString)(x, y, text)
        y -= size * 1.4
    return y


def _facts(
    canvas: Canvas, invoice: Invoice, x: float, value_x: float, y: float, font: str, size: float
) -> float:
    for caption, value in invoice.facts:
        canvas.setFont(font, size)
        canvas.drawString(x, y, caption)
        canvas.setFont(_bold(font), size)
        canvas.drawRightString(value_x, y, value)
        y -= size * 1.55
    return y


def _bold(font: str) -> str:
    return "Times-Bold" if font == "Times-Roman" else f"{font}-Bold"


def _table(
    canvas: Canvas,
    invoice: Invoice,
    rows: Sequence[Row],
    first: int,
    columns: Sequence[Column],
    y: float,
    font: str,
    size: float,
) -> float:
    """The rows of one page; a column is a caption, its x, and which cell it shows."""
    for number, row in enumerate(rows, start=first):
        cells = {
            "number": str(number),
            "text": row.text,
            "quantity": f"{row.number} {row.unit}".strip(),
            "price": invoice.amount(row.cents),
            "amount": invoice.amount(row.amount),
        }
        canvas.setFont(font, size)
        for _, x, cell in columns:
            left = cell in ("number", "text")
            (canvas.drawString if left else canvas.drawRightString)(x, y, cells[cell])
        y -= size * 1.9
    return y


def _captions(canvas: Canvas, columns: Sequence[Column], y: float, font: str, size: float) -> None:
    canvas.setFont(font, size)
    for caption, x, cell in columns:
        left = cell in ("number", "text")
        (canvas.drawString if left else canvas.drawRightString)(x, y, caption)


def _sums(
    canvas: Canvas, invoice: Invoice, x: float, value_x: float, y: float, font: str, size: float
) -> float:
    name, percent = invoice.tax
    rows = [("Subtotal", invoice.net)]
    if percent:
        rows.append((f"{name} {percent}%", invoice.tax_amount))
    canvas.setFont(font, size)
    for caption, cents in rows:
        canvas.drawString(x, y, caption)
        canvas.drawRightString(value_x, y, invoice.amount(cents))
        y -= size * 1.7
    canvas.setLineWidth(0.8)
    canvas.line(x, y + size * 1.1, value_x, y + size * 1.1)
    y -= size * 0.4
    canvas.setFont(_bold(font), size + 1.5)
    canvas.drawString(x, y, invoice.total_caption)
    canvas.drawRightString(value_x, y, f"{invoice.currency}{invoice.amount(invoice.total)}")
    return y - size * 3


def modern(invoice: Invoice) -> bytes:
    """A4 with a coloured band: the sort that online bookkeeping prints."""
    width, height = A4
    ink, pale = HexColor("#1f4e5f"), HexColor("#eef4f6")
    columns = (
        ("Pos.", 57, "number"),
        ("Description", 92, "text"),
        ("Quantity", 372, "quantity"),
        ("Unit price", 452, "price"),
        ("Amount", width - 62, "amount"),
    )

    def draw(canvas: Canvas, number: int, count: int) -> None:
        canvas.setFillColor(ink)
        canvas.rect(0, height - 14, width, 14, stroke=0, fill=1)
        _lines(canvas, 57, height - 62, [invoice.company], "Helvetica-Bold", 17)
        canvas.setFillColor(black)
        y = _lines(canvas, 57, height - 80, invoice.address, "Helvetica", 9)
        _lines(canvas, 57, y, invoice.contact, "Helvetica", 8)
        canvas.setFillColor(ink)
        canvas.setFont("Helvetica-Bold", 22)
        canvas.drawRightString(width - 57, height - 66, invoice.title)
        canvas.setFillColor(black)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(57, height - 178, "Bill to")
        _lines(canvas, 57, height - 192, invoice.buyer, "Helvetica", 10)
        _facts(canvas, invoice, 340, width - 57, height - 178, "Helvetica", 9.5)
        y = height - 290
        canvas.setFillColor(ink)
        canvas.rect(52, y - 6, width - 109, 20, stroke=0, fill=1)
        canvas.setFillColor(white)
        _captions(canvas, columns, y, "Helvetica-Bold", 9)
        canvas.setFillColor(pale)
        for stripe in range(1, len(_pages(invoice)[number]), 2):
            canvas.rect(52, y - 26.5 - stripe * 17.1, width - 109, 17.1, stroke=0, fill=1)
        canvas.setFillColor(black)
        rows = _pages(invoice)[number]
        first = 1 + number * invoice.rows_a_page
        y = _table(canvas, invoice, rows, first, columns, y - 22, "Helvetica", 9)
        if number == count - 1:
            y = _sums(canvas, invoice, 340, width - 62, y - 14, "Helvetica", 10)
            y = _lines(canvas, 57, y, invoice.notes, "Helvetica", 9) - 8
        canvas.setStrokeColor(ink)
        canvas.line(57, 78, width - 57, 78)
        _lines(canvas, 57, 64, invoice.bank, "Helvetica", 8)
        canvas.setFont("Helvetica", 8)
        canvas.drawRightString(width - 57, 40, f"Page {number + 1} of {count}")

    return _document(A4, invoice, draw)


def classic(invoice: Invoice) -> bytes:
    """A4 in a serif face with boxes drawn by a ruler: the letter of an old firm."""
    width, height = A4
    columns = (
        ("No.", 64, "number"),
        ("Particulars", 96, "text"),
        ("Qty", 380, "quantity"),
        ("Rate", 456, "price"),
        ("Amount", width - 66, "amount"),
    )

    def draw(canvas: Canvas, number: int, count: int) -> None:
        canvas.setFont("Times-Bold", 20)
        canvas.drawCentredString(width / 2, height - 66, invoice.company)
        canvas.setFont("Times-Roman", 10.5)
        canvas.drawCentredString(width / 2, height - 82, ", ".join(invoice.address))
        canvas.drawCentredString(width / 2, height - 96, "   ".join(invoice.contact))
        canvas.setLineWidth(1.4)
        canvas.line(58, height - 106, width - 58, height - 106)
        canvas.setFont("Times-Bold", 15)
        canvas.drawCentredString(width / 2, height - 132, invoice.title)
        canvas.setFont("Times-Bold", 11)
        canvas.drawString(64, height - 162, "To:")
        _lines(canvas, 90, height - 162, invoice.buyer, "Times-Roman", 11)
        _facts(canvas, invoice, 350, width - 64, height - 162, "Times-Roman", 11)
        rows = _pages(invoice)[number]
        top = height - 258
        canvas.setLineWidth(0.8)
        _captions(canvas, columns, top, "Times-Bold", 11)
        bottom = _table(
            canvas, invoice, rows, 1 + number * invoice.rows_a_page, columns, top - 24,
            "Times-Roman", 11,
        )  # fmt: skip
        canvas.rect(58, bottom + 8, width - 116, top - bottom + 8)
        canvas.line(58, top - 8, width - 58, top - 8)
        for x in (90, 334, 396, 470):
            canvas.line(x, bottom + 8, x, top + 16)
        if number == count - 1:
            y = _sums(canvas, invoice, 350, width - 66, bottom - 16, "Times-Roman", 11)
            y = _lines(canvas, 64, y, invoice.notes, "Times-Roman", 10.5)
            _lines(canvas, 64, y - 10, invoice.bank, "Times-Roman", 10.5)
            canvas.line(390, 110, width - 64, 110)
            canvas.setFont("Times-Italic", 9.5)
            canvas.drawString(390, 98, "for the company")
        else:
            canvas.setFont("Times-Italic", 11)
            canvas.drawRightString(width - 66, bottom - 14, "carried forward")
        canvas.setFont("Times-Roman", 9)
        canvas.drawCentredString(width / 2, 44, f"- {number + 1} / {count} -")

    return _document(A4, invoice, draw)


def plain(invoice: Invoice) -> bytes:
    """US letter from an office program: title at the right, lines, no colour."""
    width, height = LETTER
    columns = (
        ("DESCRIPTION", 54, "text"),
        ("QTY", 378, "quantity"),
        ("UNIT PRICE", 464, "price"),
        ("AMOUNT", width - 58, "amount"),
    )

    def draw(canvas: Canvas, number: int, count: int) -> None:
        y = _lines(canvas, 54, height - 62, [invoice.company], "Helvetica-Bold", 14)
        y = _lines(canvas, 54, y, invoice.address, "Helvetica", 10)
        _lines(canvas, 54, y, invoice.contact, "Helvetica", 10)
        _lines(canvas, width - 54, height - 68, [invoice.title], "Helvetica-Bold", 26, right=True)
        _facts(canvas, invoice, 360, width - 54, height - 102, "Helvetica", 10)
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(54, height - 182, "BILL TO")
        _lines(canvas, 54, height - 198, invoice.buyer, "Helvetica", 10)
        y = height - 280
        _captions(canvas, columns, y, "Helvetica-Bold", 9)
        canvas.setLineWidth(1)
        canvas.line(54, y - 7, width - 54, y - 7)
        rows = _pages(invoice)[number]
        first = 1 + number * invoice.rows_a_page
        y = _table(canvas, invoice, rows, first, columns, y - 25, "Helvetica", 10)
        canvas.setLineWidth(0.5)
        canvas.line(54, y + 9, width - 54, y + 9)
        if number == count - 1:
            y = _sums(canvas, invoice, 360, width - 58, y - 14, "Helvetica", 10)
            y = _lines(canvas, 54, y, invoice.notes, "Helvetica", 10)
            _lines(canvas, 54, y - 12, invoice.bank, "Helvetica", 10)
        if count > 1:
            canvas.setFont("Helvetica", 9)
            canvas.drawCentredString(width / 2, 40, f"Page {number + 1} of {count}")

    return _document(LETTER, invoice, draw)
