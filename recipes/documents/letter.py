"""Letters: of companies and of people, in the layouts of several countries."""

from __future__ import annotations

from collections.abc import Callable

from recipes.documents import marks
from recipes.documents.layout import Layout
from recipes.documents.letter_parts import Letter
from recipes.documents.sheet import Sheet

__all__ = ["draw"]


def draw(layout: Layout, seed: int) -> Sheet:
    """One page: a letter of a company (business, reminder, offer, notice, complaint) or of a person
    (private, complaint, application, cancellation)."""
    letter = Letter(layout, seed)
    layout.pick("arrangement", ARRANGEMENTS)(letter)
    letter.extras()
    return letter.sheet


def _window(letter: Letter) -> None:
    """Recipient in the envelope's window at the left, details at the right."""
    y = max(letter.letterhead(), 118)
    lowest = letter.footer()
    page = letter.page(y, lowest)
    left = page.beside(page.x, page.wide * 0.5)
    if letter.layout.chance("return line", 0.7):
        letter.return_line(left)
    letter.to(left)
    right = page.beside(page.x + page.wide * 0.58, page.wide * 0.42)
    above = letter.layout.chance("captions above", 0.2)
    right.pairs(letter.details(), colon=letter.layout.chance("colon", 0.6), above=above)
    page.y = max(left.y, right.y) + letter.layout.between("drop", 14, 40)
    letter.body(page)


def _classic(letter: Letter) -> None:
    """All flush left under the letterhead."""
    page = letter.page(letter.letterhead() + 12, letter.footer())
    letter.place_and_date(page, "left")
    page.skip(1)
    letter.to(page)
    page.skip(1.2)
    letter.body(page)


def _sender_right(letter: Letter) -> None:
    """The sender's block at the top right, the recipient lower at the left."""
    page = letter.page(letter.margin, letter.footer())
    right = page.beside(page.x + page.wide * 0.58, page.wide * 0.42)
    right.line(letter.sender, bold=True, field="sender")
    right.lines(letter.address, field="sender_address")
    right.lines([letter.phone, letter.email][: letter.content.random.randint(0, 2)])
    if letter.company and letter.layout.chance("logo", 0.58):
        marks.logo(letter.sheet, letter.layout, page.x, page.y - 10, page.x + 110, page.y + 32)
    page.y = right.y + letter.layout.between("drop", 8, 40)
    letter.to(page)
    page.skip(1)
    letter.place_and_date(page)
    page.skip(1.2)
    letter.body(page)


def _recipient_right(letter: Letter) -> None:
    """The sender at the left, the recipient lower at the right, as in France and Italy."""
    page = letter.page(letter.margin, letter.footer())
    if letter.company and letter.layout.chance("letterhead", 0.6):
        page.y = letter.letterhead()
    else:
        left = page.beside(page.x, page.wide * 0.5)
        left.line(letter.sender, field="sender")
        left.lines(letter.address, field="sender_address")
        left.line(letter.phone)
        page.y = left.y
    page.skip(letter.layout.between("drop", 0, 3))
    right = page.beside(page.x + page.wide * 0.55, page.wide * 0.45)
    letter.to(right)
    page.y = right.y
    page.skip(1)
    letter.place_and_date(page)
    page.skip(1.5)
    letter.body(page, closing_at=letter.layout.pick("closing at", (0.55, 0.0, 0.55)))


def _reference_row(letter: Letter) -> None:
    """References in a row over the text."""
    page = letter.page(letter.letterhead() + 10, letter.footer())
    left = page.beside(page.x, page.wide * 0.55)
    letter.to(left)
    page.y = left.y + letter.layout.between("drop", 10, 40)
    row = page.beside(page.x, page.wide)
    row.size *= 0.92
    row.pair_row(letter.details()[:5], boxed=letter.layout.chance("boxed row", 0.35))
    page.y = row.y + 6
    letter.body(page, closing_at=letter.layout.pick("closing at", (0.0, 0.0, 0.5)))


def _sidebar(letter: Letter) -> None:
    """Sender and details in a narrow column beside the text."""
    sheet, layout = letter.sheet, letter.layout
    wide = layout.between("side width", 120, 150)
    at_left = layout.chance("side at the left", 0.6)
    x = letter.margin if at_left else sheet.width - letter.margin - wide
    if layout.chance("side is filled", 0.5):
        x0 = 0 if at_left else x - 12
        x1 = x + wide + 10 if at_left else sheet.width
        sheet.rect(x0, 0, x1, sheet.height, fill="#ececec", stroke=None)
    side = letter.column(x, letter.margin, wide, letter.low, 0.88)
    if letter.company and layout.chance("logo", 0.58):
        marks.logo(sheet, layout, x, letter.margin - 10, x + wide - 20, letter.margin + 30)
        side.y += 58
    side.paragraph(letter.sender, field="sender", bold=True, colour=layout.accent, gap=0)
    side.lines(letter.address, field="sender_address")
    side.skip(1.5)
    details = letter.details()
    pairs = [pair for pair in details if pair.field != "letter_date"]
    side.pairs(pairs, above=True, colon=False, bold_captions=True, gap=0.5)
    main = letter.page(letter.margin + layout.between("drop", 10, 60))
    main.wide -= wide + 22
    main.x += wide + 22 if at_left else 0
    letter.to(main)
    main.skip(1.2)
    date = [pair for pair in details if pair.field == "letter_date"]
    main.pairs(date)
    main.skip(1)
    letter.body(main)


def _boxes(letter: Letter) -> None:
    """Sender, recipient and details in frames."""
    page = letter.page(letter.margin + 4, letter.footer())
    half = page.wide / 2
    top = page.y - letter.size * 1.4
    columns = []
    for x in (page.x, page.x + half):
        columns.append(page.beside(x + 6, half - 12))
    columns[0].line(letter.prose.caption("sender"), size=letter.size * 0.8)
    columns[0].line(letter.sender, bold=True, field="sender")
    columns[0].lines([*letter.address], field="sender_address")
    columns[1].line(letter.prose.caption("recipient"), size=letter.size * 0.8)
    letter.to(columns[1])
    for name in ("sender", "recipient"):
        letter.sheet.captions[(name, 0)] = letter.prose.caption(name)
    bottom = max(column.y for column in columns)
    for x in (page.x, page.x + half):
        letter.sheet.rect(x, top, x + half, bottom, stroke=letter.layout.accent)
    page.y = bottom + letter.size
    page.pair_row(letter.details()[:4], boxed=True)
    page.skip(0.6)
    letter.body(page)


def _foot(letter: Letter) -> None:
    """The sender stands at the foot of the page, at the top is the date."""
    sheet, page = letter.sheet, letter.page(letter.margin)
    if letter.company:
        x = sheet.width / 2
        marks.logo(sheet, letter.layout, x - 60, letter.margin - 20, x + 60, letter.margin + 16)
        page.y += 44
    letter.place_and_date(page)
    letter.to(page)
    page.skip(2)
    foot = letter.page(letter.low, 1e4)
    foot.y = sheet.height - 24 - 2 * foot.step
    page.lowest = foot.y - 3 * foot.step
    foot.rule()
    foot.y += 4
    foot.line(letter.sender, bold=True, align="center", field="sender", colour=foot.accent)
    text = " | ".join((*letter.address, letter.phone, letter.email))
    foot.line(text, size=letter.size * 0.85, align="center")
    letter.body(page, closing_at=0.6)


ARRANGEMENTS: tuple[Callable[[Letter], None], ...] = (
    _window, _classic, _sender_right, _recipient_right, _reference_row, _sidebar, _boxes, _foot,
)  # fmt: skip
