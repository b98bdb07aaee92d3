"""Lines, blocks and reading order from boxes alone, for sources that give no layout.

Top to bottom, row by row, so that a label and its value at the other margin are one line; but a
region of running text in columns is read column by column. The recursive cuts follow the X-Y cut of
Nagy and Seth (1984), with the choice of direction made by what the columns hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pageloom.ocr.word import PixelBox

__all__ = ["arrange"]

SEGMENT_GAP = 1.5
"""Words of a row this many line heights apart belong to different segments."""
BLOCK_GAP = 0.8
"""Rows this many line heights apart belong to different blocks."""
COLUMN_ROWS, COLUMN_WORDS, COLUMN_WIDTH = 3, 3.5, 0.2
"""A column of running text has so many rows, words a row, and share of the region's width."""


@dataclass(slots=True)
class _Segment:
    """Words of one row with no wide gap between them."""

    words: list[int]
    box: PixelBox


def arrange(boxes: Sequence[PixelBox]) -> list[tuple[int, int, int]]:
    """The reading order of words.

    Args:
        boxes: in pixels; their heights should be those of their lines rather than of their letters.

    Returns:
        (index into `boxes`, line number, block number) of each word, in reading order.
    """
    if not boxes:
        return []
    height = max(1e-6, median(box[3] - box[1] for box in boxes))
    segments = [
        segment
        for row in _rows([_Segment([i], box) for i, box in enumerate(boxes)])
        for segment in _segments(row, height)
    ]
    order: list[tuple[int, int, int]] = []
    line = 0
    for block, rows in enumerate(_blocks(segments, height)):
        for row in rows:
            words = [word for segment in row for word in segment.words]
            order.extend((word, line, block) for word in words)
            line += 1
    return order


def _rows(segments: list[_Segment]) -> list[list[_Segment]]:
    """Segments side by side, top to bottom, each row left to right."""
    rows: list[tuple[float, float, list[_Segment]]] = []
    for segment in sorted(segments, key=lambda s: (s.box[1] + s.box[3], s.box[0])):
        _, y0, _, y1 = segment.box
        for at in range(len(rows) - 1, max(-1, len(rows) - 4), -1):
            top, bottom, members = rows[at]
            overlap = min(bottom, y1) - max(top, y0)
            if overlap >= 0.5 * max(1e-6, min(bottom - top, y1 - y0)):
                members.append(segment)
                # The row keeps the place of its tallest member, else slanted rows would chain.
                if y1 - y0 > bottom - top:
                    rows[at] = (y0, y1, members)
                break
        else:
            rows.append((y0, y1, [segment]))
    rows.sort(key=lambda row: row[0] + row[1])
    return [sorted(members, key=lambda s: s.box[0]) for _, _, members in rows]


def _segments(row: list[_Segment], height: float) -> list[_Segment]:
    joined: list[_Segment] = []
    for part in row:
        if joined and part.box[0] - joined[-1].box[2] <= SEGMENT_GAP * height:
            last = joined[-1]
            last.words += part.words
            last.box = _around([last, part])
        else:
            joined.append(_Segment(list(part.words), part.box))
    return joined


def _around(segments: Sequence[_Segment]) -> PixelBox:
    x0, y0, x1, y1 = zip(*(segment.box for segment in segments), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _blocks(segments: list[_Segment], height: float) -> list[list[list[_Segment]]]:
    """Rows of segments, block by block."""
    blocks: list[list[list[_Segment]]] = []
    for region in _regions(segments, height):
        columns = _columns(region, height)
        if columns is None:
            blocks.append(_rows(region))
        else:
            for column in columns:
                blocks.extend(_blocks(column, height))
    return blocks


def _regions(segments: list[_Segment], height: float) -> list[list[_Segment]]:
    """Bands between empty stripes; bands that share a gap between columns of text stay together."""
    bands: list[list[_Segment]] = []
    bottom = float("-inf")
    for segment in sorted(segments, key=lambda s: s.box[1]):
        if not bands or segment.box[1] - bottom > BLOCK_GAP * height:
            bands.append([])
        bands[-1].append(segment)
        bottom = max(bottom, segment.box[3])
    regions: list[list[_Segment]] = []
    for band in bands:
        if regions and _columns(regions[-1], height) and _columns(regions[-1] + band, height):
            regions[-1] = regions[-1] + band
        else:
            regions.append(band)
    return regions


def _columns(
    segments: list[_Segment], height: float
) -> tuple[list[_Segment], list[_Segment]] | None:
    """Left and right of the widest gap that runs through, where both sides are running text."""
    left, _, right, _ = _around(segments)
    ordered = sorted(segments, key=lambda s: s.box[0])
    best, edge = (SEGMENT_GAP * height, 0), float("-inf")
    for at, segment in enumerate(ordered):
        gap = segment.box[0] - edge
        if at and gap > best[0]:
            sides = ordered[:at], ordered[at:]
            if all(_is_text(side, right - left) for side in sides):
                best = (gap, at)
        edge = max(edge, segment.box[2])
    return (ordered[: best[1]], ordered[best[1] :]) if best[1] else None


def _is_text(segments: list[_Segment], width: float) -> bool:
    if len(segments) < COLUMN_ROWS:
        return False
    x0, _, x1, _ = _around(segments)
    words = sum(len(segment.words) for segment in segments)
    return words >= COLUMN_WORDS * len(segments) and x1 - x0 >= COLUMN_WIDTH * width
