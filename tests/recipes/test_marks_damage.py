"""What stands on paper besides print, and what scanners and cameras make of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.damage import damaged, render
from recipes.documents.layout import Layout, layout_numbers
from recipes.documents.sheet import Sheet, Word

NUMBERS = st.sampled_from([*layout_numbers("train")[:40], *layout_numbers("test")[:40]])


def blank_sheet(number=0, seed=0):
    layout = Layout("letter", number)
    sheet = Sheet()
    marks.none(sheet)
    return sheet, layout, Content(layout, seed)


def ink(image):
    """Where there is something on white: bool (height, width)."""
    return np.asarray(image.convert("L")) < 250


def draw_mark(name, sheet, layout, content, frame):
    x0, y0, x1, y1 = frame
    if name == "stamp":
        marks.stamp(sheet, content, (x0 + x1) / 2, (y0 + y1) / 2, (y1 - y0) / 2)
    elif name == "handwriting":
        marks.handwriting(sheet, content, x0 + 5, (y0 + y1) / 2, "paid 3 €", (y1 - y0) / 4)
    elif name == "logo":
        marks.logo(sheet, layout, *frame)
    else:
        getattr(marks, name)(sheet, content, *frame)


@pytest.mark.parametrize("name", marks.MARKS)
@settings(max_examples=15, deadline=None)
@given(number=NUMBERS, seed=st.integers(0, 99), wide=st.floats(110, 200), high=st.floats(30, 60))
def test_a_mark_shows_near_its_frame_and_is_noted(name, number, seed, wide, high):
    sheet, layout, content = blank_sheet(number, seed)
    x0, y0 = 200.0, 300.0
    draw_mark(name, sheet, layout, content, (x0, y0, x0 + wide, y0 + high))
    assert [mark for mark in marks.MARKS if sheet.facts[mark]] == [name]
    drawn = ink(render(sheet, 72))
    assert drawn.any()
    inside = drawn[int(y0) - 12 : int(y0 + high) + 12, int(x0) - 12 : int(x0 + wide) + 12]
    assert inside.sum() == drawn.sum()


def test_a_logo_is_the_same_on_every_document_of_a_layout():
    pages = []
    for seed in (1, 2):
        sheet, layout, _ = blank_sheet(5, seed)
        marks.logo(sheet, layout, 50, 50, 150, 100)
        pages.append(np.asarray(render(sheet, 50)))
    assert (pages[0] == pages[1]).all()


def test_no_one_signs_twice_alike():
    pages = []
    for seed in (1, 2):
        sheet, _, content = blank_sheet(5, seed)
        marks.signature(sheet, content, 50, 50, 250, 100)
        pages.append(np.asarray(render(sheet, 50)))
    assert (pages[0] != pages[1]).any()


def test_a_page_with_marks_prints_the_same_each_time():
    sheet, layout, content = blank_sheet(7)
    for number, name in enumerate(marks.MARKS):
        draw_mark(name, sheet, layout, content, (100, 100 * number + 50, 250, 100 * number + 110))
    assert sheet.pdf() == sheet.pdf()


def test_handwriting_leaves_out_what_the_hand_cannot_write():
    sheet, _, content = blank_sheet()
    end = marks.handwriting(sheet, content, 100, 100, "漢 a", 12)
    assert 100 < end < 140
    assert sheet.words == []


# -- damage ----------------------------------------------------------------------------------------


def page_of_words():
    """Dark words on white, far from each other."""
    sheet = Sheet()
    for row in range(6):
        for column in range(3):
            x, y = 70 + 165 * column, 100 + 120 * row
            sheet.text(x, y, f"WORD{row}{column}", font="Helvetica-Bold", size=26)
    return sheet


SHEET = page_of_words()
CLEAN = render(SHEET, 60)


def darkness(image, word):
    grey = 255.0 - np.asarray(image.convert("L"))
    sides = np.array(word.box) * np.array(image.size * 2) / 1000
    x0, y0, x1, y1 = sides.round().astype(int)
    return grey[y0 : y1 + 1, x0 : x1 + 1].mean()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.floats(0.1, 1.5))
def test_words_still_lie_on_their_ink(seed, strength):
    image, words = damaged(CLEAN, SHEET.words, np.random.default_rng(seed), strength)
    assert image.size == CLEAN.size
    assert {word.text for word in words} <= {word.text for word in SHEET.words}
    assert len(words) >= len(SHEET.words) - 3
    for word in words:
        x0, y0, x1, y1 = word.box
        assert 0 <= x0 < x1 <= 1000
        assert 0 <= y0 < y1 <= 1000
        # The blank strip below a word is lighter than the word.
        below = Word("", (x0, min(y1 + 15, 999), x1, min(y1 + 30, 1000)), 0, 0)
        assert darkness(image, word) > darkness(image, below) + 8


def test_a_word_keeps_its_field_and_the_order_stays():
    words = [Word("a", (100, 100, 200, 120), 3, 2, "total", 1), Word("b", (300, 1, 400, 9), 4, 2)]
    _, moved = damaged(CLEAN, words, np.random.default_rng(1))
    assert [(w.text, w.line, w.block, w.field, w.group) for w in moved] == [
        ("a", 3, 2, "total", 1),
        ("b", 4, 2, None, 0),
    ]


def test_no_strength_no_damage():
    image, words = damaged(CLEAN, SHEET.words, np.random.default_rng(0), 0)
    assert (np.asarray(image) == np.asarray(CLEAN)).all()
    assert words == SHEET.words


def test_the_same_seed_the_same_damage():
    one, first = damaged(CLEAN, SHEET.words, np.random.default_rng(3))
    two, second = damaged(CLEAN, SHEET.words, np.random.default_rng(3))
    assert (np.asarray(one) == np.asarray(two)).all()
    assert first == second


@settings(max_examples=30, deadline=None)
@given(wide=st.integers(20, 300), high=st.integers(20, 300), seed=st.integers(0, 999))
def test_a_picture_of_any_size_can_be_damaged(wide, high, seed):
    image = Image.new("L", (wide, high), 255)
    spoilt, words = damaged(image, [], np.random.default_rng(seed), 2.0)
    assert (spoilt.size, spoilt.mode, words) == ((wide, high), "RGB", [])
