"""A cache of bytes with a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["ByteCache"]


class ByteCache:
    """Contents by name, the least recently used dropped first. Safe for threads.

    Args:
        limit: Bytes of all contents together; a larger one is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """A content that is kept, or None."""
        with self._lock:
            if name in self._contents:
                self._contents.move_to_end(name)
            return self._contents.get(name)

    def put(self, name: str, content: bytes) -> None:
        """Keep a content."""
        if len(content) > self.limit:
            return
        with self._lock:
            self.size += len(content) - len(self._contents.pop(name, b""))
            self._contents[name] = content
            while self.size > self.limit:
                _, dropped = self._contents.popitem(last=False)
                self.size -= len(dropped)

    def read(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of that name, made where it is not kept."""
        content = self.get(name)
        if content is None:
            content = make()
            self.put(name, content)
        return content
