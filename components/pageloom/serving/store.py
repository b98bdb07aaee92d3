"""The server's folder: what it has accepted and not answered, and what it has answered.

A job lies there before the client hears that it is accepted, and its result before the job goes;
so a server that is ended, in whatever way, goes on where it was when it is started again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections import OrderedDict
from pathlib import Path

from pageloom.errors import PageloomError
from pageloom.serving.jobs import Job, Result

__all__ = ["Store"]

_RESULTS = (".docbin", ".failure")


class Store:
    """Jobs and results in a folder of one server's own, readable by its user alone.

    Args:
        folder: is made where it is not there.
        keep: seconds for which results are kept.
        kept_bytes: of results; beyond it, fetched ones go, the oldest first.

    Raises:
        PageloomError: Another server has the folder.
    """

    def __init__(self, folder: Path, keep: float, kept_bytes: int) -> None:
        self.folder = folder
        self.keep = keep
        self.kept_bytes = kept_bytes
        self._pending = folder / "accepted"
        self._done = folder / "answered"
        self._asked = folder / "asked"
        for each in (folder, self._pending, self._done, self._asked):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PageloomError(
                f"{folder}: another server uses this folder; give this one another"
            ) from None
        # Results by key, the oldest first: when it came, its size, its ending.
        self._results: OrderedDict[str, tuple[float, int, str]] = OrderedDict()
        self._fetched: set[str] = set()
        for file in sorted(self._done.iterdir(), key=lambda file: file.stat().st_mtime):
            if file.suffix in _RESULTS:
                status = file.stat()
                self._results[file.stem] = (status.st_mtime, status.st_size, file.suffix)
            else:
                file.unlink()
        for file in self._pending.glob("*.part"):
            file.unlink()

    def accepted(self) -> list[Job]:
        """The jobs that an earlier server has left, the oldest first."""
        found = []
        for file in self._pending.glob("*.json"):
            try:
                found.append(Job(**json.loads(file.read_bytes())))
            except (ValueError, TypeError):  # of another version of pageloom
                file.unlink()
        return sorted(found, key=lambda job: job.received)

    def asked(self) -> list[bytes]:
        """What earlier servers were asked to do, to be resolved again for the jobs they left."""
        return [file.read_bytes() for file in self._asked.glob("*.json")]

    def keep_asked(self, selection: str, asked: bytes) -> None:
        """Keep what a selection was asked for with; accepted jobs need it after a restart."""
        path = self._asked / f"{selection}.json"
        if not path.exists():
            self._write(path, asked)

    def drop(self, job: Job) -> None:
        """Forget an accepted job."""
        (self._pending / f"{job.key}.json").unlink(missing_ok=True)
        self.path(job).unlink(missing_ok=True)

    def incoming(self) -> Path:
        """A new file for the bytes of a request."""
        return self._pending / f"{uuid.uuid4().hex}.part"

    def path(self, job: Job) -> Path:
        """Where the bytes of an accepted job lie."""
        return self._pending / f"{job.key}{job.suffix or '.bytes'}"

    def accept(self, job: Job, incoming: Path) -> None:
        """Keep a job; once this returns, it outlives the server."""
        incoming.replace(self.path(job))
        self._write(self._pending / f"{job.key}.json", job.to_json())

    def finish(self, job: Job, result: Result) -> None:
        """Keep a result; one that no document is to blame for is not kept."""
        if result.kind != "broken":
            suffix = f".{result.kind}"
            self._write(self._done / f"{job.key}{suffix}", result.data)
            self._results[job.key] = (time.time(), len(result.data), suffix)
            self._fetched.discard(job.key)
        self.drop(job)
        self.tidy()

    def has(self, key: str) -> bool:
        """Whether there is a result."""
        return key in self._results

    def result(self, key: str) -> Result | None:
        """A result, from now on a fetched one; None where there is none."""
        if key not in self._results:
            return None
        suffix = self._results[key][2]
        try:
            data = (self._done / f"{key}{suffix}").read_bytes()
        except FileNotFoundError:
            self._results.pop(key, None)
            return None
        self._fetched.add(key)
        return Result("docbin" if suffix == ".docbin" else "failure", data)

    def has_room(self) -> bool:
        """Whether results still fit."""
        return self._size() < self.kept_bytes

    def tidy(self) -> None:
        """Remove results that are too old, and fetched ones where there are too many."""
        size = self._size()
        for key, (came, length, _) in list(self._results.items()):
            old = time.time() - came > self.keep
            if old or (size > self.kept_bytes and key in self._fetched):
                self._remove(key)
                size -= length

    def close(self) -> None:
        """Let another server have the folder."""
        self._lock.close()

    def _size(self) -> int:
        return sum(length for _, length, _ in list(self._results.values()))

    def _remove(self, key: str) -> None:
        found = self._results.pop(key, None)
        self._fetched.discard(key)
        if found is not None:
            (self._done / f"{key}{found[2]}").unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        aside = path.with_name(f"{uuid.uuid4().hex}.part")
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
