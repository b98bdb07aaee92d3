"""The views of a run's documents on storage, for the page "Documents": their names and parts.

A task leaves three files in the run's folder: `head.json` counts its documents,
`summaries.jsonl` has a line a document for lists and searches, `views.jsonl` a line a document with
everything that is shown of it. So a list costs one file, a document a range of another, and a
thousand documents are three files. The files are written once, under a name of their own, and the
head after the others: what has a head is complete. A task that is tried again leaves a newer head.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from pageloom_provider.configuration import option
from pageloom_provider.storage import location, written_aside

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

__all__ = [
    "MOUNT",
    "Counts",
    "Entry",
    "Head",
    "Leaf",
    "Origin",
    "dags_in",
    "leaves_in",
    "parse_head",
    "root_path",
    "run_address",
    "run_folder",
    "run_identity",
    "split_identity",
    "views_folder",
    "write_views",
]

MOUNT = "/pageloom"
"""Where the page lies on Airflow's API server, below the server's own root."""

HEAD, SUMMARIES, VIEWS = "head.json", "summaries.jsonl", "views.jsonl"
SEARCHED_CHARACTERS = 4000


class Origin(NamedTuple):
    """The task instance whose documents these are; `map_index` is -1 for one that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @classmethod
    def of(cls, instance: Any) -> Origin:
        """That of a running task instance, whose `map_index` may be None."""
        map_index = -1 if instance.map_index is None else instance.map_index
        return cls(instance.dag_id, instance.run_id, instance.task_id, map_index)


class Entry(NamedTuple):
    """A document to write.

    `view` is version 1 of a document's view, `summary` what lists show of it. `shard` is the file
    that it came from, `copy` its copy in quarantine. `waiting` tells that the task that writes this
    asks a person about it.
    """

    view: Mapping[str, Any]
    summary: Mapping[str, Any]
    shard: str | None = None
    copy: str | None = None
    waiting: bool = False


class Counts(BaseModel):
    """How many documents there are, and the lowest confidence among them."""

    model_config = ConfigDict(frozen=True)

    documents: int = 0
    failed: int = 0
    partial: int = 0
    lowest: float | None = None

    @classmethod
    def of(cls, summaries: Iterable[Mapping[str, Any]]) -> Counts:
        """The counts of documents, by their summaries."""
        statuses: dict[str, int] = {}
        scores = []
        for summary in summaries:
            statuses[summary["status"]] = statuses.get(summary["status"], 0) + 1
            if summary["lowest"] is not None:
                scores.append(summary["lowest"])
        return cls(
            documents=sum(statuses.values()),
            failed=statuses.get("failed", 0),
            partial=statuses.get("partial", 0),
            lowest=min(scores, default=None),
        )


class Head(Counts):
    """What a task has left, in short."""

    version: Literal[1] = 1
    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class Leaf(NamedTuple):
    """The three files of one task instance, found by the name of its head."""

    folder: ObjectStoragePath
    task_id: str
    map_index: int
    stamp: str

    def file(self, part: str) -> ObjectStoragePath:
        """One of the three, `HEAD`, `SUMMARIES` or `VIEWS`."""
        return self.folder / f"{_stem(self.task_id, self.map_index)}.{self.stamp}.{part}"


def views_folder() -> str | None:
    """Airflow's `[pageloom] views`, or else the folder `views` in `[pageloom] work`, or None."""
    if folder := option("views"):
        return folder
    work = option("work")
    return f"{work.rstrip('/')}/views" if work else None


def run_folder(root: str, dag_id: str, run_id: str) -> ObjectStoragePath:
    """The folder of a run's views; no id leads out of `root`, whatever characters it has."""
    return location(root) / _name(dag_id) / _name(run_id)


def run_identity(dag_id: str, run_id: str) -> str:
    """A run's id in addresses: a DAG's id has no `~`."""
    return f"{dag_id}~{run_id}"


def split_identity(identity: str) -> tuple[str, str] | None:
    """DAG and run of a run's id; None where it is none."""
    dag_id, mark, run_id = identity.partition("~")
    return (dag_id, run_id) if dag_id and mark and run_id else None


def root_path() -> str:
    """The path of Airflow's `[api] base_url`, without a slash at its end; mostly empty."""
    from airflow.providers.common.compat.sdk import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def run_address(dag_id: str, run_id: str) -> str:
    """The path of the page with a run's documents, on Airflow's API server."""
    return f"{root_path()}{MOUNT}/#/runs/{quote(run_identity(dag_id, run_id), safe='')}"


def write_views(root: str, origin: Origin, entries: Iterable[Entry]) -> Head:
    """Write the views of a task's documents, then remove what an earlier attempt has left.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = run_folder(root, origin.dag_id, origin.run_id)
    # Names in the order of time, to the nanosecond: the last is the newest.
    stamp = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    leaf = Leaf(folder, origin.task_id, origin.map_index, stamp)
    summaries: list[Mapping[str, Any]] = []
    lines: list[bytes] = []
    with written_aside(leaf.file(VIEWS)) as file:
        start = 0
        for entry in entries:
            line = _line({"view": entry.view, "shard": entry.shard, "copy": entry.copy})
            file.write(line)
            summaries.append(entry.summary)
            lines.append(_summary_line(entry, start, len(line)))
            start += len(line)
    with written_aside(leaf.file(SUMMARIES)) as file:
        file.writelines(lines)
    head = Head(**Counts.of(summaries).model_dump(), **origin._asdict())
    with written_aside(leaf.file(HEAD)) as file:
        file.write(head.model_dump_json().encode() + b"\n")
    for earlier in _all_leaves(folder):
        if earlier[1:3] == leaf[1:3] and earlier.stamp < stamp:
            for part in (HEAD, SUMMARIES, VIEWS):
                earlier.file(part).unlink(missing_ok=True)
    return head


def leaves_in(folder: ObjectStoragePath) -> list[Leaf]:
    """What the tasks of a run have left, of each its newest, the oldest task first."""
    newest: dict[tuple[str, int], Leaf] = {}
    for leaf in sorted(_all_leaves(folder), key=lambda leaf: leaf.stamp):
        newest.pop((leaf.task_id, leaf.map_index), None)
        newest[leaf.task_id, leaf.map_index] = leaf
    return list(newest.values())


def dags_in(root: str) -> list[str]:
    """The ids of the DAGs that have left views."""
    folder = location(root)
    return [unquote(name.rstrip("/").rpartition("/")[2]) for name in _names(folder)]


def parse_head(data: bytes) -> Head | None:
    """A head from its file's content; None where this version cannot read it."""
    try:
        return Head.model_validate_json(data)
    except ValidationError:
        return None


def _all_leaves(folder: ObjectStoragePath) -> list[Leaf]:
    leaves = []
    for name in _names(folder):
        parts = name.rstrip("/").rpartition("/")[2].rsplit(".", 4)
        if len(parts) == 5 and ".".join(parts[3:]) == HEAD:
            task_id, map_index, stamp = parts[:3]
            if map_index.removeprefix("-").isdecimal():
                leaves.append(Leaf(folder, task_id, int(map_index), stamp))
    return leaves


def _names(folder: ObjectStoragePath) -> Sequence[str]:
    """The paths in a folder; none where there is no such folder."""
    # Some file systems keep listings, and another process may have written since.
    folder.fs.invalidate_cache(folder.path)
    try:
        names: Sequence[str] = folder.fs.ls(folder.path, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return names


def _summary_line(entry: Entry, start: int, length: int) -> bytes:
    view = entry.view
    best = [field for field in view["fields"] if field["rank"] == 0]
    said = [view["name"], view["source"]]
    said += [text for field in best for text in (field["text"], field["value"]) if text]
    said += [field["text"] for field in view["fields"] if field["rank"] > 0]
    said += [answer["text"] for answer in view["answers"]]
    said += [error["message"] for error in view["errors"]]
    return _line(
        {
            "summary": entry.summary,
            "scores": {field["label"]: field["score"] for field in best},
            "said": "\n".join(said).casefold()[:SEARCHED_CHARACTERS],
            "waiting": entry.waiting,
            "at": [start, length],
        }
    )


def _line(value: Any) -> bytes:
    # A file's name may hold bytes that are no text.
    return json.dumps(value, ensure_ascii=False).encode(errors="replace") + b"\n"


def _name(identity: str) -> str:
    """An id as one path segment: only plain characters, and never a leading dot."""
    name = quote(identity, safe="+:")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _stem(task_id: str, map_index: int) -> str:
    return f"{task_id}.{map_index}"
