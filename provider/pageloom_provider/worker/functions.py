"""A user's own function over opened documents, for `@task.pageloom`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.spec import Document, Failure, Pipeline, Shard
from pageloom_provider.stopping import check_stop, stoppable
from pageloom_provider.storage import location
from pageloom_provider.worker.gpus import own_gpu
from pageloom_provider.worker.opening import GONE, opened
from pageloom_provider.worker.pipelines import (
    build,
    components_line,
    devices_asked,
    reader_of,
)
from pageloom_provider.worker.records import read_docs

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from pageloom import DocumentReader

__all__ = ["call_with_documents"]

log = logging.getLogger(__name__)


def call_with_documents(
    function: Callable[[Language, Iterator[Doc]], Any],
    pipeline: Pipeline,
    sources: Sequence[Document] | Sequence[Shard],
    *,
    on_failure: Callable[[Failure], object],
    conn_id: str | None = None,
    device: str | None = None,
    slot: int = 0,
) -> Any:
    """What `function(nlp, documents)` returns; a generator's items become a list.

    `documents` are opened one at a time, when the function asks for the next: of listed documents
    they are without words, for `nlp` to read; of shards they have all that earlier tasks set. One
    that cannot be opened goes to `on_failure` and is left out.

    Args:
        function: The user's.
        pipeline: What `nlp` is.
        sources: Documents or shards.
        on_failure: Notes a bad document, or raises.
        conn_id: The connection of the object storage of shards.
        device: As in `build`.
        slot: As in `own_gpu`.
    """
    started = perf_counter()
    with stoppable(), own_gpu(devices_asked(pipeline, device), slot):
        nlp = build(pipeline, device)
        components = components_line(nlp)
        log.info("pipeline ready in %.1f s: %s", perf_counter() - started, components)
        reader = reader_of(nlp, pipeline)
        counts = {"documents": 0, "pages": 0, "failed": 0}

        def failed(failure: Failure) -> None:
            counts["failed"] += 1
            on_failure(failure)

        def documents() -> Iterator[Doc]:
            for doc in _opened(sources, nlp, reader, conn_id, failed):
                check_stop()
                counts["documents"] += 1
                counts["pages"] += len(doc._.pages)
                yield doc

        result = function(nlp, documents())
        if inspect.isgenerator(result):
            result = list(result)
        log.info(
            "%d documents, %d pages, %d failed, %.1f s, %s",
            *counts.values(),
            perf_counter() - started,
            components,
        )
        return result


def _opened(
    sources: Sequence[Document] | Sequence[Shard],
    nlp: Language,
    reader: DocumentReader,
    conn_id: str | None,
    failed: Callable[[Failure], None],
) -> Iterator[Doc]:
    for source in sources:
        if isinstance(source, Shard):
            yield from read_docs(location(source.uri, conn_id), nlp.vocab)
            continue
        try:
            doc = opened(source, reader)
        except GONE as error:
            failed(_failure(source, "reader", "missing", None, str(error)))
            continue
        if doc._.status == "failed":
            first = doc._.errors[0]
            failed(_failure(source, first.component, first.category, first.page, first.message))
            continue
        yield doc


def _failure(
    document: Document, component: str, category: str, page: int | None, message: str
) -> Failure:
    return Failure(
        uri=document.uri,
        sha256=document.sha256 or shards.text_hash(document.uri),
        component=component,
        category=category,
        page=page,
        message=message,
    )
