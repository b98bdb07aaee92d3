"""Letters, reports and resumes: every layout draws a page of words, fields and captions."""

from __future__ import annotations

import io
from collections import Counter
from importlib import import_module

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.documents.column import Column, Pair
from recipes.documents.content import Content
from recipes.documents.fonts import width
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.marks import MARKS
from recipes.documents.prose import PLURALS, SLOT, SLOTS, VALUE, Prose, _texts
from recipes.documents.sheet import Sheet

KINDS = ("letter", "report", "resume")
NUMBERS = [number for split in ("train", "validation", "test") for number in layout_numbers(split)]
# What a reminder says in its sentences and in its table.
CLAIM = {"invoice_number", "invoice_date", "due_date", "amount_due"}


def drawn(kind: str, number: int, language: str, seed: int = 0) -> Sheet:
    """One document."""
    sheet: Sheet = import_module(f"recipes.documents.{kind}").draw(
        Layout(kind, number, language), seed
    )
    return sheet


def overlaps(sheet: Sheet) -> list[tuple[str, str]]:
    """Words that are printed on each other."""
    found = []
    for place, one in enumerate(sheet.words):
        a = one.box
        for other in sheet.words[place + 1 :]:
            b = other.box
            wide = min(a[2], b[2]) - max(a[0], b[0])
            high = min(a[3], b[3]) - max(a[1], b[1])
            if wide > 3 and high > 0.45 * min(a[3] - a[1], b[3] - b[1]):
                found.append((one.text, other.text))
    return found


# -- pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from(NUMBERS),
    language=st.sampled_from(LANGUAGES),
    seed=st.integers(0, 10_000),
)
def test_every_layout_draws_a_page_in_every_language(
    kind: str, number: int, language: str, seed: int
) -> None:
    sheet = drawn(kind, number, language, seed)
    assert len(sheet.words) > 15
    assert sheet.facts["kind"] == kind
    assert sheet.facts["line_items"] == 0
    assert sheet.facts["orientation"] == "portrait"
    assert {type(sheet.facts[mark]) for mark in (*MARKS, "table")} == {bool}
    # What has a caption has a value, and each caption is printed.
    assert set(sheet.captions) <= set(sheet.values())
    printed = " ".join(word.text for word in sheet.words)
    for caption in sheet.captions.values():
        assert caption in printed


@pytest.mark.parametrize("kind", KINDS)
def test_no_words_stand_on_each_other_or_at_the_edge_of_the_paper(kind: str) -> None:
    for place, number in enumerate(NUMBERS[::12]):
        sheet = drawn(kind, number, LANGUAGES[place % 5], place)
        assert overlaps(sheet) == [], (number, LANGUAGES[place % 5], place)
        for word in sheet.words:
            assert word.box[0] > 0, word
            assert max(word.box[2:]) < 1000, word


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_repeats_for_its_seed_and_differs_from_others(kind: str) -> None:
    once, again, other = (drawn(kind, 11, "it", seed) for seed in (4, 4, 5))
    assert once.words == again.words
    assert once.words != other.words


@pytest.mark.parametrize("kind", KINDS)
def test_marks_come_and_go_and_never_tell_the_kind(kind: str) -> None:
    sheets = [drawn(kind, number, LANGUAGES[number % 5], number) for number in range(150)]
    for mark in MARKS:
        share = sum(sheet.facts[mark] for sheet in sheets) / len(sheets)
        assert 0 < share < 0.8, mark


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_a_pdf_whose_words_are_those_noted(kind: str) -> None:
    sheet = drawn(kind, 8, "de", 1)
    page = pypdfium2.PdfDocument(io.BytesIO(sheet.pdf()))[0]
    assert page.get_size() == pytest.approx((sheet.width, sheet.height))
    text = Counter(page.get_textpage().get_text_bounded().split())
    noted = Counter(word.text for word in sheet.words)
    assert sum((text & noted).values()) > 0.9 * sum(noted.values())


# -- what they say ---------------------------------------------------------------------------------


def test_reminders_name_the_invoices_that_are_open() -> None:
    claims = []
    for number in range(80):
        sheet = drawn("letter", number, LANGUAGES[number % 5], number)
        fields = {field for field, _ in sheet.values()} & CLAIM
        if fields:
            claims.append(fields)
            assert "amount_due" in fields or "due_date" in fields
    assert len(claims) >= 5
    assert CLAIM in claims


def test_resumes_tell_when_and_where_the_person_worked() -> None:
    for number in range(0, 60, 3):
        values = drawn("resume", number, "fr", number).values()
        fields = {field for field, _ in values}
        assert "candidate_name" in fields
        assert fields & {"position", "degree"}, number
        assert fields & {"employment_period", "study_period"}, number


def test_many_reports_have_a_table_and_many_have_none() -> None:
    tables = [drawn("report", number, "es", 1).facts["table"] for number in range(60)]
    assert 15 < sum(tables) < 50


# -- the texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_have_the_same_texts(language: str) -> None:
    texts, english = _texts(language), _texts("en")
    assert set(texts) == set(english)
    for key, options in texts.items():
        assert all(options), key
        # Where English leaves a choice for test layouts, every language does.
        assert (len(options) >= 4) == (len(english[key]) >= 4), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_a_text_can_be_filled(language: str) -> None:
    values = CLAIM | {"letter_date"}
    prose = Prose(Layout("letter", 1, language), Content(Layout("letter", 1, language), 1))
    for key, options in _texts(language).items():
        for option in options:
            assert set(SLOT.findall(option)) <= {*SLOTS, *PLURALS}, key
            assert set(VALUE.findall(option)) <= values, key
            filled = " ".join(text for text, _ in prose.parts(option))
            assert not set("<{|}") & set(filled.replace("p <", "")), (key, filled)


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_have_as_many_heads_in_every_language(language: str) -> None:
    for key, options in _texts(language).items():
        if key.startswith("table.") and "," in _texts("en")[key][0]:
            wanted = _texts("en")[key][0].count(",")
            assert {option.count(",") for option in options} == {wanted}, key


def test_values_of_a_sentence_stand_under_their_field() -> None:
    layout = Layout("letter", 2, "de")
    prose = Prose(layout, Content(layout, 3))
    prose.values = {"due_date": "3. Mai 2024"}
    parts = prose.parts("fällig am @due_date und {offen|offen}")
    assert parts == [("fällig am", None), ("3. Mai 2024", "due_date"), ("und offen", None)]


# -- columns ---------------------------------------------------------------------------------------


def column(sheet: Sheet, wide: float, lowest: float = 700) -> Column:
    """A column at the sheet's top left."""
    return Column(sheet, 40, 60, wide, lowest, "Helvetica", "Helvetica-Bold", 10)


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.text("abcdefgh", min_size=1, max_size=30), min_size=1, max_size=40),
    wide=st.floats(120, 400),
    lowest=st.floats(60, 300),
)
def test_a_paragraph_stays_in_its_column_or_is_left_out(
    words: list[str], wide: float, lowest: float
) -> None:
    sheet = Sheet()
    written = column(sheet, wide, lowest).paragraph(" ".join(words), field="text")
    assert [word.text for word in sheet.words] == (words if written else [])
    for word in sheet.words:
        assert word.box[2] * sheet.width / 1000 <= 40 + wide + 1
        assert word.box[1] * sheet.height / 1000 <= lowest


def test_a_long_value_in_a_row_is_set_in_lines_below_each_other() -> None:
    sheet = Sheet()
    people = "Anna Maria Berger, Jean-Pierre Dubois, Carlos Fernández, Luisa Bianchi"
    column(sheet, 400).pair_row(
        [Pair("Present", people, "participants"), Pair("Date", "3 May", "report_date")]
    )
    names = [word for word in sheet.words if word.field == "participants"]
    assert " ".join(word.text for word in names) == people
    assert len({word.line for word in names}) == 2
    assert overlaps(sheet) == []


def test_a_long_address_stands_under_its_caption_where_it_has_no_room_beside_it() -> None:
    sheet, address = Sheet(), "dionigi.odescalchi@medici-parpinel.example"
    assert width(address, "Helvetica", 10) > 150
    column(sheet, 160).pairs([Pair("Phone", "0123", "phone"), Pair("E-mail", address, "email")])
    boxes = {word.text: word.box for word in sheet.words}
    assert boxes["0123"][1] == boxes["Phone:"][1]
    assert boxes[address][1] > boxes["E-mail:"][1]
    assert boxes[address][0] == boxes["E-mail:"][0]


def test_a_table_without_room_for_a_row_is_no_table() -> None:
    sheet = Sheet()
    rows = [("a", "1"), ("b", "2")]
    assert column(sheet, 200, lowest=70).table(("Name", "Number"), rows, shares=(1, 1)) == 0
    assert sheet.words == []
    assert "table" not in sheet.facts
    assert column(sheet, 200).table(("Name", "Number"), rows, shares=(1, 1)) == 2
    assert sheet.facts["table"] is True
