"""A batch on a server: documents go there, and what comes back is what this worker would make.

A worker needs neither models nor an OCR engine for it. Documents by themselves do not even need
spaCy, whose import would take longer than most of them; shards with several documents do.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pageloom_provider import shards
from pageloom_provider.hooks.server import (
    BusyError,
    PageloomServer,
    Selection,
    TooLargeError,
    job_name,
)
from pageloom_provider.spec import Document, Job, Outcome
from pageloom_provider.stopping import check_stop, stoppable
from pageloom_provider.storage import is_local, local_path, location
from pageloom_provider.worker.inputs import Batch, Inputs, docs_of, inputs_of
from pageloom_provider.worker.opening import GONE, ChangedError, changed
from pageloom_provider.worker.pipelines import step_of
from pageloom_provider.worker.records import docbin, read_one

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["Progress", "Waiting", "run_on_server"]

log = logging.getLogger(__name__)

GRACE_SECONDS = 2.0
"""For which a task stays to see whether all is done, before it is deferred."""

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Progress(NamedTuple):
    """What an attempt has come to in earlier rounds: its own documents and pages, and its start.

    `started` is in seconds since the epoch; 0 for now.
    """

    documents: int = 0
    pages: int = 0
    started: float = 0.0


class Waiting(NamedTuple):
    """The batch is not done: `jobs` are the server's, and `more` documents are still to be sent.

    `pause` is the time in seconds after which the server wants to be asked again.
    """

    jobs: list[str]
    pause: float
    more: bool
    progress: Progress


def run_on_server(
    job: Job, server: PageloomServer, progress: Progress | None = None
) -> Outcome | Waiting:
    """One round: send what the server does not know, fetch what it has done.

    Rounds may be repeated at will. A document is named by its content and by what is to be done
    with it; the server does it once, and what is fetched lies in the work folder.

    Raises:
        BatchError: A document failed and `job.on_error` is "fail"; names it and the reason.
        BusyError: The server is away, or it is starting or stopping.
        ServerError: It does not do this, does not know the token, or lacks something.
        StoppedError: The task was stopped from outside.
    """
    progress = progress or Progress()
    started = progress.started or time.time()
    selection = server.select(job.pipeline)
    inputs = inputs_of(job, step_of(job.pipeline, selection.models, selection.pageloom))
    if finished := inputs.finished():
        return finished
    batch, requests = _requests(job, inputs, selection)
    batch.take_parts()
    with stoppable():
        pause = _round(batch, requests, server, selection, started)
        sent = {requests[index].job for index in batch.to_do()}
        # Being deferred costs seconds, and many documents take less.
        stay = GRACE_SECONDS if sent and not pause else 0
        if stay and "waiting" not in server.states(sent, stay).values():
            pause = _round(batch, requests, server, selection, started)
    documents = progress.documents + len(batch.done) - batch.documents_before
    pages = progress.pages + batch.pages - batch.pages_before
    waiting = [requests[index].job for index in batch.to_do()]
    if waiting:
        known = server.states(waiting)
        jobs = sorted(name for name, state in known.items() if state != "unknown")
        more = len(jobs) < len(known)
        return Waiting(jobs, pause, more, Progress(documents, pages, started))
    seconds = max(0.0, time.time() - started)
    devices = selection.devices
    line = ", ".join(
        f"{name} ({devices[name]})" if name in devices else name for name in selection.components
    )
    outcome = batch.write(
        inputs, seconds, {"server": round(seconds, 3)}, devices, f"{line} on {server.address}"
    )
    return outcome.model_copy(update={"documents": documents, "pages": pages})


def _round(
    batch: Batch,
    requests: Sequence[_DocumentRequest | _DocRequest],
    server: PageloomServer,
    selection: Selection,
    started: float,
) -> float:
    """Fetch and send; the seconds after which the server has room, 0 where all is sent."""
    todo = list(batch.to_do())
    states = server.states(requests[index].job for index in todo) if todo else {}
    pause = 0.0
    for index in todo:
        check_stop()
        request = requests[index]
        if states[request.job] in ("done", "broken"):
            if request.take(server, batch, index, started):
                continue
        elif states[request.job] == "waiting" or pause:
            continue
        try:
            data = request.data()
        except GONE as error:
            batch.fail(index, "reader", "missing", None, str(error))
            continue
        except _BadFileError as error:
            batch.failed(index, error.doc)
            continue
        if len(data) > selection.request_bytes:
            _too_large(
                batch, index, f"{len(data)} bytes; the server takes {selection.request_bytes}"
            )
            continue
        try:
            server.send(request.job, selection, request.kind, request.suffix, data)
        except TooLargeError as error:
            _too_large(batch, index, str(error))
        except BusyError as error:
            log.info("%s", error)
            pause = error.retry_after
        states[request.job] = "waiting"
    return pause


def _too_large(batch: Batch, index: int, reason: str) -> None:
    batch.fail(index, "server", "too_large", None, f"{batch.names[index]}: {reason}")


def _fail(batch: Batch, index: int, failure: Mapping[str, Any]) -> None:
    batch.fail(
        index, failure["component"], failure["category"], failure["page"], failure["message"]
    )


class _BadFileError(Exception):
    """A file that cannot be read here; `doc` says why, as the reader does."""

    def __init__(self, doc: Doc) -> None:
        super().__init__(doc._.errors[0].message)
        self.doc = doc


class _DocumentRequest:
    """A document that goes as the bytes of its file."""

    def __init__(self, document: Document, identity: str, job: Job, selection: Selection) -> None:
        self._document = document
        self._sha256 = identity
        self._job = job
        self._path = location(document.uri)
        here = is_local(self._path)
        # What is remote is read as bytes on a worker too: without a name, and it stays in the Doc.
        ending = local_path(self._path).suffix.lower() if here else ""
        self.kind = "document" if here and not job.embed_images else "embedded"
        self.suffix = ending if _SUFFIX.fullmatch(ending) else ""
        self.job = job_name(selection, self.kind, self.suffix, identity)

    def data(self) -> bytes:
        """The file's bytes; those that were listed. Raises one of `GONE`, or `_BadFileError`."""
        try:
            data = self._path.read_bytes()
        except OSError:
            if not is_local(self._path):
                raise
            import spacy

            from pageloom import DocumentReader

            pipeline = self._job.pipeline
            reader = DocumentReader(spacy.blank(pipeline.language).vocab, **pipeline.reader)
            doc = reader(str(local_path(self._path)))
            if doc._.status != "failed":
                raise  # it is readable now; the task is tried again
            raise _BadFileError(doc) from None
        if hashlib.sha256(data).hexdigest() != self._sha256:
            raise ChangedError(changed(self._document.uri))
        return bytes(data)

    def take(self, server: PageloomServer, batch: Batch, index: int, started: float) -> bool:
        """Put the result where it belongs, under the names it has here; False without one."""
        names = {}
        if is_local(self._path):
            there = f"{self.job}{self.suffix}" if self.suffix else f"bytes:{self._sha256[:16]}"
            names[there] = str(local_path(self._path))
        result = server.named_result(self.job, self._document.uri, names)
        if result is None:
            return False
        if result.docbin is None:
            _fail(batch, index, result.failure or {})
        else:
            batch.keep_packed(index, result.docbin, result.summary, time.time() - started)
        return True


class _DocRequest:
    """A document of a shard, which goes as a `DocBin` with the pages' pictures."""

    kind = "docbin"
    suffix = ""

    def __init__(self, doc: Doc, selection: Selection) -> None:
        self._doc = doc
        sha256 = hashlib.sha256(self.data()).hexdigest()
        self.job = job_name(selection, self.kind, self.suffix, sha256)

    def data(self) -> bytes:
        """A `DocBin` that can be worked on elsewhere."""
        from pageloom import DocumentOpenError, embed_images

        packed = docbin(self._doc)
        if all(page.content is not None for page in self._doc._.pages):
            return packed
        try:
            return docbin(embed_images(read_one(packed, self._doc.vocab)))
        except DocumentOpenError:
            return packed  # components that need the pictures say so, as they would here

    def take(self, server: PageloomServer, batch: Batch, index: int, started: float) -> bool:
        """Put the result where it belongs, with the content it went with; False without one."""
        from pageloom.document.content import CONTENTS

        result = server.result(self.job)
        if result is None:
            return False
        if result.docbin is None:
            _fail(batch, index, result.failure or {})
            return True
        doc = read_one(result.docbin, self._doc.vocab)
        doc._.pages = self._doc._.pages
        if CONTENTS in self._doc.user_data:
            doc.user_data[CONTENTS] = self._doc.user_data[CONTENTS]
        if not batch.failed(index, doc):
            batch.keep(index, doc, time.time() - started)
        return True


def _requests(
    job: Job, inputs: Inputs, selection: Selection
) -> tuple[Batch, Sequence[_DocumentRequest | _DocRequest]]:
    parts = shards.Parts(inputs.work, inputs.steps)
    if inputs.source is None:
        documents = job.documents or ()
        names = [document.uri for document in documents]
        made = [
            _DocumentRequest(document, identity, job, selection)
            for document, identity in zip(documents, inputs.identities, strict=True)
        ]
        return Batch(job, parts, names, inputs.identities), made
    import spacy

    docs, names, identities = docs_of(inputs.source, spacy.blank(job.pipeline.language).vocab)
    return Batch(job, parts, names, identities), [_DocRequest(doc, selection) for doc in docs]
