"""Trains `pageloom/doctype-sm`: `python -m recipes.doctype_sm.train`.

The lower layers and the vocabulary of `pageloom/fields-multi-sm` go on learning, on generated
documents of eight kinds in five languages. Validation layouts are watched, test layouts are only
drawn by `evaluate`.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LiltForSequenceClassification
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import LayoutXLMTokenizer
from pageloom.processing.windows import LayoutTokens, Window, encode_words, frame_windows
from recipes.documents.dataset import KINDS, Example, Pool, example
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers
from recipes.documents.noise import noisy
from recipes.documents.sheet import Word
from recipes.fields_multi_sm.model import new_config
from recipes.fields_multi_sm.train import PACKAGED as START
from recipes.fields_multi_sm.train import loss_of
from recipes.training import Settings, ahead, fit, like_length

PACKAGED = START.with_name("doctype-sm")
LABELS = tuple(KINDS)
LAYERS = 3


@dataclass(frozen=True)
class Row:
    """One window to learn from, and its document's kind."""

    tokens: LayoutTokens
    window: Window
    label: int


def random_example(chance: random.Random) -> Example:
    """A document of any kind, of a training layout."""
    layout = Layout(
        chance.choice(LABELS), chance.choice(layout_numbers("train")), chance.choice(LANGUAGES)
    )
    order = "rows" if chance.random() < 0.65 else "drawn"
    return example(layout.kind, layout, chance.randrange(1 << 40), order)  # type: ignore[arg-type]


def part(words: Sequence[Word], chance: random.Random) -> Sequence[Word]:
    """Sometimes only a run of the words: a page cut off, or a badly read one."""
    if len(words) < 40 or chance.random() < 0.7:
        return words
    length = chance.randrange(20, len(words))
    start = chance.choice((0, 0, chance.randrange(len(words) - length + 1)))
    return words[start : start + length]


def rows(tokenizer: LayoutXLMTokenizer, seed: int) -> Iterator[Row]:
    """Windows without end."""
    chance, pool = random.Random(seed), Pool(random_example)
    while True:
        page = pool.example(chance)
        words = noisy(part(page.words, chance), chance)
        tokens = encode_words(
            tokenizer, [w.text for w in words], [w.box for w in words], [1] * len(words)
        )
        for window in tokens.windows[:1]:
            yield Row(tokens, window, LABELS.index(page.kind))


def batches(folder: str, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Batches without end."""
    tokenizer = LayoutXLMTokenizer.from_pretrained(folder)
    chance = random.Random(seed)
    for group in like_length(
        rows(tokenizer, seed), size, lambda row: row.window.end - row.window.start, chance.shuffle
    ):
        arrays = frame_windows(tokenizer, [(row.tokens, row.window) for row in group])
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        tensors["labels"] = torch.tensor([row.label for row in group])
        yield tensors


def new_model(tokenizer: LayoutXLMTokenizer) -> LiltForSequenceClassification:
    """The vocabulary and the lower layers of `fields-multi-sm`; the head is new."""
    config = new_config(tokenizer, num_hidden_layers=LAYERS, id2label=dict(enumerate(LABELS)))
    model = LiltForSequenceClassification(config).initialise_all()
    start = {
        key: tensor.float()
        for key, tensor in read_tensors(START).items()
        if not key.startswith("classifier.")
        and not any(f"layer.{number}." in key for number in range(LAYERS, 99))
    }
    model.place(start, "fields-multi-sm")
    return model


def predictions(
    model: LiltForSequenceClassification, tokenizer: LayoutXLMTokenizer, pages: Sequence[Example]
) -> list[int]:
    """The likeliest kind of each page, from its windows' mean probabilities."""
    engine = Engine(inference_copy(model, torch.device("cpu"), torch.bfloat16), tokenizer)
    items = [Item(encode_words(tokenizer, p.texts, p.boxes, [1] * len(p.words)), {}) for p in pages]
    totals = np.zeros((len(pages), len(LABELS)))
    for document, _, output, row in engine.run(items):
        totals[document] += output.logits[row].float().softmax(-1).numpy()
    return [int(row.argmax()) for row in totals]


def look_at(
    model: LiltForSequenceClassification, tokenizer: LayoutXLMTokenizer, pages: Sequence[Example]
) -> str:
    """The share of right kinds, in one line."""
    found = predictions(model, tokenizer, pages)
    right = {kind: [] for kind in LABELS}  # type: dict[str, list[bool]]
    for page, label in zip(pages, found, strict=True):
        right[page.kind].append(LABELS[label] == page.kind)
    every = [hit for hits in right.values() for hit in hits]
    each = "  ".join(f"{kind} {sum(hits) / len(hits):.2f}" for kind, hits in right.items())
    return f"accuracy {sum(every) / len(every):.3f}  ({each})"


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    tokenizer = LayoutXLMTokenizer.from_pretrained(START)
    model = new_model(tokenizer)
    chance = random.Random(0)
    watched = [
        example(kind, Layout(kind, number, chance.choice(LANGUAGES)), number)  # type: ignore[arg-type]
        for kind in LABELS
        for number in layout_numbers("validation")
    ]
    settings = Settings(steps=args.steps, rate=args.rate, new_rate=5 * args.rate, seed=args.seed)
    fit(
        model,
        ahead(partial(batches, str(START), args.batch, args.seed)),
        settings,
        loss_of,
        is_new=lambda name: name.startswith("classifier."),
        look=lambda model: look_at(model, tokenizer, watched),  # type: ignore[arg-type]
    )
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
