"""Stopping a task in the middle of a batch: its programs end, and the batch with them.

Airflow calls an operator's `on_kill` from a signal handler and then lets the task go on, so the
batch itself must hear of it: else documents whose programs were ended would look as if they were
bad.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["StoppedError", "check_stop", "stop", "stoppable"]

_PAUSE = 0.1


class StoppedError(RuntimeError):
    """The task was stopped from outside; what it finished is kept for the next attempt."""


_asked = threading.Event()
_running = threading.Event()
_earlier: set[object] = set()  # the programs that ran before the batch


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """The time in which a `stop` concerns this process's batch and the programs it starts."""
    _asked.clear()
    _earlier.clear()
    _earlier.update(_children())
    _running.set()
    try:
        yield
    finally:
        _running.clear()
        _asked.clear()


def check_stop() -> None:
    """Raise `StoppedError` where the batch is to end here."""
    if _asked.is_set():
        raise StoppedError("stopped from outside; finished documents are kept for the next attempt")


def stop() -> None:
    """End the running batch at its next document, and the programs it has started at once.

    A batch that is under way may start more of them, for the pages ahead: they end too. Without a
    batch there is nothing to end.
    """
    if not _running.is_set():
        return
    _asked.set()
    _end_children()
    threading.Thread(target=_end_later_children, name="pageloom-stop", daemon=True).start()


def _end_later_children() -> None:
    while _asked.is_set():
        _end_children()
        time.sleep(_PAUSE)


def _end_children() -> None:
    import psutil  # type: ignore[import-untyped]

    for child in _children() - _earlier:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()


def _children() -> set[Any]:
    import psutil

    return set(psutil.Process().children(recursive=True))
