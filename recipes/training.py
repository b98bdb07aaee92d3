"""The loop that the recipes with generated documents train with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from pageloom.inference.device import resolve_dtype

__all__ = ["Settings", "ahead", "fit", "like_length"]

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Args:
        steps: of the optimizer.
        rate, new_rate: the highest learning rate, of what was trained before and of what is new.
        warmup: share of the steps in which the rate rises; it falls as a cosine after.
        average: share of the steps, at the end, whose weights are averaged into the result.
        watch: steps between two looks at the validation layouts.
    """

    steps: int
    rate: float = 3e-4
    new_rate: float = 3e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    average: float = 0.15
    watch: int = 500
    seed: int = 1


def fit(
    model: nn.Module,
    batches: Iterator[dict[str, Tensor]],
    settings: Settings,
    loss_of: Callable[[nn.Module, dict[str, Tensor]], Tensor],
    *,
    is_new: Callable[[str], bool] = lambda name: True,
    look: Callable[[nn.Module], str] | None = None,
) -> None:
    """Train `model` in place, in bfloat16 where the processor has it; it ends averaged."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((is_new(name), parameter.ndim > 1), []).append(parameter)
    optim = torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": settings.new_rate if new else settings.rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (new, decays), parameters in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=True,
    )
    peaks = [group["lr"] for group in optim.param_groups]
    arithmetic = resolve_dtype("auto", torch.device("cpu"))
    mean: dict[str, Tensor] = {}
    kept, losses, started = 0, [], time.time()
    model.train()
    for step in range(1, settings.steps + 1):
        progress = step / settings.steps
        factor = min(1.0, progress / settings.warmup) * 0.5 * (1 + math.cos(math.pi * progress))
        for group, peak in zip(optim.param_groups, peaks, strict=True):
            group["lr"] = peak * max(factor, 0.02)
        batch = next(batches)
        with torch.autocast("cpu", arithmetic, arithmetic != torch.float32):
            loss = loss_of(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        optim.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if progress > 1 - settings.average and step % 10 == 0:
            kept += 1
            for name, tensor in model.state_dict().items():
                if tensor.is_floating_point():
                    if name not in mean:
                        mean[name] = torch.zeros_like(tensor)
                    mean[name] += (tensor - mean[name]) / kept
        if step % 100 == 0 or step == settings.steps:
            line = f"step {step:5d}  loss {sum(losses) / len(losses):.4f}"
            line += f"  {time.time() - started:5.0f} s"
            losses.clear()
            if look is not None and step % settings.watch == 0:
                line += "  " + look(model.eval())
                model.train()
            print(line, flush=True)
    if mean:
        model.load_state_dict(mean, strict=False)
    model.eval()
    if look is not None:
        print(f"averaged: {look(model)}", flush=True)


def like_length(
    rows: Iterable[T], size: int, length: Callable[[T], int], shuffle: Callable[[list[Any]], None]
) -> Iterator[list[T]]:
    """Batches of `size` rows of like length, so that little is padded."""
    pool: list[T] = []
    for row in rows:
        pool.append(row)
        if len(pool) == size * 8:
            pool.sort(key=length)
            groups = [pool[at : at + size] for at in range(0, len(pool), size)]
            shuffle(groups)
            yield from groups
            pool = []


class _Stream(IterableDataset[T]):
    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self.make = make

    def __iter__(self) -> Iterator[T]:
        torch.set_num_threads(1)
        return self.make()


def ahead(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """The endless batches of `make`, made ahead in one process beside the training."""
    loader: DataLoader[T] = DataLoader(
        _Stream(make), batch_size=None, num_workers=1, prefetch_factor=16
    )
    return iter(loader)


def shares(rights: Sequence[bool]) -> float:
    """The share that is right; 0 of nothing."""
    return sum(rights) / len(rights) if rights else 0.0
