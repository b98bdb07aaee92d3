"""What stands on paper besides print: logos, signatures, stamps, barcodes and handwriting.

Each function draws one mark and notes it in the sheet's facts. No words are noted, since no OCR
engine reads them reliably, except for the digits under a barcode and the letters of a logo.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import createBarcodeDrawing
from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from recipes.documents.content import Content
from recipes.documents.fonts import HANDWRITING, font, width
from recipes.documents.layout import Layout
from recipes.documents.logos import draw_logo
from recipes.documents.sheet import Sheet

__all__ = ["MARKS", "barcode", "handwriting", "logo", "none", "signature", "stamp"]

MARKS = ("signature", "stamp", "logo", "barcode", "handwriting")

INKS = ("#1a2a6c", "#10207a", "#000000", "#1c1c24", "#2440a8", "#0b1f5c", "#333344", "#7a1020")
STAMP_INKS = ("#b3202a", "#1f3f9a", "#1f6f3a", "#5a2a82", "#202020", "#c02860")

Point = tuple[float, float]


def none(sheet: Sheet) -> None:
    """Note that the page has no mark yet. Kinds call it before they draw anything.

    From then on `sheet.facts["places"]` lists (mark, box on 0-1000) of what is drawn.
    """
    for mark in MARKS:
        sheet.facts[mark] = False
    sheet.facts["places"] = []


def _note(sheet: Sheet, mark: str, x0: float, y0: float, x1: float, y1: float) -> None:
    sheet.facts[mark] = True
    sheet.facts.setdefault("places", []).append((mark, sheet.scaled(x0, y0, x1, y1)))


def logo(sheet: Sheet, layout: Layout, x0: float, y0: float, x1: float, y1: float) -> None:
    """The sender's logo inside a rectangle, the same on every page of a layout."""
    _note(sheet, "logo", *draw_logo(sheet, layout, x0, y0, x1, y1))


# -- ink -------------------------------------------------------------------------------------------


def signature(sheet: Sheet, content: Content, x0: float, y0: float, x1: float, y1: float) -> None:
    """A signature inside a rectangle: a large first letter, a hasty row of loops, a flourish."""
    chance = random.Random(content.random.getrandbits(48))
    strokes = _scrawl(chance)
    xs = [x for stroke in strokes for x, _ in stroke]
    ys = [y for stroke in strokes for _, y in stroke]
    scale = min((x1 - x0) / (max(xs) - min(xs)), (y1 - y0) / (max(ys) - min(ys))) * 0.94
    scale *= chance.uniform(0.8, 1.0)
    left = x0 + chance.random() * (x1 - x0 - scale * (max(xs) - min(xs)))
    low = sheet.height - (y0 + y1) / 2 - scale * (max(ys) + min(ys)) / 2
    colour, thick = chance.choice(INKS), chance.uniform(0.7, 1.9)
    right, half = left + scale * (max(xs) - min(xs)), scale * (max(ys) - min(ys)) / 2
    _note(sheet, "signature", left, (y0 + y1) / 2 - half, right, (y0 + y1) / 2 + half)

    def paint(canvas: Canvas) -> None:
        canvas.setStrokeColor(HexColor(colour))
        canvas.setLineWidth(thick)
        canvas.setLineCap(1)
        canvas.setLineJoin(1)
        for stroke in strokes:
            _curve(canvas, [(left + (x - min(xs)) * scale, low + y * scale) for x, y in stroke])

    sheet.draw(paint)


def _scrawl(chance: random.Random) -> list[list[Point]]:
    """The strokes of a signature, about 1 high above its line at y = 0."""
    slant = chance.uniform(0.0, 0.7)
    strokes: list[list[Point]] = []
    x = 0.0
    for _ in range(chance.choice((1, 1, 2, 2, 3))):  # names, each with a large first letter
        letter = [(x + chance.uniform(-0.1, 0.5), chance.uniform(0.1, 1.0)) for _ in range(3)]
        stroke = [(x, chance.uniform(0.3, 1.0)), *letter]
        x += chance.uniform(0.35, 0.6)
        pace = chance.uniform(0.09, 0.22)  # how wide a small letter is
        for _ in range(chance.randint(2, 9)):
            tall = chance.choice((0.2, 0.25, 0.3, 0.35, 0.8, -0.5)) * chance.uniform(0.7, 1.2)
            back = chance.uniform(-0.6, 0.9) * pace
            stroke += [(x, chance.uniform(-0.05, 0.08)), (x + pace - back * 0.4, tall)]
            x += pace
        strokes.append([*stroke, (x + pace, chance.uniform(-0.1, 0.15))])
        x += pace + chance.uniform(0.0, 0.25)
    if chance.random() < 0.5:  # the line below, from the end or on its own
        start = (x, chance.uniform(-0.1, 0.1))
        under = [(x * chance.uniform(0.5, 0.9), -0.25), (x * chance.uniform(0, 0.3), -0.35)]
        strokes.append([start, *under, (x * chance.uniform(0.7, 1.2), chance.uniform(-0.4, -0.1))])
    if chance.random() < 0.35:  # a stroke through a t, or a dot
        at = chance.uniform(0.2, 0.8) * x
        strokes.append([(at, 0.55), (at + 0.25, 0.6), (at + chance.uniform(0.3, 0.8), 0.62)])
    rise = chance.uniform(-0.03, 0.12)
    return [[(px + slant * py, py + rise * px) for px, py in stroke] for stroke in strokes]


def _curve(canvas: Canvas, points: Sequence[Point]) -> None:
    """A smooth line through points."""
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for place in range(len(points) - 1):
        before, start = points[max(place - 1, 0)], points[place]
        end, after = points[place + 1], points[min(place + 2, len(points) - 1)]
        path.curveTo(
            start[0] + (end[0] - before[0]) / 5, start[1] + (end[1] - before[1]) / 5,
            end[0] - (after[0] - start[0]) / 5, end[1] - (after[1] - start[1]) / 5, *end,
        )  # fmt: skip
    canvas.drawPath(path, stroke=1, fill=0)


def handwriting(
    sheet: Sheet, content: Content, x: float, y: float, text: str, size: float
) -> float:
    """Words in handwriting from `x` on with the baseline at `y`; returns the x at their end."""
    chance = random.Random(content.random.getrandbits(48))
    hands = HANDWRITING if content.layout.split == "test" else HANDWRITING[:2]
    face, colour = font(chance.choice(hands)), chance.choice(INKS)
    text = _writable(face, text)
    wide, lean = chance.uniform(0.85, 1.15), chance.uniform(-0.15, 0.35)
    bold = chance.choice((0.0, 0.0, 0.2, 0.4)) * size / 12
    at, places = x, []
    for word in text.split():
        places.append((word, at, y + chance.gauss(0, 0.04) * size, chance.gauss(0, 1.2)))
        at += (width(word, face, size) + size * chance.uniform(0.25, 0.45)) * wide

    _note(sheet, "handwriting", x, y - 0.8 * size, at, y + 0.3 * size)

    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(HexColor(colour))
        canvas.setStrokeColor(HexColor(colour))
        canvas.setLineWidth(bold)
        for word, left, base, turn in places:
            canvas.saveState()
            canvas.translate(left, sheet.height - base)
            canvas.rotate(turn)
            canvas.transform(wide, 0, lean, 1, 0, 0)
            line = canvas.beginText(0, 0)
            line.setFont(face, size)
            line.setTextRenderMode(2 if bold else 0)
            line.textOut(word)
            canvas.drawText(line)
            canvas.restoreState()

    sheet.draw(paint)
    return at - size * 0.3 * wide


def _writable(face: str, text: str) -> str:
    """The text without signs that the typeface lacks."""
    known = pdfmetrics.getFont(face).face.charToGlyph
    text = text.translate(str.maketrans("—–’", "--'"))
    return "".join(mark for mark in text if mark == " " or ord(mark) in known)


# -- stamps ----------------------------------------------------------------------------------------

STAMPED = {
    "en": ("PAID", "RECEIVED", "APPROVED", "COPY", "CONFIDENTIAL", "FILED", "URGENT", "CHECKED"),
    "de": ("BEZAHLT", "EINGEGANGEN", "GEBUCHT", "KOPIE", "GEPRÜFT", "ERLEDIGT", "EILT"),
    "fr": ("PAYÉ", "REÇU", "COPIE", "APPROUVÉ", "URGENT", "COMPTABILISÉ", "ACQUITTÉ"),
    "es": ("PAGADO", "RECIBIDO", "COPIA", "APROBADO", "URGENTE", "REVISADO", "ENTRADA"),
    "it": ("PAGATO", "RICEVUTO", "COPIA", "APPROVATO", "URGENTE", "REGISTRATO", "SALDATO"),
}


def stamp(sheet: Sheet, content: Content, x: float, y: float, radius: float) -> None:
    """A rubber stamp with its middle at (x, y): round, oblong or oval, tilted, in worn ink."""
    _note(sheet, "stamp", x - radius, y - radius, x + radius, y + radius)
    chance = random.Random(content.random.getrandbits(48))
    word = chance.choice(STAMPED[content.language])
    below = content.date(content.day()) if chance.random() < 0.6 else ""
    around = content.company().upper()[:30] if chance.random() < 0.7 else word
    colour, ink = chance.choice(STAMP_INKS), chance.uniform(0.45, 0.9)
    tilt = chance.choice((0, chance.gauss(0, 6), chance.uniform(-30, 30)))
    kind = content.layout.pick("stamp", (_round, _oblong, _round, _oblong, _oval, _framed))

    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(HexColor(colour))
        canvas.setStrokeColor(HexColor(colour))
        canvas.setFillAlpha(ink)
        canvas.setStrokeAlpha(ink)
        canvas.translate(x, sheet.height - y)
        canvas.rotate(tilt)
        kind(canvas, radius, word, below, around)

    sheet.draw(paint)


def _middle(canvas: Canvas, y: float, text: str, wide: float, high: float) -> None:
    """Bold text around x = 0 with its baseline at `y`, at most so wide and high."""
    face = "Helvetica-Bold"
    size = min(high / 0.75, wide / max(width(text, face, 1), 0.1))
    canvas.setFont(face, size)
    canvas.drawCentredString(0, y, text)


def _round(canvas: Canvas, radius: float, word: str, below: str, around: str) -> None:
    canvas.setLineWidth(radius * 0.05)
    canvas.circle(0, 0, radius * 0.97)
    canvas.setLineWidth(radius * 0.025)
    canvas.circle(0, 0, radius * 0.64)
    size = radius * 0.2
    canvas.setFont("Helvetica-Bold", size)
    step = 1.75 * math.pi / max(len(around), 16)
    turn = math.pi / 2 + step * (len(around) - 1) / 2
    for letter in around:
        canvas.saveState()
        canvas.translate(radius * 0.73 * math.cos(turn), radius * 0.73 * math.sin(turn))
        canvas.rotate(math.degrees(turn) - 90)
        canvas.drawCentredString(0, 0, letter)
        canvas.restoreState()
        turn -= step
    _middle(canvas, radius * (0.05 if below else -0.1), word, radius * 1.05, radius * 0.28)
    if below:
        _middle(canvas, -radius * 0.27, below, radius * 0.95, radius * 0.17)


def _oblong(canvas: Canvas, radius: float, word: str, below: str, around: str) -> None:
    high = radius * (0.52 if below else 0.34)
    canvas.setLineWidth(radius * 0.05)
    canvas.roundRect(-radius * 0.95, -high, radius * 1.9, 2 * high, radius * 0.08)
    if below:
        _middle(canvas, radius * 0.02, word, radius * 1.65, radius * 0.4)
        _middle(canvas, -radius * 0.36, below, radius * 1.5, radius * 0.24)
    else:
        _middle(canvas, -radius * 0.17, word, radius * 1.7, radius * 0.42)


def _oval(canvas: Canvas, radius: float, word: str, below: str, around: str) -> None:
    for share, thick in ((0.97, 0.05), (0.87, 0.02)):
        canvas.setLineWidth(radius * thick)
        canvas.ellipse(-radius * share, -radius * share * 0.6, radius * share, radius * share * 0.6)
    _middle(canvas, -radius * 0.08, word, radius * 1.3, radius * 0.32)
    _middle(canvas, radius * 0.3, around[:16], radius * 0.9, radius * 0.13)
    if below:
        _middle(canvas, -radius * 0.34, below, radius * 0.9, radius * 0.16)


def _framed(canvas: Canvas, radius: float, word: str, below: str, around: str) -> None:
    for share, thick in ((0.98, 0.03), (0.9, 0.03)):
        canvas.setLineWidth(radius * thick)
        high = radius * (share - 0.35)
        canvas.rect(-radius * share, -high, 2 * radius * share, 2 * high)
    _middle(canvas, radius * 0.3, around, radius * 1.6, radius * 0.15)
    _middle(canvas, -radius * 0.1, word, radius * 1.6, radius * 0.34)
    canvas.setLineWidth(radius * 0.02)
    canvas.line(-radius * 0.8, -radius * 0.4, radius * 0.8, -radius * 0.4)
    if below:
        _middle(canvas, -radius * 0.35, below, radius * 1.5, radius * 0.18)


# -- barcodes --------------------------------------------------------------------------------------

# Each with the pattern of what it says (see `Content.digits`). The last is for test layouts only.
BARCODES = (
    ("Code128", "??########"), ("QR", "https://example.org/########"), ("EAN13", "############"),
    ("Code128", "##############"), ("QR", "??##############????####"), ("I2of5", "############"),
    ("Standard39", "?#######"), ("ECC200DataMatrix", "??########"),
)  # fmt: skip
SQUARE = ("QR", "ECC200DataMatrix")


def barcode(sheet: Sheet, content: Content, x0: float, y0: float, x1: float, y1: float) -> None:
    """A code of bars, or a square one, inside a rectangle; some have their digits printed below."""
    wide, high = x1 - x0, y1 - y0
    options = [each for each in BARCODES if each[0] not in SQUARE or wide < 3 * high]
    code, pattern = content.layout.pick("barcode", options)
    value = content.digits(pattern)
    if code in SQUARE:
        wide = high = min(wide, high)
        x0 = x0 + (x1 - x0 - wide) * content.layout.random("barcode place").choice((0, 0.5, 1))
    elif wide > 5 * high:  # bars are not drawn out to a whole page's width
        wide = 5 * high
    _note(sheet, "barcode", x0, y0, x0 + wide, y0 + high)
    size = min(8.0, high * 0.25)
    if code not in SQUARE and size >= 4 and content.layout.chance("barcode in digits", 0.6):
        high -= size
        sheet.text(
            x0 + wide / 2, y1 - size * 0.2, value, font="Helvetica", size=size, align="center"
        )

    def paint(canvas: Canvas) -> None:
        options = {} if code in SQUARE else {"humanReadable": False}
        drawing = createBarcodeDrawing(code, value=value, **options)
        left, low, right, top = drawing.getBounds()
        canvas.translate(x0, sheet.height - y0 - high)
        canvas.scale(wide / (right - left), high / (top - low))
        canvas.translate(-left, -low)
        renderPDF.draw(drawing, canvas, 0, 0)

    sheet.draw(paint)
