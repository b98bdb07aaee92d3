"""The generator's foundations: layouts, sheets, content, reading order, tags and noise."""

from __future__ import annotations

import io
import random

import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.documents.content import LOCALES, Content
from recipes.documents.dataset import in_order, tags
from recipes.documents.fonts import FAMILIES, HANDWRITING, font
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.noise import noisy
from recipes.documents.scans import normalised, value_texts
from recipes.documents.sheet import Sheet, Word


def test_a_layout_always_makes_the_same_choices() -> None:
    options = list(range(20))
    picked = [Layout("invoice", 7, "de").pick(f"choice {n}", options) for n in range(30)]
    assert picked == [Layout("invoice", 7, "de").pick(f"choice {n}", options) for n in range(30)]
    assert len(set(picked)) > 5


def test_no_training_layout_uses_what_is_kept_for_test_layouts() -> None:
    options = ["a", "b", "c", "d", "e", "f", "g", "kept 1", "kept 2"]
    picked = {
        split: [
            Layout("letter", number).pick("caption", options) for number in layout_numbers(split)
        ]
        for split in ("train", "validation", "test")
    }
    for split in ("train", "validation"):
        assert {each[:4] for each in picked[split]}.isdisjoint({"kept"})
    share = sum(each.startswith("kept") for each in picked["test"]) / len(picked["test"])
    assert 0.3 < share < 0.7


def test_the_parts_of_the_data_share_no_layout() -> None:
    numbers = [set(layout_numbers(split)) for split in ("train", "validation", "test")]
    assert len(set.union(*numbers)) == sum(map(len, numbers))


@pytest.mark.parametrize("language", LANGUAGES)
def test_content_repeats_for_a_seed_and_differs_between_seeds(language: str) -> None:
    layout = Layout("invoice", 3, language)

    def said(seed: int) -> list[str]:
        content = Content(layout, seed)
        return [content.company(), *content.address(), content.iban(), content.person(),
                content.money(1234.5), content.date(content.day()), content.text()]  # fmt: skip

    assert said(1) == said(1)
    assert said(1) != said(2)
    assert Content(layout, 1).locale in LOCALES[language]


@pytest.mark.parametrize("family", [*FAMILIES, *HANDWRITING], ids=lambda family: family.name)
def test_each_typeface_prints_words_exactly_where_their_boxes_are(family) -> None:
    sheet = Sheet((400, 300))
    sheet.text(60, 80, "Hxg Total", font=font(family), size=30)
    sheet.text(340, 220, "42", font=font(family, bold=True), size=30, align="right")
    page = pypdfium2.PdfDocument(io.BytesIO(sheet.pdf()))[0]
    ink = np.asarray(page.render(scale=2, grayscale=True).to_pil()) < 128
    inside = np.zeros_like(ink)
    for word in sheet.words:
        x0, y0, x1, y1 = word.box
        spot = (
            slice(int(y0 * 0.6) - 4, int(y1 * 0.6) + 5),
            slice(int(x0 * 0.8) - 4, int(x1 * 0.8) + 5),
        )
        assert ink[spot].any(), word
        inside[spot] = True
    # Handwriting reaches out of its line; print does not.
    assert not (ink & ~inside).sum() > (0.25 if family.kind == "hand" else 0) * ink.sum()


def test_runs_put_a_caption_and_its_value_on_one_line() -> None:
    sheet = Sheet()
    sheet.runs(50, 50, [("Total:", None), ("EUR 5,00", "total")], font="Helvetica", size=10)
    assert [word.text for word in sheet.words] == ["Total:", "EUR", "5,00"]
    assert len({word.line for word in sheet.words}) == 1
    assert value_texts(sheet, "total") == {normalised("EUR 5,00")}


def test_what_runs_off_the_paper_is_no_word() -> None:
    sheet = Sheet((100, 100))
    sheet.text(110, 50, "outside", font="Helvetica", size=10)
    sheet.text(10, 50, "inside", font="Helvetica", size=10)
    assert [word.text for word in sheet.words] == ["inside"]


def test_tags_begin_anew_where_a_value_is_interrupted() -> None:
    words = [
        Word(text, (0, 0, 1, 1), 1, 1, field, group)
        for text, field, group in (
            ("Main", "seller_address", 0), ("Street", "seller_address", 0), ("Bill", None, 0),
            ("Paris", "seller_address", 0), ("5", "item_quantity", 0), ("6", "item_quantity", 1),
            ("x", "x_phone", 0),
        )
    ]  # fmt: skip
    assert tags(words, ("seller_address", "item_quantity")) == [
        "B-seller_address", "I-seller_address", "O", "B-seller_address",
        "B-item_quantity", "B-item_quantity", "O",
    ]  # fmt: skip


WORDS = st.lists(
    st.builds(
        lambda text, x, y, w, h, line, field: Word(
            text, (x, y, min(1000, x + w), min(1000, y + h)), line, 1, field
        ),
        st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=12),
        st.integers(0, 999), st.integers(0, 999), st.integers(1, 300), st.integers(1, 40),
        st.integers(1, 5), st.sampled_from([None, "total", "seller"]),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(WORDS, st.integers(0, 10**6))
def test_noise_keeps_boxes_on_the_page_and_fields_in_place(words: list[Word], seed: int) -> None:
    changed = noisy(words, random.Random(seed))
    assert changed == noisy(words, random.Random(seed))
    assert all(word.text for word in changed)
    for word in changed:
        x0, y0, x1, y1 = word.box
        assert 0 <= x0 <= x1 <= 1000
        assert 0 <= y0 <= y1 <= 1000
    # Words are glued and cut, but no value disappears.
    assert {w.field for w in words if w.field} == {w.field for w in changed if w.field}


@settings(max_examples=40, deadline=None)
@given(WORDS)
def test_every_reading_order_has_every_word_once(words: list[Word]) -> None:
    for order in ("drawn", "rows"):
        ordered = in_order(words, (595, 842), order)
        key = lambda word: (word.text, word.box)  # noqa: E731
        assert sorted(map(key, ordered)) == sorted(map(key, words))
