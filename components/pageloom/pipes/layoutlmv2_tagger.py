"""The component `layoutlmv2_tagger`."""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans, minibatch, raise_error

from pageloom.document import DocumentError, Field
from pageloom.errors import CheckpointError, DocumentOpenError
from pageloom.inference.decoding import Entity, TagScheme
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.pipes.checkpoint import Checkpoint, folder_from_bytes, folder_to_bytes
from pageloom.pipes.words import encode_doc

__all__ = ["LayoutLMv2Tagger"]

logger = logging.getLogger(__name__)

ErrorHandler = Callable[[str, Any, list[Doc], Exception], None]


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
        resolve_dtype(dtype, resolve_device(device))  # a wrong setting is best told at once

    # -- the model -----------------------------------------------------------------------------

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of entity that the model tells apart, without tag prefixes."""
        return self.scheme.kinds

    @property
    def scheme(self) -> TagScheme:
        """How the model's labels make entities."""
        if self._scheme is None:
            names = self.checkpoint.model.config.id2label
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
            if self.checkpoint.tokenizer.vocab_size > model.config.vocab_size:
                raise CheckpointError(
                    f"{self.checkpoint.name}: the tokenizer has "
                    f"{self.checkpoint.tokenizer.vocab_size} subwords and the model embeds "
                    f"{model.config.vocab_size}; they do not belong together"
                )
            self._engine = Engine(
                inference_copy(model, device, dtype), self.checkpoint.tokenizer, self.batch_tokens
            )
            logger.info("%s: %s on %s in %s", self.name, self.checkpoint.name, device, dtype)
        return self._engine

    # -- tagging -------------------------------------------------------------------------------

    def __call__(self, doc: Doc) -> Doc:
        """Tag one document."""
        item = self._item(doc)
        self._annotate(doc, item, self.engine.token_logits([item])[0])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 8) -> Iterator[Doc]:
        """Tag a stream of documents, `batch_size` at a time; the order stays.

        The model works on one batch while the next is read, recognised and tokenized.
        """
        self.engine  # noqa: B018 - a missing model is told before any document is touched
        with ThreadPoolExecutor(1, "pageloom-model") as worker:
            running: deque[tuple[list[Doc], list[Item], Future[list[Any]]]] = deque()
            for docs in minibatch(stream, batch_size):
                items = [self._item(doc) for doc in docs]
                running.append((docs, items, worker.submit(self.engine.token_logits, items)))
                if len(running) > 1:
                    yield from self._finish(*running.popleft())
            while running:
                yield from self._finish(*running.popleft())

    def _finish(
        self, docs: list[Doc], items: list[Item], future: Future[list[Any]]
    ) -> Iterator[Doc]:
        try:
            results: Sequence[Any] = future.result()
        except Exception as error:
            if len(docs) == 1:
                yield from self._failed(docs[0], error)
                return
            # One document must not take its batch with it: each is tried alone.
            for doc, item in zip(docs, items, strict=True):
                try:
                    self._annotate(doc, item, self.engine.token_logits([item])[0])
                except Exception as alone:
                    yield from self._failed(doc, alone)
                else:
                    yield doc
            return
        for doc, item, logits in zip(docs, items, results, strict=True):
            self._annotate(doc, item, logits)
            yield doc

    def _failed(self, doc: Doc, error: Exception) -> Iterator[Doc]:
        doc._.errors.append(DocumentError.of(error, self.name, source=doc._.source))
        if self._error_handler is not None:
            self._error_handler(self.name, self, [doc], error)
        yield doc

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
            except DocumentOpenError as error:
                doc._.errors.append(
                    DocumentError.of(error, self.name, page=number, source=doc._.source)
                )
        return Item(tokens, pixels)

    def _annotate(self, doc: Doc, item: Item, logits: npt.NDArray[np.float32]) -> None:
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
        for label in self.labels:
            fields[label] = []
        for span, score in zip(spans, scores, strict=True):
            fields[span.label_].append(
                Field(span.text, score, span._.page, span._.box, span.start, span.end)
            )
        for label in self.labels:
            fields[label].sort(key=lambda field: -field.score)
            if not fields[label]:
                del fields[label]

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
        return folder_to_bytes(self.checkpoint.save)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> LayoutLMv2Tagger:
        """Read what `to_bytes` gave."""
        # Parameters are mapped from the file, so the folder lives as long as the component.
        self._unpacked = tempfile.TemporaryDirectory(prefix="pageloom-")
        folder_from_bytes(data, Path(self._unpacked.name))
        return self.from_disk(self._unpacked.name)


def _page_runs(item: Item) -> Iterator[tuple[int, int]]:
    """The words of each page as (first, last + 1), so that no entity straddles two."""
    words = item.tokens.word_index
    starts: dict[int, int] = {}
    for start, page in zip(item.tokens.starts.tolist(), item.tokens.pages.tolist(), strict=True):
        starts.setdefault(page, int(words[start]))
    edges = [*sorted(starts.values()), item.tokens.words]
    yield from pairwise(edges)
