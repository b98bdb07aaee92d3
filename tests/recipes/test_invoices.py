"""Invoices and receipts: amounts add up, values are where they are printed, layouts differ."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.documents import invoice, receipt
from recipes.documents.bill import Bill, Row, totals
from recipes.documents.content import Content
from recipes.documents.layout import LANGUAGES, Layout
from recipes.documents.sale import Sale
from recipes.documents.wording import sections

KINDS = {"invoice": invoice.draw, "receipt": receipt.draw}
LABELS = {
    "seller", "seller_address", "tax_id", "buyer", "buyer_address", "invoice_number",
    "order_number", "invoice_date", "due_date", "currency", "net", "tax", "total", "iban",
    "item_description", "item_quantity", "item_unit_price", "item_amount",
}  # fmt: skip
NUMBERS = st.one_of(st.integers(0, 439), st.integers(500, 559))


def row(amount, rate="20"):
    cents = Decimal(amount) / 100
    day = datetime.date(2024, 1, 1)
    return Row("", "", Decimal(1), "pc", cents, 0, Decimal(rate), cents, day)


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.sampled_from(["20", "5.5", "8.875"])), min_size=1),
    st.booleans(),
    st.integers(0, 5000),
)
def test_amounts_add_up(amounts, inclusive, shipping):
    rows = [row(amount, rate) for amount, rate in amounts]
    sums = totals(rows, inclusive=inclusive, shipping=Decimal(shipping) / 100)
    charged = sum(each.amount for each in rows) + sums.shipping
    assert sums.net + sums.tax == sums.total
    assert charged == (sums.total if inclusive else sums.net)
    assert sums.total.as_tuple().exponent >= -2


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.integers(0, 10**6))
def test_bills_and_sales_add_up(number, seed):
    for sold in (
        Bill(layout := Layout("invoice", number), Content(layout, seed), most=9),
        Sale(layout := Layout("receipt", number), Content(layout, seed)),
    ):
        sums = sold.totals
        rows = sum(each.amount for each in sold.rows)
        before = sums.total if sums.inclusive else sums.net
        assert rows == sums.rows
        assert rows - sums.reduction + sums.shipping == before
        assert sums.net + sums.tax == sums.total
    assert sold.cash() >= sold.payable


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), NUMBERS, st.integers(0, 10**6))
def test_every_page_holds_its_values(kind, number, seed):
    sheet = KINDS[kind](Layout(kind, number), seed)
    values = sheet.values()
    texts = {key: " ".join(sheet.words[at].text for at in places) for key, places in values.items()}
    assert {("seller", 0), ("total", 0), ("invoice_date", 0)} <= set(values)
    assert {name for name, _ in values if not name.startswith("x_")} <= LABELS
    assert sum(name == "item_amount" for name, _ in values) == sheet.facts["line_items"]
    assert set(sheet.captions) <= set(values), "each caption belongs to a value"
    assert all(sheet.captions.values())
    # All copies of the number are the same.
    assert len({text for (name, _), text in texts.items() if name == "invoice_number"}) <= 1
    for word in sheet.words:
        assert 0 < word.box[0] < word.box[2] < 1000, word
        assert 0 < word.box[1] < word.box[3] < 1000, word


@pytest.mark.parametrize("kind", KINDS)
def test_words_do_not_overlap(kind):
    lapping = 0
    for number in (*range(0, 60, 4), *range(500, 560, 6)):
        words = KINDS[kind](Layout(kind, number), 1).words
        boxes = [word.box for word in words]
        lapping += sum(
            min(a[2], b[2]) - max(a[0], b[0]) > 4
            and min(a[3], b[3]) - max(a[1], b[1]) > 0.4 * min(a[3] - a[1], b[3] - b[1])
            for at, a in enumerate(boxes)
            for b in boxes[at + 1 :]
        )
    # A caption without a room that a foreign word needs: hardly ever.
    assert lapping <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_page(kind):
    draw, layout = KINDS[kind], Layout(kind, 11)
    assert draw(layout, 5).words == draw(layout, 5).words
    assert draw(layout, 5).words != draw(layout, 6).words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_printed(kind, language):
    sheet = KINDS[kind](Layout(kind, 503, language), 3)
    assert sheet.pdf().startswith(b"%PDF")
    assert sheet.facts["kind"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_layouts_place_the_total_differently(kind):
    spots = set()
    for number in range(24):
        sheet = KINDS[kind](Layout(kind, number, "en"), 0)
        box = sheet.words[sheet.values()["total", 0][0]].box
        spots.add((box[0] // 40, box[1] // 40))
    assert len(spots) > 12


@pytest.mark.parametrize("kind", KINDS)
def test_marks_come_and_go(kind):
    pages = [KINDS[kind](Layout(kind, number), 2).facts for number in range(100)]
    for mark in ("logo", "stamp", "signature", "barcode", "handwriting"):
        assert {page[mark] for page in pages} == {True, False}, mark


@pytest.mark.parametrize("table", ["bill", "bill_text", "receipt", "goods"])
def test_every_wording_exists_in_every_language(table):
    for key, (_, wordings) in sections(table).items():
        # What a tax is called depends on the country, so not every language is there.
        assert set(wordings) == set(LANGUAGES) or key.startswith(("tax_word:", "tax_id:")), key
        assert all(each for options in wordings.values() for each in options), key


def test_goods_have_a_price_and_a_unit():
    for _, wordings in sections("goods").values():
        for items in wordings.values():
            for item in items:
                name, price, unit = item.rsplit(" ", 2)
                assert name
                assert unit
                assert Decimal(price) > 0
