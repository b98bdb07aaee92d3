"""Waiting for documents to appear in a folder, so that a run starts when there is something to do.

It runs in Airflow's triggerer, which needs the same access to the folder as the workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from pageloom_provider.shards import text_hash
from pageloom_provider.storage import documents_in, location

__all__ = ["FolderTrigger"]

# What is being copied into the folder grows: it is complete when it looks the same this much later.
_SETTLING_SECONDS = 5.0


class FolderTrigger(BaseEventTrigger):
    """An event when the documents in a folder are others, or other sizes, than at the last one.

    The first look counts as a change if it finds documents: what a restart of the triggerer may
    have missed is looked at again, and a run without new documents does nothing.

    Args:
        folder: The folder, as a URI that `ObjectStoragePath` knows or a path.
        conn_id: The connection of the object storage.
        patterns: As `ListDocumentsOperator`'s.
        recursive: Whether to look into subfolders.
        every: Seconds from one look to the next.
    """

    def __init__(
        self,
        folder: str,
        conn_id: str | None = None,
        patterns: list[str] | None = None,
        recursive: bool = True,
        every: float = 600.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.conn_id = conn_id
        self.patterns = patterns
        self.recursive = recursive
        self.every = every

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, as the triggerer makes it again."""
        arguments = {
            "folder": self.folder,
            "conn_id": self.conn_id,
            "patterns": self.patterns,
            "recursive": self.recursive,
            "every": self.every,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, wait, look again."""
        known = text_hash("")
        while True:
            seen, _ = await self._look()
            while seen != known:
                await asyncio.sleep(min(_SETTLING_SECONDS, self.every))
                before, (seen, count) = seen, await self._look()
                if seen == before:
                    known = seen
                    if count:
                        payload = {"folder": self.folder, "documents": count}
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.every)

    async def _look(self) -> tuple[str, int]:
        """A hash of names and sizes of the documents there are, and their number."""
        try:
            # Not asyncio.to_thread: a connection is asked for on the triggerer's own loop.
            found = await sync_to_async(self._list)()
        except OSError as error:
            self.log.warning("%s cannot be looked at: %s", self.folder, error)
            found = []
        return text_hash("\n".join(found)), len(found)

    def _list(self) -> list[str]:
        folder = location(self.folder, self.conn_id)
        if not folder.exists():
            return []
        return [
            f"{path} {size}" for path, size in documents_in(folder, self.patterns, self.recursive)
        ]
