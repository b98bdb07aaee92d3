"""From drawn pages to windows with a question: what the model learns from, and is watched on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from pageloom.processing import LayoutLMv2Tokenizer
from pageloom.processing.questions import (
    QuestionRow,
    frame_questions,
    question_windows,
    room_beside,
)
from pageloom.processing.windows import LayoutTokens, encode_words
from recipes.docqa_sm.phrases import Part
from recipes.docqa_sm.questions import Known, Question, ask, places
from recipes.documents.dataset import Example, Order, example, in_order
from recipes.documents.layout import LANGUAGES, Layout, Split, layout_numbers
from recipes.documents.noise import noisy
from recipes.documents.sheet import A4

__all__ = ["KIND_SHARES", "Asked", "Row", "asked_pages", "collate", "pages", "rows", "texts"]

KIND_SHARES = {
    "invoice": 0.3, "receipt": 0.15, "letter": 0.1, "form": 0.15, "report": 0.08, "resume": 0.06,
    "bank statement": 0.1, "other": 0.06,
}  # fmt: skip
LANGUAGE_SHARES = (0.4, 0.15, 0.15, 0.15, 0.15)
ELSEWHERE = 0.12
"""How often a window is shown that the answer is not in, where a page has several."""


@dataclass(frozen=True)
class Asked:
    """A page, and questions about it with the places of their answers: (first, last) word of each,
    last exclusive; none where the page has no answer.
    """

    page: Example
    questions: tuple[Question, ...]
    places: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class Row:
    """A question beside a window, and the subwords of the window at which the answer starts and
    ends; `None` where it is not in the window.
    """

    row: QuestionRow
    answer: tuple[int, int] | None

    def __len__(self) -> int:
        question, _, window = self.row
        return len(question) + window.end - window.start


def pages(
    kinds: Sequence[str], split: Split, chance: random.Random, order: Order | None = None
) -> Iterator[Example]:
    """Pages without end; kinds by their shares, layouts and languages as they come."""
    numbers = layout_numbers(split)
    shares = [KIND_SHARES[kind] for kind in kinds]
    while True:
        kind = chance.choices(kinds, shares)[0]
        language = chance.choices(LANGUAGES, LANGUAGE_SHARES)[0]
        layout = Layout(kind, chance.choice(numbers), language)
        how = order or chance.choice(("drawn", "rows"))
        page = example(kind, layout, chance.randrange(10**9), how)
        if page.words:
            yield page


def asked_pages(
    source: Iterator[Example],
    chance: random.Random,
    known: Known,
    *,
    count: int = 6,
    part: Part = "train",
    strength: float = 1.0,
) -> Iterator[Asked]:
    """Each page with up to `count` questions; its words changed by noise of a strength."""
    for page in source:
        known.add(page)
        words = tuple(noisy(page.words, chance, strength))
        kept: list[tuple[Question, tuple[tuple[int, int], ...]]] = []
        for question in ask(page, chance, count, known, part=part):
            found = tuple(places(question, words))
            if found or not question.keys:
                kept.append((question, found))
        if kept:
            yield Asked(replace(page, words=words), *map(tuple, zip(*kept, strict=True)))


def in_rows(page: Example) -> Example:
    """The page as pageloom's own reader orders it."""
    return replace(page, words=tuple(in_order(page.words, A4, "rows")))


def rows(
    asked: Asked, tokenizer: LayoutLMv2Tokenizer, chance: random.Random, max_length: int = 512
) -> Iterator[Row]:
    """One window for each question, framed as in inference."""
    page = asked.page
    tokens = encode_words(tokenizer, page.texts, page.boxes, [1] * len(page.words))
    for question, found in zip(asked.questions, asked.places, strict=True):
        ids, _ = tokenizer.subwords(question.text.split())
        room = room_beside(tokenizer, len(ids), max_length)
        if not len(ids) or room < 2:
            continue
        windows = question_windows(tokens, room, min(128, room // 2))
        # The first place counts; a value printed twice has the other as well.
        spans = [_subwords(tokens, *run) for run in found[:1]]
        choices = [
            Row(
                (ids, tokens, window),
                next(
                    (
                        (first - window.start, last - window.start)
                        for first, last in spans
                        if window.start <= first and last < window.end
                    ),
                    None,
                ),
            )
            for window in windows
        ]
        inside = [row for row in choices if row.answer is not None]
        outside = [row for row in choices if row.answer is None]
        if inside and (not outside or chance.random() >= ELSEWHERE):
            yield chance.choice(inside)
        elif outside:
            yield chance.choice(outside)


def _subwords(tokens: LayoutTokens, start: int, end: int) -> tuple[int, int]:
    """The first and the last subword of the words from `start` to `end` (exclusive)."""
    first, last = np.searchsorted(tokens.word_index, (start, end))
    return int(first), int(last) - 1


def collate(
    batch: Sequence[Row], tokenizer: LayoutLMv2Tokenizer
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The model's arguments, and the columns at which answers start and end; 0, the first token,
    where there is none.
    """
    framed, begins = frame_questions(tokenizer, [row.row for row in batch])
    starts, ends = (
        torch.tensor(
            [
                0 if row.answer is None else begin + row.answer[side]
                for row, begin in zip(batch, begins, strict=True)
            ]
        )
        for side in (0, 1)
    )
    return {name: torch.from_numpy(array) for name, array in framed.items()}, starts, ends


def texts(source: Iterator[Example], chance: random.Random, count: int) -> Iterator[list[str]]:
    """The words of `count` pages, and those of questions about them."""
    known = Known()
    for page in islice(source, count):
        known.add(page)
        yield page.texts
        for question in ask(page, chance, 6, known):
            yield question.text.split()
