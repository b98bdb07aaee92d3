"""Opening a document where it lies, and making sure that it is the one that was listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageloom_provider.spec import Document
from pageloom_provider.storage import is_local, local_path, location

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from pageloom import DocumentReader

__all__ = ["GONE", "ChangedError", "changed", "opened"]


class ChangedError(Exception):
    """A document's content is not what was listed."""


# A document's own fault. Other errors of a storage may pass: the task fails and is tried again.
GONE = (FileNotFoundError, PermissionError, ChangedError)


def opened(document: Document, reader: DocumentReader, *, embed: bool = False) -> Doc:
    """The document as a `Doc` without words. `embed` packs local pages' pictures into it.

    Raises:
        ChangedError: It is not what was listed.
        OSError: It is not there, or cannot be read.
    """
    from pageloom import embed_images

    path = location(document.uri)
    if is_local(path):
        doc = reader(str(local_path(path)))
        if embed and doc._.pages:
            embed_images(doc)
    else:
        # Bytes travel inside the Doc: later tasks need neither the storage nor a connection.
        doc = reader(path.read_bytes())
    if document.sha256 and doc._.sha256 and doc._.sha256 != document.sha256:
        raise ChangedError(changed(document.uri))
    doc._.source = document.uri
    return doc


def changed(uri: str) -> str:
    """The message for a document that is not what was listed."""
    return f"{uri} has changed since it was listed: list and run again"
