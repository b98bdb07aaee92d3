"""What the model learns from: windows of real receipts and of generated pages, in batches.

A receipt's annotators name four fields and nothing else, so a word without a label may still be an
invoice's number or a position's price. The loss asks of it only that it is none of the four: see
`token_loss`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
from pageloom.processing.windows import (
    LayoutTokens,
    Window,
    encode_words,
    first_subwords,
    frame_windows,
)
from recipes.documents.dataset import tags
from recipes.documents.noise import noisy
from recipes.documents.sheet import Word
from recipes.fields_sm.align import IGNORE, Receipt, align, amounts_alone
from recipes.fields_sm.augment import augment
from recipes.fields_sm.cross import crossed
from recipes.fields_sm.model import FIELDS, GENERATED, TAGS
from recipes.fields_sm.pages import Store
from recipes.fields_sm.sroie import LABELS, Scan
from recipes.training import like_length

__all__ = [
    "Row",
    "collate",
    "groups",
    "page_tags",
    "pictures",
    "receipt_rows",
    "rows",
    "token_loss",
]

SILENT = tuple(
    number
    for number, tag in enumerate(TAGS)
    if tag == "O" or tag.partition("-")[2] in FIELDS[len(LABELS) :]
)
"""What an unlabelled word of a receipt may be: nothing, or a field that nobody was asked for."""
CROSSED = 0.25
"""The share of receipts whose body is another's."""


@dataclass(frozen=True)
class Row:
    """One window to learn from.

    Args:
        tokens, window: the subwords.
        labels: int64 (subwords of the window,), -100 but for a word's first one.
        picture: uint8 (3, 224, 224).
        partial: whether only `LABELS` are labelled.
    """

    tokens: LayoutTokens
    window: Window
    labels: np.ndarray
    picture: np.ndarray
    partial: bool


def pictures(scans: Sequence[Scan]) -> dict[str, np.ndarray]:
    """Each receipt's picture as the model takes it, by the receipt's id."""
    processor = LayoutLMv2ImageProcessor(apply_ocr=False)
    found = {}
    for scan in scans:
        with Image.open(scan.image_path) as image:
            found[scan.id] = processor.pixels(image.convert("RGB"))
    return found


def rows(
    tokenizer: LayoutLMv2Tokenizer,
    words: Sequence[str],
    boxes: Sequence[tuple[int, int, int, int]],
    labels: Sequence[str],
    picture: np.ndarray,
    *,
    partial: bool,
) -> list[Row]:
    """A page's windows, as inference makes them; a word's first subword is labelled."""
    tokens = encode_words(tokenizer, words, boxes, [1] * len(words))
    number = {name: at for at, name in enumerate(TAGS)} | {IGNORE: -100}
    of_word = np.array([number[label] for label in labels], dtype=np.int64)
    of_subword = np.where(first_subwords(tokens.word_index), of_word[tokens.word_index], -100)
    return [
        Row(tokens, window, of_subword[window.start : window.end], picture, partial)
        for window in tokens.windows
    ]


def page_tags(words: Sequence[Word]) -> list[str]:
    """The tags of a generated page's words, by our names of the fields."""
    found = []
    for tag in tags(words, tuple(GENERATED)):
        prefix, dash, field = tag.partition("-")
        found.append(f"{prefix}-{GENERATED[field]}" if dash else tag)
    return found


def receipt_rows(scans: Sequence[Scan], tokenizer: LayoutLMv2Tokenizer, seed: int) -> Iterator[Row]:
    """Windows of varied receipts without end: each once in every round, in another order."""
    chance = random.Random(f"receipts {seed}")
    images = pictures(scans)
    versions = [
        [amounts_alone(align(scan, order=order)[0]) for order in ("given", "reading")]
        for scan in scans
    ]
    epoch = 0
    while True:
        pool: list[Receipt] = [chance.choice(orders) for orders in versions]
        chance.shuffle(pool)
        for receipt in pool:
            rng = np.random.default_rng([seed, epoch, chance.randrange(1 << 30)])
            base = crossed(receipt, pool, rng) if rng.random() < CROSSED else receipt
            varied = augment(base, pool, seed=seed, epoch=epoch)
            yield from rows(
                tokenizer,
                varied.words,
                varied.word_boxes,
                varied.labels,
                images[receipt.id],
                partial=True,
            )
        epoch += 1


def page_rows(store: Store, tokenizer: LayoutLMv2Tokenizer, seed: int) -> Iterator[Row]:
    """One window of each generated page, without end; misread anew in every round."""
    chance = random.Random(f"pages {seed}")
    while True:
        order = list(range(len(store)))
        chance.shuffle(order)
        for number in order:
            page = store[number]
            words = noisy(page.in_order("rows" if chance.random() < 0.65 else "drawn"), chance)
            found = rows(
                tokenizer,
                [word.text for word in words],
                [word.box for word in words],
                page_tags(words),
                page.picture,
                partial=False,
            )
            if found:
                yield chance.choice(found)


def groups(
    receipts: Iterator[Row], pages: Iterator[Row], size: int, share: float, seed: int
) -> Iterator[list[Row]]:
    """Batches of `size` rows of like length, without end; `share` of the rows are of receipts."""
    chance = random.Random(f"mixed {seed}")

    def mixed() -> Iterator[Row]:
        while True:
            yield next(receipts if chance.random() < share else pages)

    return like_length(mixed(), size, lambda row: len(row.labels), chance.shuffle)


def collate(batch: Sequence[Row], tokenizer: LayoutLMv2Tokenizer) -> dict[str, Tensor]:
    """The model's arguments; besides, `labels`, and `partial` (rows,)."""
    arrays = frame_windows(tokenizer, [(row.tokens, row.window) for row in batch])
    labels = np.full(arrays["input_ids"].shape, -100, dtype=np.int64)
    for number, row in enumerate(batch):
        labels[number, 1 : 1 + len(row.labels)] = row.labels
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tensors["labels"] = torch.from_numpy(labels)
    tensors["image"] = torch.from_numpy(np.stack([row.picture for row in batch]))
    tensors["partial"] = torch.tensor([row.partial for row in batch])
    return tensors


def token_loss(logits: Tensor, labels: Tensor, partial: Tensor) -> Tensor:
    """Mean cross-entropy of the labelled subwords.

    Where a row is partial, an unlabelled word is right with any of `SILENT`: their probabilities
    are added up.

    Args:
        logits: float (rows, length, tags).
        labels: int64 (rows, length), -100 where none.
        partial: bool (rows,).
    """
    scores = F.log_softmax(logits.float(), -1)
    told = scores.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    silent = scores[..., list(SILENT)].logsumexp(-1)
    told = torch.where(partial.unsqueeze(-1) & (labels == 0), silent, told)
    known = labels >= 0
    loss: Tensor = -told[known].sum() / known.sum().clamp(min=1)
    return loss
