"""Times pageloom beside the public library, in one run, and writes benchmarks/RESULTS.md.

Both sides load one and the same base-size checkpoint with random weights: its numbers mean nothing,
its cost does. Runs of the sides alternate; medians count. `python -m benchmarks.run --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
RECEIPTS = ROOT.parent / "shared" / "data" / "sroie" / "img"
LENGTHS = (50, 110, 170, 230, 290, 350, 420, 480)
WORDS = ("bill", "total", "date", "amount", "tax", "number", "street", "city", "of", "paid")
OCR_TRIALS = 3

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


def make_checkpoint(folder: Path) -> None:
    """A base-size token classifier with random weights, its tokenizer and image processor."""
    from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2ImageProcessor
    from recipes.fields_sm.model import TAGS, new_tokenizer

    torch.manual_seed(0)
    config = LayoutLMv2Config(id2label=dict(enumerate(TAGS)))
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(folder)
    new_tokenizer().save_pretrained(folder)
    LayoutLMv2ImageProcessor().save_pretrained(folder)


def documents() -> list[tuple[list[str], list[list[int]], Image.Image]]:
    """Words, boxes and a picture for each of `LENGTHS`."""
    chance = random.Random(0)
    made = []
    for length in LENGTHS:
        words = [chance.choice(WORDS) for _ in range(length)]
        boxes = []
        for number in range(length):
            left, top = 40 + number % 8 * 110, 20 + number // 8 * 15
            boxes.append([left, top, left + 90, top + 12])
        noise = np.random.default_rng(length).integers(0, 256, (800, 600, 3), dtype=np.uint8)
        made.append((words, boxes, Image.fromarray(noise)))
    return made


def time_models(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Eight documents of 50 to 480 words through the model, from encoded words to logits."""
    from pageloom.inference.engine import Engine, Item, inference_copy
    from pageloom.models import LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
    from pageloom.processing.windows import encode_words
    from tests import public_library

    public = public_library.layoutlmv2()
    made = documents()
    processor = public.LayoutLMv2Processor(
        public.LayoutLMv2ImageProcessor(apply_ocr=False),
        public.LayoutLMv2Tokenizer.from_pretrained(folder),
    )
    encoded = processor(
        [picture for *_, picture in made],
        [words for words, *_ in made],
        boxes=[boxes for _, boxes, _ in made],
        padding=True,
        truncation=True,
        return_tensors="pt",
    )
    theirs = public.LayoutLMv2ForTokenClassification.from_pretrained(folder).eval()
    tokenizer = LayoutLMv2Tokenizer.from_pretrained(folder)
    pixels = LayoutLMv2ImageProcessor(apply_ocr=False).pixels
    items = [
        Item(encode_words(tokenizer, words, boxes, [1] * len(words)), {1: pixels(picture)})
        for words, boxes, picture in made
    ]
    model = LayoutLMv2ForTokenClassification.from_pretrained(folder)
    cpu = torch.device("cpu")
    engines = {
        name: Engine(inference_copy(model, cpu, dtype), tokenizer)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }

    def run_public() -> object:
        with torch.inference_mode():
            return theirs(**encoded).logits

    sides: dict[str, Side] = {"public library, defaults (float32, padded)": run_public}
    for name, engine in engines.items():
        sides[f"pageloom, {name}"] = lambda engine=engine: engine.token_logits(items)
    difference = np.nanmax(
        [
            np.abs(ours[: len(words)] - _first_subword_logits(logits, encoded, row)).max()
            for row, (ours, logits, (words, *_)) in enumerate(
                zip(engines["float32"].token_logits(items), run_public(), made, strict=True)
            )
        ]
    )
    print(f"  largest difference of a logit in float32: {difference:.1e}", file=sys.stderr)
    if difference > 1e-3:
        raise SystemExit("the two sides do not compute the same: nothing to compare")
    return alternate(sides, rounds)


def _first_subword_logits(logits, encoded, row):  # type: ignore[no-untyped-def]
    words = encoded.word_ids(row)
    firsts = [i for i, word in enumerate(words) if word is not None and word != words[i - 1]]
    return logits[firsts].numpy()


class PublicPipeline:
    """The public processor, with its own OCR, and the public model; everything at its defaults."""

    def __init__(self, folder: Path) -> None:
        from tests import public_library

        public = public_library.layoutlmv2()
        self.processor = public.LayoutLMv2Processor.from_pretrained(folder)
        self.model = public.LayoutLMv2ForTokenClassification.from_pretrained(folder).eval()

    def __call__(self, images: list[Path]) -> None:
        """Label the words of each image."""
        for file in images:
            with Image.open(file) as image:
                encoded = self.processor(
                    image.convert("RGB"), truncation=True, padding=True, return_tensors="pt"
                )
            with torch.inference_mode():
                self.model(**encoded).logits.argmax(-1)


class OurPipeline:
    """Reader, OCR and tagger; everything at its defaults."""

    def __init__(self, folder: Path) -> None:
        import spacy

        reader = {"@tokenizers": "pageloom.DocumentReader.v1"}
        self.nlp = spacy.blank("en", config={"nlp": {"tokenizer": reader}})
        self.nlp.add_pipe("ocr")
        self.nlp.add_pipe("layoutlmv2_tagger", config={"model": str(folder)})

    def __call__(self, images: list[Path]) -> None:
        """Find the fields of each image."""
        for doc in self.nlp.pipe([str(file) for file in images]):
            if doc._.status != "ok":
                raise SystemExit(f"pageloom failed: {doc._.errors}")


_MADE: dict[type, Callable[[list[Path]], None]] = {}


def _in_process(kind: type, folder: Path, images: list[Path]) -> None:
    if kind not in _MADE:
        _MADE[kind] = kind(folder)
    _MADE[kind](images)


def time_pipelines(folder: Path, images: list[Path]) -> dict[str, list[float]]:
    """Image to fields, OCR included, with Tesseract on both sides; seconds for all images.

    Each side has a process of its own, so that neither runs with the other's thread settings.
    """
    kinds = {
        "public processor and model, defaults": PublicPipeline,
        "pageloom, defaults": OurPipeline,
    }
    spawn = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        sides: dict[str, Side] = {}
        for name, kind in kinds.items():
            worker = stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
            job = partial(worker.submit, _in_process, kind, folder, images)
            sides[name] = lambda job=job: job().result()
        return alternate(sides, OCR_TRIALS)


def _table(seconds: dict[str, list[float]], per: int, unit: str) -> list[str]:
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


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    names = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "spacy"))
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {names}"


def main() -> None:
    """Run both comparisons and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of the model comparison")
    parser.add_argument("--images", type=int, default=16, help="in the pipeline comparison")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    args = parser.parse_args()
    images = sorted(RECEIPTS.glob("*.jpg"))[: args.images]
    kind = "real receipts (SROIE)"
    if not images:
        folder = ROOT / "samples" / "documents"
        images, kind = sorted(folder.glob("receipt-*"))[: args.images], "sample receipts"
    lines = [
        "# Timings beside the public library",
        "",
        "Made by `make bench`. Both sides load the same base-size checkpoint with random weights.",
        "The public library takes its backbone from detectron2, which no registry carries: a plain",
        "PyTorch feature pyramid with the same parameters and levels stands in for it",
        "(`tests/public_library.py`). Sides alternate within one run.",
        "",
        f"{_machine()}.",
        "",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_checkpoint(folder)
        print("model", file=sys.stderr)
        seconds = time_models(folder, args.rounds)
        lines += [
            f"## The model: {len(LENGTHS)} documents of {LENGTHS[0]} to {LENGTHS[-1]} words",
            "",
            f"Seconds for all {len(LENGTHS)}, {args.rounds} rounds.",
            "",
            *_table(seconds, 1, ""),
            "",
        ]
        print("pipeline", file=sys.stderr)
        seconds = time_pipelines(folder, images)
        lines += [
            f"## Image to fields: {len(images)} {kind}, Tesseract on both sides",
            "",
            f"Seconds a receipt, OCR included, {OCR_TRIALS} rounds.",
            "",
            *_table(seconds, len(images), " a receipt"),
            "",
        ]
    args.out.write_text("\n".join(lines), encoding="utf8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
