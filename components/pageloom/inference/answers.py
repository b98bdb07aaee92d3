"""From start and end logits to answers, and from answers to what a model is to say of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SpanAnswer", "SpanLogits", "SpanTarget", "best_spans", "span_targets"]

IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class SpanLogits:
    """What a model says of one window of the text, for one question.

    Args:
        page: the window's page.
        word_index: int (subwords,), ascending: the document's word that each subword is of.
        start, end: float (subwords,), the logits that the answer starts or ends there.
        null: start and end logit of the window's first token, summed: no answer is here.
    """

    page: int
    word_index: IntArray
    start: npt.NDArray[np.float32]
    end: npt.NDArray[np.float32]
    null: float


@dataclass(frozen=True)
class SpanAnswer:
    """Words `start` to `end` (exclusive) of the document, on `page`; all None for "no answer".

    `score`: 0-1.
    """

    page: int | None
    start: int | None
    end: int | None
    score: float


@dataclass(frozen=True)
class SpanTarget:
    """What is right for one window and one question: the inverse of `SpanLogits`.

    Args:
        spans: the first and the last subword of each answer, counted from the window's first;
            none where the answer is not in the window, and so what `null` measures is right.
        weight: how much it counts, 0-1.
    """

    spans: tuple[tuple[int, int], ...]
    weight: float


def best_spans(
    windows: Sequence[SpanLogits], *, top_k: int = 1, max_words: int = 30
) -> list[SpanAnswer]:
    """The `top_k` best answers to one question, best first, "no answer" among them.

    Candidates are all runs of 1 to `max_words` whole words that lie in one window. A candidate's
    logit is the highest sum of a start logit in its first word and an end logit in its last, over
    the windows that hold both; words without a subword neither start nor end an answer. "No answer"
    has the lowest `null` of all windows, since an answer in any of them is one (Rajpurkar et al.
    2018, and Devlin et al. 2019, section 4.3). A score is the softmax over all candidates and "no
    answer", so the scores of all of them sum to one.

    Of equal logits an answer comes before "no answer", the one that starts first before others,
    the shorter before the longer. Without windows "no answer" is all there is.

    Args:
        windows: in reading order, those of a page together; at least one subword each.
        top_k: how many, at least 1.
        max_words: words in an answer, at least 1.

    Raises `ValueError` where a logit is not finite.
    """
    if top_k < 1 or max_words < 1:
        raise ValueError(f"top_k={top_k} and max_words={max_words}: use 1 or more of both")
    for window in windows:
        finite = np.isfinite(window.start).all() and np.isfinite(window.end).all()
        if not (finite and np.isfinite(window.null)):
            raise ValueError("the model's results are not numbers; use dtype float32")
    null = min((window.null for window in windows), default=0.0)
    total = null
    found: list[tuple[float, int, int, int]] = []
    for page, group in groupby(windows, key=lambda window: window.page):
        first, logits = _page_logits(list(group), max_words)
        total = float(np.logaddexp(total, _log_sum(logits)))
        order = np.argsort(-logits, axis=None, kind="stable")[:top_k]
        for word, more in zip(*np.unravel_index(order, logits.shape), strict=True):
            if np.isfinite(logits[word, more]):
                start = first + int(word)
                found.append((float(logits[word, more]), start, start + int(more) + 1, page))
    found.sort(key=lambda row: (-row[0], row[1], row[2]))
    before = sum(logit >= null for logit, *_ in found)
    answers = [
        SpanAnswer(page, start, end, float(np.exp(logit - total)))
        for logit, start, end, page in found
    ]
    answers.insert(before, SpanAnswer(None, None, None, float(np.exp(null - total))))
    return answers[:top_k]


def _page_logits(windows: list[SpanLogits], max_words: int) -> tuple[int, npt.NDArray[np.float64]]:
    """The page's first word, and float (words, lengths): the logit of the answer that starts with
    a word and has 1, 2, 3, ... words; -inf where there is none.
    """
    first = min(int(window.word_index[0]) for window in windows)
    words = max(int(window.word_index[-1]) for window in windows) + 1 - first
    longest = min(max_words, words)
    logits = np.full((words, longest), -np.inf)
    for window in windows:
        offset = int(window.word_index[0])
        here = window.word_index - offset
        count = int(here[-1]) + 1
        starts = np.full(count, -np.inf)
        ends = np.full(count + longest - 1, -np.inf)
        np.maximum.at(starts, here, window.start)
        np.maximum.at(ends, here, window.end)
        sums = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, longest)
        rows = logits[offset - first : offset - first + count]
        np.maximum(rows, sums, out=rows)
    return first, logits


def _log_sum(logits: npt.NDArray[np.float64]) -> float:
    highest = logits.max()
    return float(highest + np.log(np.exp(logits - highest).sum()))


def span_targets(
    word_index: IntArray, windows: Sequence[tuple[int, int]], answers: Sequence[tuple[int, int]]
) -> list[SpanTarget]:
    """What is right for each window of a document, for one question.

    An answer begins at its first subword and ends at its last, in each window that holds both. Of a
    question with an answer, the windows without it count together at most as much as those with it:
    a long document has many, and "no answer" would be all that it teaches. Where no window holds an
    answer whole, which `best_spans` then cannot give, no window counts.

    Args:
        word_index: int (subwords,), ascending: the document's word that each subword is of.
        windows: (first subword, one past the last) of each.
        answers: the words of each true answer, (first, one past the last); none where the document
            has no answer.
    """
    edges = np.searchsorted(word_index, np.array(answers, dtype=np.int64).reshape(-1, 2))
    places = [(int(first), int(end) - 1) for first, end in edges if first < end]
    found = [
        tuple((a - start, b - start) for a, b in places if start <= a and b < end)
        for start, end in windows
    ]
    whole = sum(bool(spans) for spans in found)
    without = 1.0
    if answers:
        without = min(1.0, whole / max(1, len(windows) - whole))
    return [SpanTarget(spans, 1.0 if spans else without) for spans in found]
