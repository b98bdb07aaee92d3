"""Jobs through a pipeline together: each comes to its own result, whatever the others do."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageloom.errors import PageloomError
from pageloom.pipes.faults import check_engines, is_of_machine
from pageloom.serving.jobs import Job, Result, answer, docbin, open_job

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from pageloom.document import DocumentReader

__all__ = ["broken", "run_jobs"]

log = logging.getLogger(__name__)


def run_jobs(
    nlp: Language,
    jobs: Sequence[Job],
    paths: Mapping[str, Path],
    reader: DocumentReader,
    disabled: Sequence[str],
) -> dict[str, Result]:
    """The result of each job, by key.

    Args:
        nlp: the pipeline.
        jobs: of one selection.
        paths: where the bytes of each lie, by key.
        reader: for documents that come as bytes.
        disabled: components that are left out.
    """
    results: dict[str, Result] = {}
    together = list(jobs)
    try:
        together = _stream(nlp, together, paths, reader, disabled, results)
    except Exception as error:  # the server lacks something: of several, only some may need it
        if len(together) == 1:
            results[together[0].key] = broken(error)
    # Not done: those that a component gave up on in company, and those that came after an error.
    for job in jobs:
        if job.key in results:
            continue
        try:
            _stream(nlp, [job], paths, reader, disabled, results)
        except Exception as error:
            results[job.key] = broken(error)
    return results


def broken(error: BaseException) -> Result:
    """The result where no document is to blame."""
    log.error("%s: %s", type(error).__name__, error)
    named = str(error) if isinstance(error, PageloomError) else f"{type(error).__name__}: {error}"
    return Result("broken", json.dumps({"detail": named}).encode())


def _stream(
    nlp: Language,
    jobs: Sequence[Job],
    paths: Mapping[str, Path],
    reader: DocumentReader,
    disabled: Sequence[str],
    results: dict[str, Result],
) -> list[Job]:
    """Fill `results`; return the jobs that were lost in company."""
    by_key = {job.key: job for job in jobs}
    sources: dict[str, dict[int, str]] = {}
    lost: list[Job] = []

    def on_error(name: str, _: Any, docs: list[Doc], error: Exception) -> None:
        if is_of_machine(error):
            raise error
        keys = [doc._context for doc in docs]
        if len(jobs) > 1 and len(keys) > 1:
            # A component that gives up on several documents does not say which one it was.
            lost.extend(by_key[key] for key in keys)
            return
        for key in keys:
            results[key] = _failure(name, error)

    def finish(key: str, doc: Doc) -> None:
        pages = len(doc._.pages)
        whole = answer(by_key[key], paths[key], doc, sources[key])
        results[key] = Result("docbin", docbin(whole), pages)

    def documents() -> Iterator[tuple[Doc, str]]:
        for job in jobs:
            try:
                doc, sources[job.key] = open_job(job, paths[job.key], reader)
            except PageloomError as error:
                results[job.key] = _failure("reader", error)
                continue
            if doc._.status == "failed":
                finish(job.key, doc)
            else:
                yield doc, job.key

    nlp.set_error_handler(on_error)  # type: ignore[arg-type]  # it may return
    for doc, key in nlp.pipe(documents(), as_tuples=True, disable=list(disabled)):
        check_engines(nlp, doc)
        finish(key, doc)
    return lost


def _failure(component: str, error: Exception) -> Result:
    record = {
        "component": component,
        "category": type(error).__name__,
        "page": None,
        "message": str(error),
    }
    return Result("failure", json.dumps(record).encode())
