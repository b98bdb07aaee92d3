"""The component `ocr`: pages in, words with boxes out."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import srsly
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from pageloom.document.extensions import clamp_box, set_tokens
from pageloom.document.types import Box, DocumentError, Page
from pageloom.ocr import Engine, make_engine, text_layer
from pageloom.ocr.word import clean

__all__ = ["MODES", "Ocr"]

MODES = ("auto", "force", "skip")
PAGES_AHEAD = 4
"""Pages handed to the workers before their document's turn, for each worker."""

_SETTINGS = ("engine", "lang", "mode", "psm", "workers", "min_confidence")
_LOG = logging.getLogger("pageloom")


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as a `Doc` takes it: its box within 0 to 1000."""

    text: str
    box: Box
    page: int
    confidence: float
    line: int
    block: int


@dataclass(slots=True)
class _Job:
    """A document whose pages are being read, in order."""

    doc: Doc
    pages: list[Page]
    reading: deque[tuple[Page, Future[list[_Token]]]] = field(default_factory=deque)
    tokens: list[_Token] = field(default_factory=list)
    errors: list[DocumentError] = field(default_factory=list)


class Ocr:
    """Reads the words of each page: the PDF's own text where there is some, else by OCR.

    It returns a new `Doc` with one token a word: `token._.box`, `._.page` and `._.confidence`,
    lines in `doc.spans["lines"]`, blocks in `doc.spans["layout"]`, and all that the old one had. A
    page that fails leaves an error in `doc._.errors`, and its neighbours their words. A `Doc` that
    has tokens, or no pages, passes through as it is.

    Args:
        vocab: that of the pipeline.
        name: of the component.
        engine: "tesseract", "tesserocr", "rapidocr", or a name in `spacy.registry.misc`.
        lang: as the engine understands it: "eng", "eng+deu".
        mode: "auto"; "force" to read pictures only; "skip" to read text layers only.
        psm: Tesseract's page segmentation mode.
        workers: pages read at the same time; 0: as many as this process may use cores.
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
        jobs: deque[_Job] = deque()
        steps = _steps(stream, jobs)
        ahead = 0  # documents begun and pages given out
        pool = ThreadPoolExecutor(workers, thread_name_prefix="pageloom-ocr")
        try:
            while True:
                while ahead < PAGES_AHEAD * workers and (step := next(steps, None)):
                    job, page = step
                    if page is not None:
                        job.reading.append((page, pool.submit(self._read, page)))
                    ahead += 1
                if not jobs:
                    return
                ahead -= 1
                if jobs[0].reading:
                    self._collect(jobs[0])
                else:
                    yield self._finish(jobs.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, page: Page) -> list[_Token]:
        """The words of one page; runs in a worker."""
        words = None if self.mode == "force" else text_layer(page)
        if words is None:
            words = [] if self.mode == "skip" else self._reader.read(page.image, page.dpi or None)
        across, down = 1000 / page.width, 1000 / page.height
        tokens = []
        for word in words:
            text = clean(word.text)
            if text and word.confidence >= self.min_confidence:
                x0, y0, x1, y1 = word.box
                box = clamp_box((x0 * across, y0 * down, x1 * across, y1 * down))
                confidence = min(1.0, max(0.0, float(word.confidence)))
                tokens.append(_Token(text, box, page.number, confidence, word.line, word.block))
        return tokens

    def _collect(self, job: _Job) -> None:
        page, reading = job.reading.popleft()
        try:
            job.tokens += reading.result()
        except Exception as error:
            self._note(job, error, page)

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


def _steps(stream: Iterable[Doc], jobs: deque[_Job]) -> Iterator[tuple[_Job, Page | None]]:
    """Each document as (job, None), then its pages as (job, page); `jobs` grows on the way."""
    for doc in stream:
        job = _Job(doc, [] if len(doc) else list(doc._.pages))
        jobs.append(job)
        yield job, None
        for page in job.pages:
            yield job, page


def _make_doc(old: Doc, tokens: Sequence[_Token]) -> Doc:
    """A `Doc` of these tokens with all that `old` had beside its text."""
    spaces = [True] * len(tokens)
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
