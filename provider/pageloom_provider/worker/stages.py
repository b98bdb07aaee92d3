"""How long a batch waits for each of its stages: the reader, then each component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = ["Stages"]

_T = TypeVar("_T")
_FACTORY = "pageloom_provider_stopwatch"


class _Stopwatch:
    """A component that does nothing but note how long the ones before it took together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def pipe(self, stream: Iterable[_T], batch_size: int | None = None) -> Iterator[_T]:
        items = iter(stream)
        while True:
            started = perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self.seconds += perf_counter() - started
            yield item


class Stages:
    """Stopwatches in a pipeline, one before and one after each component.

    Components pull documents through each other, and some work ahead in threads. So what is told
    for a stage is the time for which the batch waited for it, not counting what it waited for
    itself; the numbers add up to the time the batch took.
    """

    def __init__(self, nlp: Language) -> None:
        from spacy.language import Language

        if not Language.has_factory(_FACTORY):
            Language.factory(_FACTORY, func=lambda nlp, name: _Stopwatch())
        self._names = ["reader", *nlp.pipe_names]
        self._watches: list[_Stopwatch] = []
        for position, earlier in enumerate([None, *nlp.pipe_names]):
            where = {"first": True} if earlier is None else {"after": earlier}
            watch = nlp.add_pipe(_FACTORY, name=f"{_FACTORY}_{position}", **where)
            assert isinstance(watch, _Stopwatch)
            self._watches.append(watch)

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, in the order of the pipeline, up to now."""
        found: dict[str, float] = {}
        earlier = 0.0
        for name, watch in zip(self._names, self._watches, strict=True):
            found[name] = round(max(0.0, watch.seconds - earlier), 3)
            earlier = watch.seconds
        return found
