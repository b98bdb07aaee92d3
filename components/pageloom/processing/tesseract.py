"""Words and boxes of an image from Tesseract, for processors that read for themselves.

Documents go through `pageloom.ocr`, which knows more (several engines, confidence, lines).
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from pageloom.errors import EngineError

__all__ = ["read_all", "read_words"]

Words = tuple[list[str], list[list[int]]]

# Columns of Tesseract's TSV.
LEFT, TOP, WIDTH, HEIGHT, TEXT = 6, 7, 8, 9, 11


def read_all(images: Sequence[Image.Image], lang: str | None, config: str | None) -> list[Words]:
    """`read_words` of each image, as many at a time as there are cores."""
    workers = min(
        len(images), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    )
    if workers < 2:
        return [read_words(image, lang, config) for image in images]
    with ThreadPoolExecutor(workers, thread_name_prefix="pageloom-tesseract") as pool:
        return list(pool.map(lambda image: read_words(image, lang, config), images))


def read_words(image: Image.Image, lang: str | None = None, config: str | None = None) -> Words:
    """The words of an image and their boxes `[x0, y0, x1, y1]` on 0-1000, in Tesseract's order.

    `lang` is None (English) or Tesseract's codes joined by "+"; `config` holds further command-line
    settings, such as "--psm 6". Words of white space alone are left out. Boxes are
    `int(1000 * (x / width))`. Raises `EngineError`.
    """
    # Piped and not through pytesseract: no temporary PNG to pack (a tenth of the time on a
    # receipt), and the thread limit below stays out of this process's environment, where torch
    # would obey it too.
    command = [_program(), "stdin", "stdout"]
    command += [] if lang is None else ["-l", lang]
    command += ["-c", "tessedit_create_tsv=1", *shlex.split(config or "")]
    pixels = io.BytesIO()
    # A copy knows no file format or resolution, which would change how Tesseract reads.
    Image.frombytes(image.mode, image.size, image.tobytes()).save(pixels, "PPM")
    # One thread a page: Tesseract's own threads make it several times slower on few cores.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=pixels.getvalue(), capture_output=True, env=environment, check=False
        )
    except OSError as error:
        raise EngineError(
            f"Tesseract cannot be started ({command[0]}: {error.strerror}). Install it (Debian, "
            "Ubuntu: apt-get install tesseract-ocr), or give words and boxes, with apply_ocr=False"
        ) from None
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    if "Failed loading language" in said or "Error opening data file" in said:
        raise EngineError(
            f"Tesseract lacks the language {lang or 'eng'!r}. Install it (Debian, Ubuntu: "
            "apt-get install tesseract-ocr-CODE), or change ocr_lang to one that "
            f"`tesseract --list-langs` shows. Tesseract says: {said[:300]}"
        )
    if done.returncode:
        raise EngineError(
            f"Tesseract failed on an image of {image.width} x {image.height} pixels (exit status "
            f"{done.returncode}, tesseract_config={config or ''!r}): {said[:300]}"
        )
    return _parse(done.stdout.decode("utf-8", "replace"), image.width, image.height)


def _parse(table: str, width: int, height: int) -> Words:
    words: list[str] = []
    boxes: list[list[int]] = []
    for line in table.split("\n")[1:]:
        cells = line.split("\t")
        if len(cells) <= TEXT or not cells[TEXT].strip():
            continue
        x, y, w, h = (int(float(cells[column])) for column in (LEFT, TOP, WIDTH, HEIGHT))
        words.append(cells[TEXT])
        # Divided first, as the reference does: the last bit decides some boxes.
        boxes.append(
            [
                int(1000 * (x / width)),
                int(1000 * (y / height)),
                int(1000 * ((x + w) / width)),
                int(1000 * ((y + h) / height)),
            ]
        )
    return words, boxes


def _program() -> str:
    # A program that told pytesseract where Tesseract lies means it for every call.
    pytesseract = sys.modules.get("pytesseract.pytesseract")
    return str(getattr(pytesseract, "tesseract_cmd", "tesseract"))
