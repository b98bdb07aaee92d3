"""Trains `pageloom/fields-sm`: `python -m recipes.fields_sm.train`.

Learns from the training receipts, shows the scores on the validation receipts, never sees the
held-out ones, and writes the checkpoint into weights/pageloom_weights/fields-sm.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pageloom.inference.decoding import TagScheme
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
from pageloom.processing.windows import (
    LayoutTokens,
    Window,
    encode_words,
    first_subwords,
    frame_windows,
)
from recipes.fields_sm.align import IGNORE, Receipt, align
from recipes.fields_sm.augment import augment
from recipes.fields_sm.model import TAGS, new_model, new_tokenizer
from recipes.fields_sm.sroie import DEFAULT_FOLDER, LABELS, Scan, normalise, read, split

PACKAGED = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights" / "fields-sm"


@dataclass(frozen=True)
class Settings:
    """How to train. `average` epochs at the end are averaged into the result."""

    epochs: int = 16
    batch: int = 8
    rate: float = 8e-5
    new_rate: float = 5e-4
    warmup: float = 0.08
    weight_decay: float = 0.01
    dropout: float = 0.1
    average: int = 5
    seed: int = 1


@dataclass(frozen=True)
class Row:
    """One window to learn from."""

    tokens: LayoutTokens
    window: Window
    labels: np.ndarray  # (subwords of the window,)
    picture: np.ndarray  # uint8 (3, 224, 224)


def pictures(scans: Sequence[Scan]) -> dict[str, np.ndarray]:
    """Each receipt's picture as the model takes it, by the receipt's id."""
    processor = LayoutLMv2ImageProcessor(apply_ocr=False)
    found = {}
    for scan in scans:
        with Image.open(scan.image_path) as image:
            found[scan.id] = processor.pixels(image.convert("RGB"))
    return found


def rows(receipt: Receipt, tokenizer: LayoutLMv2Tokenizer, picture: np.ndarray) -> Iterator[Row]:
    """The receipt's windows, as inference makes them; a word's first subword is labelled."""
    tokens = encode_words(tokenizer, receipt.words, receipt.word_boxes, [1] * len(receipt.words))
    tag = {name: number for number, name in enumerate(TAGS)} | {IGNORE: -100}
    of_word = np.array([tag[label] for label in receipt.labels], dtype=np.int64)
    labels = np.where(first_subwords(tokens.word_index), of_word[tokens.word_index], -100)
    for window in tokens.windows:
        yield Row(tokens, window, labels[window.start : window.end], picture)


def batches(data: list[Row], size: int, chance: random.Random) -> Iterator[list[Row]]:
    """Batches of rows of similar length, in random order."""
    chance.shuffle(data)
    chunk = size * 8
    groups = []
    for first in range(0, len(data), chunk):
        near = sorted(data[first : first + chunk], key=lambda row: len(row.labels))
        groups += [near[start : start + size] for start in range(0, len(near), size)]
    chance.shuffle(groups)
    yield from groups


def collate(batch: list[Row], tokenizer: LayoutLMv2Tokenizer) -> dict[str, Tensor]:
    """The model's arguments."""
    arrays = frame_windows(tokenizer, [(row.tokens, row.window) for row in batch])
    labels = np.full(arrays["input_ids"].shape, -100, dtype=np.int64)
    for number, row in enumerate(batch):
        labels[number, 1 : 1 + len(row.labels)] = row.labels
    arrays["labels"] = labels
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    tensors["image"] = torch.from_numpy(np.stack([row.picture for row in batch]))
    return tensors


def optimizer(model: LayoutLMv2ForTokenClassification, settings: Settings) -> torch.optim.AdamW:
    """AdamW; what starts from nothing learns faster than what starts from the small BERT."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    new = (
        "visual",
        "classifier",
        "rel_pos",
        "x_position",
        "y_position",
        "h_position",
        "w_position",
    )
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (any(part in name for part in new), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": settings.new_rate if is_new else settings.rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (is_new, decays), parameters in groups.items()
        ],
        fused=True,
    )


def evaluate(
    model: LayoutLMv2ForTokenClassification,
    tokenizer: LayoutLMv2Tokenizer,
    receipts: Sequence[Receipt],
    images: dict[str, np.ndarray],
    boxes: str = "word_boxes",
) -> dict[str, float]:
    """The share of receipts in which each field, as best found, is exactly right."""
    engine = Engine(inference_copy(model, torch.device("cpu"), torch.bfloat16), tokenizer)
    items = [
        Item(
            encode_words(tokenizer, r.words, getattr(r, boxes), [1] * len(r.words)),
            {1: images[r.id]},
        )
        for r in receipts
    ]
    scheme = TagScheme(TAGS)
    right = dict.fromkeys(LABELS, 0)
    asked = dict.fromkeys(LABELS, 0)
    for receipt, logits in zip(receipts, engine.token_logits(items), strict=True):
        entities = scheme.entities(logits)
        for label, truth in receipt.fields.items():
            asked[label] += 1
            best = max(
                (entity for entity in entities if entity.label == label),
                key=lambda entity: entity.score,
                default=None,
            )
            if best is not None:
                text = normalise(" ".join(receipt.words[best.start : best.end]))
                right[label] += text == normalise(truth)
    return {label: right[label] / max(1, asked[label]) for label in LABELS}


def train(
    learn: Sequence[Scan], watch: Sequence[Scan], settings: Settings
) -> tuple[LayoutLMv2ForTokenClassification, LayoutLMv2Tokenizer]:
    """Train on `learn`; print the field scores on `watch` after each epoch."""
    torch.manual_seed(settings.seed)
    chance = random.Random(settings.seed)
    tokenizer = new_tokenizer()
    model = new_model(settings.dropout)
    model.layoutlmv2.encoder.learn_position_biases = True
    images = pictures([*learn, *watch])
    versions = [[align(scan, order=order)[0] for order in ("given", "reading")] for scan in learn]
    watched = [align(scan)[0] for scan in watch]
    optim = optimizer(model, settings)
    peak = [group["lr"] for group in optim.param_groups]
    per_epoch = math.ceil(len(learn) / settings.batch)
    total = per_epoch * settings.epochs
    averaged: dict[str, Tensor] = {}
    step, started = 0, time.time()
    for epoch in range(settings.epochs):
        model.train()
        pool = [chance.choice(orders) for orders in versions]
        data = [
            row
            for receipt in pool
            for row in rows(
                augment(receipt, pool, seed=settings.seed, epoch=epoch),
                tokenizer,
                images[receipt.id],
            )
        ]
        losses = []
        for batch in batches(data, settings.batch, chance):
            progress = min(1.0, step / total)
            warm = min(1.0, step / (settings.warmup * total))
            for group, rate in zip(optim.param_groups, peak, strict=True):
                group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * progress))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = model(**collate(batch, tokenizer)).loss
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optim.step()
            optim.zero_grad(set_to_none=True)
            losses.append(loss.item())
            step += 1
        if epoch >= settings.epochs - settings.average:
            for name, tensor in model.state_dict().items():
                if tensor.is_floating_point():
                    share = tensor.detach() / settings.average
                    averaged[name] = averaged[name] + share if name in averaged else share.clone()
        line = f"epoch {epoch + 1:2d}  loss {np.mean(losses):.3f}  {time.time() - started:5.0f} s"
        if watched and (epoch % 2 == 1 or epoch == settings.epochs - 1):
            line += "  " + _shown(evaluate(model.eval(), tokenizer, watched, images))
        print(line, flush=True)
    model.load_state_dict(averaged, strict=False)
    model.eval()
    if watched:
        for boxes in ("word_boxes", "line_boxes"):
            scores = evaluate(model, tokenizer, watched, images, boxes)
            print(f"averaged, {boxes}: {_shown(scores)}", flush=True)
    return model, tokenizer


def _shown(scores: dict[str, float]) -> str:
    mean = sum(scores.values()) / len(scores)
    return (
        "  ".join(f"{label} {score:.2f}" for label, score in scores.items()) + f"  mean {mean:.3f}"
    )


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--limit", type=int, help="use that many receipts only: a quick try")
    args = parser.parse_args()
    settings = Settings(epochs=args.epochs, seed=args.seed, average=min(5, args.epochs))
    parts = split(read(args.data))
    learn, watch = parts.train[: args.limit], parts.validation[: args.limit]
    model, tokenizer = train(learn, watch, settings)
    # Half precision halves the file.
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    LayoutLMv2ImageProcessor().save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
