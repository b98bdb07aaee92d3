"""Documents of no other kind, some of them near to invoices or letters: over twenty sorts."""

from __future__ import annotations

from collections.abc import Callable

from recipes.documents import marks
from recipes.documents import other_life as life
from recipes.documents import other_text as text
from recipes.documents import other_trade as trade
from recipes.documents.content import Content
from recipes.documents.layout import Layout
from recipes.documents.other_page import Page
from recipes.documents.sheet import A4, LETTER, Sheet
from recipes.documents.writer import Writer

__all__ = ["SORTS", "draw"]

SORTS: tuple[Callable[[Page], None], ...] = (
    trade.delivery_note, text.newspaper, life.menu, trade.quote, text.contract, life.ticket,
    life.certificate, trade.confirmation, text.book, life.flyer, trade.price_list, text.mail,
    text.data_sheet, life.recipe, trade.delivery_note, life.timetable, text.empty, trade.payslip,
    text.site_map, trade.quote, life.ticket,
    # Sorts from here on stand in the test layouts only.
    life.label, text.agenda, life.programme, trade.purchase_order, life.calendar, text.contract,
    trade.price_list,
)  # fmt: skip
TICKET = (460.0, 230.0)
LABEL = (298.0, 420.0)


def _paper(layout: Layout, sort: Callable[[Page], None]) -> tuple[float, float]:
    us = layout.pick("locale", ("US", "GB", "US", "GB", "CA", "IE")) == "US"
    paper = LETTER if us and layout.language == "en" else A4
    wide = layout.random("orientation").random()
    if sort is life.ticket and wide < 0.55:
        return TICKET
    if sort is life.label and wide < 0.6:
        return LABEL
    share = {life.certificate: 0.6, life.timetable: 0.35, life.calendar: 0.6, text.site_map: 0.4}
    small = (life.flyer, life.recipe, text.book, life.menu, life.programme)
    if sort in small and layout.chance("small paper", 0.3):
        paper = (paper[1] / 2, paper[0] * 0.99)
    return paper[::-1] if wide < share.get(sort, 0.03) else paper


def draw(layout: Layout, seed: int) -> Sheet:
    """One document."""
    sort = layout.pick("kind of other", SORTS)
    sheet = Sheet(_paper(layout, sort))
    marks.none(sheet)
    wide = sheet.width > sheet.height
    sheet.facts.update(kind="other", line_items=0, table=False,
                       orientation="landscape" if wide else "portrait")  # fmt: skip
    # The issuer is the template's; made first, because the makers of names have one state only.
    house = Content(layout, -1)
    issuer, address = house.company(), house.address()[:3]
    content = Content(layout, seed)
    writer = Writer(sheet, layout, min(layout.size, 10.0 if sheet.height > 500 else 8.0))
    if sheet.height < 500:
        writer.left, writer.right = 18.0, sheet.width - 18.0
        writer.bottom = sheet.height - 16.0
    sort(Page(sheet, layout, content, writer, issuer, address))
    return sheet
