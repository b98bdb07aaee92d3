"""The component `layoutlmv2_tagger`."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans, raise_error

from pageloom.document import DocumentError, Field
from pageloom.errors import CheckpointError, DocumentOpenError
from pageloom.inference.decoding import Entity, TagScheme
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.pipes.checkpoint import Checkpoint
from pageloom.pipes.words import encode_doc
from pageloom.processing.windows import check_window

__all__ = ["LayoutLMv2Tagger"]

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


class LayoutLMv2Tagger:
    """Entities and fields by a LayoutLMv2 token classifier (Xu et al. 2021, section 3.3).

    Sets `doc.spans[spans_key]` with `attrs["scores"]`, `doc._.fields` and, with `set_ents`,
    `doc.ents`. Documents of any length are cut into windows; those of all documents of a batch
    run together. A page whose picture cannot be opened is recorded in `doc._.errors` and left
    untagged.

    Args:
        name: the component's name in the pipeline.
        model: a folder, packaged name or hub id.
        revision: on the hub.
        spans_key: the key in `doc.spans`; the component's name by default.
        set_ents: whether to write `doc.ents` as well; entities of other components stay where the
            new ones leave room.
        threshold: entities that score less (0-1) are dropped.
        max_length: subwords in a window, special tokens included; at most the model's positions.
        stride: subwords that neighbouring windows share.
        batch_tokens: most subwords in a batch, padding included.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        dtype: `auto`, `float32`, `bfloat16`, `float16`.
    """

    def __init__(
        self,
        name: str = "layoutlmv2_tagger",
        *,
        model: str = "pageloom/fields-sm",
        revision: str | None = None,
        spans_key: str | None = None,
        set_ents: bool = True,
        threshold: float = 0.0,
        max_length: int = 512,
        stride: int = 128,
        batch_tokens: int = 4096,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        check_window(max_length, stride)
        if not 0 <= threshold <= 1:
            raise ValueError(f"{name}: threshold={threshold}; use 0 to 1")
        if batch_tokens < 1:
            raise ValueError(f"{name}: batch_tokens={batch_tokens}; use 1 or more")
        resolve_dtype(dtype, resolve_device(device))
        self.name = name
        self.spans_key = spans_key or name
        self.set_ents = set_ents
        self.threshold = threshold
        self.max_length = max_length
        self.stride = stride
        self.batch_tokens = batch_tokens
        self.device = device
        self.dtype = dtype
        self.checkpoint = Checkpoint(LayoutLMv2ForTokenClassification, model, revision, name)
        self._engine: Engine | None = None
        self._scheme: TagScheme | None = None
        self._error_handler: ErrorHandler | None = None

    # -- the model -----------------------------------------------------------------------------

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of entity that the model tells apart, without tag prefixes.

        Empty as long as the model is not here: spaCy asks for labels before it calls `from_disk`.
        """
        if not self.checkpoint.is_here:
            return ()
        try:
            return self.scheme.kinds
        except CheckpointError:
            return ()

    @property
    def scheme(self) -> TagScheme:
        """How the model's labels make entities. Raises `CheckpointError`."""
        if self._scheme is None:
            names = self.checkpoint.config.id2label
            self._scheme = TagScheme([names[index] for index in range(len(names))])
        return self._scheme

    @property
    def engine(self) -> Engine:
        """The model, made ready for inference. Raises `CheckpointError`."""
        if self._engine is None:
            device = resolve_device(self.device)
            dtype = resolve_dtype(self.dtype, device)
            model = self.checkpoint.model
            most = model.config.max_position_embeddings
            if self.max_length > most:
                raise CheckpointError(
                    f"{self.checkpoint.name} has positions for {most} subwords; "
                    f"set {self.name}'s max_length, now {self.max_length}, to at most that"
                )
            subwords = len(self.checkpoint.tokenizer)
            if subwords > model.config.vocab_size:
                raise CheckpointError(
                    f"{self.checkpoint.name}: the tokenizer has {subwords} subwords and the model "
                    f"embeds {model.config.vocab_size}; give the tokenizer that the model was "
                    "trained with"
                )
            _ = self.scheme, self.checkpoint.image_processor  # what is missing is told at once
            self._engine = Engine(
                inference_copy(model, device, dtype), self.checkpoint.tokenizer, self.batch_tokens
            )
            logger.info("%s: %s on %s in %s", self.name, self.checkpoint.name, device, dtype)
        return self._engine

    # -- tagging -------------------------------------------------------------------------------

    def __call__(self, doc: Doc) -> Doc:
        """Tag one document. Raises `CheckpointError`; other failures are in `doc._.errors`."""
        self.engine  # noqa: B018 - a missing model is no failure of the document
        return next(self._finish([self._job(doc)], None))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 8) -> Iterator[Doc]:
        """Tag a stream of documents; the order stays.

        Up to `batch_size` documents run together, fewer where they are long: spaCy's default of
        1,000 would have the first result wait for the thousandth document. The model works on one
        group while the next is read, recognised and tokenized. A document that fails is in its own
        `doc._.errors`. Raises `CheckpointError` before it touches a document.
        """
        engine = self.engine
        with ThreadPoolExecutor(1, "pageloom-model") as worker:
            running: deque[tuple[list[_Job], Future[list[Logits]]]] = deque()
            for jobs in self._groups(stream, batch_size):
                items = [job.item for job in jobs if job.item is not None]
                running.append((jobs, worker.submit(engine.token_logits, items)))
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
                    if results is not None:
                        logits = next(results)
                    else:
                        logits = self.engine.token_logits([job.item])[0]
                    self._annotate(job.doc, job.item, logits)
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
        tokens = encode_doc(doc, self.checkpoint.tokenizer, self.max_length, self.stride)
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

    def _annotate(self, doc: Doc, item: Item, logits: Logits) -> None:
        entities: list[Entity] = []
        for first, last in _page_runs(item):
            for entity in self.scheme.entities(logits[first:last], self.threshold):
                entities.append(
                    Entity(entity.label, first + entity.start, first + entity.end, entity.score)
                )
        spans = [Span(doc, entity.start, entity.end, label=entity.label) for entity in entities]
        scores = [entity.score for entity in entities]
        doc.spans[self.spans_key] = SpanGroup(
            doc, name=self.spans_key, spans=spans, attrs={"scores": scores}
        )
        if self.set_ents:
            # Sorted by length in filter_spans; the new ones must win over those already there.
            taken = {token for span in spans for token in range(span.start, span.end)}
            kept = [ent for ent in doc.ents if taken.isdisjoint(range(ent.start, ent.end))]
            doc.ents = filter_spans([*spans, *kept])
        fields = doc._.fields
        for label in self.scheme.kinds:
            fields.pop(label, None)
        for span, score in zip(spans, scores, strict=True):
            fields.setdefault(span.label_, []).append(
                Field(span.text, score, span._.page, span._.box, span.start, span.end)
            )
        for label in self.scheme.kinds:
            if label in fields:
                fields[label].sort(key=lambda field: -field.score)

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

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> LayoutLMv2Tagger:
        """Use the model in the folder `path`. Raises `CheckpointError`."""
        self.checkpoint.load(Path(path))
        self._engine = self._scheme = None
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """All files of `to_disk` as bytes."""
        return self.checkpoint.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> LayoutLMv2Tagger:
        """Read what `to_bytes` gave. Raises `CheckpointError`."""
        self.checkpoint.from_bytes(data)
        self._engine = self._scheme = None
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_engine": None, "_scheme": None}


def _page_runs(item: Item) -> Iterator[tuple[int, int]]:
    """The words of each page as (first, last + 1), so that no entity straddles two."""
    tokens = item.tokens
    edges: list[int] = []
    before: int | None = None
    for start, page in zip(tokens.starts.tolist(), tokens.pages.tolist(), strict=True):
        if page != before:
            edges.append(int(tokens.word_index[start]))
        before = page
    yield from pairwise([*edges, tokens.words])
