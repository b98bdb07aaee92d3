"""The documents of a run: read from what its tasks have left, searched, sorted, in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from pageloom_provider.plugin.caching import ByteCache
from pageloom_provider.plugin.runs import Run, tasks_of
from pageloom_provider.views import (
    HEAD,
    SUMMARIES,
    VIEWS,
    Counts,
    Leaf,
    leaves_in,
    parse_head,
    run_folder,
)

__all__ = ["Filters", "Listed", "counts_of", "listed_of", "page_of", "view_of"]

STATUSES = ("ok", "partial", "failed")
ATTEMPTS = 3

_Item = TypeVar("_Item")
# Files are written once, so that what was read stays true.
_files = ByteCache(48 << 20)


class Listed(NamedTuple):
    """A document of a run: its summary, what it is searched by, and where its view lies.

    `asked` are the task instances that ask, or have asked, a person about it.
    """

    summary: dict[str, Any]
    scores: dict[str, float]
    said: str
    leaf: Leaf
    start: int
    length: int
    asked: frozenset[tuple[str, int]]


class Filters(NamedTuple):
    """Which documents to list, and in which order; what is empty does not count.

    `below` holds for the label's best field where there is a label, else for the lowest.
    """

    status: str = ""
    search: str = ""
    label: str = ""
    below: float | None = None
    review: str = ""
    sort: str = ""


def listed_of(root: str, run: Run) -> list[Listed]:
    """The documents of a run, each once: as the last task has left it, in the order of the first.

    Their summaries say in `review` whether a person is waited for.
    """
    found: dict[str, Listed] = {}
    for leaf, line in _read(root, run, _summaries):
        summary = line["summary"]
        identity = str(summary["id"])
        earlier = found.get(identity)
        asked = earlier.asked if earlier else frozenset()
        if line["waiting"]:
            asked |= {(leaf.task_id, leaf.map_index)}
        start, length = line["at"]
        found[identity] = Listed(summary, line["scores"], line["said"], leaf, start, length, asked)
    asking = frozenset(one for each in found.values() for one in each.asked)
    open_ones = _unfinished(run, asking) if asking else asking
    for each in found.values():
        if each.asked:
            each.summary["review"] = "waiting" if each.asked & open_ones else "done"
    return list(found.values())


def counts_of(root: str, run: Run) -> Counts | None:
    """The counts of a run's documents; None where it has left no views."""
    heads = _read(root, run, _heads)
    if not heads:
        return None
    if len(heads) == 1:
        return heads[0]
    return Counts.of(each.summary for each in listed_of(root, run))


def view_of(listed: Listed) -> dict[str, Any]:
    """The line of a document: `view`, `shard`, `copy`. It reads that part of the file alone.

    Raises:
        FileNotFoundError: The task has been tried again since, and left another file.
    """
    path = listed.leaf.file(VIEWS)
    end = listed.start + listed.length
    name = f"{path}:{listed.start}"
    data = _files.read(name, lambda: _range(path, listed.start, end))
    line: dict[str, Any] = json.loads(data)
    return line


def page_of(
    documents: Sequence[Listed], filters: Filters, start: int, limit: int
) -> dict[str, Any]:
    """The documents that the filters leave, from `start` on, `limit` at most.

    `{documents, total, next, counts, labels}`; the last two are of all the run's documents.
    """
    found = [each for each in documents if _fits(each, filters)]
    if order := _ORDERS.get(filters.sort):
        found.sort(key=order)
    end = start + limit
    statuses = [each.summary["status"] for each in documents]
    return {
        "documents": [each.summary for each in found[start:end]],
        "total": len(found),
        "next": str(end) if end < len(found) else None,
        "counts": {status: statuses.count(status) for status in STATUSES},
        "labels": list(dict.fromkeys(label for each in documents for label in each.scores)),
    }


def _sureness(each: Listed) -> float:
    lowest = each.summary["lowest"]
    return 2.0 if lowest is None else float(lowest)


_ORDERS: dict[str, Callable[[Listed], Any]] = {
    "name": lambda each: str(each.summary["name"]).casefold(),
    "lowest": _sureness,
    "status": lambda each: STATUSES[::-1].index(each.summary["status"]),
}


def _fits(each: Listed, filters: Filters) -> bool:
    score = each.scores.get(filters.label) if filters.label else each.summary["lowest"]
    return (
        (not filters.status or each.summary["status"] == filters.status)
        and (not filters.search or filters.search.casefold() in each.said)
        and (not filters.label or score is not None)
        and (filters.below is None or (score is not None and score < filters.below))
        and (not filters.review or each.summary["review"] == filters.review)
    )


def _read(root: str, run: Run, read: Callable[[Iterable[Leaf]], list[_Item]]) -> list[_Item]:
    """What `read` makes of the run's leaves, looked for again where a task has replaced one."""
    folder = run_folder(root, run.dag_id, run.run_id)
    for attempt in range(ATTEMPTS):
        try:
            return read(leaves_in(folder))
        except FileNotFoundError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _heads(leaves: Iterable[Leaf]) -> list[Counts]:
    heads = (parse_head(_file(leaf, HEAD)) for leaf in leaves)
    return [head for head in heads if head is not None]


def _summaries(leaves: Iterable[Leaf]) -> list[tuple[Leaf, dict[str, Any]]]:
    return [
        (leaf, json.loads(line))
        for leaf in leaves
        if parse_head(_file(leaf, HEAD)) is not None
        for line in _file(leaf, SUMMARIES).splitlines()
    ]


def _file(leaf: Leaf, part: str) -> bytes:
    path = leaf.file(part)
    return _files.read(str(path), path.read_bytes)


def _range(path: Any, start: int, end: int) -> bytes:
    data: bytes = path.fs.cat_file(path.path, start=start, end=end)
    return data


def _unfinished(run: Run, asking: frozenset[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    return frozenset(
        (task.task_id, task.map_index)
        for task in tasks_of(run)
        if (task.task_id, task.map_index) in asking and not task.finished
    )
