"""The component `ocr`: pages in, words with boxes out."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import srsly
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from pageloom.document.extensions import clamp_box, set_tokens
from pageloom.document.types import Box, DocumentError, Page
from pageloom.ocr import Engine, PagesEngine, Word, make_engine, text_layer
from pageloom.ocr.word import clean, split_glued

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MODES", "SUREST", "Ocr"]

MODES = ("auto", "force", "skip")
PAGES_AHEAD = 5
"""Pages handed out before their document's turn, for each worker: a few that it reads, and as many
again that wait, so that there is a group to take as soon as it is done."""
GROUP_PAGES = 4
"""Pages that an engine reads at once: three of four starts are saved, and further pages would save
little more while all words of the group wait for its last page."""
GROUP_PIXELS = 36_000_000
"""Pixels that they have together, about four A4 pages at 300 dpi: 108 MB for a worker. Beside the
time that a larger page takes, the start of a process is nothing."""

SUREST = 0.9999
"""The highest confidence of a word that an engine read: those with 1 are the document's own."""

_SETTINGS = ("engine", "lang", "mode", "psm", "workers", "min_confidence")
_LOG = logging.getLogger("pageloom")


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as a `Doc` takes it: its box within 0 to 1000; `space`: whether a blank follows."""

    text: str
    box: Box
    page: int
    confidence: float
    line: int
    block: int
    space: bool


@dataclass(slots=True)
class _Reading:
    """A page, and its words when a worker has read them."""

    page: Page
    tokens: Future[list[_Token]] = field(default_factory=Future)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """What fails within is the outcome of this page, and stops no other."""
        try:
            yield
        except Exception as error:
            self.tokens.set_exception(error)


class _Waiting:
    """The pages that no worker has taken yet, in order."""

    def __init__(self, workers: int, most: int) -> None:
        self._workers, self._most = workers, most
        self._readings: deque[_Reading] = deque()
        self._lock = threading.Lock()

    def add(self, readings: Sequence[_Reading]) -> None:
        """These wait too, from now on and together."""
        with self._lock:
            self._readings.extend(readings)

    def take(self) -> list[_Reading]:
        """One worker's share of all that wait, as far as an engine can read it at once."""
        group: list[_Reading] = []
        pixels = 0
        with self._lock:
            share = min(self._most, -(-len(self._readings) // self._workers))
            while len(group) < share:
                page = self._readings[0].page
                pixels += page.width * page.height
                if group and (page.dpi != group[0].page.dpi or pixels > GROUP_PIXELS):
                    break
                group.append(self._readings.popleft())
        return group


@dataclass(slots=True)
class _Job:
    """A document whose pages are being read, in order."""

    doc: Doc
    pages: list[Page]
    readings: deque[_Reading] = field(default_factory=deque)
    tokens: list[_Token] = field(default_factory=list)
    errors: list[DocumentError] = field(default_factory=list)


class Ocr:
    """Reads the words of each page: the PDF's own text where there is some, else by OCR.

    It returns a new `Doc` with one token a word: `token._.box`, `._.page` and `._.confidence` (1
    of a text layer's words, less of what an engine read), lines in `doc.spans["lines"]`, blocks in
    `doc.spans["layout"]`, and all that the old one had. A caption and its value, or a date and a
    time, that are glued together are tokens of their own. A page that fails leaves an error in
    `doc._.errors`, and its neighbours their words. A `Doc` that has tokens, or no pages, passes
    through as it is.

    Args:
        vocab: that of the pipeline.
        name: of the component.
        engine: "tesseract", "tesserocr", "rapidocr", "auto" (RapidOCR for English where it is
            installed, else Tesseract), or a name in `spacy.registry.misc`.
        lang: as the engine understands it: "eng", "eng+deu".
        mode: "auto"; "force" to read pictures only; "skip" to read text layers only.
        psm: Tesseract's page segmentation mode.
        workers: that read at the same time, a page or a few each; 0: as many as this process may
            use cores.
        min_confidence: words below it are left out, 0 to 1.

    Raises:
        EngineError: no such engine, or a setting that it refuses.
        ValueError: another setting out of range.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "ocr",
        *,
        engine: str = "tesseract",
        lang: str = "eng",
        mode: str = "auto",
        psm: int = 3,
        workers: int = 0,
        min_confidence: float = 0.0,
    ) -> None:
        self.vocab = vocab
        self.name = name
        self._configure(
            engine=engine,
            lang=lang,
            mode=mode,
            psm=psm,
            workers=workers,
            min_confidence=min_confidence,
        )

    def _configure(
        self,
        *,
        engine: str,
        lang: str,
        mode: str,
        psm: int,
        workers: int,
        min_confidence: float,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"{self.name}: mode={mode!r}; use one of {', '.join(MODES)}")
        if workers < 0:
            raise ValueError(f"{self.name}: workers={workers}; use 0 for all cores, or a number")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"{self.name}: min_confidence={min_confidence}; use 0 to 1")
        self._reader: Engine = make_engine(engine, lang=lang, psm=psm)
        self.engine, self.lang, self.psm = engine, lang, psm
        self.mode, self.workers, self.min_confidence = mode, workers, min_confidence

    def __call__(self, doc: Doc) -> Doc:
        """Read the pages of one document, side by side."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 1) -> Iterator[Doc]:
        """Read the pages of all documents side by side; documents come out in their order.

        Reading goes on while the caller works on what it got, a few pages ahead and no more: words
        wait in memory, pictures do not. `batch_size` is spaCy's and changes nothing.
        """
        workers = self.workers or _cores()
        most = PAGES_AHEAD * workers
        docs = iter(stream)
        jobs: deque[_Job] = deque()
        pages: Iterator[Page] = iter(())  # those of the last job that are not given out
        waiting = _Waiting(workers, GROUP_PAGES if isinstance(self._reader, PagesEngine) else 1)
        ahead = 0  # pages given out, and documents without pages
        pool = ThreadPoolExecutor(workers, thread_name_prefix="pageloom-ocr")
        try:
            while True:
                while ahead < most:
                    if readings := [_Reading(page) for page in islice(pages, most - ahead)]:
                        ahead += len(readings)
                        jobs[-1].readings.extend(readings)
                        # All of them first: who comes for one may take several.
                        waiting.add(readings)
                        for _ in readings:
                            pool.submit(self._work, waiting)
                    elif (doc := next(docs, None)) is not None:
                        jobs.append(_Job(doc, [] if len(doc) else list(doc._.pages)))
                        pages = iter(jobs[-1].pages)
                        ahead += not jobs[-1].pages
                    else:
                        break
                if not jobs:
                    return
                if jobs[0].readings:
                    ahead -= 1
                    self._collect(jobs[0])
                else:
                    ahead -= not jobs[0].pages
                    yield self._finish(jobs.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, waiting: _Waiting) -> None:
        """Read the next pages that wait, if any are left; runs in a worker."""
        group = waiting.take()
        try:
            self._read(group)
        except BaseException as error:  # an exit, say: whoever waits for a page must hear of it
            for reading in group:
                if not reading.tokens.done():
                    reading.tokens.set_exception(error)

    def _read(self, group: Sequence[_Reading]) -> None:
        """Give each page its words, or the error that it met."""
        pictures: list[tuple[_Reading, Image.Image]] = []
        for reading in group:
            with reading.noting():
                words = None if self.mode == "force" else text_layer(reading.page)
                if words is None and self.mode != "skip":
                    pictures.append((reading, reading.page.image))
                else:
                    reading.tokens.set_result(self._tokens(reading.page, words or [], 1.0))
        if not pictures:
            return
        dpi = group[0].page.dpi or None
        together = self._read_together([image for _, image in pictures], dpi)
        for at, (reading, image) in enumerate(pictures):
            with reading.noting():
                words = self._reader.read(image, dpi) if together is None else together[at]
                reading.tokens.set_result(self._tokens(reading.page, words, SUREST))

    def _read_together(
        self, images: Sequence[Image.Image], dpi: int | None
    ) -> list[list[Word]] | None:
        """The words of each picture; None where they are to be read one by one."""
        if len(images) < 2 or not isinstance(self._reader, PagesEngine):
            return None
        try:
            words = self._reader.read_all(images, dpi)
        except Exception as error:
            _LOG.info("%s: reading %s pages one by one: %s", self.name, len(images), error)
            return None
        if len(words) != len(images):
            _LOG.info("%s: words of %s for %s pages", self.name, len(words), len(images))
            return None
        return words

    def _tokens(self, page: Page, words: Iterable[Word], surest: float) -> list[_Token]:
        across, down = 1000 / page.width, 1000 / page.height
        tokens = []
        for word in words:
            text = clean(word.text)
            if text and word.confidence >= self.min_confidence:
                confidence = min(surest, max(0.0, float(word.confidence)))
                pieces = split_glued(text, word.box)
                for left, (piece, (x0, y0, x1, y1)) in enumerate(pieces, start=1 - len(pieces)):
                    box = clamp_box((x0 * across, y0 * down, x1 * across, y1 * down))
                    place = (page.number, confidence, word.line, word.block)
                    tokens.append(_Token(piece, box, *place, space=left == 0))
        return tokens

    def _collect(self, job: _Job) -> None:
        reading = job.readings.popleft()
        try:
            job.tokens += reading.tokens.result()
        except Exception as error:
            self._note(job, error, reading.page)

    def _note(self, job: _Job, error: Exception, page: Page | None) -> None:
        source = job.doc._.source or (page.source if page is not None else "")
        number = None if page is None else page.number
        found = DocumentError.of(error, self.name, page=number, source=source)
        job.errors.append(found)
        _LOG.warning("%s", found.message)

    def _finish(self, job: _Job) -> Doc:
        if not job.pages:
            return job.doc
        doc = job.doc
        try:
            doc = _make_doc(job.doc, job.tokens)
        except Exception as error:
            self._note(job, error, None)
        if job.errors:
            doc._.errors = [*doc._.errors, *job.errors]
        return doc

    # On disk the pipeline's config has the settings, so that `spacy.load(path, config=...)` can
    # give others, such as the workers of another machine.
    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Nothing but the config is needed on disk."""

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Ocr:
        """The settings stay those of the config."""
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Its settings."""
        data: bytes = srsly.msgpack_dumps({key: getattr(self, key) for key in _SETTINGS})
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Ocr:
        """Take over the settings that `to_bytes` wrote."""
        self._configure(**srsly.msgpack_loads(data))
        return self


def _cores() -> int:
    """How many cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _make_doc(old: Doc, tokens: Sequence[_Token]) -> Doc:
    """A `Doc` of these tokens with all that `old` had beside its text."""
    spaces = [token.space for token in tokens]
    if spaces:
        spaces[-1] = False
    doc = Doc(
        old.vocab,
        words=[token.text for token in tokens],
        spaces=spaces,
        user_data=dict(old.user_data),
    )
    doc._context = old._context
    doc.cats = dict(old.cats)
    doc.user_hooks.update(old.user_hooks)
    doc.user_span_hooks.update(old.user_span_hooks)
    doc.user_token_hooks.update(old.user_token_hooks)
    set_tokens(
        doc,
        [token.box for token in tokens],
        [token.page for token in tokens],
        [token.confidence for token in tokens],
    )
    doc.spans["lines"] = _group(doc, "lines", "line", [(t.page, t.line) for t in tokens])
    doc.spans["layout"] = _group(doc, "layout", "text", [(t.page, t.block) for t in tokens])
    return doc


def _group(doc: Doc, name: str, label: str, keys: Sequence[tuple[int, int]]) -> SpanGroup:
    """A span for each run of equal keys."""
    spans, start = [], 0
    for _, run in groupby(keys):
        end = start + sum(1 for _ in run)
        spans.append(Span(doc, start, end, label=label))
        start = end
    return SpanGroup(doc, name=name, spans=spans)
