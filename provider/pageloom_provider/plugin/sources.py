"""The documents themselves, read for pictures of their pages, and only from folders that are meant.

A view names its document's place, and a worker wrote that: the API server opens nothing that does
not lie in a folder of its own configuration, and uses that folder's connection, not the document's.
"""

from __future__ import annotations

import hashlib
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from pageloom_provider.configuration import option
from pageloom_provider.plugin.caching import ByteCache
from pageloom_provider.storage import child, is_local, local_path, location, read_file

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

__all__ = ["MAX_BYTES", "SourceError", "document", "place"]

MAX_BYTES = 64 << 20
_documents = ByteCache(MAX_BYTES)


class SourceError(Exception):
    """A document cannot be had; the message says why."""


def document(identity: str, uris: list[str]) -> bytes:
    """A document's content, from the first of several places that has it.

    Args:
        identity: SHA-256 of the content.
        uris: Where it may lie: its source, its copy in quarantine.

    Raises:
        SourceError: None of them is in a configured folder, or has the document.
    """
    kept = _documents.get(identity)
    if kept is not None:
        return kept
    reason = "outside the folders of Airflow's [pageloom] roots"
    for uri in uris:
        path = place(uri)
        if path is None:
            continue
        try:
            with read_file(path) as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            reason = "no longer where it was read"
            continue
        except OSError as error:
            reason = f"not to be read ({type(error).__name__})"
            continue
        if len(data) > MAX_BYTES:
            reason = f"larger than {MAX_BYTES >> 20} MiB"
        elif hashlib.sha256(data).hexdigest() != identity:
            reason = "another than the one that was read: it has changed"
        else:
            _documents.put(identity, data)
            return data
    raise SourceError(f"The page cannot be shown: its document is {reason}.")


def place(uri: str) -> ObjectStoragePath | None:
    """A document's location in a configured folder; None where it lies in none of them."""
    try:
        asked = location(uri)
    except (ValueError, TypeError):
        return None
    for root in _roots():
        folder = location(root)
        if is_local(asked) and is_local(folder):
            # Links and dots first: what counts is the file that would be opened.
            real = _resolved(local_path(asked))
            if real and real.is_relative_to(local_path(folder).resolve()):
                return location(real)
        elif asked.protocol == folder.protocol and not is_local(asked):
            path = asked.path
            inside = path.startswith(f"{folder.path.rstrip('/')}/")
            if inside and posixpath.normpath(path) == path:
                return child(folder, path)
    return None


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL character, a loop of links
        return None


def _roots() -> list[str]:
    given = [root.strip() for root in (option("roots") or "").split(",")]
    return [root for root in (*given, option("work"), option("quarantine")) if root]
