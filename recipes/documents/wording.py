"""The words of each language: the tables in `words/`, and a layout's choice of them.

A table has sections: a line `[key and notes]`, then for each language a line with its code and its
wordings, split at " | ". A list inside a wording is split at " ~ ".
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from recipes.documents.layout import LANGUAGES, Layout

__all__ = ["Section", "caption", "listed", "section", "sections", "variants"]

FOLDER = Path(__file__).parent / "words"
Section = tuple[str, dict[str, tuple[str, ...]]]
"""The notes after a key, and the wordings of each language."""


@cache
def sections(table: str) -> dict[str, Section]:
    """A table's sections by key. Raises ValueError naming a line that is neither."""
    found: dict[str, Section] = {}
    key = ""
    for line in (FOLDER / f"{table}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            key, _, notes = line.strip("[]").partition(" ")
            if key in found:
                raise ValueError(f"words/{table}.txt has [{key}] twice")
            found[key] = (notes, {})
            continue
        language, _, rest = line.partition(" ")
        if language not in LANGUAGES or not key:
            raise ValueError(f"words/{table}.txt: no language and no [key]: {line[:40]!r}")
        found[key][1][language] = tuple(part.strip() for part in rest.split(" | "))
    return found


def section(table: str, key: str) -> Section:
    """One section of a table. Raises KeyError naming table and key."""
    try:
        return sections(table)[key]
    except KeyError:
        raise KeyError(f"words/{table}.txt has no [{key}]") from None


def variants(layout: Layout, table: str, key: str) -> tuple[str, ...]:
    """All wordings of the layout's language."""
    return section(table, key)[1][layout.language]


def caption(layout: Layout, table: str, key: str) -> str:
    """The layout's wording."""
    return layout.pick(f"wording {key}", variants(layout, table, key))


def listed(layout: Layout, table: str, key: str) -> list[str]:
    """The layout's wording of a list, in its parts."""
    return [part.strip() for part in caption(layout, table, key).split(" ~ ")]
