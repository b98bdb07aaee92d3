"""Batches: a few pages, and for each a few questions and statements with what is right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pageloom.processing import ViltProcessor
from recipes.vqa_sm.model import MARKS
from recipes.vqa_sm.pages import ROW, Page, shifted
from recipes.vqa_sm.questions import (
    ANSWERS,
    KIND_NAMES,
    MOST_ITEMS,
    TOPICS,
    answer,
    question,
    statement,
)

__all__ = ["Batch", "Teacher", "inked", "patch_truth"]

PATCH = 32
ANSWER_NUMBER = {name: number for number, name in enumerate(ANSWERS)}
INK = 8.0
"""The standard deviation of green, 0-255, above which a patch is not mere paper."""
# How often each topic is asked, before rare answers are preferred. To count is hardest.
SHARES = {"kind": 1.3, "line_items": 1.6, "orientation": 0.3}


@dataclass(frozen=True)
class Batch:
    """The model's inputs, and the truth: one row a text, in `pages` the page's.

    `answers` (texts, answers) 0-1; `matches` (texts,) 0-1; `asked` (texts,): whether it is a
    question; the rest is each page's: `kinds`, `marks` with the table last, `counts`, `sizes`
    (rows and columns of patches), and of which patches, numbered by rows, it shows what is `kept`.
    Of all kept patches of all pages, one after another: `pixels` (patches, 3, 32, 32), normalised,
    and `patches` (patches, marks and rows), what they show.
    """

    ids: Tensor
    mask: Tensor
    pixels: Tensor
    sizes: list[tuple[int, int]]
    kept: list[Tensor]
    pages: Tensor
    asked: Tensor
    answers: Tensor
    matches: Tensor
    kinds: Tensor
    marks: Tensor
    counts: Tensor
    patches: Tensor


class Teacher:
    """Makes batches, and asks more often what has a rare answer.

    Args:
        processor: of the model.
        facts: of many pages, to know which answers are rare.
        texts: questions and statements for a page.
        statements: the share of statements.
    """

    def __init__(
        self,
        processor: ViltProcessor,
        facts: Sequence[Mapping[str, Any]],
        texts: int = 2,
        statements: float = 0.25,
    ) -> None:
        self.processor = processor
        self.texts = texts
        self.statements = statements
        self.common = {topic: Counter(answer(topic, each) for each in facts) for topic in TOPICS}

    def weight(self, topic: str, facts: Mapping[str, Any]) -> float:
        """How often a topic is asked of a page."""
        counts = self.common[topic]
        share = counts[answer(topic, facts)] / max(1, counts.total())
        rare = min(8.0, 1 / (len(counts) * max(share, 1e-3))) ** 0.8
        return SHARES.get(topic, 1.0) * rare

    def batch(
        self,
        pages: Sequence[Page],
        chance: random.Random,
        drop_paper: float = 0.0,
        drop_print: float = 0.0,
    ) -> Batch:
        """A batch about pages, each moved a little so that marks meet the patches' edges anew.

        Of the patches without ink the share `drop_paper` is left out: they say least, and are
        half of a page. Of those with nothing but print `drop_print` is left out: a masked half of
        the patches teaches nearly as much at half the cost (Li et al. 2023, "Scaling
        Language-Image Pre-training via Masking").
        """
        pages = [shifted(page, chance.randint(-16, 16), chance.randint(-16, 16)) for page in pages]
        texts: list[str] = []
        rows: list[tuple[int, int, int, float]] = []  # page, asked, answer, match
        for number, page in enumerate(pages):
            weights = {topic: self.weight(topic, page.facts) for topic in TOPICS}
            for _ in range(self.texts):
                if chance.random() < self.statements:
                    true = chance.random() < 0.5
                    texts.append(statement(page.facts, true, chance))
                    rows.append((number, 0, 0, float(true)))
                else:
                    topic = chance.choices(list(weights), list(weights.values()))[0]
                    del weights[topic]
                    texts.append(question(topic, chance))
                    rows.append((number, 1, ANSWER_NUMBER[answer(topic, page.facts)], 0.0))
        encoded = self.processor.tokenizer(
            texts, padding=True, truncation=True, max_length=40, return_tensors="pt"
        )
        numbers, asked, right, matches = (
            torch.tensor(column) for column in zip(*rows, strict=True)
        )
        answers = torch.zeros(len(texts), len(ANSWERS))
        answers[torch.arange(len(texts)), right] = asked.float()
        facts = [page.facts for page in pages]
        truths = [patch_truth(page) for page in pages]
        noise = np.random.default_rng(chance.getrandbits(32))
        kept = [
            np.flatnonzero(
                truth.any(1)
                | (noise.random(len(truth)) >= np.where(inked(page), drop_print, drop_paper))
            )
            for page, truth in zip(pages, truths, strict=True)
        ]
        pixels = [
            _lightened(_patches(page)[numbers], chance)
            for page, numbers in zip(pages, kept, strict=True)
        ]
        shown = [truth[numbers] for truth, numbers in zip(truths, kept, strict=True)]
        return Batch(
            ids=encoded["input_ids"],
            mask=encoded["attention_mask"],
            pixels=torch.cat(pixels),
            sizes=[(high // PATCH, wide // PATCH) for high, wide in map(_size, pages)],
            kept=[torch.from_numpy(numbers) for numbers in kept],
            pages=numbers,
            asked=asked.bool(),
            answers=answers,
            matches=matches,
            kinds=torch.tensor([KIND_NAMES.index(each["kind"]) for each in facts]),
            marks=torch.tensor(
                [[float(bool(each[mark])) for mark in (*MARKS, "table")] for each in facts]
            ),
            counts=torch.tensor([min(int(each["line_items"]), MOST_ITEMS + 1) for each in facts]),
            patches=torch.from_numpy(np.concatenate(shown)),
        )


def patch_truth(page: Page) -> np.ndarray:
    """What each patch shows: (patches, marks and rows), by rows of patches.

    A mark counts where it covers a fifth of the patch, or half of it lies there; the last column
    is how many line items begin in the patch.
    """
    height, width = (side // PATCH for side in page.picture.shape[:2])
    truth = np.zeros((height, width, len(MARKS) + 1), dtype=np.float32)
    for name, box in page.places:
        x0, x1 = (side * width / 1000 for side in (box[0], box[2]))
        y0, y1 = (side * height / 1000 for side in (box[1], box[3]))
        if name == ROW:
            column, row = min(int(x0), width - 1), min(int((y0 + y1) / 2), height - 1)
            truth[row, column, -1] += 1
            continue
        across = np.clip(
            np.minimum(x1, np.arange(1, width + 1)) - np.maximum(x0, np.arange(width)), 0, 1
        )
        down = np.clip(
            np.minimum(y1, np.arange(1, height + 1)) - np.maximum(y0, np.arange(height)), 0, 1
        )
        covered = down[:, None] * across
        enough = min(0.2, 0.5 * (x1 - x0) * (y1 - y0))
        if enough > 0:
            mark = MARKS.index(name)
            truth[..., mark] = np.maximum(truth[..., mark], covered >= enough)
    return truth.reshape(-1, len(MARKS) + 1)


def inked(page: Page) -> np.ndarray:
    """Of which patches the values of green differ: bool (patches,)."""
    height, width = (side // PATCH for side in page.picture.shape[:2])
    green = page.picture[..., 1].reshape(height, PATCH, width, PATCH)
    return green.astype(np.float32).std((1, 3)).reshape(-1) > INK


def _size(page: Page) -> tuple[int, int]:
    """Height and width in pixels."""
    height, width = page.picture.shape[:2]
    return height, width


def _patches(page: Page) -> np.ndarray:
    """A view of a page's pixels: (patches, 3, 32, 32), by rows of patches."""
    height, width = (side // PATCH for side in _size(page))
    grid = page.picture.reshape(height, PATCH, width, PATCH, 3).transpose(0, 2, 4, 1, 3)
    return grid.reshape(height * width, 3, PATCH, PATCH)


def _lightened(patches: np.ndarray, chance: random.Random) -> Tensor:
    """A page's patches, normalised, a little lighter or darker, some without colour."""
    pixels = torch.from_numpy(patches).float()
    if chance.random() < 0.15:
        pixels[:] = pixels.mean(1, keepdim=True)
    gain = chance.uniform(0.85, 1.1)
    return pixels.mul_(gain / 127.5).add_(chance.uniform(-0.08, 0.08) - gain)
