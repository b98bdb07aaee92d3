"""What the components that run a model over a document's windows share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc
from spacy.util import raise_error

from pageloom.document import DocumentError
from pageloom.errors import CheckpointError, DocumentOpenError
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models.pretrained import PretrainedModel
from pageloom.pipes.checkpoint import Checkpoint
from pageloom.pipes.words import encode_doc
from pageloom.processing.windows import LayoutTokens, check_window

__all__ = ["Logits", "WindowComponent"]

logger = logging.getLogger(__name__)

ErrorHandler = Callable[[str, Any, list[Doc], Exception], None]
Logits = npt.NDArray[np.float32]

# How much runs together: enough that windows of like length find each other, and no more.
BATCHES_TOGETHER = 4
PAGES_TOGETHER = 32


@dataclass(slots=True)
class _Job:
    """A document on its way through the model; without an item where it could not be prepared."""

    doc: Doc
    item: Item | None = None
    error: Exception | None = None


class WindowComponent(ABC):
    """A spaCy component with one model, which reads windows of subwords of many documents at once.

    A subclass says what the model computes for a group of documents (`logits`) and what a document
    gets of it (`annotate`). Where the model sees pages, a page whose picture cannot be opened is
    recorded in `doc._.errors`, and its windows are not run.

    Args:
        name: the component's name in the pipeline.
        heads: the model's class, or those that will do.
        model: a folder, packaged name or hub id.
        revision: on the hub.
        max_length: subwords in a window, special tokens included; at most the model's positions.
        stride: subwords that neighbouring windows share.
        batch_tokens: most subwords in a batch, padding included.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        dtype: `auto`, `float32`, `bfloat16`, `float16`.

    Raises `ValueError` for a setting out of its range.
    """

    def __init__(
        self,
        name: str,
        heads: type[PretrainedModel[Any]] | tuple[type[PretrainedModel[Any]], ...],
        *,
        model: str,
        revision: str | None = None,
        max_length: int = 512,
        stride: int = 128,
        batch_tokens: int = 4096,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        check_window(max_length, stride)
        if batch_tokens < 1:
            raise ValueError(f"{name}: batch_tokens={batch_tokens}; use 1 or more")
        resolve_dtype(dtype, resolve_device(device))
        self.name = name
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype
        self.checkpoint: Checkpoint[PretrainedModel[Any]] = Checkpoint(heads, model, revision, name)
        self._engine: Engine | None = None
        self._error_handler: ErrorHandler | None = None

    # -- what a component is -------------------------------------------------------------------

    @abstractmethod
    def logits(self, items: list[Item]) -> list[Logits]:
        """What the model gives for each document of a group."""

    @abstractmethod
    def annotate(self, doc: Doc, item: Item, logits: Logits) -> None:
        """Write a document's result onto it."""

    def tokens(self, doc: Doc) -> LayoutTokens:
        """The document's subwords, and the windows that the model is to read."""
        return encode_doc(doc, self.checkpoint.tokenizer, self.max_length, self.stride)

    def check(self) -> None:
        """Raise `CheckpointError` where model, tokenizer and settings do not agree."""
        config = self.checkpoint.model.config
        # Where positions count from the padding's number, a window has fewer than the table.
        most = getattr(config, "max_window", config.max_position_embeddings)
        if self.max_length > most:
            raise CheckpointError(
                f"{self.checkpoint.name} has positions for {most} subwords; "
                f"set {self.name}'s max_length, now {self.max_length}, to at most that"
            )
        subwords = len(self.checkpoint.tokenizer)
        if subwords > config.vocab_size:
            raise CheckpointError(
                f"{self.checkpoint.name}: the tokenizer has {subwords} subwords and the model "
                f"embeds {config.vocab_size}; give the tokenizer that the model was trained with"
            )
        if self.checkpoint.sees_pages:
            _ = self.checkpoint.image_processor  # what is wrong with it is told at once

    # -- the model -----------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The model, made ready for inference. Raises `CheckpointError`."""
        if self._engine is None:
            device = resolve_device(self.device)
            dtype = resolve_dtype(self.dtype, device)
            model = self.checkpoint.model
            self.check()
            self._engine = Engine(
                inference_copy(model, device, dtype), self.checkpoint.tokenizer, self.batch_tokens
            )
            logger.info("%s: %s on %s in %s", self.name, self.checkpoint.name, device, dtype)
        return self._engine

    def forget(self) -> None:
        """Drop what was made from the model, since the checkpoint is another one."""
        self._engine = None

    # -- running -------------------------------------------------------------------------------

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document. Raises `CheckpointError`; other failures are in `doc._.errors`."""
        self.engine  # noqa: B018 - a missing model is no failure of the document
        return next(self._finish([self._job(doc)], None))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 8) -> Iterator[Doc]:
        """Annotate a stream of documents; the order stays.

        Up to `batch_size` documents run together, fewer where they are long: spaCy's default of
        1,000 would have the first result wait for the thousandth document. The model works on one
        group while the next is read, recognised and tokenized. A document that fails is in its own
        `doc._.errors`. Raises `CheckpointError` before it touches a document.
        """
        self.engine  # noqa: B018
        with ThreadPoolExecutor(1, "pageloom-model") as worker:
            running: deque[tuple[list[_Job], Future[list[Logits]]]] = deque()
            for jobs in self._groups(stream, batch_size):
                items = [job.item for job in jobs if job.item is not None]
                running.append((jobs, worker.submit(self.logits, items)))
                if len(running) > 1:
                    yield from self._finish(*running.popleft())
            while running:
                yield from self._finish(*running.popleft())

    def _groups(self, stream: Iterable[Doc], batch_size: int) -> Iterator[list[_Job]]:
        jobs: list[_Job] = []
        subwords = pages = 0
        for doc in stream:
            jobs.append(job := self._job(doc))
            if job.item is not None:
                subwords += len(job.item.tokens.input_ids)
                pages += len(job.item.pixels)
            full = subwords >= BATCHES_TOGETHER * self.batch_tokens or pages >= PAGES_TOGETHER
            if full or len(jobs) >= batch_size:
                yield jobs
                jobs, subwords, pages = [], 0, 0
        if jobs:
            yield jobs

    def _job(self, doc: Doc) -> _Job:
        try:
            return _Job(doc, self._item(doc))
        except Exception as error:
            return _Job(doc, error=error)

    def _finish(self, jobs: list[_Job], future: Future[list[Logits]] | None) -> Iterator[Doc]:
        results: Iterator[Logits] | None = None
        # One document must not take its group with it: after a failure each is tried alone.
        if future is not None and future.exception() is None:
            results = iter(future.result())
        for job in jobs:
            if job.item is not None:
                try:
                    logits = next(results) if results else self.logits([job.item])[0]
                    self.annotate(job.doc, job.item, logits)
                except Exception as error:
                    job.error = error
            if job.error is not None:
                self._note(job.doc, job.error)
            yield job.doc

    def _note(self, doc: Doc, error: Exception, page: int | None = None) -> None:
        found = DocumentError.of(error, self.name, page=page, source=doc._.source)
        doc._.errors.append(found)
        logger.warning("%s", found.message)
        if page is None and self._error_handler is not None:
            self._error_handler(self.name, self, [doc], error)

    def _item(self, doc: Doc) -> Item:
        tokens = self.tokens(doc)
        if not self.checkpoint.sees_pages:
            return Item(tokens, {})
        pages = {page.number: page for page in doc._.pages}
        pixels: dict[int, npt.NDArray[np.uint8]] = {}
        for number in sorted(set(tokens.pages.tolist())):
            try:
                if number not in pages:
                    raise DocumentOpenError(
                        f"{doc._.source or 'a document'}: {self.name} needs the picture of page "
                        f"{number}, and doc._.pages has none; open documents with open_document",
                        category="missing",
                    )
                pixels[number] = self.checkpoint.image_processor.pixels(pages[number].image)
            except Exception as error:
                self._note(doc, error, page=number)
        return Item(tokens, pixels)

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
