"""Documents of DocBin files, in memory, for lists with filters and for views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pageloom.errors import PageloomError
from pageloom.viewer.view import Summary, View, document_view, summary

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from pageloom.document.types import Page

__all__ = ["Entry", "Query", "ResultsError", "Run", "distinct", "read_runs"]

STATUSES = ("failed", "partial", "ok")
Sort = Literal["", "name", "lowest", "status"]


class ResultsError(PageloomError):
    """A file of results cannot be shown: names the file, the cause and the way out."""


@dataclass(frozen=True)
class Query:
    """Which documents of a run a list shows, and in which order.

    Args:
        search: part of a name, a value, an answer or an error; any case.
        status: "ok", "partial", "failed"; empty for any.
        label: documents that have this field; empty for any.
        below: documents whose confidence in `label`, or the lowest in any field, is below this.
        review: "waiting" or "done"; empty for any.
        sort: "name", "lowest" (confidence, least first), "status" (failed first); empty: as read.
    """

    search: str = ""
    status: str = ""
    label: str = ""
    below: float | None = None
    review: str = ""
    sort: Sort = ""


@dataclass(frozen=True)
class Entry:
    """A document: what is shown of it, and the pages that its pictures are made of."""

    view: View
    summary: Summary
    pages: Mapping[int, Page]
    said: str

    @classmethod
    def of(cls, doc: Doc, identity: str | None = None) -> Entry:
        """The entry of a document, under another id than its own where one is given."""
        view = document_view(doc)
        if identity is not None:
            view["id"] = identity
        return cls(view, summary(view), {page.number: page for page in doc._.pages}, _said(view))

    def score(self, label: str) -> float | None:
        """Of the likeliest field of `label`; of an empty label, the lowest of all labels."""
        if not label:
            return self.view["lowest"]
        return next((one["score"] for one in self.view["fields"] if one["label"] == label), None)

    def fits(self, query: Query) -> bool:
        """Whether the document is one of those asked for; the order aside."""
        score = self.score(query.label)
        return (
            query.status in ("", self.summary["status"])
            and query.review in ("", self.summary["review"])
            and query.search.casefold() in self.said
            and (not query.label or score is not None)
            and (query.below is None or (score is not None and score < query.below))
        )


def _said(view: View) -> str:
    said = [view["name"]]
    said += [text for field in view["fields"] for text in (field["text"], field["value"]) if text]
    said += [answer["text"] for answer in view["answers"]]
    said += [error["message"] for error in view["errors"]]
    return "\n".join(said).casefold()


_KEYS = {
    "name": lambda entry: entry.summary["name"].casefold(),
    "lowest": lambda entry: 2.0 if entry.summary["lowest"] is None else entry.summary["lowest"],
    "status": lambda entry: STATUSES.index(entry.summary["status"]),
}


class Run:
    """The documents that were written together: those of a file, or of a folder of files."""

    def __init__(self, identity: str, name: str, entries: Iterable[Entry]) -> None:
        self.id = identity
        self.name = name
        self.entries = {entry.view["id"]: entry for entry in entries}
        summaries = [entry.summary for entry in self.entries.values()]
        self.counts = dict.fromkeys(STATUSES, 0)
        self.counts.update(Counter(one["status"] for one in summaries))
        self.labels = list(dict.fromkeys(label for one in summaries for label in one["labels"]))
        self.lowest = min(
            (one["lowest"] for one in summaries if one["lowest"] is not None), default=None
        )

    def record(self) -> dict[str, Any]:
        """The run in the list of runs."""
        return {
            "id": self.id,
            "dag_id": "",
            "run_id": self.name,
            "started": None,
            "state": None,
            "documents": len(self.entries),
            "failed": self.counts["failed"],
            "partial": self.counts["partial"],
            "lowest": self.lowest,
        }

    def select(self, query: Query) -> list[Entry]:
        """The documents that `query` asks for, in its order; equal ones as they were read."""
        found = [entry for entry in self.entries.values() if entry.fits(query)]
        return sorted(found, key=_KEYS[query.sort]) if query.sort else found


def distinct(docs: Iterable[Doc]) -> Iterable[Entry]:
    """The entries of documents, no two under one id: a file may have been read twice."""
    seen: Counter[str] = Counter()
    for doc in docs:
        entry = Entry.of(doc)
        identity = entry.view["id"]
        seen[identity] += 1
        yield entry if seen[identity] == 1 else Entry.of(doc, f"{identity}-{seen[identity]}")


def read_runs(paths: Iterable[Path]) -> dict[str, Run]:
    """The runs of DocBin files, by id; a folder is one run of all `.spacy` files in it.

    Raises:
        ResultsError: a file is missing or is no DocBin with user data.
    """
    runs: dict[str, Run] = {}
    for number, path in enumerate(paths, start=1):
        files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
        if not files:
            raise ResultsError(f"{path}: there is no .spacy file in this folder")
        identity = str(number)
        name = path.resolve().name
        runs[identity] = Run(identity, name, distinct(doc for file in files for doc in _docs(file)))
    return runs


def _docs(path: Path) -> Iterable[Doc]:
    import spacy
    from spacy.tokens import DocBin

    try:
        stored = DocBin(store_user_data=True).from_disk(path)
    except FileNotFoundError:
        raise ResultsError(f"{path}: there is no such file; check the path") from None
    except Exception as error:  # zlib, msgpack and numpy raise what they like
        raise ResultsError(
            f"{path}: is no DocBin ({error}); `pageloom fields ... --docbin results.spacy` writes "
            "one, and so does DocBin(store_user_data=True) in Python"
        ) from error
    if len(stored) and not any(stored.user_data):
        raise ResultsError(
            f"{path}: its documents have no pages and fields; write it with "
            "DocBin(store_user_data=True)"
        )
    return stored.get_docs(spacy.blank("xx").vocab)
