"""The views of documents, made on the worker for the page "Documents"."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from pageloom_provider import shards
from pageloom_provider.spec import Failure, Shard
from pageloom_provider.storage import is_local, local_path, location
from pageloom_provider.views import Entry, Head, Origin, write_views
from pageloom_provider.worker.records import read_docs

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

__all__ = ["leave_views"]

log = logging.getLogger(__name__)


def leave_views(
    root: str,
    origin: Origin,
    results: Sequence[Shard],
    conn_id: str | None = None,
    *,
    keep: Collection[str] | None = None,
    waiting: Collection[str] = (),
) -> Head:
    """Write the views of the documents of shards, and of those that failed on the way to them.

    Args:
        root: The folder for views, `pageloom_provider.views.views_folder()`.
        origin: The task instance that writes them.
        results: The shards.
        conn_id: The connection of the object storage of the shards.
        keep: The hashes of the documents to show; None for all. Failed ones are always shown.
        waiting: The hashes of the documents that this task asks a person about.

    Raises:
        OSError: A shard cannot be read, or the folder cannot be written.
    """
    head = write_views(root, origin, _entries(results, conn_id, keep, waiting))
    log.info("%d views of documents left in %s", head.documents, root)
    return head


def _entries(
    results: Sequence[Shard],
    conn_id: str | None,
    keep: Collection[str] | None,
    waiting: Collection[str],
) -> Iterator[Entry]:
    import spacy

    from pageloom.viewer.view import document_view, summary

    vocab = spacy.blank("xx").vocab
    failures: dict[str, tuple[Failure, str]] = {}
    for shard in results:
        path = location(shard.uri, conn_id)
        for doc in read_docs(path, vocab):
            if keep is None or doc._.sha256 in keep:
                view = document_view(doc)
                yield Entry(view, summary(view), shard.uri, None, doc._.sha256 in waiting)
        manifest = shards.read_manifest(path)
        for failure in manifest.failures if manifest else ():
            failures[failure.sha256 or shards.text_hash(failure.uri)] = failure, shard.uri
    for identity, (failure, uri) in failures.items():
        doc = _failed(failure, identity, vocab, conn_id)
        view = {**document_view(doc), "status": "failed"}
        yield Entry(view, summary(view), uri, failure.quarantined)


def _failed(failure: Failure, identity: str, vocab: Vocab, conn_id: str | None) -> Doc:
    """A document that went to quarantine: its pages where it can be opened, and its error."""
    from spacy.tokens import Doc

    from pageloom import DocumentError, open_document

    doc = Doc(vocab)
    if failure.component != "reader":
        copy = failure.quarantined
        path = location(copy, conn_id) if copy else location(failure.uri)
        try:
            doc = open_document(
                str(local_path(path)) if is_local(path) else path.read_bytes(), vocab
            )
        except Exception as error:  # its error is known: pages are more than is needed
            log.warning("%s: its pages cannot be shown: %s", failure.uri, error)
    doc._.source, doc._.sha256 = failure.uri, identity
    doc._.errors = [
        DocumentError(failure.component, failure.category, failure.page, failure.message)
    ]
    return doc
