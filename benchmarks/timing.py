"""Runs two or more sides in turn and tabulates their medians."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

__all__ = ["Side", "alternate", "alternate_fresh", "machine", "number_types", "same", "table"]

Side = Callable[[], object]


def alternate(sides: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in each round, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if number:
                seconds[name].append(time.perf_counter() - start)
            print(f"  {name}: {time.perf_counter() - start:.2f} s", file=sys.stderr, flush=True)
    return seconds


def alternate_fresh(
    starts: dict[str, Callable[[int | None], Side]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each side in each round, begun anew each time; the start is not in them.

    A start takes how many batches its side runs; None for all. One of two batches warms up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(rounds + 1):
        for name, start in starts.items():
            side = start(None if number else 2)
            before = time.perf_counter()
            side()
            passed = time.perf_counter() - before
            if number:
                seconds[name].append(passed)
            print(f"  {name}: {passed:.2f} s", file=sys.stderr, flush=True)
    return seconds


def number_types() -> dict[str, torch.dtype]:
    """float32, and pageloom's default here where it is another one."""
    from pageloom.inference.device import resolve_dtype

    types = (torch.float32, resolve_dtype("auto", torch.device("cpu")))
    return {str(each).removeprefix("torch."): each for each in types}


def same(difference: float, most: float = 1e-3, what: str = "an output") -> None:
    """Check that the sides compute the same; raises `SystemExit`."""
    print(f"  largest difference of {what} in float32: {difference:.1e}", file=sys.stderr)
    if difference > most:
        raise SystemExit("the two sides do not compute the same: nothing to compare")


def table(seconds: dict[str, list[float]], per: int, unit: str) -> list[str]:
    """A Markdown table; times are divided by `per`."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    first = next(iter(medians.values()))
    lines = [f"| | median s{unit} | range | times faster |", "| --- | ---: | ---: | ---: |"]
    for name, values in seconds.items():
        low, high = min(values) / per, max(values) / per
        lines.append(
            f"| {name} | {medians[name] / per:.2f} | {low:.2f}-{high:.2f} | "
            f"{first / medians[name]:.1f} |"
        )
    return lines


def machine() -> str:
    """What the timings were made on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    names = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "spacy"))
    number = "with" if len(number_types()) > 1 else "without"
    model += f", {os.cpu_count()} cores, {number} bfloat16"
    return f"{model}; Python {platform.python_version()}, {names}"
