"""Files in object storage: where they are, their hashes, and writing them aside first.

A location is a URI that Airflow's `ObjectStoragePath` knows, or a path on this machine.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

__all__ = [
    "DOCUMENT_PATTERNS",
    "child",
    "content_hash",
    "documents_in",
    "is_local",
    "local_path",
    "location",
    "read_file",
    "written_aside",
]

DOCUMENT_PATTERNS = ("*.pdf", "*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff", "*.webp")
_CHUNK = 1 << 20


def location(uri: str | Path, conn_id: str | None = None) -> ObjectStoragePath:
    """The place a URI names. A path without a scheme is on this machine, `~` expanded."""
    from airflow.sdk import ObjectStoragePath

    text = str(uri)
    if "://" not in text:
        # Not as_uri(): it quotes, and ObjectStoragePath takes a path as it is.
        text = f"file://{Path(text).expanduser().absolute()}"
    # Airflow 3.1 takes a connection that is None for one that is given, before that in the URI.
    return ObjectStoragePath(text, **({"conn_id": conn_id} if conn_id else {}))


def child(folder: ObjectStoragePath, fs_path: str) -> ObjectStoragePath:
    """The location of a path that the filesystem of `folder` has listed."""
    # Airflow 3.1 has it among the storage options only.
    conn_id = getattr(folder, "conn_id", None) or folder.storage_options.get("conn_id")
    return location(folder.fs.unstrip_protocol(fs_path), conn_id)


def documents_in(
    folder: ObjectStoragePath, patterns: Sequence[str] | None = None, recursive: bool = True
) -> list[tuple[ObjectStoragePath, int]]:
    """The files of a folder that match, with their sizes, in the order of their paths.

    Patterns are the shell's and hold for names, or for paths below `folder` where they hold a `/`;
    letter case does not matter. What begins with a dot is hidden.
    """
    wanted = [pattern.lower() for pattern in patterns or DOCUMENT_PATTERNS]
    root = folder.path.rstrip("/")
    listed = folder.fs.find(folder.path, maxdepth=None if recursive else 1, detail=True)
    found: list[tuple[ObjectStoragePath, int]] = []
    for fs_path, info in sorted(listed.items()):
        path = child(folder, fs_path)
        relative = path.path.removeprefix(root).lstrip("/") or path.name
        if any(part.startswith(".") for part in relative.split("/")):
            continue
        if any(
            fnmatch((relative if "/" in pattern else path.name).lower(), pattern)
            for pattern in wanted
        ):
            found.append((path, int(info.get("size") or 0)))
    return found


def is_local(path: ObjectStoragePath) -> bool:
    """Whether other programs on this machine can open the path as it is."""
    return path.protocol in ("", "file", "local")


def local_path(path: ObjectStoragePath) -> Path:
    """The path of a local location on this machine."""
    return Path(path.path)


def content_hash(path: ObjectStoragePath) -> str:
    """SHA-256 of a file's content, in hexadecimal; read in chunks of 1 MiB."""
    digest = hashlib.sha256()
    with read_file(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_file(path: ObjectStoragePath) -> IO[bytes]:
    """A file's content, as a binary file to read and close."""
    return _opened(path, "rb")


def _opened(path: ObjectStoragePath, mode: str) -> IO[bytes]:
    opened: IO[bytes] = path.open(mode)  # type: ignore[no-untyped-call]
    return opened


@contextmanager
def written_aside(path: ObjectStoragePath) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` complete, or not at all.

    It is written under a name of its own in the same folder and moved at the end, so of two
    writers each leaves a whole file, and a reader never meets half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        with _opened(aside, "wb") as file:
            yield file
        aside.move(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
