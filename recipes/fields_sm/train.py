"""Trains `pageloom/fields-sm`: `python -m recipes.fields_sm.train --cache FOLDER`.

Learns from the training receipts and from generated pages of training layouts (`pages.py` draws
them before), shows the scores on the validation receipts and layouts, never sees the held-out
ones, and writes the checkpoint into weights/pageloom_weights/fields-sm.

In two stages: `--stage receipts` learns the receipts alone, from the small BERT; `--start FOLDER`
goes on from what it wrote with everything.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pageloom.fields.calibration import FILE as CALIBRATION
from pageloom.inference.decoding import Entity, TagScheme
from pageloom.inference.device import resolve_dtype
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
from pageloom.processing.windows import encode_words
from recipes.fields_sm.align import Receipt, align
from recipes.fields_sm.lessons import (
    Row,
    collate,
    groups,
    page_rows,
    page_tags,
    pictures,
    receipt_rows,
    token_loss,
)
from recipes.fields_sm.model import TAGS, new_model
from recipes.fields_sm.pages import Store
from recipes.fields_sm.score import entity_scores
from recipes.fields_sm.sroie import DEFAULT_FOLDER, LABELS, Scan, normalise, read, split
from recipes.fields_sm.vocabulary import PIECES, counted, pruned

PACKAGED = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights" / "fields-sm"
CPU = torch.device("cpu")
NEW = (
    "visual",
    "classifier",
    "rel_pos",
    "x_position",
    "y_position",
    "h_position",
    "w_position",
)
"""Parts of the names of parameters that do not come from the small BERT."""


@dataclass(frozen=True)
class Settings:
    """How to train.

    Args:
        steps: at most.
        minutes: at most, by the clock; the learning rate falls to zero by whichever comes first.
        batch: rows of a step.
        share: of the rows that are receipts.
        rate, new_rate: the highest learning rates, of what came from the small BERT and of the
            rest.
        warmup: share of the training in which the rates rise.
        average: share of the training, at its end, whose weights are averaged into the result.
        learn_eyes: whether the picture's backbone learns too; else it stays as it was.
        watch: steps between two looks at the validation data.
    """

    steps: int = 1200
    minutes: float = math.inf
    batch: int = 8
    share: float = 0.5
    rate: float = 1e-4
    new_rate: float = 4e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    average: float = 0.2
    learn_eyes: bool = True
    watch: int = 250
    seed: int = 1


class Mean:
    """The mean of a model's weights over several steps."""

    def __init__(self) -> None:
        self.count = 0
        self._sums: dict[str, Tensor] = {}

    def add(self, model: nn.Module) -> None:
        """Take the weights as they are now."""
        self.count += 1
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                mean = self._sums.setdefault(name, torch.zeros_like(tensor))
                mean += (tensor - mean) / self.count

    def place(self, model: nn.Module) -> None:
        """Give the model the mean; nothing where nothing was added."""
        model.load_state_dict(self._sums, strict=False)


def optimizer(model: LayoutLMv2ForTokenClassification, settings: Settings) -> torch.optim.AdamW:
    """AdamW; what is not from the small BERT learns faster."""
    parts: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (any(part in name for part in NEW), parameter.ndim > 1)
            parts.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": settings.new_rate if is_new else settings.rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (is_new, decays), parameters in parts.items()
        ],
        fused=True,
    )


def train(
    model: LayoutLMv2ForTokenClassification,
    tokenizer: LayoutLMv2Tokenizer,
    batches: Iterator[list[Row]],
    settings: Settings,
    look: Callable[[LayoutLMv2ForTokenClassification], str] | None = None,
) -> int:
    """Train `model` in place, in bfloat16 where the processor has it; it ends averaged.

    Returns the steps that it took.
    """
    dtype = resolve_dtype("auto", CPU)
    model.layoutlmv2.encoder.learn_position_biases = True
    eyes = model.layoutlmv2.visual
    eyes.requires_grad_(settings.learn_eyes)
    optim = optimizer(model, settings)
    peaks = [group["lr"] for group in optim.param_groups]
    mean, losses = Mean(), []
    started, looking = time.monotonic(), 0.0
    step, progress = 0, 0.0
    while progress < 1:
        step += 1
        model.train()
        eyes.train(settings.learn_eyes)
        factor = min(1.0, progress / settings.warmup + 0.02)
        factor *= 0.5 * (1 + math.cos(math.pi * progress))
        for group, peak in zip(optim.param_groups, peaks, strict=True):
            group["lr"] = peak * max(factor, 0.01)
        batch = collate(next(batches), tokenizer)
        labels, partial = batch.pop("labels"), batch.pop("partial")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            if not settings.learn_eyes:
                with torch.no_grad():
                    batch["image_features"] = eyes(batch.pop("image"))
            logits = model(**batch).logits
        loss = token_loss(logits, labels, partial)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        optim.zero_grad(set_to_none=True)
        losses.append(loss.item())
        spent = time.monotonic() - started - looking
        progress = max(step / settings.steps, spent / 60 / settings.minutes)
        if (progress > 1 - settings.average and step % 5 == 0) or progress >= 1:
            mean.add(model)
        if step % 50 == 0 or progress >= 1:
            line = f"step {step:5d}  {progress:4.0%}  loss {np.mean(losses):.4f}  {spent:5.0f} s"
            losses.clear()
            if look is not None and step % settings.watch == 0:
                begun = time.monotonic()
                line += "  " + look(model.eval())
                looking += time.monotonic() - begun
            print(line, flush=True)
    mean.place(model)
    model.eval()
    if look is not None:
        print(f"averaged ({mean.count}): {look(model)}", flush=True)
    return step


# -- what is shown meanwhile -----------------------------------------------------------------------


class Watch:
    """The validation receipts and pages.

    Args:
        tokenizer: the model's.
        scans: the validation receipts.
        store: the validation layouts' pages.
        most: pages to look at.
    """

    def __init__(
        self,
        tokenizer: LayoutLMv2Tokenizer,
        scans: Sequence[Scan],
        store: Store | None,
        most: int = 40,
    ) -> None:
        self.tokenizer = tokenizer
        self.receipts = [align(scan)[0] for scan in scans]
        self.images = pictures(scans)
        self.pages = [store[n] for n in range(min(most, len(store)))] if store else []

    def __call__(self, model: LayoutLMv2ForTokenClassification) -> str:
        """Exact match of the receipts' fields, entity F1 of the pages."""
        dtype = resolve_dtype("auto", CPU)
        engine = Engine(inference_copy(model, CPU, dtype), self.tokenizer)
        rights = field_matches(self.receipts, self._receipt_entities(engine, "word_boxes"))
        line = "  ".join(f"{name} {share:.2f}" for name, share in rights.items())
        line += f"  mean {np.mean(list(rights.values())):.3f}"
        if self.pages:
            line += f"  pages F1 {self._pages_f1(engine):.3f}"
        return line

    def _receipt_entities(self, engine: Engine, boxes: str) -> list[list[Entity]]:
        items = [
            Item(
                encode_words(self.tokenizer, r.words, getattr(r, boxes), [1] * len(r.words)),
                {1: self.images[r.id]},
            )
            for r in self.receipts
        ]
        scheme = TagScheme(TAGS)
        return [scheme.entities(logits) for logits in engine.token_logits(items)]

    def _pages_f1(self, engine: Engine) -> float:
        words = [page.in_order("rows") for page in self.pages]
        items = [
            Item(
                encode_words(
                    self.tokenizer, [w.text for w in row], [w.box for w in row], [1] * len(row)
                ),
                {1: page.picture},
            )
            for row, page in zip(words, self.pages, strict=True)
        ]
        scheme = TagScheme(TAGS)
        found = []
        for row, logits in zip(words, engine.token_logits(items), strict=True):
            labels = ["O"] * len(row)
            for entity in scheme.entities(logits):
                labels[entity.start : entity.end] = [f"I-{entity.label}"] * (
                    entity.end - entity.start
                )
                labels[entity.start] = f"B-{entity.label}"
            found.append(labels)
        return entity_scores(map(page_tags, words), found)["all"].f1


def field_matches(
    receipts: Sequence[Receipt], entities: Sequence[Sequence[Entity]]
) -> dict[str, float]:
    """The share of receipts in which each field, as best found, is exactly right."""
    right, asked = dict.fromkeys(LABELS, 0), dict.fromkeys(LABELS, 0)
    for receipt, found in zip(receipts, entities, strict=True):
        for label, truth in receipt.fields.items():
            asked[label] += 1
            mine = [entity for entity in found if entity.label == label]
            if mine:
                best = max(mine, key=lambda entity: entity.score)
                text = normalise(" ".join(receipt.words[best.start : best.end]))
                right[label] += text == normalise(truth)
    return {label: right[label] / max(1, asked[label]) for label in LABELS}


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="what pages.py filled")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--start", type=Path, help="a checkpoint of this recipe to go on from")
    parser.add_argument("--stage", choices=("receipts", "all"), default="all")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--minutes", type=float, default=Settings.minutes)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--share", type=float, default=Settings.share, help="of receipts")
    parser.add_argument("--rate", type=float, default=Settings.rate)
    parser.add_argument("--new-rate", type=float, default=Settings.new_rate)
    parser.add_argument("--watch", type=int, default=Settings.watch)
    parser.add_argument("--pieces", type=int, default=PIECES)
    parser.add_argument("--frozen-eyes", action="store_true")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--limit", type=int, help="use that many receipts only: a quick try")
    args = parser.parse_args()
    # Of the whole process: subnormal numbers make a processor slow.
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    settings = Settings(
        steps=args.steps,
        minutes=args.minutes,
        batch=args.batch,
        share=1.0 if args.stage == "receipts" else args.share,
        rate=args.rate,
        new_rate=args.new_rate,
        learn_eyes=not args.frozen_eyes,
        watch=args.watch,
        seed=args.seed,
    )
    store = Store(args.cache, "train")
    if not len(store):
        raise SystemExit(f"{args.cache} is empty: fill it by python -m recipes.fields_sm.pages")
    parts = split(read(args.data))
    learn, seen = parts.train[: args.limit], parts.validation[: args.limit]
    tokenizer = pruned(counted(parts.train, store), args.pieces)
    model = new_model(settings.dropout, tokenizer, args.start)
    look = Watch(tokenizer, seen, Store(args.cache, "validation"))
    batches = groups(
        receipt_rows(learn, tokenizer, settings.seed),
        page_rows(store, tokenizer, settings.seed),
        settings.batch,
        settings.share,
        settings.seed,
    )
    print(f"{len(tokenizer)} subwords, {len(learn)} receipts, {len(store)} pages", flush=True)
    print(f"{train(model, tokenizer, batches, settings, look)} steps")
    # What the scores of other weights were worth says nothing of these.
    (args.out / CALIBRATION).unlink(missing_ok=True)
    # Half precision halves the file.
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    LayoutLMv2ImageProcessor().save_pretrained(args.out)
    print(f"wrote {args.out}; now fit its scores: python -m recipes.fields_sm.calibrate")


if __name__ == "__main__":
    main()
