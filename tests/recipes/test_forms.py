"""Forms, statements of account and documents of no other kind."""

from __future__ import annotations

import datetime
from decimal import Decimal
from types import ModuleType

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.documents import form, other, statement
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.form_rows import TABLES, table_of
from recipes.documents.form_values import MAKERS, Person
from recipes.documents.layout import LANGUAGES, Layout
from recipes.documents.sheet import Sheet, Word
from recipes.documents.statement_table import transactions
from recipes.documents.wording import FOLDER, sections
from recipes.documents.writer import fitted

KINDS = {"form": form, "bank statement": statement, "other": other}
NUMBERS = (*range(0, 40, 4), *range(500, 520, 4))
OWN = ("form_person", "form_things", "form_life", "form_text", "form_values", "statement", "other",
       "other_life")  # fmt: skip


def overlap(a: Word, b: Word) -> bool:
    """Whether one word stands on another one."""
    across = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    down = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    return across > 2 and down > 0.45 * min(a.box[3] - a.box[1], b.box[3] - b.box[1])


def text_of(sheet: Sheet, field: str, group: int = 0) -> str:
    """A field's value."""
    return " ".join(sheet.words[at].text for at in sheet.values()[field, group])


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_of_their_kind_and_the_same_for_the_same_seed(kind: str) -> None:
    draw = KINDS[kind].draw
    for number in NUMBERS:
        sheet, again = (draw(Layout(kind, number), 4) for _ in range(2))
        assert sheet.words
        assert sheet.words == again.words
        assert sheet.facts["kind"] == kind
        wide = sheet.width > sheet.height
        assert sheet.facts["orientation"] == ("landscape" if wide else "portrait")
        for mark in ("signature", "stamp", "logo", "barcode", "handwriting", "table"):
            assert isinstance(sheet.facts[mark], bool)


@pytest.mark.parametrize("kind", KINDS)
def test_words_stand_on_the_page_and_not_on_each_other(kind: str) -> None:
    for number in NUMBERS:
        sheet = KINDS[kind].draw(Layout(kind, number), 1)
        for at, word in enumerate(sheet.words):
            assert 0 < word.box[0] < word.box[2] < 1000, (number, word)
            assert 0 < word.box[1] < word.box[3] < 1000, (number, word)
            for later in sheet.words[at + 1 :]:
                assert word.line == later.line or not overlap(word, later), (number, word, later)


@pytest.mark.parametrize("kind", KINDS)
def test_every_caption_is_printed_and_has_a_value(kind: str) -> None:
    for number in NUMBERS:
        sheet = KINDS[kind].draw(Layout(kind, number), 2)
        values = sheet.values()
        printed = " ".join(word.text for word in sheet.words).casefold()
        for place, caption in sheet.captions.items():
            assert place in values, (number, place)
            # Long captions may lose their last words where room is short.
            assert caption.split()[0].casefold() in printed, (number, caption)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("module", KINDS.values(), ids=KINDS)
def test_pages_in_every_language_become_pdfs(module: ModuleType, language: str) -> None:
    kind = next(kind for kind, each in KINDS.items() if each is module)
    sheet = module.draw(Layout(kind, 11, language), 0)
    page = pypdfium2.PdfDocument(sheet.pdf())[0]
    assert page.get_size() == pytest.approx((sheet.width, sheet.height))
    shown = page.get_textpage().get_text_range()
    assert sheet.words[0].text in shown


# -- forms -----------------------------------------------------------------------------------------


def test_forms_are_typed_written_by_hand_or_empty() -> None:
    sheets = [form.draw(Layout("form", 12), seed) for seed in range(40)]
    filled = [sheet for sheet in sheets if any(field.startswith("form:") for field, _ in
                                               sheet.values())]  # fmt: skip
    by_hand = [sheet for sheet in sheets if sheet.facts["handwriting"]]
    assert len(filled) > 10
    assert len(by_hand) > 5
    assert len(filled) + len(by_hand) < 40
    # Nobody's OCR engine is expected to read handwriting.
    assert not any(sheet in filled for sheet in by_hand)


def test_empty_fields_are_known_by_their_captions() -> None:
    sheets = [form.draw(Layout("form", 20), seed) for seed in range(12)]
    blank = [sheet.facts["blank"] for sheet in sheets if "blank" in sheet.facts]
    assert blank
    for sheet in sheets:
        assert not set(sheet.facts.get("blank", {})) & set(sheet.values())


def test_one_person_fills_in_the_whole_form() -> None:
    person = Person(Content(Layout("form", 0), 3))
    assert person.value("first_name") == person.first
    assert person.value("account_holder") == f"{person.first} {person.last}"
    assert person.city in person.value("full_address")


def test_every_field_of_a_form_has_captions_and_values() -> None:
    for _, parts in form.SUBJECTS.values():
        for name, keys in parts:
            assert f"section:{name}" in sections("form_text")
            for key in keys.replace("-", "").split():
                notes, wordings = sections(table_of(key))[key]
                maker, share = notes.split()
                assert set(wordings) == set(LANGUAGES)
                assert 1 <= float(share.strip("*")) <= 12
                if maker == "choice":
                    assert f"options:{key}" in sections(table_of(key))
                elif maker != "yes_no":
                    assert maker in MAKERS or maker in sections("form_values")
    with pytest.raises(KeyError, match="shoe_size"):
        table_of("shoe_size")


@pytest.mark.parametrize("table", OWN)
def test_tables_of_words_have_all_languages(table: str) -> None:
    assert (FOLDER / f"{table}.txt").is_file()
    for key, (_, wordings) in sections(table).items():
        assert set(wordings) == set(LANGUAGES), key
        for language, options in wordings.items():
            assert all(options), (key, language)
            if table in TABLES and not key.startswith("options:"):
                assert len(options) >= 3, (key, language)


# -- statements ------------------------------------------------------------------------------------


@given(st.integers(-10_000_00, 10_000_00), st.integers(0, 400))
def test_balances_add_up(cents: int, days: int) -> None:
    content = Content(Layout("bank statement", 3), cents)
    first = datetime.date(2024, 1, 1)
    last = first + datetime.timedelta(days=days)
    opening = Decimal(cents) / 100
    account = transactions(content, "account", opening, first, last)
    assert account.closing == opening + sum(row.amount for row in account.rows)
    assert account.closing == opening + account.credits - account.debits
    assert all(first <= row.day <= last for row in account.rows)
    card = transactions(content, "card", opening, first, last)
    assert card.closing == opening - card.credits + card.debits


def test_the_running_balance_ends_at_the_closing_balance() -> None:
    checked = 0
    for number in range(70):
        sheet = statement.draw(Layout("bank statement", number), 1)
        rows = [group for field, group in sheet.values() if field == "transaction_balance"]
        if rows and ("closing_balance", 0) in sheet.values():
            last, closing = (
                "".join(c for c in text if c.isdigit())
                for text in (text_of(sheet, "transaction_balance", max(rows)),
                             text_of(sheet, "closing_balance"))
            )  # fmt: skip
            assert last == closing, number
            checked += 1
    assert checked > 10


# -- others ----------------------------------------------------------------------------------------


def test_other_documents_are_of_many_sorts() -> None:
    sorts = [
        Layout("other", number).pick("kind of other", other.SORTS).__name__ for number in range(400)
    ]
    assert len(set(sorts)) >= 15
    assert {"delivery_note", "quote", "confirmation", "price_list"} <= set(sorts)
    assert not {"label", "agenda", "purchase_order"} & set(sorts)


# -- writing ---------------------------------------------------------------------------------------


@given(
    st.lists(st.text("abcdefgMWil", min_size=1, max_size=12), min_size=1, max_size=9),
    st.floats(8, 400),
    st.floats(6, 30),
)
def test_text_fits_its_room(words: list[str], wide: float, size: float) -> None:
    text = " ".join(words)
    shown, smaller = fitted(text, wide, "Helvetica", size)
    assert width(shown, "Helvetica", smaller) <= wide * 1.001
    assert text.startswith(shown)
    assert shown
    assert smaller <= size
    if width(text, "Helvetica", size) <= wide:
        assert (shown, smaller) == (text, size)
