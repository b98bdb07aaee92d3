"""What a format is: where its records lie, and how each becomes a `Doc`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.annotated import BOXES
from pageloom.corpus.problems import BadRecord, CorpusError, Problem

__all__ = ["FORMATS", "Entry", "Format", "Settings", "find_format"]

# Name, as the command takes it -> module in this folder.
FORMATS = {
    "cord": "cord",
    "docbin": "docbin",
    "funsd": "funsd",
    "jsonl": "jsonl",
    "label-studio": "label_studio",
    "sroie": "sroie",
    "xfund": "xfund",
}
ORDERS = ("given", "reading")


@dataclass(frozen=True)
class Settings:
    """How to read a corpus; a format that has no use for a setting ignores it.

    Args:
        labels: that entities may have; another is a problem. None: those of the format's published
            scheme where it has one, else any.
        images: whether a missing picture is a problem.
        boxes: "word"; or "line": each word takes the box of its line or block.
        order: SROIE's lines as "given", or in "reading" order.
        image_folder: where pictures lie, for formats that do not say.
        outside: labels of regions that are no entities (Label Studio).
    """

    labels: tuple[str, ...] | None = None
    images: bool = True
    boxes: str = "word"
    order: str = "given"
    image_folder: Path | None = None
    outside: tuple[str, ...] = ("Text", "Handwriting")

    def __post_init__(self) -> None:
        for name, known in (("boxes", BOXES), ("order", ORDERS)):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"{name}={value!r}; use {' or '.join(map(repr, known))}")


@dataclass(frozen=True)
class Entry:
    """A record that was found; `make` gives its `Doc` or raises `BadRecord`."""

    file: Path
    record: str
    make: Callable[[], Doc]


@dataclass(frozen=True)
class Format:
    """One format of corpora.

    Args:
        name: as the command takes it.
        entries: finds the records below a path, in a fixed order.
    """

    name: str
    entries: Callable[[Path, Settings, Vocab], Iterator[Entry | Problem]]

    def documents(
        self, path: str | Path, vocab: Vocab, settings: Settings | None = None
    ) -> Iterator[Doc | Problem]:
        """The documents in order, and between them what is wrong with the others."""
        root = Path(path).expanduser()
        if not root.exists():
            yield Problem(str(path), "", "there is no such file or folder; check the path")
            return
        empty = True
        for entry in self.entries(root, settings or Settings(), vocab):
            empty = False
            if isinstance(entry, Problem):
                yield entry
                continue
            try:
                yield entry.make()
            except BadRecord as error:
                for message in error.messages:
                    yield Problem(str(entry.file), entry.record, message)
        if empty:
            yield Problem(str(path), "", f"the {self.name} corpus has no records")

    def read(self, path: str | Path, vocab: Vocab, **settings: Any) -> Iterator[Doc]:
        """The documents in order; `settings` are those of `Settings`.

        Raises:
            CorpusError: with all problems, after the last record.
        """
        problems = []
        for item in self.documents(path, vocab, Settings(**settings)):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                yield item
        if problems:
            raise CorpusError(problems)

    def check(self, path: str | Path, **settings: Any) -> list[Problem]:
        """All that is wrong with the corpus; `settings` are those of `Settings`."""
        items = self.documents(path, Vocab(), Settings(**settings))
        return [item for item in items if isinstance(item, Problem)]


def find_format(name: str) -> Format:
    """The format of this name, a key of `FORMATS`. Raises `ValueError`, naming all."""
    if name not in FORMATS:
        raise ValueError(f"there is no format {name!r}; use one of {', '.join(FORMATS)}")
    found: Format = import_module(f"pageloom.corpus.{FORMATS[name]}").FORMAT
    return found
