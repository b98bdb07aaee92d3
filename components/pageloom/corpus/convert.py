"""Any format to DocBin: what `pageloom convert` does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin

from pageloom.corpus.formats import Settings, find_format
from pageloom.corpus.problems import CorpusError, Problem
from pageloom.document import embed_images

__all__ = ["PARTS", "Conversion", "convert", "divide"]

PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class Conversion:
    """What was written: documents by file, and the problems of the records left out."""

    written: dict[Path, int]
    problems: tuple[Problem, ...]


def convert(
    format: str,
    source: str | Path,
    target: Path,
    *,
    settings: Settings | None = None,
    shares: Sequence[float] = (),
    skip_bad: bool = False,
    embed: bool = False,
) -> Conversion:
    """Write a corpus as DocBin.

    Args:
        format: a key of `FORMATS`.
        source: file or folder.
        target: the file to write; with `shares` the name gets -train, -dev and -test.
        settings: how to read.
        shares: of the documents, for two or three files; they add up to 1.
        skip_bad: leave bad records out.
        embed: whether the pictures go in, so that the file serves on another machine.

    Raises:
        CorpusError: with all problems, unless `skip_bad`; also where no record is left.
        ValueError: shares do not add up, or an unknown format.
    """
    if shares and (len(shares) not in (2, 3) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6):
        raise ValueError(
            f"split {','.join(map(str, shares))}: give two or three shares, as 0.8,0.2"
        )
    docs: list[Doc] = []
    problems: list[Problem] = []
    for item in find_format(format).documents(source, spacy.blank("xx").vocab, settings):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            docs.append(item)
    if (problems and not skip_bad) or not docs:
        raise CorpusError(problems)
    parts = {target: docs}
    if shares:
        names = [target.with_name(f"{target.stem}-{part}{target.suffix}") for part in PARTS]
        parts = dict(zip(names, divide(docs, shares), strict=False))
    for path, part in parts.items():
        stored = DocBin(store_user_data=True)
        for doc in part:
            stored.add(embed_images(doc) if embed else doc)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.part")
        try:
            stored.to_disk(aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    return Conversion({path: len(part) for path, part in parts.items()}, tuple(problems))


def divide(docs: Sequence[Doc], shares: Sequence[float]) -> list[list[Doc]]:
    """Documents in parts of these shares, each part in the order given.

    A document's part follows from its words, so documents with the same words stay together.
    """
    keys = [hashlib.sha256(" ".join(token.text for token in doc).encode()).digest() for doc in docs]
    edges = [round(sum(shares[: n + 1]) * len(docs)) for n in range(len(shares))]
    parts: list[list[int]] = [[] for _ in shares]
    ordered = sorted(range(len(docs)), key=lambda index: (keys[index], index))
    part = 0
    for place, index in enumerate(ordered):
        twin = place > 0 and keys[index] == keys[ordered[place - 1]]
        while not twin and place >= edges[part] and part < len(shares) - 1:
            part += 1
        parts[part].append(index)
    return [[docs[index] for index in sorted(found)] for found in parts]
