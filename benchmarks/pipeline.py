"""Image to fields, OCR included."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from benchmarks.timing import Side, alternate

__all__ = ["OCR_TRIALS", "time_pipelines"]

OCR_TRIALS = 3


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
