"""Charts of a few values: bars and curves, with their names and numbers as words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from recipes.documents.column import Column, fitting

if TYPE_CHECKING:
    from recipes.documents.report_parts import Report

__all__ = ["bars", "curve"]


def bars(
    report: Report, column: Column, names: Sequence[str], values: Sequence[float], high: float
) -> None:
    """Upright bars."""
    sheet, layout, content = report.sheet, report.layout, report.content
    base = _frame(report, column, names, high)
    step = (column.wide - 30) / len(names)
    share = layout.between("bar share", 0.4, 0.85)
    written = layout.chance("numbers on bars", 0.6)
    for place, value in enumerate(values):
        left = column.x + 30 + (place + (1 - share) / 2) * step
        top = base - value / 110 * high
        sheet.rect(left, top, left + step * share, base, fill=column.accent, stroke=None)
        if written:
            text = content.number(value, 1)
            size = fitting(text, column.regular, column.size * 0.8, step - 2)
            sheet.text(
                left + step * share / 2, top - 3, text, font=column.regular, size=size,
                align="center",
            )  # fmt: skip


def curve(
    report: Report, column: Column, names: Sequence[str], values: Sequence[float], high: float
) -> None:
    """Points joined by lines."""
    base = _frame(report, column, names, high)
    step = (column.wide - 30) / len(names)
    points = [
        (column.x + 30 + (place + 0.5) * step, base - value / 110 * high)
        for place, value in enumerate(values)
    ]
    for before, after in pairwise(points):
        report.sheet.rule(*before, *after, colour=column.accent, thick=1.4)
    for x, y in points:
        fill = column.accent
        report.sheet.rect(x - 2.5, y - 2.5, x + 2.5, y + 2.5, fill=fill, stroke=None, radius=2)


def _frame(report: Report, column: Column, names: Sequence[str], high: float) -> float:
    """Axes, scale and names; returns where the axis lies, and moves the column below."""
    sheet, small = report.sheet, column.size * 0.78
    top = column.y - column.size * 0.4
    base, left = top + high, column.x + 30
    for mark in range(0, 101, 25):
        y = base - mark / 110 * high
        sheet.text(left - 5, y + 2, str(mark), font=column.regular, size=small, align="right")
        if report.layout.chance("grid lines", 0.6) or mark == 0:
            sheet.rule(left, y, column.right, y, colour="#bbbbbb" if mark else "#000000", thick=0.4)
    step = (column.right - left) / len(names)
    for place, name in enumerate(names):
        size = fitting(name, column.regular, small, step - 4)
        x = left + (place + 0.5) * step
        sheet.text(x, base + small * 1.3, name, font=column.regular, size=size, align="center")
    column.y = base + small * 1.3 + column.step * 1.5
    return base
