"""Trains `pageloom/fields-multi-sm`: `python -m recipes.fields_multi_sm.train`.

Learns from generated invoices and receipts of the training layouts in five languages, shows the
scores on the validation layouts, and writes the checkpoint. Test layouts are only drawn by
`evaluate`.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pageloom.inference.decoding import TagScheme
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LiltForTokenClassification
from pageloom.processing import LayoutXLMTokenizer
from pageloom.processing.windows import (
    LayoutTokens,
    Window,
    encode_words,
    first_subwords,
    frame_windows,
)
from recipes.documents.dataset import Example, Pool, example, tags
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.noise import noisy
from recipes.fields_multi_sm.model import FIELDS, TAGS, new_config, new_tokenizer
from recipes.training import Settings, ahead, fit, like_length

PACKAGED = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights" / "fields-multi-sm"
KINDS = ("invoice", "invoice", "receipt")
"""What is drawn: invoices twice as often, since they vary more."""


@dataclass(frozen=True)
class Row:
    """One window to learn from: its subwords and their labels, -100 but for a word's first."""

    tokens: LayoutTokens
    window: Window
    labels: np.ndarray


def random_example(chance: random.Random) -> Example:
    """An invoice or receipt of a training layout."""
    layout = Layout(
        chance.choice(KINDS), chance.choice(layout_numbers("train")), chance.choice(LANGUAGES)
    )
    order = "rows" if chance.random() < 0.65 else "drawn"
    return example(layout.kind, layout, chance.randrange(1 << 40), order)  # type: ignore[arg-type]


def rows(tokenizer: LayoutXLMTokenizer, seed: int) -> Iterator[Row]:
    """Windows without end."""
    chance, pool = random.Random(seed), Pool(random_example)
    of_tag = {name: number for number, name in enumerate(TAGS)}
    while True:
        words = noisy(pool.example(chance).words, chance)
        tokens = encode_words(
            tokenizer, [w.text for w in words], [w.box for w in words], [1] * len(words)
        )
        of_word = np.array([of_tag[tag] for tag in tags(words, FIELDS)], dtype=np.int64)
        labels = np.where(first_subwords(tokens.word_index), of_word[tokens.word_index], -100)
        for window in tokens.windows:
            yield Row(tokens, window, labels[window.start : window.end])


def collate(batch: Sequence[Row], tokenizer: LayoutXLMTokenizer) -> dict[str, Tensor]:
    """The model's arguments."""
    arrays = frame_windows(tokenizer, [(row.tokens, row.window) for row in batch])
    labels = np.full(arrays["input_ids"].shape, -100, dtype=np.int64)
    for number, row in enumerate(batch):
        labels[number, 1 : 1 + len(row.labels)] = row.labels
    arrays["labels"] = labels
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def batches(folder: str, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Batches without end."""
    tokenizer = LayoutXLMTokenizer.from_pretrained(folder)
    chance = random.Random(seed)
    groups = like_length(rows(tokenizer, seed), size, lambda row: len(row.labels), chance.shuffle)
    for group in groups:
        yield collate(group, tokenizer)


def entity_scores(
    model: LiltForTokenClassification,
    tokenizer: LayoutXLMTokenizer,
    pages: Sequence[Example],
) -> dict[str, tuple[int, int, int]]:
    """(right, found, there) entities of each field."""
    engine = Engine(inference_copy(model, torch.device("cpu"), torch.bfloat16), tokenizer)
    items = [Item(encode_words(tokenizer, p.texts, p.boxes, [1] * len(p.words)), {}) for p in pages]
    scheme = TagScheme(TAGS)
    counts = {field: [0, 0, 0] for field in FIELDS}
    for page, logits in zip(pages, engine.token_logits(items), strict=True):
        found = {(e.label, e.start, e.end) for e in scheme.entities(logits)}
        there = set(spans(tags(page.words, FIELDS)))
        for place, group in enumerate((found & there, found, there)):
            for field, _, _ in group:
                counts[field][place] += 1
    return {field: (a, b, c) for field, (a, b, c) in counts.items()}


def spans(page_tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """(field, start, end) of each entity in BIO tags."""
    start = 0
    for place, tag in enumerate(page_tags):
        if tag.startswith("B-"):
            start = place
        follows = page_tags[place + 1] if place + 1 < len(page_tags) else "O"
        if tag != "O" and not follows.startswith("I-"):
            yield tag[2:], start, place + 1


def f1(right: int, found: int, there: int) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * right / (found + there) if found + there else 1.0


def shown(scores: dict[str, tuple[int, int, int]]) -> str:
    """Micro F1 and each field's, in one line."""
    total = [sum(values) for values in zip(*scores.values(), strict=True)]
    each = "  ".join(f"{field} {f1(*counts):.2f}" for field, counts in scores.items())
    return f"F1 {f1(*total):.3f}  ({each})"


def loss_of(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The model's own loss."""
    loss: Tensor = model(**batch).loss
    return loss


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = new_tokenizer()
    model = LiltForTokenClassification(
        new_config(tokenizer, id2label=dict(enumerate(TAGS)))
    ).initialise_all()
    chance = random.Random(0)
    watched = [
        example(kind, Layout(kind, number, chance.choice(LANGUAGES)), number)
        for kind in ("invoice", "receipt")
        for number in layout_numbers("validation")
    ]
    settings = Settings(steps=args.steps, new_rate=args.rate, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        fit(
            model,
            ahead(partial(batches, folder, args.batch, args.seed)),
            settings,
            loss_of,
            look=lambda model: shown(entity_scores(model, tokenizer, watched)),  # type: ignore[arg-type]
        )
    # Half precision halves the file.
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
