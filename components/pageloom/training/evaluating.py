"""Scores of a trained pipeline on a corpus of any format, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import spacy

from pageloom.corpus.examples import Corpus
from pageloom.corpus.formats import FORMATS, Settings, find_format

__all__ = ["evaluate", "format_of", "table"]

_SUFFIXES = {".spacy": "docbin", ".jsonl": "jsonl"}


def format_of(corpus: Path) -> str:
    """The format that a file's name tells, or those of all files in a folder.

    Raises `ValueError` where it does not tell.
    """
    files = [each for each in corpus.rglob("*") if each.is_file()] if corpus.is_dir() else [corpus]
    found = {_SUFFIXES.get(file.suffix, "") for file in files}
    if len(found) == 1 and "" not in found:
        return found.pop()
    raise ValueError(f"{corpus}: give its --format, one of {', '.join(FORMATS)}")


def evaluate(
    model: str | Path, corpus: Path, format: str, settings: Settings | None = None, limit: int = 0
) -> dict[str, Any]:
    """spaCy's scores of a pipeline on a corpus; documents keep their boxes and pages.

    Args:
        model: a pipeline's folder, or the name of one that is installed.
        corpus: file or folder.
        format: of the corpus, a key of `FORMATS`.
        settings: how to read it.
        limit: documents that are used; 0 for all.

    Raises `CorpusError` with all that is wrong with the corpus, `ValueError` for an unknown format
    and `OSError` without a pipeline.
    """
    find_format(format)
    nlp = spacy.load(model)
    reader = Corpus(partial(find_format, format), corpus, settings or Settings(), limit=limit)
    scores: dict[str, Any] = nlp.evaluate(reader(nlp))
    return scores


def table(scores: Mapping[str, Any]) -> str:
    """The scores in columns: single numbers first, then those by label."""
    single = [(key, value) for key, value in scores.items() if isinstance(value, int | float)]
    wide = max((len(key) for key, _ in single), default=0)
    lines = [f"{key:<{wide}}  {_number(key, value):>9}" for key, value in single]
    for key, value in scores.items():
        rows = value if isinstance(value, Mapping) else {}
        parts = {name: row for name, row in rows.items() if isinstance(row, Mapping)}
        if not parts:
            continue
        columns = list(dict.fromkeys(column for row in parts.values() for column in row))
        wide = max(len(name) for name in [key, *parts])
        lines += ["", f"{key:<{wide}}  {'  '.join(f'{column:>9}' for column in columns)}"]
        for name, row in parts.items():
            values = "  ".join(f"{_number(key, row.get(column)):>9}" for column in columns)
            lines.append(f"{name:<{wide}}  {values}")
    return "\n".join(lines)


def _number(key: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "-"
    # Words a second are no share.
    return f"{value:.0f}" if key == "speed" or abs(value) > 1 else f"{value:.4f}"
