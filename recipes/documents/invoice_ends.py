"""The lower parts of invoices: how to pay, terms, slips, footers, marks."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.documents import marks
from recipes.documents.bill_values import account, contacts, ids
from recipes.documents.fonts import width
from recipes.documents.invoice_meta import in_lines, over, two_columns
from recipes.documents.pen import Entry, Pen
from recipes.documents.sheet import Sheet
from recipes.documents.wording import caption

__all__ = ["ask", "drawn_marks", "footer", "payment", "slip", "split_values", "tables"]

PLACES = ("head", "footer", "head", "footer", "statements", "end")
NOTES = {
    "en": ("paid", "ok", "checked", "approved M.K.", "cost centre 4711", "see e-mail"),
    "de": ("bezahlt", "ok", "geprüft", "sachlich richtig", "Kst. 4711", "Konto 6815"),
    "fr": ("payé", "ok", "vérifié", "bon à payer", "compte 606", "vu"),
    "es": ("pagado", "ok", "revisado", "conforme", "cuenta 629", "visto"),
    "it": ("pagato", "ok", "verificato", "approvato", "conto 610", "visto"),
}


def split_values(pen: Pen) -> tuple[list[Entry], list[Entry], list[Entry], list[Entry]]:
    """The seller's ids, ways to reach it and its account, by place: below its address, near the
    title, at the end and in the footer."""
    places: dict[str, list[Entry]] = {"head": [], "statements": [], "end": [], "footer": []}
    places[pen.layout.pick("place of ids", PLACES)] += ids(pen)
    places[pen.layout.pick("place of contacts", ("head", "footer", "head", "footer"))] += contacts(
        pen
    )
    places[pen.layout.pick("place of account", ("end", "footer", "end", "end"))] += account(pen)
    return places["head"], places["statements"], places["end"], places["footer"]


def footer(pen: Pen, values: Sequence[Entry]) -> None:
    """What stands at the page's foot; the rest of the page ends above it."""
    layout, sheet, seller = pen.layout, pen.sheet, pen.bill.seller
    size = max(5.5, pen.size * 0.75)
    step = size * 1.3
    low = sheet.height - max(20.0, pen.layout.margin * 0.5)
    if layout.chance("page number", 0.3):
        text = caption(layout, "bill_text", "page")
        align = layout.pick("page number's place", ("right", "center", "left", "right"))
        x = {"right": pen.right, "center": sheet.width / 2, "left": pen.left}[align]
        pen.put(x, low, text, size=size, align=align, colour=pen.muted)  # type: ignore[arg-type]
        low -= step * 1.5
    style = layout.pick("footer", ("columns", "lines", "centered", "columns", "boxes", "one line"))
    named = layout.chance("named in the footer", 0.5)
    columns: list[list[Entry]] = [list(values[at : at + 3]) for at in range(0, len(values), 3)]
    if style in ("columns", "boxes") and len(columns) > 4:
        columns = [list(values[at : at + 4]) for at in range(0, len(values), 4)]
    if style in ("columns", "boxes"):
        count = len(columns) + named
        if not count:
            return
        extra = layout.chance("director", 0.3)
        lines = max([len(part) for part in columns] + [4 if named else 0])
        top = low - (lines - 1) * step
        each = (pen.right - pen.left) / max(count, 2)
        if style == "boxes":
            sheet.rect(
                pen.left - 4,
                top - step * 1.3,
                pen.right + 4,
                low + step * 0.5,
                stroke=None,
                fill="#f0f0f0",
            )
        else:
            sheet.rule(
                pen.left, top - step * 1.4, pen.right, top - step * 1.4, colour=pen.muted, thick=0.4
            )
        x = pen.left
        if named:
            pen.put(x, top, seller.name, field="seller", size=size, wide=each - 8)
            y = top + step
            group = pen.group("seller_address")
            with sheet.block():
                for text in seller.address[:2]:
                    pen.put(
                        x, y, text, field="seller_address", group=group, size=size, wide=each - 8
                    )
                    y += step
            if extra:
                pen.put(x, y, pen.sentence("director"), size=size, wide=each - 8)
            x += each
        for part in columns:
            y = top
            for entry in part:
                text = f"{pen.label(entry.caption)} {entry.text}"
                whole = width(text, pen.bold, size)
                pen.pair(x, y, entry, size=min(size, size * (each - 8) / whole))
                y += step
            x += each
        pen.bottom = top - step * 2.4
        return
    texts: list[list[Entry]] = []
    if values:
        many = 3 if style != "one line" else 4
        texts = [list(values[at : at + many]) for at in range(0, len(values), many)]
    top = low - (len(texts) + named - 1) * step
    y = top
    middle = sheet.width / 2 if pen.left < 120 else (pen.left + pen.right) / 2
    if named:
        line = f"{seller.name} - {', '.join(seller.address)}"
        fit = min(size, size * pen.wide / width(line, pen.regular, size))
        x = pen.left if style == "lines" else middle - width(line, pen.regular, fit) / 2
        with sheet.block():
            end = pen.put(x, y, seller.name, field="seller", size=fit)
            end = pen.put(end + fit * 0.3, y, "-", size=fit)
            pen.put(end + fit * 0.3, y, ", ".join(seller.address), field="seller_address", size=fit)
        y += step
    for part in texts:
        whole = "   ".join(f"{pen.label(entry.caption)} {entry.text}" for entry in part)
        fit = min(size, size * pen.wide / width(whole, pen.bold, size))
        x = pen.left if style == "lines" else middle - width(whole, pen.regular, fit) / 2
        for entry in part:
            x = pen.pair(x, y, entry, size=fit) + 3 * width(" ", pen.regular, fit)
        y += step
    if texts or named:
        pen.bottom = top - step * 2.2


def ask(pen: Pen) -> None:
    """The amount to pay in large print near the title, on some layouts."""
    if not pen.layout.chance("total near the title", 0.12):
        return
    label = pen.words("total", without=("{tax}",))
    size = pen.size * 1.4
    text = pen.amount(pen.bill.totals.total)
    if pen.layout.chance("framed total", 0.5):
        pen.sheet.rect(
            pen.left, pen.y - size, pen.right, pen.y + size * 0.6, fill="#eef1f4", stroke=None
        )
    with pen.sheet.block():
        pen.put(pen.left + 6, pen.y, pen.label(label), bold=True, size=size)
        pen.put(
            pen.right - 6,
            pen.y,
            text,
            bold=True,
            size=size,
            align="right",
            field="total",
            label=label,
        )
    pen.y += size * 2.2


def tables(pen: Pen) -> None:
    """What a utility's bill has above its positions: the readings of a meter."""
    if pen.bill.style != "utility" or not pen.layout.chance("readings", 0.6):
        return
    heads = [part.strip() for part in caption(pen.layout, "bill_text", "reading").split("~")]
    last, used = pen.content.random.randint(1000, 60000), pen.content.random.randint(100, 4000)
    each = pen.wide / 3
    with pen.sheet.block():
        for at, head in enumerate(heads):
            pen.put(pen.left + at * each, pen.y, head, bold=pen.bold_captions, wide=each - 6)
    values = (("x_reading", last), ("x_reading", last + used), ("x_consumption", used))
    for at, (name, value) in enumerate(values):
        text = pen.content.number(value, 0)
        pen.put(pen.left + at * each, pen.y + pen.step, text, field=name, label=heads[at])
    pen.y += pen.step * 3


def payment(pen: Pen, values: Sequence[Entry]) -> None:
    """How to pay, notes on taxes, thanks and small print below the sums."""
    layout = pen.layout
    y = pen.y + pen.step * 0.6
    small = pen.size * 0.88
    if not pen.bill.taxed and layout.chance("reason", 0.6):
        text = caption(layout, "bill_text", "untaxed")
        y = pen.lines(pen.left, y, [text], pen.wide, size=small) + pen.step * 0.4
    said: set[str] = set()
    for at in range(layout.random("how many sentences").choice((0, 1, 1, 2, 3))):
        text = pen.sentence("payment", any_of=at > 0)
        if pen.bill.style != "credit" and text not in said:
            said.add(text)
            y = pen.lines(pen.left, y, [text], pen.wide, size=small)
    if values:
        y += pen.step * 0.4
        show = layout.pick("account", (two_columns, in_lines, two_columns, over))
        y += pen.step if show is over else 0
        narrow = pen.wide if show is over else min(pen.wide, 300)
        if layout.chance("account framed", 0.15) and show is not over:
            high = len(values) * pen.step
            pen.sheet.rect(
                pen.left - 4, y - pen.size * 1.2, pen.left + narrow, y + high - pen.size * 0.5,
                stroke=pen.muted,
            )  # fmt: skip
        y = show(pen, values, pen.left, y, narrow - 8) + pen.step * 0.4
    if layout.chance("thanks", 0.45):
        centered = layout.chance("thanks in the middle", 0.35)
        x = (pen.left + pen.right) / 2 if centered else pen.left
        text = caption(layout, "bill_text", "thanks")
        y = pen.lines(
            x, y + pen.step * 0.3, [text], pen.wide, align="center" if centered else "left"
        )
    tiny = pen.size * 0.75
    for at in range(layout.random("small print").choice((0, 0, 1, 2))):
        text = pen.sentence("small", any_of=at > 0)
        if text in said:
            continue
        said.add(text)
        for line in Sheet.wrapped(text, pen.wide, pen.regular, tiny):
            if y < pen.bottom:
                pen.put(pen.left, y, line, size=tiny, colour=pen.muted)
                y += tiny * 1.3
    pen.y = y


def slip(pen: Pen) -> bool:
    """A part to cut off and send with the payment, at the page's end, if the layout has one."""
    layout, sheet, bill = pen.layout, pen.sheet, pen.bill
    if not layout.chance("slip", 0.13) or bill.style == "credit":
        return False
    high = pen.size * 12
    top = pen.bottom - high
    if pen.y > top - pen.step:
        return False
    sheet.rule(pen.left, top, pen.right, top, dash=(3, 3), colour=pen.muted)
    title = caption(layout, "bill_text", "slip")
    pen.put(
        (pen.left + pen.right) / 2, top + pen.step * 1.2, title, align="center", size=pen.size * 0.9
    )
    y, half = top + pen.step * 2.8, pen.wide / 2
    values = [
        Entry("invoice_number", pen.words("invoice_number"), bill.number),
        Entry("total", pen.words("total", without=("{tax}",)), pen.amount(bill.totals.total)),
        Entry("due_date", pen.words("due_date"), pen.content.date(bill.due)),
    ]
    low = pen.party(pen.left, y, half - 20, "seller" if layout.chance("pay to", 0.6) else "buyer")
    show = layout.pick("slip's values", (two_columns, in_lines, two_columns, in_lines))
    show(pen, values, pen.left + half, y, half - 4)
    pen.bottom = top - pen.step
    if layout.chance("code on slip", 0.3):
        low = min(low, pen.sheet.height - 40)
        marks.barcode(
            sheet,
            pen.content,
            pen.left + half,
            y + pen.step * 3,
            pen.right - 20,
            y + pen.step * 3 + 26,
        )
    return True


def drawn_marks(pen: Pen) -> None:
    """A stamp, a signature, a code, a note by hand: where there is room below `pen.y`."""
    sheet, content = pen.sheet, pen.content
    room = pen.bottom - pen.y
    if content.chance(0.13) and room > 30:
        y = pen.y + pen.size
        x = pen.layout.pick("code's place", (pen.left, pen.right - 120, pen.left, pen.right - 90))
        marks.barcode(sheet, content, x, y, min(x + 120, pen.right), y + min(36.0, room - 8))
        pen.y, room = y + 40, room - 40 - pen.size
    if content.chance(0.1) and room > 34:
        x = pen.left + content.random.uniform(0.05, 0.6) * pen.wide
        marks.signature(sheet, content, x, pen.y, min(x + 110, pen.right), pen.y + min(44.0, room))
    if content.chance(0.15):
        # Stamps stand anywhere, most of all on the lower half.
        radius = content.random.uniform(26, 46)
        x = content.random.uniform(pen.left + radius, pen.right - radius)
        low = sheet.height - radius - 30
        y = min(low, pen.y + radius) if content.chance(0.5) else content.random.uniform(320, low)
        marks.stamp(sheet, content, x, y, radius)
    if content.chance(0.1):
        text = content.choose(NOTES[content.language])
        if content.chance(0.4):
            text = f"{text} {content.date(content.day())}"
        y = pen.y + content.random.uniform(16, 26) if room > 50 else content.random.uniform(16, 26)
        x = content.random.uniform(pen.left, pen.left + pen.wide * 0.5)
        marks.handwriting(sheet, content, x, y, text, content.random.uniform(12, 20))
