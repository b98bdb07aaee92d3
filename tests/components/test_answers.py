"""The span decoder, against all candidates written out."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageloom.inference.answers import SpanAnswer, SpanLogits, best_spans

# Few different numbers, so that equal logits are common; halves are exact in float32.
LOGITS = st.integers(-12, 12).map(lambda number: number / 2)


@st.composite
def documents(draw):
    """Windows of a document: pages of words, some of several subwords, some of none."""
    windows, word = [], 0
    for page in range(1, draw(st.integers(1, 3)) + 1):
        index = []
        for _ in range(draw(st.integers(1, 6))):
            index += [word] * draw(st.integers(0, 3))
            word += 1
        if not index:
            continue
        size = draw(st.integers(1, len(index)))
        step = draw(st.integers(1, size))
        for start in range(0, max(1, len(index) - size + step), step):
            part = index[start : start + size]
            numbers = st.lists(LOGITS, min_size=len(part), max_size=len(part))
            windows.append(
                SpanLogits(
                    page,
                    np.array(part, dtype=np.int32),
                    np.array(draw(numbers), dtype=np.float32),
                    np.array(draw(numbers), dtype=np.float32),
                    draw(LOGITS),
                )
            )
    return windows


def written_out(windows, max_words):
    """Every candidate with its logit, by its definition; None is "no answer"."""
    candidates = defaultdict(lambda: -math.inf)
    pages = {}
    for window in windows:
        words = window.word_index.tolist()
        for a, first in enumerate(words):
            for b, last in enumerate(words):
                if first <= last < first + max_words:
                    span = (first, last + 1)
                    logit = float(window.start[a]) + float(window.end[b])
                    candidates[span] = max(candidates[span], logit)
                    pages[span] = window.page
    null = min((window.null for window in windows), default=0.0)
    order = sorted(candidates, key=lambda span: (-candidates[span], span))
    place = sum(candidates[span] >= null for span in order)
    order.insert(place, None)
    candidates[None] = null
    total = sum(math.exp(logit) for logit in candidates.values())
    return [
        (pages.get(span), *(span or (None, None)), math.exp(candidates[span]) / total)
        for span in order
    ]


@given(documents(), st.integers(1, 5), st.integers(1, 200))
def test_the_best_of_all_candidates(windows, max_words, top_k):
    found = best_spans(windows, top_k=top_k, max_words=max_words)
    expected = written_out(windows, max_words)
    assert len(found) == min(top_k, len(expected))
    for answer, (page, start, end, score) in zip(found, expected[:top_k], strict=True):
        assert (answer.page, answer.start, answer.end) == (page, start, end)
        assert math.isclose(answer.score, score, rel_tol=1e-9)
    if top_k >= len(expected):
        assert math.isclose(sum(answer.score for answer in found), 1)


@given(documents(), st.floats(-1e4, 1e4, width=16))
def test_the_same_number_on_all_logits_changes_nothing(windows, more):
    moved = [
        SpanLogits(w.page, w.word_index, w.start + np.float64(more), w.end, w.null + more)
        for w in windows
    ]
    for one, other in zip(best_spans(windows, top_k=9), best_spans(moved, top_k=9), strict=True):
        assert math.isclose(one.score, other.score, rel_tol=1e-6)


def window(words, start, end, null=-9.0, page=1):
    return SpanLogits(
        page,
        np.array(words, dtype=np.int32),
        np.array(start, dtype=np.float32),
        np.array(end, dtype=np.float32),
        null,
    )


def test_an_answer_within_words_is_made_of_whole_ones():
    # The model starts at the second subword of word 0 and ends at the first of word 1.
    (found,) = best_spans([window([0, 0, 1, 1], [0, 9, 0, 0], [0, 0, 9, 0])])
    assert (found.start, found.end, found.page) == (0, 2, 1)


def test_no_answer_needs_every_window_to_say_so():
    silent, found = window([0], [1], [1], null=20.0), window([3], [5], [5], null=1.0, page=2)
    (answer,) = best_spans([silent, found])
    assert (answer.page, answer.start, answer.end) == (2, 3, 4)
    (answer,) = best_spans([silent])
    assert (answer.page, answer.start, answer.end) == (None, None, None)
    assert answer.score > 0.99


def test_an_answer_never_spans_pages():
    windows = [window([0], [9], [0]), window([1], [0], [9], page=2)]
    assert {(a.start, a.end) for a in best_spans(windows, top_k=9)} == {
        (0, 1),
        (1, 2),
        (None, None),
    }


def test_without_words_there_is_no_answer():
    assert best_spans([], top_k=3) == [SpanAnswer(None, None, None, 1.0)]


def test_results_that_are_not_numbers():
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not numbers"):
            best_spans([window([0], [bad], [0])])
        with pytest.raises(ValueError, match="not numbers"):
            best_spans([window([0], [0], [0], null=bad)])


@pytest.mark.parametrize("settings", [{"top_k": 0}, {"max_words": 0}])
def test_settings(settings):
    with pytest.raises(ValueError, match="use 1 or more"):
        best_spans([], **settings)
