"""Listing the documents of a folder, in batches for dynamic task mapping."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pageloom_provider.operators.claims import Claims
from pageloom_provider.spec import Document
from pageloom_provider.storage import content_hash, documents_in, location

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

__all__ = ["ListDocumentsOperator"]

_HASHING_THREADS = 8


class ListDocumentsOperator(BaseOperator):
    """List the documents of a folder, or one document, in batches.

    Returns a list of batches, each a list of `{uri, sha256, size}`, ready for
    `OcrOperator.partial(...).expand(documents=listing.output)`. `sha256` is the hash of the
    content, computed here once: it is the document's identity in every later task. Of several
    files with equal content the first is listed and the others are named in the log. The order is
    that of the URIs, so that the same folder gives the same batches.

    Args:
        source: A folder or a file, as a URI that `ObjectStoragePath` knows or a path.
        conn_id: The connection of the object storage, where `source` does not carry it.
        patterns: Shell patterns of file names, or of paths below `source` where they hold a `/`;
            letter case does not matter. By default PDF, PNG, JPEG, TIFF and WebP files.
        recursive: Whether to look into subfolders. Files and folders whose name begins with a
            dot are never listed.
        batch_size: The most documents in a batch, that is, in one task. Airflow's
            `[core] max_map_length` bounds the number of batches.
        ledger: Where to keep which documents were done, and what counts as new: a dict with
            `conn_id` (SQLite or PostgreSQL) or `sqlite` (a path on the worker), and optionally
            `table`, `pipeline`, `version`, `components`, `new` and `max_attempts`, as
            `operators.claims.Settings` has them. Then only documents are listed that this
            version of the pipeline has not done yet and no other run is at work on; give the same
            dict to the operator that exports them. Without it every document is listed.

    Raises:
        FileNotFoundError: `source` is not there.
    """

    template_fields: Sequence[str] = (
        "source",
        "conn_id",
        "patterns",
        "recursive",
        "batch_size",
        "ledger",
    )
    template_fields_renderers = {"ledger": "json"}

    def __init__(
        self,
        *,
        source: str,
        conn_id: str | None = None,
        patterns: list[str] | None = None,
        recursive: bool = True,
        batch_size: int = 16,
        ledger: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.conn_id = conn_id
        self.patterns = patterns
        self.recursive = recursive
        self.batch_size = batch_size
        self.ledger = ledger

    def execute(self, context: Context) -> list[list[dict[str, Any]]]:
        """List, hash, drop repeated content, cut into batches."""
        size = int(self.batch_size)
        if size < 1:
            raise ValueError(f"batch_size must be at least 1, not {self.batch_size!r}")
        folder = location(self.source, self.conn_id)
        if not folder.exists():
            raise FileNotFoundError(f"source {folder}: there is no such folder or file")
        deep = self.recursive if isinstance(self.recursive, bool) else self.recursive == "True"
        paths = documents_in(folder, self.patterns, deep)
        claims = Claims.open(self.ledger, context)
        if claims:
            seen = claims.seen_names()
            paths = [(path, length) for path, length in paths if str(path) not in seen]
        with ThreadPoolExecutor(_HASHING_THREADS) as pool:
            hashes = list(pool.map(self._hash, (path for path, _ in paths)))
        documents: list[Document] = []
        first: dict[str, str] = {}
        for (path, length), sha256 in zip(paths, hashes, strict=True):
            uri = str(path)
            if sha256 is not None and first.setdefault(sha256, uri) != uri:
                self.log.warning("%s has the content of %s: left out", uri, first[sha256])
                continue
            documents.append(Document(uri=uri, sha256=sha256, size=length))
        self.log.info("%d documents in %s", len(documents), folder)
        if claims:
            documents = claims.claimed(documents)
            self.log.info("%d of them are for this run to do", len(documents))
        dumped = [document.model_dump() for document in documents]
        return [dumped[start : start + size] for start in range(0, len(dumped), size)]

    def _hash(self, path: ObjectStoragePath) -> str | None:
        try:
            return content_hash(path)
        except OSError as error:
            # The task that reads it will put it in quarantine with the same reason.
            self.log.warning("%s cannot be read: %s", path, error)
            return None
