"""Exact match, token F1, ANLS and soft accuracy, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageloom.pipes.answer_scores import anls, exact, folded, score_answers, token_f1
from pageloom.pipes.gold_answers import find_words


@pytest.mark.parametrize(
    ("given_text", "right", "score"),
    [
        ("Total:", "total", 1),
        ("(ACME  Ltd.)", "acme ltd", 1),
        ("STRASSE", "Straße", 1),
        ("12.50", "1250", 0),  # punctuation within a number is part of it
        ("東京 都", "東京都", 1),  # words of the page, and a text without blanks
        ("", "", 1),
        ("", "-", 0),  # a dash is an answer, if a strange one
        ("a cat", "cat", 0),
    ],
)
def test_exact_match(given_text, right, score):
    assert exact(given_text, right) == score


@pytest.mark.parametrize(
    ("given_text", "right", "score"),
    [
        ("the red car", "Red car, blue", 2 / 3),  # two of three, in both
        ("no no", "no", 2 / 3),  # precision 1/2, recall 1
        ("東京都", "東京", 4 / 5),  # precision 2/3, recall 1, by characters
        ("", "12.50", 0),
        ("", "", 1),
        ("-", "-", 1),
    ],
)
def test_token_f1(given_text, right, score):
    assert token_f1(given_text, right) == pytest.approx(score)


@pytest.mark.parametrize(
    ("given_text", "right", "score"),
    [
        ("INVOICE  no", "invoice No", 1),
        ("abcd", "abce", 3 / 4),
        ("12.50", "12.50 EUR", 5 / 9),  # four of nine characters are missing
        ("ab", "ax", 0),  # half is wrong: the threshold
        ("", "yes", 0),
        ("", "", 1),
    ],
)
def test_anls(given_text, right, score):
    assert anls(given_text, right) == pytest.approx(score)


def test_means_over_questions_take_the_nearest_true_answer():
    pairs = [
        ("yes", {"yes": 1.0, "no": 0.3}),  # 1, 1, 1, 1
        ("abce ef", {"abcd ef": 1.0, "xyz": 1.0}),  # 0, 1/2, 6/7, 0
        ("No", {"yes": 1.0, "no": 0.3}),  # 1, 1, 1, 0.3
        (None, {"": 1.0}),  # nothing was said, not even that there is none
        ("", {"": 1.0}),  # 1, 1, 1, 1
    ]
    assert score_answers(pairs) == pytest.approx(
        {
            "answers_em": 3 / 5,
            "answers_f1": 3.5 / 5,
            "answers_anls": (3 + 6 / 7) / 5,
            "answers_acc": 2.3 / 5,
        }
    )
    assert score_answers([]) == {}


@given(st.text(max_size=12), st.text(max_size=12))
def test_scores_are_shares_alike_both_ways_and_one_for_the_same(one, other):
    for measure in (exact, token_f1, anls):
        assert 0 <= measure(one, other) <= 1
        assert measure(one, other) == pytest.approx(measure(other, one))
        assert measure(one, one) == 1
    assert exact(one, other) <= token_f1(one, other) or folded(one) == folded(other)


@given(st.lists(st.sampled_from(["a", "b.", "ab", "A", "(", "12.50"]), min_size=1), st.data())
def test_words_are_found_by_their_text(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    text = " ".join(words[start:end])
    found = find_words(words, text)
    for first, last in found:
        assert exact(" ".join(words[first:last]), text)
    kept = [number for number in range(start, end) if words[number] != "("]
    if kept:  # marks alone stand nowhere
        assert (kept[0], kept[-1] + 1) in found
    else:
        assert not found


def test_parts_of_words_are_no_words():
    assert find_words(["12.50", "2.50"], "2.50") == [(1, 2)]
    assert find_words(["Ref", ":", "12", "50"], "12 50") == [(2, 4)]
