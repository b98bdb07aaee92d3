"""Asks a model every question about pages, and counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pageloom.inference.device import resolve_dtype
from pageloom.inference.engine import inference_copy
from pageloom.inference.vilt import ViltEngine
from pageloom.models import ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from pageloom.processing import ViltProcessor
from recipes.vqa_sm.pages import Page
from recipes.vqa_sm.questions import TOPICS, answer, question, statement

__all__ = ["Score", "matches", "scores"]


@dataclass(frozen=True)
class Score:
    """Of one topic: shares of right answers.

    Args:
        pages: that were asked about.
        accuracy: of all answers.
        balanced: the mean over the answers that are right somewhere, each with the same weight.
        baseline: the accuracy of whoever always gives the most common answer.
        wrong: the most common confusions, as (right answer, given answer, times).
    """

    pages: int
    accuracy: float
    balanced: float
    baseline: float
    wrong: list[tuple[str, str, int]]


def scores(
    model: ViltForQuestionAnswering,
    processor: ViltProcessor,
    pages: Sequence[Page],
    *,
    held: bool,
    seed: int = 0,
) -> dict[str, Score]:
    """Each topic's score, with one question about it to each page.

    Line items are scored a second time on the pages that have any, as "items", and how many of
    these counts are at most one off as "items, one off".
    """
    chance = random.Random(seed)
    engine = _engine(model)
    given: dict[str, list[tuple[str, str]]] = {topic: [] for topic in TOPICS}
    for page in pages:
        texts = [question(topic, chance, held) for topic in TOPICS]
        best = _logits(engine, processor, page, texts).argmax(1).tolist()
        for topic, label in zip(TOPICS, best, strict=True):
            given[topic].append((answer(topic, page.facts), model.config.id2label[label]))
    items = [pair for pair in given["line_items"] if pair[0] != "0"]
    found = {topic: _score(pairs) for topic, pairs in given.items()}
    near = [(a, a if _one_off(a, b) else b) for a, b in items]
    return {**found, "items": _score(items), "items, one off": _score(near)}


def matches(
    model: ViltForImageAndTextRetrieval,
    processor: ViltProcessor,
    pages: Sequence[Page],
    *,
    held: bool,
    seed: int = 0,
) -> tuple[float, float]:
    """Accuracy at 0.5, and how often a true statement scores higher than a false one (AUC).

    Each page gets two statements that fit and two that do not.
    """
    chance = random.Random(seed)
    engine = _engine(model)
    good, bad = [], []
    for page in pages:
        texts = [statement(page.facts, true, chance, held) for true in (True, True, False, False)]
        logits = _logits(engine, processor, page, texts)[:, 0]
        good += logits[:2].tolist()
        bad += logits[2:].tolist()
    right = sum(each >= 0 for each in good) + sum(each < 0 for each in bad)
    above = np.array(good)[:, None] > np.array(bad)
    return right / max(1, len(good) + len(bad)), float(above.mean()) if good else 0.0


def _engine(model: ViltForQuestionAnswering | ViltForImageAndTextRetrieval) -> ViltEngine:
    device = torch.device("cpu")
    return ViltEngine(inference_copy(model, device, resolve_dtype("auto", device)))


def _logits(
    engine: ViltEngine, processor: ViltProcessor, page: Page, texts: Sequence[str]
) -> np.ndarray:
    picture = engine.embed(processor.image_processor(page.picture)["pixel_values"][0])
    ids = [processor.tokenizer(text)["input_ids"] for text in texts]
    return engine.logits([picture], ids, [(0, number) for number in range(len(ids))])


def _one_off(right: str, given: str) -> bool:
    numbers = [21 if each == "more" else int(each) if each.isdigit() else -9
               for each in (right, given)]  # fmt: skip
    return abs(numbers[0] - numbers[1]) <= 1


def _score(pairs: Sequence[tuple[str, str]]) -> Score:
    if not pairs:
        return Score(0, 0.0, 0.0, 0.0, [])
    asked = Counter(right for right, _ in pairs)
    hits = Counter(right for right, given in pairs if right == given)
    misses = Counter((right, given) for right, given in pairs if right != given)
    return Score(
        pages=len(pairs),
        accuracy=hits.total() / len(pairs),
        balanced=sum(hits[each] / count for each, count in asked.items()) / len(asked),
        baseline=max(asked.values()) / len(pairs),
        wrong=[(a, b, count) for (a, b), count in misses.most_common(4)],
    )
