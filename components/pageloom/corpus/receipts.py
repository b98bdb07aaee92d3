"""Receipts of the SROIE kind: text lines with boxes, and the true texts of four fields."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LABELS", "Line", "Scan", "normalise", "reading_order", "rows"]

LABELS = ("company", "date", "address", "total")


@dataclass(frozen=True)
class Line:
    """One text line: its text, and its box (x0, y0, x1, y1) in pixels of the image."""

    text: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scan:
    """One receipt as annotated: lines in the annotator's order, and the four fields' true texts.

    `fields` holds only what the annotator gave (one receipt has no address).
    """

    id: str
    image_path: Path
    width: int
    height: int
    lines: tuple[Line, ...]
    fields: dict[str, str]


def normalise(text: str) -> str:
    """Upper case, accents folded, and nothing but letters and digits: what the scores compare."""
    folded = unicodedata.normalize("NFKD", text).upper()
    return "".join(c for c in folded if c.isalnum())


def rows(lines: Sequence[Line]) -> list[list[int]]:
    """Indices of the lines, grouped into printed rows from top to bottom, each from left to right.

    A line joins a row when it overlaps the row's last line by half of the lower one's height.
    """
    found: list[list[int]] = []
    for index in sorted(range(len(lines)), key=lambda i: (_middle(lines[i]), lines[i].box[0])):
        if found and _same_row(lines[found[-1][-1]], lines[index]):
            found[-1].append(index)
        else:
            found.append([index])
    return [sorted(row, key=lambda i: lines[i].box[0]) for row in found]


def reading_order(lines: Sequence[Line]) -> list[int]:
    """Indices of the lines as one reads them: row by row, each row from left to right."""
    return [index for row in rows(lines) for index in row]


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _same_row(first: Line, second: Line) -> bool:
    overlap = min(first.box[3], second.box[3]) - max(first.box[1], second.box[1])
    lower = min(first.box[3] - first.box[1], second.box[3] - second.box[1])
    return overlap > 0.5 * max(1, lower)
