"""Generated documents as a scanner or camera and an OCR engine give them, for evaluation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import spacy
from PIL import Image
from spacy.tokens import Doc

from pageloom import open_document
from recipes.documents.damage import damaged, render
from recipes.documents.sheet import Sheet

__all__ = ["normalised", "read_scans", "scan", "value_texts"]


def scan(sheet: Sheet, seed: int, dpi: int = 200) -> Image.Image:
    """The page as a damaged picture; the same for the same seed."""
    image, _ = damaged(render(sheet, dpi), sheet.words, np.random.default_rng(seed))
    return image


def read_scans(
    sheets: Sequence[Sheet], engine: str, *, dpi: int = 200, lang: str = "eng"
) -> Iterator[Doc]:
    """The documents that `ocr` makes of the damaged pictures, one a sheet, in order."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("ocr", config={"engine": engine, "mode": "force", "lang": lang})
    docs = (open_document(scan(sheet, seed, dpi), nlp.vocab) for seed, sheet in enumerate(sheets))
    yield from nlp.pipe(docs, batch_size=8)


def normalised(text: str) -> str:
    """Without case, blanks, punctuation and accents, so that an engine's habits do not count."""
    plain = "".join(
        c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c)
    )
    return re.sub(r"[^\w]|_", "", plain)


def value_texts(sheet: Sheet, field: str) -> set[str]:
    """The normalised texts of a field, one for each place where it is printed."""
    return {
        normalised(" ".join(sheet.words[place].text for place in places))
        for (name, _), places in sheet.values().items()
        if name == field
    }
