"""Objects that one thread at a time may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Generic, TypeVar

__all__ = ["Pool"]

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends objects, makes one when all are lent, and keeps them for the next thread.

    Args:
        make: makes one; it must be safe to call from several threads.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._free: LifoQueue[T] = LifoQueue()

    @contextmanager
    def lend(self) -> Iterator[T]:
        """An object for the `with` block; one whose use raised is not lent again."""
        try:
            item = self._free.get_nowait()
        except Empty:
            item = self._make()
        yield item
        self._free.put(item)
