"""The queue of accepted jobs, and the one thread that takes batches from it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pageloom.errors import PageloomError
from pageloom.serving.jobs import Job, Result
from pageloom.serving.limits import Limits
from pageloom.serving.metrics import Metrics
from pageloom.serving.pipelines import Asked, Pipelines
from pageloom.serving.running import broken, run_jobs
from pageloom.serving.store import Store

__all__ = ["Batcher", "State"]

log = logging.getLogger(__name__)

State = Literal["waiting", "done", "broken", "unknown"]

_LONGEST_RETRY = 60  # seconds
_TIDY_SECONDS = 60  # between looks for old results, while there is nothing else to do


class Batcher:
    """Accepted jobs in their order, through the pipelines in batches of one selection each.

    A batch is what is waiting when the one before it is done, up to `limits.batch`; so it is one
    document while the server has time, and larger the more there is to do. Methods may be called
    from any thread, `wait` from the event loop.
    """

    def __init__(self, store: Store, limits: Limits, metrics: Metrics) -> None:
        self.store = store
        self.limits = limits
        self.metrics = metrics
        self.pipelines: Pipelines | None = None
        self._jobs: OrderedDict[str, Job] = OrderedDict()  # until they are done
        self._broken: OrderedDict[str, Result] = OrderedDict()
        self._reserved = 0
        self._pace = 0.5  # seconds a document takes, a moving average
        self._change = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self.on_drained: Callable[[], None] = lambda: None

    def start(self, pipelines: Pipelines) -> None:
        """Take the jobs that an earlier server left, and begin."""
        for asked in self.store.asked():
            with contextlib.suppress(PageloomError, ValidationError):  # it is not served any more
                pipelines.resolve(Asked.model_validate_json(asked))
        with self._change:
            self.pipelines = pipelines
            for job in self.store.accepted():
                if self.store.has(job.key):
                    self.store.drop(job)
                elif pipelines.selection(job.selection) is None:
                    log.warning("job %s: its pipeline is not served any more", job.key)
                    self.store.drop(job)
                else:
                    self._jobs[job.key] = job
            if self._jobs:
                log.info("%d documents that an earlier server accepted", len(self._jobs))
            self.metrics.queue.set(len(self._jobs))
            self.metrics.ready.set(1)
        self._thread = threading.Thread(target=self._work, name="pageloom-batches", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it takes jobs: the pipelines are loaded, and it is not stopping."""
        return self.pipelines is not None and not self._stopping

    @property
    def stopping(self) -> bool:
        """Whether it finishes what it has and takes no more."""
        return self._stopping

    def stop(self) -> None:
        """Take no more jobs, finish those that are accepted, and then call `on_drained`."""
        with self._change:
            self._stopping = True
            self.metrics.ready.set(0)
            idle = self._thread is None or not self._thread.is_alive()
            self._change.notify_all()
        if idle:
            self.on_drained()

    def reserve(self) -> bool:
        """A place in the queue for a request whose body is still to come; False where it is full.

        `accept` takes the place, `release` gives it back.
        """
        with self._change:
            taken = len(self._jobs) + self._reserved
            if self._stopping or taken >= self.limits.queue or not self.store.has_room():
                return False
            self._reserved += 1
            return True

    def release(self) -> None:
        """Give a reserved place back."""
        with self._change:
            self._reserved -= 1
            self._change.notify_all()

    def accept(self, job: Job, incoming: Path) -> None:
        """Take a job into the place that was reserved for it; the same one twice is one.

        Raises:
            OSError: It cannot be written to the disk; the place is given back.
        """
        with self._change:
            known = job.key in self._jobs or self.store.has(job.key)
        try:
            if known:
                incoming.unlink(missing_ok=True)
            else:
                self.store.accept(job, incoming)
        except OSError:
            self.store.drop(job)
            self.release()
            raise
        with self._change:
            self._reserved -= 1
            if not known and self.store.has(job.key):
                self.store.drop(job)  # the same job came twice at once, and one is done
            elif not known and job.key not in self._jobs:
                self._broken.pop(job.key, None)
                self._jobs[job.key] = job
                self.metrics.accepted.labels(self._pipeline(job)).inc()
            self.metrics.queue.set(len(self._jobs))
            self._change.notify_all()

    def state(self, key: str) -> State:
        """Where a job is."""
        with self._change:
            if key in self._jobs:
                return "waiting"
            if self.store.has(key):
                return "done"
            return "broken" if key in self._broken else "unknown"

    def result(self, key: str) -> Result | None:
        """What a job came to; None where it is not done. A broken one is told once."""
        found = self.store.result(key)
        return found if found is not None else self._broken.pop(key, None)

    async def wait(self, keys: Collection[str], seconds: float) -> None:
        """Return when none of the jobs is waiting any more, or after so many seconds."""
        changed = asyncio.Event()
        self._waiters[changed] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                while any(self.state(key) == "waiting" for key in keys):
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            pass
        finally:
            del self._waiters[changed]

    def retry_after(self) -> int:
        """Seconds after which a part of the queue will be done, for clients that were refused."""
        if not self.store.has_room():  # results must be fetched, or grow old
            return _LONGEST_RETRY
        with self._change:
            waiting = len(self._jobs)
        return max(1, min(_LONGEST_RETRY, math.ceil(waiting * self._pace / 2)))

    def _pipeline(self, job: Job) -> str:
        selection = self.pipelines.selection(job.selection) if self.pipelines else None
        return selection.pipeline if selection else ""

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            started = time.perf_counter()
            try:
                results = self._run(batch)
            except BaseException as error:  # whatever it is, the next batch has its turn
                results = {job.key: broken(error) for job in batch}
            seconds = time.perf_counter() - started
            self._finish(batch, results, seconds)
        self.on_drained()

    def _next_batch(self) -> list[Job] | None:
        """The next jobs of one selection; None where the server stops and all is done."""
        with self._change:
            while not self._jobs and not (self._stopping and not self._reserved):
                self._change.wait(_TIDY_SECONDS)
                self.store.tidy()
            if not self._jobs:
                return None
            if len(self._jobs) < self.limits.batch and not self._stopping:
                self._change.wait(self.limits.batch_wait)
            first = next(iter(self._jobs.values()))
            same = (job for job in self._jobs.values() if job.selection == first.selection)
            return list(islice(same, self.limits.batch))

    def _run(self, batch: list[Job]) -> dict[str, Result]:
        pipelines = self.pipelines
        assert pipelines is not None
        selection = pipelines.selection(batch[0].selection)
        assert selection is not None
        return run_jobs(
            pipelines.nlp(selection),
            batch,
            {job.key: self.store.path(job) for job in batch},
            pipelines.reader(selection),
            pipelines.disabled(selection),
        )

    def _finish(self, batch: list[Job], results: dict[str, Result], seconds: float) -> None:
        name = self._pipeline(batch[0])
        self.metrics.batch.labels(name).observe(len(batch))
        self.metrics.batch_seconds.labels(name).observe(seconds)
        for job in batch:
            result = results[job.key]
            try:
                self.store.finish(job, result)
            except OSError as error:  # a full disk: the client asks again
                result = broken(error)
            with self._change:
                if result.kind == "broken":
                    self._broken[job.key] = result
                    while len(self._broken) > self.limits.queue:
                        self._broken.popitem(last=False)
                del self._jobs[job.key]
                self.metrics.queue.set(len(self._jobs))
            self.metrics.done.labels(name, result.kind).inc()
            self.metrics.pages.labels(name).inc(result.pages)
            self.metrics.job_seconds.labels(name).observe(max(0.0, time.time() - job.received))
        with self._change:
            self._pace += (seconds / len(batch) - self._pace) / 4
        log.info("%s: %d documents in %.2f s", name, len(batch), seconds)
        for event, loop in list(self._waiters.items()):
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)
