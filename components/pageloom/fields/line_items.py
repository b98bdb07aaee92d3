"""The positions of an invoice or receipt: fields that stand in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pageloom.document.types import Field

__all__ = ["ITEM_PREFIXES", "group_rows"]

ITEM_PREFIXES = ("item_", "item.", "line_item_", "menu.")
"""How the labels of a position's parts begin."""

# Where a description stands above its amounts, it is at most this many line heights away.
_NEAR = 2.0


def group_rows(fields: Mapping[str, Sequence[Field]]) -> list[dict[str, Field]]:
    """The fields of positions by row, in reading order over all pages; each row label -> `Field`.

    Fields belong together that lie at the same height of a page. A receipt's description on a
    line of its own belongs to the quantities and amounts of the next. Fields without a box are
    rows by the order of their words: a label that comes again begins a new one.
    """
    cells = [
        (label, field)
        for label, found in fields.items()
        if label.startswith(ITEM_PREFIXES)
        for field in found
    ]
    rows: list[dict[str, Field]] = []
    for page in sorted({field.page or 0 for _, field in cells}):
        here = [cell for cell in cells if (cell[1].page or 0) == page]
        boxed = [cell for cell in here if cell[1].box is not None]
        rows += _stacked(_bands(boxed))
        rows += _in_order([cell for cell in here if cell[1].box is None])
    return [dict(sorted(row.items(), key=lambda cell: cell[1].start)) for row in rows]


def _bands(cells: list[tuple[str, Field]]) -> list[dict[str, Field]]:
    """Rows of fields at one height. Low boxes come first: a tall one would join two rows."""
    bands: list[dict[str, Field]] = []
    for label, field in sorted(cells, key=lambda cell: (_height(cell[1]), cell[1].start)):
        best = max(bands, key=lambda band: _overlap(field, band), default=None)
        if best is not None and _overlap(field, best) >= 0.5 and label not in best:
            best[label] = field
        else:
            bands.append({label: field})
    return sorted(bands, key=_middle)


def _stacked(bands: list[dict[str, Field]]) -> list[dict[str, Field]]:
    """Join a description with the amounts below it, where they stand on lines of their own."""
    rows: list[dict[str, Field]] = []
    for band in bands:
        above = rows[-1] if rows else None
        if (
            above is not None
            and above.keys().isdisjoint(band)
            and (_is_text(above) or not any(_says(label) for label in band))
            and _gap(above, band) <= _NEAR * min(map(_height, band.values()))
        ):
            above.update(band)
        else:
            rows.append(dict(band))
    return rows


def _in_order(cells: list[tuple[str, Field]]) -> list[dict[str, Field]]:
    rows: list[dict[str, Field]] = []
    for label, field in sorted(cells, key=lambda cell: cell[1].start):
        if not rows or label in rows[-1]:
            rows.append({})
        rows[-1][label] = field
    return rows


def _says(label: str) -> bool:
    """Whether the label is a description's, which begins a row."""
    return label.endswith(("description", "name", ".nm"))


def _is_text(row: Mapping[str, Field]) -> bool:
    return all(_says(label) for label in row)


def _sides(field: Field) -> tuple[int, int]:
    assert field.box is not None
    return field.box[1], field.box[3]


def _height(field: Field) -> int:
    top, bottom = _sides(field)
    return max(1, bottom - top)


def _overlap(field: Field, band: Mapping[str, Field]) -> float:
    """The share of the lower box's height at which both lie; the most for any of the band."""

    def shared(other: Field) -> float:
        (top, bottom), (other_top, other_bottom) = _sides(field), _sides(other)
        common = min(bottom, other_bottom) - max(top, other_top)
        return common / min(_height(field), _height(other))

    return max(shared(other) for other in band.values())


def _middle(band: Mapping[str, Field]) -> float:
    return min(sum(_sides(field)) / 2 for field in band.values())


def _gap(above: Mapping[str, Field], below: Mapping[str, Field]) -> int:
    return min(_sides(f)[0] for f in below.values()) - max(_sides(f)[1] for f in above.values())
