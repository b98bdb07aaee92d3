"""Logos: vector shapes with or without letters, one for each layout."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

from recipes.documents.fonts import width
from recipes.documents.layout import Layout
from recipes.documents.sheet import Sheet

__all__ = ["draw_logo"]

LOGO_COLOURS = ("#1f3a5f", "#b32d2d", "#2d7d46", "#d98200", "#4b2a86", "#000000", "#0b7a8a",
                "#8a6d1f", "#c2185b", "#455a64")  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXZ"

Point = tuple[float, float]
Frame = tuple[float, float, float, float]


def draw_logo(sheet: Sheet, layout: Layout, x0: float, y0: float, x1: float, y1: float) -> Frame:
    """Draw a layout's logo inside a rectangle; returns the part of it that it takes."""
    chance = layout.random("logo")
    colours = chance.sample(LOGO_COLOURS, 2)
    letters = "".join(chance.sample(LETTERS, chance.choice((1, 2, 2, 3))))
    shape = layout.pick("logo shape", LOGOS)
    high = y1 - y0
    wide = min(x1 - x0, high * (3.2 if shape in _WIDE else 1.0))
    high = min(high, wide)
    # At the left of the rectangle, in its middle or at its right, as the layout says.
    left = x0 + (x1 - x0 - wide) * layout.random("logo place").choice((0.0, 0.0, 0.5, 1.0))
    frame = (left, y0, left + wide, y0 + high)
    shape(sheet, chance, colours, letters, frame)
    return frame


def _letters(
    sheet: Sheet, text: str, frame: Frame, colour: str, face: str = "Helvetica-Bold"
) -> None:
    """Letters as large as the frame allows, in its middle."""
    x0, y0, x1, y1 = frame
    size = min((y1 - y0) / 0.8, (x1 - x0) / max(width(text, face, 1), 0.1))
    sheet.text(
        (x0 + x1) / 2, (y0 + y1) / 2 + 0.36 * size, text, font=face, size=size, colour=colour,
        align="center",
    )  # fmt: skip


def _shrunk(frame: Frame, share: float) -> Frame:
    x0, y0, x1, y1 = frame
    dx, dy = (x1 - x0) * (1 - share) / 2, (y1 - y0) * (1 - share) / 2
    return x0 + dx, y0 + dy, x1 - dx, y1 - dy


def _polygon(sheet: Sheet, points: Sequence[Point], colour: str) -> None:
    def paint(canvas: Canvas) -> None:
        path = canvas.beginPath()
        path.moveTo(points[0][0], sheet.height - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, sheet.height - y)
        path.close()
        canvas.setFillColor(HexColor(colour))
        canvas.drawPath(path, stroke=0, fill=1)

    sheet.draw(paint)


def _circle(sheet: Sheet, x: float, y: float, radius: float, colour: str, thick: float = 0) -> None:
    """A disc, or a ring where `thick` is given."""

    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(HexColor(colour))
        canvas.setStrokeColor(HexColor(colour))
        canvas.setLineWidth(thick)
        canvas.circle(
            x, sheet.height - y, radius - thick / 2, stroke=int(thick > 0), fill=not thick
        )

    sheet.draw(paint)


def _disc(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    _circle(sheet, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, colours[0])
    _letters(sheet, letters, _shrunk(frame, 0.6), "#ffffff")


def _ring(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, _ = frame
    radius = (x1 - x0) / 2
    _circle(sheet, x0 + radius, y0 + radius, radius, colours[0], thick=radius * 0.14)
    _letters(sheet, letters, _shrunk(frame, 0.55), colours[1], "Times-Bold")


def _tile(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    radius = chance.choice((0, 0, 0.15, 0.3)) * (x1 - x0)
    sheet.rect(x0, y0, x1, y1, fill=colours[0], stroke=None, radius=radius)
    _letters(sheet, letters, _shrunk(frame, 0.65), "#ffffff")


def _hexagon(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    sides = chance.choice((3, 5, 6, 6, 8))
    x, y, radius = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2
    for share, colour in ((1.0, colours[0]), (0.72, "#ffffff"), (0.5, colours[1])):
        turns = [2 * math.pi * i / sides - math.pi / 2 for i in range(sides)]
        corners = [
            (x + share * radius * math.cos(t), y + share * radius * math.sin(t)) for t in turns
        ]
        _polygon(sheet, corners, colour)


def _dots(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, _ = frame
    step = (x1 - x0) / 3
    for row in range(3):
        for column in range(3):
            if chance.random() < 0.75 or row == column:
                _circle(
                    sheet, x0 + (column + 0.5) * step, y0 + (row + 0.5) * step, step * 0.42,
                    chance.choice(colours),
                )  # fmt: skip


def _bars(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    count = chance.choice((3, 4, 5))
    step = (x1 - x0) / count
    for place in range(count):
        top = y0 + (y1 - y0) * chance.uniform(0, 0.7)
        sheet.rect(
            x0 + place * step, top, x0 + (place + 0.7) * step, y1, fill=colours[place % 2],
            stroke=None,
        )  # fmt: skip


def _waves(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    bends = chance.choice((1.0, 1.5, 2.0))

    def paint(canvas: Canvas) -> None:
        canvas.setLineCap(1)
        canvas.setLineWidth((y1 - y0) * 0.13)
        for row, colour in enumerate((*colours, colours[0])):
            canvas.setStrokeColor(HexColor(colour))
            path = canvas.beginPath()
            for place in range(25):
                x = x0 + (x1 - x0) * place / 24
                y = y0 + (y1 - y0) * (0.2 + 0.3 * row)
                y += (y1 - y0) * 0.1 * math.sin(place / 24 * bends * 2 * math.pi)
                (path.lineTo if place else path.moveTo)(x, sheet.height - y)
            canvas.drawPath(path, stroke=1, fill=0)

    sheet.draw(paint)


def _name(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    sounds = ("no", "va", "tec", "lu", "ri", "so", "ma", "zen", "bel", "tra", "qui", "fo", "nex")
    name = "".join(chance.choice(sounds) for _ in range(chance.choice((2, 3)))).capitalize()
    face = chance.choice(("Helvetica-BoldOblique", "Times-BoldItalic", "Helvetica-Bold"))
    high = y1 - y0
    middle = (y0 + y1) / 2
    if chance.random() < 0.5:
        _circle(sheet, x0 + high * 0.35, middle, high * 0.33, colours[1])
    else:
        _polygon(
            sheet, [(x0, y1), (x0 + high * 0.35, y0), (x0 + high * 0.7, y1)], colours[1]
        )  # fmt: skip
    _letters(
        sheet, name, (x0 + high * 0.85, y0 + high * 0.1, x1, y1 - high * 0.1), colours[0], face
    )


def _banner(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    lean = (y1 - y0) * chance.choice((0, 0.3, 0.5))
    _polygon(sheet, [(x0 + lean, y0), (x1, y0), (x1 - lean, y1), (x0, y1)], colours[0])
    inside = (x0 + lean + 2, y0 + (y1 - y0) * 0.15, x1 - lean - 2, y1 - (y1 - y0) * 0.15)
    _letters(sheet, letters + chance.choice(("", "+", " & Co", "net")), inside, "#ffffff")


def _leaf(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    leaves = chance.choice((2, 3, 5, 6))
    x, y, reach = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2

    def paint(canvas: Canvas) -> None:
        canvas.translate(x, sheet.height - y)
        for place in range(leaves):
            canvas.setFillColor(HexColor(colours[place % 2]))
            path = canvas.beginPath()
            path.moveTo(0, 0)
            path.curveTo(reach * 0.5, reach * 0.25, reach * 0.6, reach * 0.8, 0, reach)
            path.curveTo(-reach * 0.6, reach * 0.8, -reach * 0.5, reach * 0.25, 0, 0)
            canvas.drawPath(path, stroke=0, fill=1)
            canvas.rotate(360 / leaves)

    sheet.draw(paint)


def _quarters(
    sheet: Sheet, chance: random.Random, colours: Sequence[str], letters: str, frame: Frame
) -> None:
    x0, y0, x1, y1 = frame
    x, y, gap = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * 0.04
    corners = ((x0, y0, x - gap, y - gap), (x + gap, y0, x1, y - gap), (x0, y + gap, x - gap, y1),
               (x + gap, y + gap, x1, y1))  # fmt: skip
    for corner in corners:
        sheet.rect(*corner, fill=chance.choice((*colours, colours[0])), stroke=None)


Shape = Callable[[Sheet, random.Random, Sequence[str], str, Frame], None]
# The last quarter stands on pages of test layouts only.
LOGOS: tuple[Shape, ...] = (
    _disc, _tile, _hexagon, _dots, _bars, _name, _banner, _ring, _leaf, _waves, _quarters,
)  # fmt: skip
_WIDE: tuple[Shape, ...] = (_name, _banner)
