"""The ways in which an invoice shows its numbers and dates: lists, columns, tables, boxes, a
sentence. Each takes (pen, entries, x, y, wide) and returns the next baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recipes.documents.bill_values import take
from recipes.documents.fonts import width
from recipes.documents.pen import Entry, Pen
from recipes.documents.wording import caption

__all__ = ["ACROSS", "BESIDE", "across", "beside", "sentence"]

Show = Callable[[Pen, Sequence[Entry], float, float, float], float]


def _widest(pen: Pen, texts: Sequence[str], bold: bool = False) -> float:
    return max(
        (width(text, pen.bold if bold else pen.regular, pen.size) for text in texts), default=0
    )


def two_columns(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """Captions at the left, values in a column of their own."""
    labels = [pen.label(entry.caption) for entry in entries]
    at = _widest(pen, labels, pen.bold_captions) + pen.size * pen.layout.between("gap", 0.8, 2)
    at = min(at, wide * 0.58)
    flush = pen.layout.chance("values flush right", 0.35)
    for label, entry in zip(labels, entries, strict=True):
        with pen.sheet.block():
            pen.put(x, y, label, bold=pen.bold_captions, wide=at - 3, colour=pen.muted)
            if _widest(pen, [entry.text]) > wide - at:
                y += pen.step
                room = wide
            else:
                room = wide - at
            pen.put(
                x + (wide if flush else at if room < wide else 6), y, entry.text, field=entry.field,
                label=entry.caption, align="right" if flush else "left", wide=room,
            )  # fmt: skip
        y += pen.step
    return y


def captions_flush(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """Captions end where values begin."""
    middle = x + wide * pen.layout.between("middle", 0.45, 0.55)
    if _widest(pen, [entry.text for entry in entries]) > x + wide - middle:
        return two_columns(pen, entries, x, y, wide)
    for entry in entries:
        with pen.sheet.block():
            pen.put(
                middle - 4, y, pen.label(entry.caption), bold=pen.bold_captions, align="right",
                wide=middle - x - 4,
            )  # fmt: skip
            pen.put(
                middle + 4, y, entry.text, field=entry.field, label=entry.caption,
                wide=x + wide - middle - 4,
            )  # fmt: skip
        y += pen.step
    return y


def in_lines(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """Caption and value one after the other, all at the left or all at the right."""
    flush = pen.layout.chance("lines flush right", 0.4)
    for entry in entries:
        whole = _widest(pen, [f"{pen.label(entry.caption)} {entry.text}"], True)
        size = min(pen.size, pen.size * wide / whole)
        pen.pair(x + wide if flush else x, y, entry, align="right" if flush else "left", size=size)
        y += pen.step
    return y


def stacked(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """Small captions above their values, in one or two columns."""
    columns = 2 if len(entries) > 3 and _widest(pen, [e.text for e in entries]) < wide / 2 else 1
    small = pen.size * 0.78
    for at, entry in enumerate(entries):
        left = x + at % columns * wide / columns
        with pen.sheet.block():
            pen.put(left, y, entry.caption, size=small, colour=pen.muted, wide=wide / columns - 4)
            pen.put(
                left, y + pen.size * 1.1, entry.text, field=entry.field, label=entry.caption,
                wide=wide / columns - 4, bold=not pen.bold_captions and pen.layout.chance("b", 0.3),
            )  # fmt: skip
        if at % columns == columns - 1 or at == len(entries) - 1:
            y += pen.size * 2.6
    return y


def gridded(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """A ruled table: a caption and a value in each row."""
    high = pen.size * 1.7
    at = wide * pen.layout.between("first column", 0.4, 0.55)
    fill = pen.layout.pick("grid fill", (None, "#eeeeee", None, "#e4ebf3"))
    top = y - pen.size
    for row, entry in enumerate(entries):
        upper = top + row * high
        pen.sheet.rect(x, upper, x + wide, upper + high, stroke=None if fill else pen.muted)
        if fill:
            pen.sheet.rect(x, upper, x + at, upper + high, fill=fill, stroke=pen.muted)
            pen.sheet.rect(x + at, upper, x + wide, upper + high, stroke=pen.muted)
        base = upper + pen.size * 1.2
        with pen.sheet.block():
            pen.put(x + 4, base, entry.caption, bold=pen.bold_captions, wide=at - 8)
            pen.put(
                x + at + 4, base, entry.text, field=entry.field, label=entry.caption,
                wide=wide - at - 8,
            )  # fmt: skip
    return top + len(entries) * high + pen.step


def _per_row(pen: Pen, entries: Sequence[Entry], wide: float) -> int:
    widest = max(_widest(pen, [e.caption, e.text], True) for e in entries) + 10
    return max(2, min(len(entries), int(wide / min(widest, wide / 2)), 6))


def headed(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """A table with the captions in its head, the values below."""
    count = _per_row(pen, entries, wide)
    high = pen.size * 1.6
    fill = pen.layout.pick("head fill", (None, "#eeeeee", pen.accent, "#dfe7ef"))
    white = fill == pen.accent
    center = pen.layout.chance("heads centered", 0.5)
    for start in range(0, len(entries), count):
        part, top = entries[start : start + count], y - pen.size
        each = wide / len(part)
        for at, entry in enumerate(part):
            left = x + at * each
            pen.sheet.rect(left, top, left + each, top + high, fill=fill, stroke=pen.muted)
            pen.sheet.rect(left, top + high, left + each, top + 2 * high, stroke=pen.muted)
            for row, text in enumerate((entry.caption, entry.text)):
                pen.put(
                    left + (each / 2 if center else 4), top + row * high + pen.size * 1.12, text,
                    align="center" if center else "left", wide=each - 8,
                    field=entry.field if row else None, label=entry.caption if row else "",
                    bold=not row and pen.bold_captions,
                    colour="#ffffff" if white and not row else "#000000",
                )  # fmt: skip
        y = top + 2 * high + pen.size * 1.3
    return y + pen.step * 0.4


def over(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """Captions over values in columns across the page, between rules or in a band."""
    count = _per_row(pen, entries, wide)
    style = pen.layout.pick("band", ("rules", "band", "bare", "rules above", "top"))
    rows = -(-len(entries) // count)
    end = y + rows * pen.size * 2.9 - pen.size * 0.6
    if style == "band":
        pen.sheet.rect(x - 4, y - pen.size * 1.5, x + wide + 4, end, fill="#eef1f4", stroke=None)
    if style.startswith("rules") or style == "top":
        pen.sheet.rule(x, y - pen.size * 1.4, x + wide, y - pen.size * 1.4, colour=pen.accent)
    if style == "rules":
        pen.sheet.rule(x, end, x + wide, end, colour=pen.accent)
    for at, entry in enumerate(entries):
        left, base = x + at % count * wide / count, y + at // count * pen.size * 2.9
        with pen.sheet.block():
            pen.put(
                left, base, entry.caption, size=pen.size * 0.82, colour=pen.muted,
                bold=pen.bold_captions, wide=wide / count - 6,
            )  # fmt: skip
            pen.put(
                left, base + pen.size * 1.25, entry.text, field=entry.field,
                label=entry.caption, wide=wide / count - 6,
            )  # fmt: skip
    return end + pen.step * 1.5


def cells(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """A form's cells: a tiny caption in the corner of each."""
    count = min(_per_row(pen, entries, wide), 4)
    high = pen.size * 2.6
    top = y - pen.size
    for at, entry in enumerate(entries):
        left, upper = x + at % count * wide / count, top + at // count * high
        pen.sheet.rect(left, upper, left + wide / count, upper + high, stroke=pen.muted, thick=0.4)
        with pen.sheet.block():
            pen.put(
                left + 3, upper + pen.size * 0.85, entry.caption, size=pen.size * 0.7,
                colour=pen.muted, wide=wide / count - 6,
            )  # fmt: skip
            pen.put(
                left + 3, upper + pen.size * 2.1, entry.text, field=entry.field,
                label=entry.caption, wide=wide / count - 6,
            )  # fmt: skip
    return top + -(-len(entries) // count) * high + pen.step * 1.3


def flowing(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """One after another on as few lines as can be, with a mark between."""
    mark = pen.layout.pick("mark between", ("|", "·", "/", "-"))
    at = x
    for entry in entries:
        whole = _widest(pen, [f"{pen.label(entry.caption)} {entry.text}"], True)
        if at > x and at + whole + pen.size * 2 > x + wide:
            at, y = x, y + pen.step
        elif at > x:
            at = pen.put(at + pen.size * 0.6, y, mark, colour=pen.muted) + pen.size * 0.6
        at = pen.pair(at, y, entry, size=min(pen.size, pen.size * wide / whole))
    return y + pen.step * 1.6


BESIDE: tuple[Show, ...] = (
    two_columns, in_lines, two_columns, captions_flush, two_columns, stacked, gridded, in_lines,
    captions_flush,
)  # fmt: skip
"""For a block at one side of the page."""
ACROSS: tuple[Show, ...] = (over, headed, two_columns, cells, over, headed, flowing, cells)
"""For the page's whole width."""


def beside(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """As the layout shows a block at one side."""
    return pen.layout.pick("beside", BESIDE)(pen, entries, x, y, wide)


def across(pen: Pen, entries: Sequence[Entry], x: float, y: float, wide: float) -> float:
    """As the layout shows values across the page."""
    return pen.layout.pick("across", ACROSS)(pen, entries, x, y, wide) if entries else y


def sentence(pen: Pen, entries: list[Entry], x: float, y: float, size: float, title: str) -> None:
    """Title, number and, mostly, date in one line: "Invoice 123 of 1 May". Takes both entries."""
    number = take(entries, "invoice_number")
    if number is None:
        return
    same = pen.layout.chance("number's own caption", 0.4)
    head = number.caption if same else title
    dated = pen.layout.chance("dated in the title", 0.55)
    between = caption(pen.layout, "bill_text", "dated")
    date = take(entries, "invoice_date") if dated else None
    whole = f"{head} {number.text}" + (f" {between} {date.text}" if date else "")
    wide = pen.right - x
    size = min(size, size * wide / width(whole, pen.bold, size))
    blank = width(" ", pen.bold, size)
    with pen.sheet.block():
        end = pen.put(x, y, head, bold=True, size=size, colour=pen.accent)
        end = pen.put(
            end + blank, y, number.text, field="invoice_number", label=head, bold=True, size=size
        )
        if date:
            comma = between.startswith(",")
            end = pen.put(
                end + (0 if comma else blank), y, between, bold=True, size=size,
            )  # fmt: skip
            pen.put(
                end + blank, y, date.text, field="invoice_date",
                label=between.strip(",: ") if comma else "", bold=True, size=size,
            )  # fmt: skip
