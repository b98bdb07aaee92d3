"""What goes into a batch, and where each of its documents stands: done, failed, or still to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.quarantine import put_in_quarantine
from pageloom_provider.spec import Document, Failure, Job, Manifest, Outcome, Step
from pageloom_provider.storage import content_hash, location
from pageloom_provider.worker.opening import GONE
from pageloom_provider.worker.records import docbin, merged, read_docs

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

__all__ = ["Batch", "BatchError", "Inputs", "docs_of", "inputs_of"]

log = logging.getLogger(__name__)


class BatchError(RuntimeError):
    """A document of the batch failed and `on_error` is "fail"."""


@dataclass(frozen=True)
class Inputs:
    """A batch's inputs by content, and the shard that they become.

    `source` and `before` are the shard that comes in, if one does, and its manifest. `identities`
    has one entry for each document, or one for the shard.
    """

    steps: tuple[Step, ...]
    identities: list[str]
    work: ObjectStoragePath
    path: ObjectStoragePath
    source: ObjectStoragePath | None
    before: Manifest | None

    def finished(self) -> Outcome | None:
        """The outcome, where an earlier run has finished the shard."""
        if (manifest := shards.read_manifest(self.path)) is None:
            return None
        log.info("finished by an earlier run: %s", self.path)
        return Outcome(
            shard=shards.summary(self.path, manifest), manifest=manifest, found_finished=True
        )


def inputs_of(job: Job, step: Step) -> Inputs:
    """What a job reads, and the name of what it writes."""
    work = location(job.work, job.work_conn_id)
    source = before = None
    if job.shard is not None:
        source = location(job.shard.uri, job.work_conn_id)
        before = shards.read_manifest(source)
        identities = [source.name if before else content_hash(source)]
    else:
        identities = [_identity(document) for document in job.documents or ()]
    steps = (*(before.steps if before else ()), step)
    path = work / shards.shard_name(steps, identities)
    return Inputs(steps, identities, work, path, source, before)


def docs_of(source: ObjectStoragePath, vocab: Vocab) -> tuple[list[Doc], list[str], list[str]]:
    """The documents of a shard, with what messages call them and their identities."""
    docs = list(read_docs(source, vocab))
    names = [doc._.source or f"document {index + 1}" for index, doc in enumerate(docs)]
    identities = [
        doc._.sha256 or shards.text_hash(f"{index} {doc.text}") for index, doc in enumerate(docs)
    ]
    return docs, names, identities


def _identity(document: Document) -> str:
    if document.sha256 is not None:
        return document.sha256
    try:
        return content_hash(location(document.uri))
    except GONE:
        # It will be quarantined; a retry meets the same name.
        return shards.text_hash(document.uri)


@dataclass
class Batch:
    """The state of one run of a batch: what there is to do, what came out, what failed."""

    job: Job
    parts: shards.Parts
    names: list[str]
    identities: list[str]
    done: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    pages: int = 0
    documents_before: int = 0  # finished by an earlier attempt, as are the pages before
    pages_before: int = 0

    def take_parts(self) -> None:
        """Take over the documents that an earlier attempt has finished."""
        for index, identity in enumerate(self.identities):
            if (finished := self.parts.read(identity)) is not None:
                self.done[index], pages = finished
                self.pages += pages
        self.documents_before, self.pages_before = len(self.done), self.pages
        if self.done:
            log.info("%d documents finished by an earlier attempt", len(self.done))

    def to_do(self) -> Iterator[int]:
        """The documents that are neither done nor failed."""
        for index in range(len(self.names)):
            if index not in self.done and index not in self.failures:
                yield index

    def keep(self, index: int, doc: Doc, seconds: float) -> None:
        """Keep a document that is done, for a retry too; `seconds` since the batch began."""
        summary = {
            "pages": len(doc._.pages),
            "words": len(doc),
            "fields": sum(map(len, doc._.fields.values())),
            "errors": [{"page": each.page, "message": each.message} for each in doc._.errors],
        }
        self.keep_packed(index, docbin(doc), summary, seconds)

    def keep_packed(
        self, index: int, packed: bytes, summary: Mapping[str, Any], seconds: float
    ) -> None:
        """Keep a document that is a `DocBin` already, with what the log is to say of it."""
        self.done[index] = packed
        self.parts.write(self.identities[index], packed, summary["pages"])
        self.pages += summary["pages"]
        for problem in summary["errors"]:
            log.warning("%s: page %s: %s", self.names[index], problem["page"], problem["message"])
        log.info(
            "%d/%d %s: %d pages, %d words, %d fields, %.1f s",
            len(self.done) + len(self.failures),
            len(self.names),
            self.names[index],
            summary["pages"],
            summary["words"],
            summary["fields"],
            seconds,
        )

    def failed(self, index: int, doc: Doc) -> bool:
        """Whether nothing of the document remains; then it is in quarantine."""
        if doc._.status != "failed":
            return False
        error = doc._.errors[0]
        self.fail(index, error.component, error.category, error.page, error.message)
        return True

    def fail(
        self, index: int, component: str, category: str, page: int | None, message: str
    ) -> None:
        """Put a document into quarantine.

        Raises:
            BatchError: The job's `on_error` is "fail".
        """
        failure = Failure(
            uri=self.names[index],
            sha256=self.identities[index],
            component=component,
            category=category,
            page=page,
            message=message,
        )
        if self.job.on_error == "fail":
            raise BatchError(f"{failure.uri}: {message} ({component}, {category})")
        self.failures[index] = put_in_quarantine(self.job, failure)

    def write(
        self,
        inputs: Inputs,
        seconds: float,
        stages: dict[str, float],
        devices: dict[str, str],
        components: str,
    ) -> Outcome:
        """Write the shard of a batch of which every document is done or failed.

        `seconds` since it began, and of each stage; `components` as the log is to name them.
        """
        manifest = Manifest(
            documents=len(self.done),
            pages=self.pages,
            failures=(
                *(inputs.before.failures if inputs.before else ()),
                *(self.failures[index] for index in sorted(self.failures)),
            ),
            steps=inputs.steps,
            seconds=round(seconds, 3),
            stages=stages,
            devices=devices,
        )
        whole = merged(self.done[index] for index in sorted(self.done))
        shards.write_shard(inputs.path, whole, manifest)
        self.parts.clear(self.identities)
        log.info(
            "%d documents, %d pages, %d in quarantine, %.1f s (%s), %s -> %s",
            manifest.documents,
            manifest.pages,
            len(self.failures),
            manifest.seconds,
            ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in manifest.stages.items()),
            components,
            inputs.path,
        )
        return Outcome(
            shard=shards.summary(inputs.path, manifest),
            manifest=manifest,
            documents=len(self.done) - self.documents_before,
            pages=self.pages - self.pages_before,
            failed=len(self.failures),
        )
