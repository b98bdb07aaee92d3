"""A batch: documents or a shard in, a shard out, and bad documents in quarantine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.quarantine import put_in_quarantine
from pageloom_provider.spec import Document, Failure, Job, Manifest, Outcome, Shard
from pageloom_provider.stopping import check_stop, stoppable
from pageloom_provider.storage import content_hash, location
from pageloom_provider.worker.gpus import own_gpu
from pageloom_provider.worker.opening import GONE, opened
from pageloom_provider.worker.pipelines import (
    build,
    components_line,
    describe,
    devices_asked,
    devices_used,
    reader_of,
)
from pageloom_provider.worker.records import docbin, merged, read_docs
from pageloom_provider.worker.stages import Stages

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from spacy.language import Language
    from spacy.tokens import Doc

    from pageloom import DocumentReader

__all__ = ["BatchError", "run_batch"]

log = logging.getLogger(__name__)


class BatchError(RuntimeError):
    """A document of the batch failed and `on_error` is "fail"."""


@dataclass
class _Batch:
    """The state of one run of a batch: what there is to do, what came out, what failed."""

    job: Job
    parts: shards.Parts
    names: list[str]
    identities: list[str]
    open: Callable[[int], Doc]
    done: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    pages: int = 0
    documents_before: int = 0  # finished by an earlier attempt, as are the pages before
    pages_before: int = 0


def run_batch(job: Job) -> Outcome:
    """Run a pipeline over a batch; say where its shard lies and what there was to do.

    The shard's name derives from the content of the inputs, the settings, the models and the
    version of pageloom. A finished shard is returned as it is and no model is loaded; of an
    unfinished one, the documents that an earlier attempt finished are not repeated.

    Raises:
        BatchError: A document failed and `job.on_error` is "fail"; names it and the reason.
        pageloom.PageloomError: The worker lacks something: an OCR engine, a language, a model.
        StoppedError: The task was stopped from outside.
        ValueError: The pipeline's settings are wrong.
    """
    started = perf_counter()
    step = describe(job.pipeline)
    work = location(job.work, job.work_conn_id)
    if job.shard is not None:
        source = location(job.shard.uri, job.work_conn_id)
        before = shards.read_manifest(source)
        identities = [source.name if before else content_hash(source)]
    else:
        before = None
        identities = [_identity(document) for document in job.documents or ()]
    steps = (*(before.steps if before else ()), step)
    path = work / shards.shard_name(steps, identities)
    if finished := shards.read_manifest(path):
        log.info("finished by an earlier run: %s", path)
        return Outcome(shard=_summary(path, finished), manifest=finished, found_finished=True)

    with stoppable(), own_gpu(devices_asked(job.pipeline, job.device), _slot(job)):
        nlp = build(job.pipeline, job.device)
        components = components_line(nlp)
        log.info("pipeline ready in %.1f s: %s", perf_counter() - started, components)
        devices = devices_used(nlp)
        stages = Stages(nlp)
        parts = shards.Parts(work, steps)
        # Made in either case: it remembers the password that pages of encrypted files need.
        reader = reader_of(nlp, job.pipeline)
        if job.shard is not None:
            batch = _from_shard(job, parts, nlp, source)
        else:
            batch = _from_documents(job, parts, reader, identities)
        _work(batch, nlp, started)

    manifest = Manifest(
        documents=len(batch.done),
        pages=batch.pages,
        failures=(
            *(before.failures if before else ()),
            *(batch.failures[index] for index in sorted(batch.failures)),
        ),
        steps=steps,
        seconds=round(perf_counter() - started, 3),
        stages=stages.seconds(),
        devices=devices,
    )
    shards.write_shard(path, merged(batch.done[index] for index in sorted(batch.done)), manifest)
    parts.clear(batch.identities)
    log.info(
        "%d documents, %d pages, %d in quarantine, %.1f s (%s), %s -> %s",
        manifest.documents,
        manifest.pages,
        len(batch.failures),
        manifest.seconds,
        ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in manifest.stages.items()),
        components,
        path,
    )
    return Outcome(
        shard=_summary(path, manifest),
        manifest=manifest,
        documents=len(batch.done) - batch.documents_before,
        pages=batch.pages - batch.pages_before,
        failed=len(batch.failures),
    )


def _slot(job: Job) -> int:
    return max(0, int(job.run.get("map_index", 0)))


def _identity(document: Document) -> str:
    if document.sha256 is not None:
        return document.sha256
    try:
        return content_hash(location(document.uri))
    except GONE:
        # It will be quarantined; a retry meets the same name.
        return shards.text_hash(document.uri)


def _from_documents(
    job: Job, parts: shards.Parts, reader: DocumentReader, identities: list[str]
) -> _Batch:
    documents = job.documents or ()

    def open_one(index: int) -> Doc:
        return opened(documents[index], reader, embed=job.embed_images)

    names = [document.uri for document in documents]
    return _Batch(job, parts, names, identities, open_one)


def _from_shard(job: Job, parts: shards.Parts, nlp: Language, source: ObjectStoragePath) -> _Batch:
    held = dict(enumerate(read_docs(source, nlp.vocab)))
    names = [doc._.source or f"document {index + 1}" for index, doc in held.items()]
    identities = [
        doc._.sha256 or shards.text_hash(f"{index} {doc.text}") for index, doc in held.items()
    ]

    def open_one(index: int) -> Doc:
        if index not in held:  # asked for again, after a component gave up in the middle of it
            held.update(enumerate(read_docs(source, nlp.vocab)))
        return held.pop(index)

    return _Batch(job, parts, names, identities, open_one)


def _work(batch: _Batch, nlp: Language, started: float) -> None:
    """Fill `batch.done` and `batch.failures`; every document is in one of them at the end."""
    for index, identity in enumerate(batch.identities):
        if (finished := batch.parts.read(identity)) is not None:
            batch.done[index], pages = finished
            batch.pages += pages
    batch.documents_before, batch.pages_before = len(batch.done), batch.pages
    if batch.done:
        log.info("%d documents finished by an earlier attempt", len(batch.done))
    todo = [index for index in range(len(batch.names)) if index not in batch.done]
    lost = _stream(batch, nlp, todo, started)
    # A component that gives up on several documents at once does not say which one it was.
    for index in lost:
        _stream(batch, nlp, [index], started)


def _stream(batch: _Batch, nlp: Language, todo: list[int], started: float) -> list[int]:
    """Run the documents through the pipeline; return those that were lost in company."""
    from pageloom import PageloomError

    in_company: list[int] = []

    def on_component_error(name: str, _: Any, docs: list[Doc], error: Exception) -> None:
        check_stop()
        if isinstance(error, PageloomError | MemoryError) or _of_torch(error):
            raise error  # The worker lacks something; no document is to blame.
        indexes = [doc._context for doc in docs]
        if len(todo) > 1 and len(indexes) > 1:
            in_company.extend(indexes)
        else:
            for index in indexes:
                _fail(batch, index, name, type(error).__name__, None, str(error))

    def documents() -> Iterator[tuple[Doc, int]]:
        for index in todo:
            check_stop()
            try:
                doc = batch.open(index)
            except GONE as error:
                _fail(batch, index, "reader", "missing", None, str(error))
                continue
            if not _failed(batch, index, doc):
                yield doc, index

    nlp.set_error_handler(on_component_error)  # type: ignore[arg-type]  # it may return
    for doc, index in nlp.pipe(documents(), as_tuples=True):
        # Before anything is kept: pages whose programs were ended lack their words.
        check_stop()
        _check_engines(nlp, doc)
        if _failed(batch, index, doc):
            continue
        pages = len(doc._.pages)
        batch.done[index] = docbin(doc)
        batch.parts.write(batch.identities[index], batch.done[index], pages)
        batch.pages += pages
        for problem in doc._.errors:
            log.warning("%s: page %s: %s", batch.names[index], problem.page, problem.message)
        log.info(
            "%d/%d %s: %d pages, %d words, %d fields, %.1f s",
            len(batch.done) + len(batch.failures),
            len(batch.names),
            batch.names[index],
            pages,
            len(doc),
            sum(map(len, doc._.fields.values())),
            perf_counter() - started,
        )
    return [index for index in in_company if index not in batch.done]


def _check_engines(nlp: Language, doc: Doc) -> None:
    """Tell an engine that this worker lacks from one that stumbled over a page.

    Raises:
        pageloom.EngineError: The engine or its language is not there; no document is to blame.
    """
    for error in doc._.errors:
        if error.category == "engine" and error.component in nlp.pipe_names:
            from pageloom.ocr.engines import make_engine

            ocr: Any = nlp.get_pipe(error.component)
            engine = make_engine(ocr.engine, lang=ocr.lang, psm=ocr.psm)
            getattr(engine, "check", lambda: None)()


def _failed(batch: _Batch, index: int, doc: Doc) -> bool:
    if doc._.status != "failed":
        return False
    error = doc._.errors[0]
    _fail(batch, index, error.component, error.category, error.page, error.message)
    return True


def _fail(
    batch: _Batch, index: int, component: str, category: str, page: int | None, message: str
) -> None:
    failure = Failure(
        uri=batch.names[index],
        sha256=batch.identities[index],
        component=component,
        category=category,
        page=page,
        message=message,
    )
    if batch.job.on_error == "fail":
        raise BatchError(f"{failure.uri}: {message} ({component}, {category})")
    batch.failures[index] = put_in_quarantine(batch.job, failure)


def _of_torch(error: Exception) -> bool:
    """Out of memory, or a device that is gone; torch's errors derive from RuntimeError."""
    return type(error).__module__.partition(".")[0] == "torch"


def _summary(path: ObjectStoragePath, manifest: Manifest) -> Shard:
    return Shard(
        uri=str(path),
        documents=manifest.documents,
        failed=len(manifest.failures),
        pages=manifest.pages,
    )
