"""Trains `pageloom/vqa-sm`: `python -m recipes.vqa_sm.train --cache FOLDER`.

Learns from pages of the training layouts, which a second process draws meanwhile; shows the scores
on validation layouts; writes the checkpoint into weights/pageloom_weights/vqa-sm.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import logging
import math
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pageloom.inference.device import resolve_dtype
from pageloom.models.losses import answer_loss, match_loss
from pageloom.processing import ViltProcessor
from recipes.training import ahead
from recipes.vqa_sm.lessons import Batch, Teacher
from recipes.vqa_sm.model import MARKS, TwoHeads, new_model, new_processor
from recipes.vqa_sm.muon import Muon
from recipes.vqa_sm.pages import Cache, Page, fill, fill_in_background
from recipes.vqa_sm.questions import KIND_NAMES
from recipes.vqa_sm.score import matches, scores

PACKAGED = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights" / "vqa-sm"


@dataclass(frozen=True)
class Settings:
    """How to train. A batch is `pages` pages with `texts` questions or statements each."""

    steps: int = 5000
    pages: int = 24
    texts: int = 1
    rate: float = 1e-3
    matrix_rate: float = 0.02
    warmup: float = 0.05
    weight_decay: float = 0.05
    mean_over: int = 400  # steps over which the weights are averaged at the end
    drop_paper: float = 0.9  # the share of the patches without ink that most batches leave out
    drop_print: float = 0.5  # and of those with nothing but print
    print_from: float = 0.6  # after this share of the steps no print is left out
    whole_from: float = 0.92  # after this share of the steps nothing is
    helpers: float = 0.5  # weight of what the picture's own tokens are asked
    watch_every: int = 1000
    keep_every: int = 200
    seed: int = 1


def losses(model: TwoHeads, batch: Batch, helpers: float) -> tuple[Tensor, dict[str, float]]:
    """What is to become small, and its parts."""
    images, image_mask = model.embed_kept(batch.pixels, batch.sizes, batch.kept)
    rows = batch.pages
    answers, fits, on_page, on_patch = model(batch.ids, batch.mask, images[rows], image_mask[rows])
    asked = batch.asked
    parts: dict[str, Tensor] = {}
    if bool(asked.any()):
        # The reference's loss is the answers' sum, and would drown the rest.
        parts["answer"] = 0.3 * answer_loss(answers[asked], batch.answers[asked])
    if not bool(asked.all()):
        parts["match"] = match_loss(fits[~asked][:, None], batch.matches[~asked])
    kinds, marks, counts = on_page.split((len(KIND_NAMES), len(MARKS) + 1, 22), dim=1)
    parts["page"] = helpers * (
        F.cross_entropy(kinds, batch.kinds[rows])
        + 2 * F.binary_cross_entropy_with_logits(marks, batch.marks[rows])
        + 0.5 * F.cross_entropy(counts, batch.counts[rows])
    )
    truths = batch.patches.split([len(each) for each in batch.kept])
    found = on_patch[image_mask[rows][:, 1:] > 0]
    wanted = torch.cat([truths[row] for row in rows.tolist()])
    # Few patches show a mark.
    weights = torch.where(wanted[:, :-1] > 0, 4.0, 1.0)
    marked = F.binary_cross_entropy_with_logits(found[:, :-1], wanted[:, :-1], weights)
    parts["patch"] = helpers * (
        8 * marked + 2 * F.smooth_l1_loss(found[:, -1], wanted[:, -1], beta=0.5)
    )
    return sum(parts.values(), torch.zeros(())), {k: v.item() for k, v in parts.items()}


def optimizers(model: TwoHeads, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the encoder's matrices (Jordan 2024), AdamW for all else.

    From scratch and on few pages, AdamW alone stays at chance several times as long.
    """
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        inner = parameter.ndim == 2 and ".encoder." in name
        (matrices if inner else rest).append(parameter)
    return [
        Muon(matrices, lr=settings.matrix_rate, weight_decay=settings.weight_decay),
        torch.optim.AdamW(rest, lr=settings.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def wait_for(cache: Cache, count: int) -> int:
    """The number of pages that are there, once there are `count`."""
    while len(cache) < count:
        time.sleep(2)
    return len(cache)


def lessons(
    processor: ViltProcessor, cache: Cache, settings: Settings, done: int = 0
) -> Iterator[Batch]:
    """Batches of the pages that are there, without end, for the steps after `done`."""
    chance = random.Random(f"{settings.seed} {done}")
    for step in itertools.count(done):
        if step == done or step % 100 == 0:
            there = len(cache)
            teacher = Teacher(processor, cache.facts(), settings.texts)
        numbers = chance.sample(range(there), min(there, settings.pages))
        # Paper is left out, but not always, and not when the model takes its last shape.
        sparing = step < settings.whole_from * settings.steps and chance.random() < 0.85
        some = step < settings.print_from * settings.steps
        drop_paper = settings.drop_paper if sparing else 0.0
        drop_print = settings.drop_print if sparing and some else 0.0
        pages = [cache[number] for number in numbers]
        yield teacher.batch(pages, chance, drop_paper, drop_print)


def watched(model: TwoHeads, processor: ViltProcessor, pages: list[Page]) -> str:
    """The balanced scores on pages, as a line."""
    found = scores(model.answering, processor, pages, held=False)
    right, order = matches(model.matching, processor, pages, held=False)
    shown = [f"{topic} {100 * score.balanced:.0f}" for topic, score in found.items()]
    return "  ".join((*shown, f"match {100 * right:.0f} (AUC {100 * order:.0f})"))


def go_on_from(model: TwoHeads, folder: Path) -> None:
    """Take both heads of an earlier training; the helpers start anew."""
    for head in (model.answering, model.matching):
        head.load_state_dict(type(head).from_pretrained(folder).float().state_dict())


def write_state(file: Path, settings: Settings, state: dict[str, Any]) -> None:
    """Write the state of a training aside, and then in the place of the last one."""
    aside = file.with_suffix(".new")
    torch.save({"settings": asdict(settings), **state}, aside)
    aside.replace(file)


def read_state(file: Path, settings: Settings) -> dict[str, Any] | None:
    """The state of a training with the same settings, if one was interrupted."""
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, weights_only=True)
    if state.pop("settings") != asdict(settings):
        raise SystemExit(f"{file} is of a training with other settings: remove it, or use them")
    return state


def train(
    cache: Cache, watch: list[Page], settings: Settings, first: int, start: Path | None = None
) -> TwoHeads:
    """Train on what the cache holds, from `first` pages on; print scores on `watch`.

    Now and then the state is kept beside the cache, and an interrupted training goes on from it.
    """
    torch.manual_seed(settings.seed)
    processor = new_processor()
    model = new_model(processor.tokenizer)
    if start is not None:
        go_on_from(model, start)
    optims = optimizers(model, settings)
    peaks = [group["lr"] for optim in optims for group in optim.param_groups]
    mean = copy.deepcopy(model)
    arithmetic = resolve_dtype("auto", torch.device("cpu"))
    file, done = cache.index_file.with_name("training.pt"), 0
    if (state := read_state(file, settings)) is not None:
        done = state["step"]
        model.load_state_dict(state["model"])
        mean.load_state_dict(state["mean"])
        for optim, saved in zip(optims, state["optimizers"], strict=True):
            optim.load_state_dict(saved)
        print(f"goes on after step {done}", flush=True)
    wait_for(cache, first)
    batches = ahead(functools.partial(lessons, processor, cache, settings, done))
    started, sums = time.time(), dict.fromkeys(("answer", "match", "page", "patch"), 0.0)
    for step in range(done + 1, settings.steps + 1):
        rate = min(1.0, step / (settings.warmup * settings.steps))
        rate *= 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        groups = (group for optim in optims for group in optim.param_groups)
        for group, peak in zip(groups, peaks, strict=True):
            group["lr"] = peak * rate
        batch = next(batches)
        model.train()
        with torch.autocast("cpu", arithmetic, arithmetic != torch.float32):
            loss, parts = losses(model, batch, settings.helpers)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
        model.zero_grad(set_to_none=True)
        for name, value in parts.items():
            sums[name] += value
        keep = 1 - 1 / min(step, settings.mean_over)
        with torch.no_grad():
            for average, now in zip(mean.parameters(), model.parameters(), strict=True):
                average.mul_(keep).add_(now, alpha=1 - keep)
        if step % 100 == 0:
            shown = "  ".join(f"{name} {total / 100:.3f}" for name, total in sums.items())
            pace = (step - done) / (time.time() - started)
            print(f"{step:5d}  {shown}  {pace:.2f} steps/s  {len(cache)} pages", flush=True)
            sums = dict.fromkeys(sums, 0.0)
        if step % settings.keep_every == 0:
            state = {"step": step, "model": model.state_dict(), "mean": mean.state_dict()}
            write_state(
                file, settings, state | {"optimizers": [each.state_dict() for each in optims]}
            )
        if step % settings.watch_every == 0 or step == settings.steps:
            print("       " + watched(mean.eval(), processor, watch), flush=True)
    file.unlink(missing_ok=True)
    return mean.eval()


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="folder for the pages; a temporary one if left")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--draw", type=int, default=14000, help="pages to draw (0.6 MB each)")
    parser.add_argument("--watch", type=int, default=160, help="validation pages")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--watch-every", type=int, default=Settings.watch_every)
    parser.add_argument("--start", type=Path, help="go on from this checkpoint")
    parser.add_argument("--gentle", type=float, default=1.0, help="a factor of both rates")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    args = parser.parse_args()
    settings = Settings(
        steps=args.steps,
        rate=args.gentle * Settings.rate,
        matrix_rate=args.gentle * Settings.matrix_rate,
        seed=args.seed,
        watch_every=args.watch_every,
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.cache or Path(temporary)
        painter = multiprocessing.get_context("spawn").Process(
            target=fill_in_background, args=(folder, args.draw, args.seed), daemon=True
        )
        painter.start()
        fill(folder, "validation", "validation", args.watch)
        seen = Cache(folder, "validation")
        watch = [seen[number] for number in range(min(len(seen), args.watch))]
        first = min(args.draw, 500)
        model = train(Cache(folder, "train"), watch, settings, first, args.start)
        painter.terminate()
    model.save(args.out)
    new_processor().save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
