"""What every component shares that puts questions, or statements, to a document."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from spacy.tokens import Doc
from spacy.util import raise_error

from pageloom.document import Answer, DocumentError
from pageloom.errors import PageloomError
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.pipes.checkpoint import Checkpoint

__all__ = ["AnsweringComponent", "QuestionError"]

logger = logging.getLogger(__name__)

ErrorHandler = Callable[[str, Any, list[Doc], Exception], None]
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class QuestionError(PageloomError):
    """A question or statement that a model cannot read."""


@dataclass(slots=True)
class _Job(Generic[ItemT]):
    """A document on its way through the model; without an item where there is nothing to ask."""

    doc: Doc
    item: ItemT | None = None
    error: Exception | None = None


class AnsweringComponent(ABC, Generic[ItemT, ResultT]):
    """Asks a model and appends to `doc._.answers`; a subclass says how.

    Answers that the component gave to the document before are replaced. A question that cannot be
    asked, and a page whose picture cannot be opened, are in `doc._.errors`; the others go on.

    Args:
        name: the component's name in the pipeline.
        checkpoint: the model.
        asked: questions or statements for every document, before its own `doc._.questions`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        dtype: `auto`, `float32`, `bfloat16`, `float16`.
        batch_tokens: most tokens in a batch, padding included.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Checkpoint[Any],
        *,
        asked: Sequence[str],
        device: str,
        dtype: str,
        batch_tokens: int,
    ) -> None:
        if isinstance(asked, str):
            raise ValueError(f"{name}: give a list of texts, not one text: [{asked!r}]")
        if batch_tokens < 1:
            raise ValueError(f"{name}: batch_tokens={batch_tokens}; use 1 or more")
        resolve_dtype(dtype, resolve_device(device))
        self.name = name
        self.checkpoint = checkpoint
        self.asked = list(asked)
        self.device = device
        self.dtype = dtype
        self.batch_tokens = batch_tokens
        self._engine: Any = None
        self._error_handler: ErrorHandler | None = None

    # -- what a subclass gives -----------------------------------------------------------------

    @abstractmethod
    def _make_engine(self) -> Any:
        """The model, made ready for inference. Raises `CheckpointError`."""

    @abstractmethod
    def _item(self, doc: Doc, questions: list[str]) -> ItemT | None:
        """What the model needs of a document; None where nothing is left to ask."""

    @abstractmethod
    def _encoded(self, question: str) -> Any:
        """A question as the model takes it. Raises `QuestionError`."""

    @abstractmethod
    def _ask(self, items: list[ItemT]) -> list[ResultT]:
        """Run the model; in a thread of its own, so no `Doc` is touched here."""

    @abstractmethod
    def _answers(self, doc: Doc, item: ItemT, result: ResultT) -> Iterable[Answer]:
        """The answers, question by question, best first."""

    def _questions(self, doc: Doc) -> list[str]:
        """What to ask of `doc`: the settings' questions, then its own, each once."""
        return list(dict.fromkeys([*self.asked, *doc._.questions]))

    def forget(self) -> None:
        """Drop what was made from the model, since it is another one now."""
        self._engine = None

    # -- answering -----------------------------------------------------------------------------

    @property
    def engine(self) -> Any:
        """The model, made ready for inference. Raises `CheckpointError`."""
        if self._engine is None:
            self._engine = self._make_engine()
            logger.info("%s: %s on %s", self.name, self.checkpoint.name, self._engine.model.device)
        return self._engine

    def __call__(self, doc: Doc) -> Doc:
        """Ask one document. Raises `CheckpointError`; other failures are in `doc._.errors`."""
        self.engine  # noqa: B018 - a missing model is no failure of the document
        return next(self._finish([self._job(doc)], None))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 8) -> Iterator[Doc]:
        """Ask a stream of documents; the order stays.

        Up to `batch_size` documents run together, while the next are read and recognised. A
        document that fails is in its own `doc._.errors`. Raises `CheckpointError` before it touches
        a document.
        """
        self.engine  # noqa: B018
        with ThreadPoolExecutor(1, "pageloom-model") as worker:
            running: deque[tuple[list[_Job[ItemT]], Future[list[ResultT]]]] = deque()
            jobs: list[_Job[ItemT]] = []

            def submit() -> None:
                items = [job.item for job in jobs if job.item is not None]
                running.append((jobs, worker.submit(self._ask, items)))

            for doc in stream:
                jobs.append(self._job(doc))
                if len(jobs) >= batch_size:
                    submit()
                    jobs = []
                if len(running) > 1:
                    yield from self._finish(*running.popleft())
            submit()
            while running:
                yield from self._finish(*running.popleft())

    def _job(self, doc: Doc) -> _Job[ItemT]:
        try:
            doc._.answers = [old for old in doc._.answers if old.component != self.name]
            questions = self._questions(doc)
            return _Job(doc, self._item(doc, questions) if questions else None)
        except Exception as error:
            return _Job(doc, error=error)

    def _finish(
        self, jobs: list[_Job[ItemT]], future: Future[list[ResultT]] | None
    ) -> Iterator[Doc]:
        results: Iterator[ResultT] | None = None
        # One document must not take its group with it: after a failure each is tried alone.
        if future is not None and future.exception() is None:
            results = iter(future.result())
        for job in jobs:
            if job.item is not None:
                try:
                    result = next(results) if results is not None else self._ask([job.item])[0]
                    job.doc._.answers.extend(list(self._answers(job.doc, job.item, result)))
                except Exception as error:
                    job.error = error
            if job.error is not None:
                self._note(job.doc, job.error)
            yield job.doc

    def _note(self, doc: Doc, error: Exception, page: int | None = None) -> None:
        if isinstance(error, QuestionError):
            where = f"{doc._.source}: " if doc._.source else ""
            found = DocumentError(self.name, "question", page, f"{where}{error}")
        else:
            found = DocumentError.of(error, self.name, page=page, source=doc._.source)
        doc._.errors.append(found)
        logger.warning("%s", found.message)
        whole = page is None and not isinstance(error, QuestionError)
        if whole and self._error_handler is not None:
            self._error_handler(self.name, self, [doc], error)

    # -- spaCy's protocols ---------------------------------------------------------------------

    def set_error_handler(self, error_handler: ErrorHandler) -> None:
        """What spaCy calls for a document that failed; it is also in `doc._.errors`."""
        self._error_handler = error_handler

    def get_error_handler(self) -> ErrorHandler:
        """The handler in use; spaCy's own, which raises, by default."""
        return self._error_handler or raise_error

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the folder `path`, which is also a hub checkpoint."""
        self.checkpoint.save(Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Use the model in the folder `path`. Raises `CheckpointError`."""
        self.checkpoint.load(Path(path))
        self.forget()
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """All files of `to_disk` as bytes."""
        return self.checkpoint.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read what `to_bytes` gave. Raises `CheckpointError`."""
        self.checkpoint.from_bytes(data)
        self.forget()
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_engine": None}
