"""Shards on storage: their names, their manifests, and the parts of one that is being made.

A shard is a spaCy `DocBin` file, with user data. Its manifest, a JSON file of the same name, is
written after it: a shard with a manifest is finished.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pageloom_provider.spec import Manifest, Shard, Step
from pageloom_provider.storage import written_aside

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

__all__ = [
    "Parts",
    "files_hash",
    "read_manifest",
    "shard_name",
    "summary",
    "text_hash",
    "write_shard",
]

log = logging.getLogger(__name__)

SUFFIX = ".spacy"


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def files_hash(path: Path) -> str:
    """SHA-256 over a file, or over a folder's files and their relative names, in hexadecimal.

    Raises:
        ValueError: There is no such file or folder.
    """
    if not path.exists():
        raise ValueError(f"{path}: there is no such file or folder on this worker")
    digest = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            with file.open("rb") as content:
                inner = hashlib.file_digest(content, "sha256").digest()
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + inner)
    return digest.hexdigest()


def shard_name(steps: Sequence[Step], identities: Sequence[str]) -> str:
    """The name of the shard that these steps make of these inputs, in this order."""
    components = "-".join(component.name for component in steps[-1].components) or "pipeline"
    key = text_hash(json.dumps([_steps_hash(steps), list(identities)]))
    return f"{components[:60]}-{key[:32]}{SUFFIX}"


def write_shard(path: ObjectStoragePath, docbin: bytes, manifest: Manifest) -> None:
    """Write a shard, and its manifest after it."""
    with written_aside(path) as file:
        file.write(docbin)
    with written_aside(_manifest_path(path)) as file:
        file.write(manifest.model_dump_json(indent=2).encode() + b"\n")


def summary(path: ObjectStoragePath, manifest: Manifest) -> Shard:
    """What tasks hand on of a finished shard."""
    return Shard(
        uri=str(path),
        documents=manifest.documents,
        failed=len(manifest.failures),
        pages=manifest.pages,
    )


def read_manifest(path: ObjectStoragePath) -> Manifest | None:
    """The manifest of a finished shard; None where the shard or its manifest is missing."""
    manifest = _manifest_path(path)
    try:
        text = manifest.read_bytes()
    except FileNotFoundError:
        return None
    if not path.exists():
        return None
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        log.warning("%s: not a manifest of this version; the shard is made again", manifest)
        return None


class Parts:
    """The documents of unfinished shards, one file each, so that a retry repeats none of them.

    They lie in a folder of their pipeline's own, under their content hash, and go when their
    shard is finished.
    """

    def __init__(self, work: ObjectStoragePath, steps: Sequence[Step]) -> None:
        self.folder = work / "parts" / _steps_hash(steps)[:16]

    def read(self, identity: str) -> tuple[bytes, int] | None:
        """A document's DocBin and its number of pages; None where no attempt has finished it."""
        try:
            data = self._path(identity).read_bytes()
        except FileNotFoundError:
            return None
        head, _, body = data.partition(b"\n")
        return body, int(head)

    def write(self, identity: str, docbin: bytes, pages: int) -> None:
        """Keep a finished document."""
        with written_aside(self._path(identity)) as file:
            file.write(b"%d\n" % pages + docbin)

    def clear(self, identities: Sequence[str]) -> None:
        """Remove the parts of a finished shard."""
        for identity in identities:
            self._path(identity).unlink(missing_ok=True)

    def _path(self, identity: str) -> ObjectStoragePath:
        return self.folder / f"{identity[:32]}{SUFFIX}"


def _steps_hash(steps: Sequence[Step]) -> str:
    return text_hash(" ".join(step.settings for step in steps))


def _manifest_path(path: ObjectStoragePath) -> ObjectStoragePath:
    return path.parent / f"{path.name.removesuffix(SUFFIX)}.json"
