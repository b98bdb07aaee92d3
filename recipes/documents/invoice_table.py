"""The table of an invoice's positions, in the layout's style."""

from __future__ import annotations

from dataclasses import dataclass, field

from recipes.documents.bill import STEADY, Row
from recipes.documents.fonts import width
from recipes.documents.pen import Pen
from recipes.documents.sheet import Align, Sheet

__all__ = ["positions"]

COLUMNS = (
    "description quantity price amount",
    "position description quantity price amount",
    "quantity description price amount",
    "code description quantity price amount",
    "position quantity unit description price amount",
    "position code description quantity unit price amount",
    "description quantity unit price rate amount",
    "code description quantity price rate amount",
    "description price quantity amount",
    "day description quantity price amount",
    "description rate quantity price amount",
    "quantity unit description price amount",
    "description quantity price amount rate",
    "position code quantity unit description price amount",
    "code quantity description unit price amount",
    "description quantity price amount rate gross",
    "quantity code description price rate amount",
)
FEW_COLUMNS = (
    "description amount", "position description amount", "description amount",
    "code description amount", "day description amount", "description rate amount",
    "position code description amount",
)  # fmt: skip
FIELDS = {
    "description": "item_description", "quantity": "item_quantity", "price": "item_unit_price",
    "amount": "item_amount", "position": "x_position", "code": "x_item_code", "unit": "x_unit",
    "rate": "x_rate", "discount": "x_row_discount", "day": "x_row_date", "gross": "x_gross",
}  # fmt: skip
# What a table that is too wide does without, first things first.
SPARE = ("gross", "day", "unit", "discount", "position", "code", "rate")


@dataclass
class Column:
    """A column of a table: where it is, its caption and its cells."""

    key: str
    caption: str
    align: Align
    cells: list[str]
    x: float = field(default=0.0)
    wide: float = field(default=0.0)


def _cell(pen: Pen, key: str, at: int, row: Row) -> str:
    bill, content, layout = pen.bill, pen.content, pen.layout
    if key == "quantity":
        exact = -int(row.quantity.normalize().as_tuple().exponent)
        places = (
            max(exact, 0) if not layout.chance("quantities with cents", 0.25) else max(exact, 2)
        )
        text = content.number(row.quantity, min(places, 3))
        with_unit = layout.chance("unit in quantity", 0.2) and row.unit != "flat"
        return f"{text} {bill.unit(row.unit)}" if with_unit else text
    if key == "position":
        pattern = layout.pick("position", ("{}", "{}", "{}.", "{:02}", "{:03}", "{}0"))
        return pattern.format(at + 1)
    if key in ("price", "amount"):
        return pen.amount(getattr(row, key), row=True)
    if key == "gross":
        return pen.amount(row.amount + round(row.amount * row.rate / 100, 2), row=True)
    if key == "unit":
        return bill.unit(row.unit)
    if key == "rate":
        return pen.percent(row.rate)
    if key == "discount":
        return f"{row.discount}%" if row.discount else ""
    if key == "day":
        return content.date(row.day)
    return row.code if key == "code" else row.description


def _columns(pen: Pen, rows: list[Row], size: float) -> list[Column]:
    bill, layout = pen.bill, pen.layout
    chosen = (
        layout.pick("columns", COLUMNS)
        if bill.quantities
        else layout.pick("few columns", FEW_COLUMNS)
    )
    keys = chosen.split()
    if bill.discounts and "gross" not in keys:
        keys.insert(keys.index("amount"), "discount")
    if not bill.taxed or bill.inclusive:
        keys = [key for key in keys if key not in ("rate", "gross")]
    if bill.style == "hotel" and "day" not in keys:
        keys.insert(0, "day")
    if "unit" in keys and layout.chance("unit in quantity", 0.2):
        keys.remove("unit")
    centered = layout.chance("short columns centered", 0.3)
    names = {"quantity": "hours"} if bill.style == "fee" else {}
    mark = layout.pick("currency in heads", ("", "", "", " ({})", " {}", "", " in {}"))
    free = 0.0
    while True:
        columns = []
        for key in keys:
            align: Align = "left" if key in ("description", "code", "day", "unit") else "right"
            if centered and key in ("quantity", "unit", "rate", "position"):
                align = "center"
            if key == "position":
                align = "left"
            caption = pen.words(names.get(key, key))
            if key in ("price", "amount"):
                caption += mark.format(pen.content.currency)
            columns.append(
                Column(key, caption, align, [_cell(pen, key, i, r) for i, r in enumerate(rows)])
            )
        gap = size * 1.3
        for column in columns:
            texts = [(column.caption, pen.bold), *((cell, pen.regular) for cell in column.cells)]
            column.wide = max(width(text, face, size) for text, face in texts) + gap
        free = pen.wide - sum(c.wide for c in columns if c.key != "description")
        spare = next((key for key in SPARE if key in keys), None)
        if free > 15 * size or spare is None:
            break
        keys.remove(spare)
    x = pen.left
    for column in columns:
        column.x = x
        if column.key == "description":
            column.wide = max(free, 5 * size)
        x += column.wide
    return columns


def _write(pen: Pen, column: Column, y: float, text: str, size: float, **options: object) -> None:
    inset = size * 0.5
    x = {
        "left": column.x + inset, "right": column.x + column.wide - inset,
        "center": column.x + column.wide / 2,
    }[column.align]  # fmt: skip
    pen.put(x, y, text, align=column.align, size=size, wide=column.wide - inset, **options)  # type: ignore[arg-type]


def positions(pen: Pen) -> None:
    """The table of positions, from `pen.y` on."""
    layout, sheet, rows = pen.layout, pen.sheet, pen.bill.rows
    size = pen.size * layout.pick("table size", (1.0, 1.0, 0.94, 0.9))
    columns = _columns(pen, rows, size)
    style = layout.pick("table", ("lined", "head", "boxed", "bare", "zebra", "columns", "dotted"))
    fill = layout.pick("table head", (None, pen.accent, "#e6e6e6", None, pen.accent, "#d8e2ec"))
    dark = fill == pen.accent
    step = size * layout.between("row leading", 1.15, 1.35)
    pad = size * layout.between("row padding", 0.25, 0.85)
    left, right = columns[0].x, columns[-1].x + columns[-1].wide

    top = pen.y - size
    high = size * 1.3 + pad
    if layout.chance("table has a head", 0.95):
        if fill:
            sheet.rect(left, top, right, top + high, fill=fill, stroke=None)
        bold = layout.chance("bold table head", 0.75)
        with sheet.block():
            for column in columns:
                _write(
                    pen, column, top + high / 2 + size * 0.35, column.caption, size, bold=bold,
                    colour="#ffffff" if dark else "#000000",
                )  # fmt: skip
        if style in ("lined", "head", "dotted") or (style == "bare" and not fill):
            sheet.rule(left, top + high, right, top + high, colour=pen.accent, thick=0.9)
        if style in ("lined", "head") and not fill and layout.chance("rule above", 0.5):
            sheet.rule(left, top, right, top, colour=pen.accent, thick=0.9)
    else:
        high = 0.0
    edges = [top, top + high]
    y = top + high
    small = size * 0.85
    detailed = layout.chance("details", 0.3) and pen.bill.style not in STEADY
    main = next(column for column in columns if column.key == "description")
    for at in range(len(rows)):
        lines = Sheet.wrapped(main.cells[at], main.wide - size, pen.regular, size)
        detail = ""
        if detailed and pen.content.chance(0.5):
            detail = pen.sentence("details", any_of=True)
            if width(detail, pen.regular, small) > main.wide - size:
                detail = ""
        end = y + pad + step * len(lines) + (small * 1.2 if detail else 0)
        if style == "zebra" and at % 2 == 0:
            sheet.rect(left, y, right, end, fill="#f2f2f2", stroke=None)
        base = y + pad / 2 + size * 0.95
        for column in columns:
            name = FIELDS[column.key]
            texts = lines if column is main else [column.cells[at]]
            label = column.caption if len(rows) == 1 else ""
            with sheet.block():
                for line, text in enumerate(texts):
                    _write(
                        pen, column, base + line * step, text, size, field=name, group=at,
                        label=label,
                    )  # fmt: skip
                if column is main and detail:
                    _write(
                        pen, column, base + len(lines) * step - (step - small * 1.2), detail,
                        small, field="x_detail", group=at, colour=pen.muted,
                    )  # fmt: skip
        y = end
        edges.append(y)
        if style == "lined" or (style == "dotted" and at < len(rows) - 1):
            dash = (1.0, 2.0) if style == "dotted" else None
            sheet.rule(left, y, right, y, colour=pen.muted, thick=0.3, dash=dash)
        pen.sheet.facts["line_items"] = at + 1
    _frame(pen, style, columns, edges)
    pen.y = edges[-1] + pen.size * 1.2


def _frame(pen: Pen, style: str, columns: list[Column], edges: list[float]) -> None:
    """The lines around and in a table that is drawn already."""
    sheet, top, end = pen.sheet, edges[0], edges[-1]
    left, right = columns[0].x, columns[-1].x + columns[-1].wide
    if style == "columns" and pen.layout.chance("columns go on", 0.4):
        # Printed forms have ruled columns down to the sums, however few rows there are.
        end += min(120.0, max(0.0, pen.bottom - end - 230))
        edges[-1] = end
    if style in ("boxed", "columns"):
        sheet.rect(left, top, right, end, stroke=pen.muted)
        for column in columns[1:]:
            sheet.rule(column.x, top, column.x, end, colour=pen.muted, thick=0.4)
        if edges[1] > top:
            sheet.rule(left, edges[1], right, edges[1], colour=pen.muted)
    if style == "boxed":
        for edge in edges[2:-1]:
            sheet.rule(left, edge, right, edge, colour=pen.muted, thick=0.4)
    if style in ("head", "zebra", "dotted"):
        sheet.rule(left, end, right, end, colour=pen.accent, thick=0.7)
