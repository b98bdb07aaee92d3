"""Waiting for jobs on `pageloom serve`, so that no worker is held up by it.

It runs in Airflow's triggerer, which must reach the server and see its connection. Jobs are named
by content and stay with the server: a triggerer that is started again asks for the same names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from pageloom_provider.hooks.pageloom import PageloomHook
from pageloom_provider.hooks.server import BusyError, ServerError

__all__ = ["ServerTrigger"]


class ServerTrigger(BaseTrigger):
    """An event when none of the jobs waits any more, or when there may be room for more of them.

    The event has `state`: "done", or "room" with `more`, "away" where the server was not reached
    for `patience` seconds, "refused" where it answers with an error; the task asks it again and
    says why. `progress` comes back as it was given.

    Args:
        pageloom_conn_id: The connection that has the server's address and token.
        jobs: The names of the jobs.
        pause: Seconds before the server is asked at all: its Retry-After.
        more: Whether the task has more documents to send as soon as there is room.
        progress: What the task has come to.
        patience: Seconds for which a server that is away is asked again.
    """

    def __init__(
        self,
        pageloom_conn_id: str,
        jobs: Sequence[str] = (),
        pause: float = 0.0,
        more: bool = False,
        progress: dict[str, Any] | None = None,
        patience: float = 600.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pageloom_conn_id = pageloom_conn_id
        self.jobs = list(jobs)
        self.pause = pause
        self.more = more
        self.progress = dict(progress or {})
        self.patience = patience

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, as the triggerer makes it again; none is a secret."""
        arguments = {
            "pageloom_conn_id": self.pageloom_conn_id,
            "jobs": self.jobs,
            "pause": self.pause,
            "more": self.more,
            "progress": self.progress,
            "patience": self.patience,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait as the server says, and ask until there is something for the task to do."""
        # Not asyncio.to_thread: a connection is asked for on the triggerer's own loop.
        server = await sync_to_async(PageloomHook(self.pageloom_conn_id).server)()
        reached = time.monotonic()
        await asyncio.sleep(self.pause)
        while True:
            try:
                states = await server.wait(self.jobs)
            except BusyError as error:
                if time.monotonic() - reached > self.patience:
                    yield self._event("away", str(error))
                    return
                self.log.info("%s: asking again in %g s", error, error.retry_after)
                await asyncio.sleep(error.retry_after)
                continue
            except ServerError as error:
                yield self._event("refused", str(error))
                return
            reached = time.monotonic()
            if self.more:
                yield self._event("room")
                return
            if "waiting" not in states.values():
                yield self._event("done")
                return

    def _event(self, state: str, message: str = "") -> TriggerEvent:
        payload = {"state": state, "message": message, "progress": self.progress}
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]
