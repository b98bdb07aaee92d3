"""A batch on this worker: documents or a shard in, a shard out, bad documents in quarantine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.spec import Job, Outcome
from pageloom_provider.stopping import check_stop, stoppable
from pageloom_provider.worker.gpus import own_gpu
from pageloom_provider.worker.inputs import Batch, Inputs, docs_of, inputs_of
from pageloom_provider.worker.opening import GONE, opened
from pageloom_provider.worker.pipelines import (
    build,
    components_line,
    describe,
    devices_asked,
    devices_used,
    reader_of,
)
from pageloom_provider.worker.records import read_docs
from pageloom_provider.worker.stages import Stages

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from pageloom import DocumentReader

    Opener = Callable[[int], Doc]

__all__ = ["run_batch"]

log = logging.getLogger(__name__)


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
    inputs = inputs_of(job, describe(job.pipeline))
    if finished := inputs.finished():
        return finished

    with stoppable(), own_gpu(devices_asked(job.pipeline, job.device), _slot(job)):
        nlp = build(job.pipeline, job.device)
        components = components_line(nlp)
        log.info("pipeline ready in %.1f s: %s", perf_counter() - started, components)
        devices = devices_used(nlp)
        stages = Stages(nlp)
        # Made in either case: it remembers the password that pages of encrypted files need.
        reader = reader_of(nlp, job.pipeline)
        if inputs.source is not None:
            batch, open_one = _from_shard(job, inputs, nlp)
        else:
            batch, open_one = _from_documents(job, inputs, reader)
        batch.take_parts()
        lost = _stream(batch, open_one, nlp, list(batch.to_do()), started)
        # A component that gives up on several documents at once does not say which one it was.
        for index in lost:
            _stream(batch, open_one, nlp, [index], started)
    return batch.write(inputs, perf_counter() - started, stages.seconds(), devices, components)


def _slot(job: Job) -> int:
    return max(0, int(job.run.get("map_index", 0)))


def _from_documents(job: Job, inputs: Inputs, reader: DocumentReader) -> tuple[Batch, Opener]:
    documents = job.documents or ()

    def open_one(index: int) -> Doc:
        return opened(documents[index], reader, embed=job.embed_images)

    names = [document.uri for document in documents]
    parts = shards.Parts(inputs.work, inputs.steps)
    return Batch(job, parts, names, inputs.identities), open_one


def _from_shard(job: Job, inputs: Inputs, nlp: Language) -> tuple[Batch, Opener]:
    assert inputs.source is not None
    source = inputs.source
    docs, names, identities = docs_of(source, nlp.vocab)
    held = dict(enumerate(docs))

    def open_one(index: int) -> Doc:
        if index not in held:  # asked for again, after a component gave up in the middle of it
            held.update(enumerate(read_docs(source, nlp.vocab)))
        return held.pop(index)

    parts = shards.Parts(inputs.work, inputs.steps)
    return Batch(job, parts, names, identities), open_one


def _stream(
    batch: Batch, open_one: Opener, nlp: Language, todo: list[int], started: float
) -> list[int]:
    """Run the documents through the pipeline; return those that were lost in company."""
    from pageloom.pipes.faults import check_engines, is_of_machine

    in_company: list[int] = []

    def on_component_error(name: str, _: Any, docs: list[Doc], error: Exception) -> None:
        check_stop()
        if is_of_machine(error):
            raise error
        indexes = [doc._context for doc in docs]
        if len(todo) > 1 and len(indexes) > 1:
            in_company.extend(indexes)
        else:
            for index in indexes:
                batch.fail(index, name, type(error).__name__, None, str(error))

    def documents() -> Iterator[tuple[Doc, int]]:
        for index in todo:
            check_stop()
            try:
                doc = open_one(index)
            except GONE as error:
                batch.fail(index, "reader", "missing", None, str(error))
                continue
            if not batch.failed(index, doc):
                yield doc, index

    nlp.set_error_handler(on_component_error)  # type: ignore[arg-type]  # it may return
    for doc, index in nlp.pipe(documents(), as_tuples=True):
        # Before anything is kept: pages whose programs were ended lack their words.
        check_stop()
        check_engines(nlp, doc)
        if not batch.failed(index, doc):
            batch.keep(index, doc, perf_counter() - started)
    return [index for index in in_company if index not in batch.done]
