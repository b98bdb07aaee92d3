"""The upper parts of invoices: title, seller, buyer, numbers and dates, in many arrangements.

Each arrangement draws from `pen.y` on, which it leaves at the first baseline below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipes.documents import marks
from recipes.documents.fonts import width
from recipes.documents.invoice_meta import across, beside, sentence
from recipes.documents.pen import Entry, Pen

__all__ = ["ARRANGEMENTS", "Head"]

TITLES = {
    "proforma": "title_proforma", "credit": "title_credit", "utility": "title_utility",
    "phone": "title_phone", "hotel": "title_hotel", "fee": "title_fee",
}  # fmt: skip


@dataclass
class Head:
    """What goes into the upper part.

    Args:
        pen: to write with.
        entries: numbers and dates.
        extra: the seller's ids and telephone, where the layout has them below its address.
    """

    pen: Pen
    entries: list[Entry]
    extra: Sequence[Entry]

    @property
    def title(self) -> str:
        """The document's name."""
        return self.pen.words(TITLES.get(self.pen.bill.style, "title"))

    def write_title(self, x: float, y: float, align: str = "left", wide: float = 250) -> float:
        """The title; returns the next baseline."""
        pen = self.pen
        size = pen.size * pen.layout.between("title size", 1.4, 2.7)
        colour = pen.layout.pick("title colour", (pen.accent, "#000000", pen.accent, "#666666"))
        size = min(size, size * wide / width(self.title, pen.bold, size))
        y += max(0, size - pen.size * 1.4) * 0.75
        pen.put(x, y, self.title, bold=True, size=size, colour=colour, align=align)  # type: ignore[arg-type]
        return y + max(size * 1.05, pen.step)

    def logo(self, x0: float, y0: float, x1: float, y1: float, likely: float = 0.55) -> bool:
        """A logo inside a rectangle, if the layout has one."""
        has = self.pen.layout.chance("logo", likely)
        if has:
            marks.logo(self.pen.sheet, self.pen.layout, x0, y0, x1, y1)
        return has

    def seller(
        self, x: float, y: float, wide: float, *, align: str = "left", head: bool = False,
        address: bool = True,
    ) -> float:  # fmt: skip
        """The seller with a larger name, mostly."""
        large = self.pen.layout.chance("large seller", 0.55)
        size = self.pen.size * self.pen.layout.between("seller size", 1.2, 2) if large else None
        return self.pen.party(
            x, y, wide, "seller", head=head, align=align, name_size=size, extra=self.extra,  # type: ignore[arg-type]
            address=address,
        )  # fmt: skip

    def buyers(self, x: float, y: float, wide: float, head: bool = True) -> float:
        """The buyer, and at times beside it where the goods go."""
        pen = self.pen
        if pen.layout.chance("ship to", 0.3) and pen.bill.style not in ("hotel", "phone"):
            half = wide / 2 - 8
            ends = [pen.party(x, y, half, "buyer", head=True)]
            ends.append(pen.party(x + wide / 2 + 8, y, half, "delivery"))
            return max(ends)
        return pen.party(x, y, min(wide, 240), "buyer", head=head)


def title_at_right(head: Head) -> None:
    """The seller at the left, the title and the numbers at the right, the buyer below."""
    pen, half = head.pen, head.pen.wide / 2
    y = pen.y
    if head.logo(pen.left, y - pen.size, pen.left + half * 0.6, y + 34):
        y += 34 + pen.step * 1.4
    low = head.seller(pen.left, y, half - 12)
    y = head.write_title(pen.right, pen.y + pen.size, "right", half - 12) + pen.step * 0.4
    right = beside(pen, head.entries, pen.left + half + 12, y, half - 12)
    pen.y = max(low, right) + pen.step * 0.8
    if pen.layout.chance("rule below", 0.4):
        pen.sheet.rule(pen.left, pen.y - pen.step, pen.right, pen.y - pen.step, colour=pen.accent)
    pen.y = head.buyers(pen.left, pen.y, pen.wide) + pen.step


def window(head: Head) -> None:
    """For an envelope with a window: a small line of the sender above the buyer, numbers beside."""
    pen = head.pen
    top = pen.y
    right = pen.left + pen.wide * 0.58
    name = pen.layout.chance("letterhead", 0.75)
    if head.logo(right, top - pen.size, pen.right, top + 30):
        top += 30 + pen.step * 1.5
    low = head.seller(right, top, pen.right - right) if name else top + pen.step
    y = max(105.0, pen.y + 40)
    pen.sender_line(pen.left, y, pen.wide * 0.52)
    y = pen.party(pen.left, y + pen.step * 1.7, pen.wide * 0.5, "buyer", head=False)
    low = max(low + pen.step, y - pen.step * 4 if not name else low + pen.step)
    if pen.layout.chance("numbers beside", 0.6):
        if pen.layout.chance("title has the number", 0.4):
            kept = [each for each in head.entries if each.field != "invoice_number"]
            y = max(beside(pen, kept, right, low, pen.right - right), y) + pen.step * 1.5
            sentence(pen, [e for e in head.entries if e not in kept], pen.left, y, pen.size * 1.5,
                     head.title)  # fmt: skip
            pen.y = y + pen.step * 2
        else:
            y = max(beside(pen, head.entries, right, low, pen.right - right), y) + pen.step * 1.8
            pen.y = head.write_title(pen.left, y, wide=pen.wide) + pen.step
    else:
        y = head.write_title(pen.left, max(low, y) + pen.step * 1.6, wide=pen.wide) + pen.step * 0.6
        pen.y = across(pen, head.entries, pen.left, y, pen.wide) + pen.step * 0.4


def banner(head: Head) -> None:
    """A coloured band with title and name on it; seller and buyer side by side below."""
    pen = head.pen
    high = pen.layout.between("band height", 46, 80)
    pen.sheet.rect(0, 0, pen.sheet.width, high, fill=pen.accent, stroke=None)
    size, wide = pen.size * pen.layout.between("band size", 1.7, 2.6), pen.wide / 2 - 10
    texts = [head.title, pen.bill.seller.name]
    flipped = pen.layout.chance("title first", 0.5)
    for at, text in enumerate(texts if flipped else texts[::-1]):
        field = None if text is texts[0] else "seller"
        pen.put(
            pen.right if at else pen.left, high / 2 + size * 0.3, text, bold=True,
            colour="#ffffff", align="right" if at else "left", wide=wide,
            size=size if field is None else size * 0.8, field=field,
        )  # fmt: skip
    y = high + pen.step * 2.2
    half = pen.wide / 2
    low = head.seller(pen.left, y, half - 12, head=pen.layout.chance("seller's head", 0.6))
    low = max(low, pen.party(pen.left + half + 12, y, half - 12, "buyer"))
    pen.y = across(pen, head.entries, pen.left, low + pen.step * 1.2, pen.wide) + pen.step * 0.6


def centered(head: Head) -> None:
    """The seller in the middle of the page's top, then the title, buyer and numbers."""
    pen = head.pen
    middle = pen.sheet.width / 2
    if head.logo(middle - 60, pen.y - pen.size, middle + 60, pen.y + 28, 0.3):
        pen.y += 28 + pen.step * 1.2
    y = head.seller(middle, pen.y, pen.wide * 0.8, align="center") + pen.step * 0.2
    pen.sheet.rule(pen.left, y - pen.step * 0.5, pen.right, y - pen.step * 0.5, colour=pen.accent)
    y = head.write_title(middle, y + pen.step, "center") + pen.step * 0.8
    half = pen.wide / 2
    first = pen.layout.chance("numbers at the left", 0.4)
    buyer_x, values_x = (
        (pen.left + half + 10, pen.left) if first else (pen.left, pen.left + half + 10)
    )
    low = pen.party(buyer_x, y, half - 20, "buyer")
    pen.y = max(low, beside(pen, head.entries, values_x, y, half - 10)) + pen.step


def row_of_values(head: Head) -> None:
    """Logo and title, both parties, and all values in a row or table above the positions."""
    pen, half = head.pen, head.pen.wide / 2
    logo = head.logo(pen.left, pen.y - pen.size, pen.left + half * 0.7, pen.y + 36, 0.7)
    title_y = pen.y + pen.size * (1.6 if logo else 1)
    y = head.write_title(
        pen.right if logo else pen.left, title_y, "right" if logo else "left", half
    )
    y = max(y, pen.y + 36 if logo else y) + pen.step * 1.6
    swapped = pen.layout.chance("buyer at the left", 0.35)
    places = (pen.left + half + 12, pen.left) if swapped else (pen.left, pen.left + half + 12)
    low = head.seller(places[0], y, half - 14, head=True)
    low = max(low, pen.party(places[1], y, half - 14, "buyer"))
    pen.y = across(pen, head.entries, pen.left, low + pen.step * 1.2, pen.wide) + pen.step * 0.4


def buyer_at_right(head: Head) -> None:
    """The seller at the left, the buyer lower at the right, a title that says number and date."""
    pen, half = head.pen, head.pen.wide / 2
    y = pen.y
    if head.logo(pen.left, y - pen.size, pen.left + half * 0.7, y + 32, 0.45):
        y += 32 + pen.step * 1.4
    low = head.seller(pen.left, y, half - 16)
    y = max(pen.y + pen.step * pen.layout.between("lower", 2, 6), pen.y + 30)
    if pen.layout.chance("buyer framed", 0.3):
        x, top = pen.left + half, y - pen.step * 1.3
        end = pen.party(x + 10, y, half - 20, "buyer", head=pen.layout.chance("to", 0.4))
        pen.sheet.rect(x, top, pen.right, end - pen.step * 0.4, stroke=pen.muted, radius=3)
    else:
        head_too = pen.layout.chance("to", 0.4)
        end = pen.party(pen.left + half + 10, y, half - 10, "buyer", head=head_too)
    y = max(low, end) + pen.step * 1.6
    sentence(pen, head.entries, pen.left, y, pen.size * 1.5, head.title)
    y += pen.step * 2
    if pen.layout.chance("rest in lines", 0.5):
        pen.y = beside(pen, head.entries, pen.left, y, half) + pen.step * 0.6
    else:
        pen.y = across(pen, head.entries, pen.left, y, pen.wide) + pen.step * 0.2


def boxes(head: Head) -> None:
    """Framed boxes for the parties and the numbers."""
    pen, gap = head.pen, 10.0
    y = head.write_title(pen.left, pen.y + pen.size, wide=pen.wide * 0.6)
    head.logo(pen.right - 110, pen.y - pen.size, pen.right, pen.y + 30)
    y = max(y, pen.y + 32) + pen.step * 1.4
    half = (pen.wide - gap) / 2
    top, right = y - pen.step * 1.3, pen.left + half + gap
    radius = pen.layout.pick("corners", (0, 0, 4, 8))
    low = head.seller(pen.left + 6, y, half - 12, head=True)
    low = max(low, pen.party(right + 6, y, half - 12, "buyer")) - pen.step * 0.5
    for x in (pen.left, right):
        pen.sheet.rect(x, top, x + half, low, stroke=pen.accent, radius=radius)
    y = low + pen.step * 2
    if pen.layout.chance("third box", 0.5):
        end = beside(pen, head.entries, pen.left + 6, y, half - 12)
        if pen.layout.chance("delivery box", 0.5):
            end = max(end, pen.party(right + 6, y, half - 12, "delivery"))
        pen.y = end + pen.step
    else:
        pen.y = across(pen, head.entries, pen.left, y, pen.wide) + pen.step * 0.4


def three_columns(head: Head) -> None:
    """From, to and details in three columns under a large title."""
    pen = head.pen
    y = head.write_title(pen.left, pen.y + pen.size * 1.4, wide=pen.wide * 0.6) + pen.step * 1.4
    head.logo(pen.right - 100, pen.y - pen.size, pen.right, pen.y + 30)
    y = max(y, pen.y + 50)
    each = pen.wide / 3
    low = head.seller(pen.left, y, each - 12, head=True)
    low = max(low, pen.party(pen.left + each, y, each - 12, "buyer"))
    low = max(low, beside(pen, head.entries, pen.left + 2 * each, y, each))
    pen.y = low + pen.step * 1.2


def seller_at_right(head: Head) -> None:
    """A letterhead at the right, the buyer at the left, the numbers below the letterhead."""
    pen = head.pen
    x = pen.left + pen.wide * 0.55
    y = pen.y
    if head.logo(pen.left, y - pen.size, pen.left + 130, y + 36, 0.5):
        pass
    flush = pen.layout.chance("letterhead flush right", 0.45)
    low = head.seller(
        pen.right if flush else x, y, pen.right - x, align="right" if flush else "left"
    )
    y = max(pen.y + 60, low - pen.step)
    end = pen.party(pen.left, y, x - pen.left - 20, "buyer", head=pen.layout.chance("to", 0.6))
    title = pen.layout.chance("title above numbers", 0.5)
    y = max(low, y) + pen.step
    if title:
        y = head.write_title(x, y + pen.size * 0.6, wide=pen.right - x) + pen.step * 0.3
    y = max(end, beside(pen, head.entries, x, y, pen.right - x)) + pen.step
    if not title:
        y = head.write_title(pen.left, y + pen.size, wide=pen.wide) + pen.step * 0.6
    pen.y = y


def name_in_footer(head: Head) -> None:
    """No letterhead: the title first, then the numbers; the seller is named below the buyer."""
    pen, half = head.pen, head.pen.wide / 2
    y = head.write_title(pen.left, pen.y + pen.size, wide=pen.wide)
    pen.sheet.rule(
        pen.left, y - pen.step * 0.4, pen.right, y - pen.step * 0.4, colour=pen.accent, thick=1.4
    )
    y += pen.step
    end = beside(pen, head.entries, pen.left, y, half - 10)
    low = head.buyers(pen.left + half + 10, y, half - 10)
    y = max(end, low) + pen.step
    pen.y = head.seller(pen.left, y, pen.wide * 0.6, head=True) + pen.step


def side_bar(head: Head) -> None:
    """A tinted column at the left holds the seller and the numbers, down the whole page."""
    pen = head.pen
    wide = pen.wide * 0.29
    fill = pen.layout.pick("bar fill", ("#eef1f4", "#f3efe8", "#e9f2ec", "#f0eaf4"))
    pen.sheet.rect(0, 0, pen.left + wide + 6, pen.sheet.height, fill=fill, stroke=None)
    y = pen.y
    if head.logo(pen.left, y - pen.size, pen.left + wide, y + 34, 0.6):
        y += 34 + pen.step * 1.6
    y = head.seller(pen.left, y, wide - 6) + pen.step
    beside(pen, head.entries, pen.left, y, wide - 6)
    pen.left += wide + 20
    y = head.write_title(pen.left, pen.y + pen.size, wide=pen.wide) + pen.step
    pen.y = head.buyers(pen.left, y, pen.wide) + pen.step * 1.2


def form(head: Head) -> None:
    """All in a ruled form: the parties in two cells, the numbers in cells below."""
    pen, half = head.pen, head.pen.wide / 2
    middle = pen.sheet.width / 2
    y = head.write_title(middle, pen.y + pen.size, "center", pen.wide) + pen.step * 1.2
    top = y - pen.step * 1.3
    low = head.seller(pen.left + 5, y, half - 10, head=True)
    low = max(low, pen.party(pen.left + half + 5, y, half - 10, "buyer")) - pen.step * 0.5
    pen.sheet.rect(pen.left, top, pen.left + half, low, thick=0.5)
    pen.sheet.rect(pen.left + half, top, pen.right, low, thick=0.5)
    pen.y = across(pen, head.entries, pen.left, low + pen.size, pen.wide) + pen.step * 0.3


def letter(head: Head) -> None:
    """Like a letter: names, place and date at the right, the number as the subject."""
    pen = head.pen
    y = head.seller(pen.right, pen.y, pen.wide * 0.6, align="right") + pen.step
    y = pen.party(pen.left, y, pen.wide * 0.5, "buyer", head=False) + pen.step
    kept = [each for each in head.entries if each.field != "invoice_number"]
    number = [each for each in head.entries if each.field == "invoice_number"]
    for entry in kept[:1]:
        pen.pair(pen.right, y, entry, align="right")
    sentence(pen, number, pen.left, y + pen.step * 2, pen.size * 1.3, head.title)
    y += pen.step * 3.6
    pen.y = y
    if kept[1:]:
        pen.y = across(pen, kept[1:], pen.left, y, pen.wide) + pen.step * 0.2


def values_on_top(head: Head) -> None:
    """Title and values across the page's top; below them the buyer left, the seller right."""
    pen, half = head.pen, head.pen.wide / 2
    y = head.write_title(pen.left, pen.y + pen.size, wide=half)
    head.logo(pen.right - 110, pen.y - pen.size, pen.right, pen.y + 26)
    y = max(y, pen.y + 26) + pen.step * 1.2
    y = across(pen, head.entries, pen.left, y, pen.wide) + pen.step * 0.4
    low = pen.party(pen.left, y, half - 14, "buyer")
    pen.y = max(low, head.seller(pen.left + half + 12, y, half - 14, head=True)) + pen.step * 0.8


def one_column(head: Head) -> None:
    """All at the left, one below the other."""
    pen = head.pen
    y = pen.y
    if head.logo(pen.left, y - pen.size, pen.left + 120, y + 28, 0.4):
        y += 28 + pen.step * 1.4
    y = head.seller(pen.left, y, pen.wide * 0.7) + pen.step * 0.8
    if pen.layout.chance("buyer first", 0.5):
        y = pen.party(pen.left, y, pen.wide * 0.7, "buyer") + pen.step * 0.8
        y = head.write_title(pen.left, y + pen.size, wide=pen.wide) + pen.step * 0.4
        pen.y = beside(pen, head.entries, pen.left, y, half_page(pen)) + pen.step
    else:
        y = head.write_title(pen.left, y + pen.size, wide=pen.wide) + pen.step * 0.4
        y = beside(pen, head.entries, pen.left, y, half_page(pen)) + pen.step * 0.8
        pen.y = pen.party(pen.left, y, pen.wide * 0.7, "buyer") + pen.step


def half_page(pen: Pen) -> float:
    """A width that is easy to read for captions with values."""
    return min(pen.wide * 0.6, 300.0)


# The last quarter stands on test layouts only.
ARRANGEMENTS = (
    title_at_right, window, banner, row_of_values, buyer_at_right, seller_at_right, centered,
    window, boxes, title_at_right, three_columns, values_on_top, one_column, name_in_footer, form,
    side_bar, letter,
)  # fmt: skip
