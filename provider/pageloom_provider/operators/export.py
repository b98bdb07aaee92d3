"""Writing the fields of a run's documents where other programs read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pageloom_provider.spec import Failure, FoundDocument, parse_shard
from pageloom_provider.storage import local_path, location, written_aside

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.sdk import Context

__all__ = ["ExportFieldsOperator"]


class ExportFieldsOperator(BaseOperator):
    """Write the fields of shards to a JSON lines file, an SQL table, or both.

    The file holds a line a document; it appears complete or not at all. The table holds a row a
    field, and is made where it is missing; its key is document hash, label and rank, so a
    document that is exported again replaces its own rows, whoever else writes meanwhile.

    Returns `{documents, fields, failed, pages, jsonl, table}`; names each document in quarantine
    in the log.

    Args:
        shards: What the earlier tasks returned (`tagger.output` of a mapped operator), or URIs.
        jsonl: The JSON lines file, as a URI that `ObjectStoragePath` knows or a path.
        sql_conn_id: The connection of an SQLite or PostgreSQL database.
        sqlite: Instead of `sql_conn_id`, the path of an SQLite file on the worker.
        table: The table's name, with a schema before a dot where it has one.
        storage_conn_id: The connection of the object storage of `shards` and `jsonl`.
    """

    template_fields: Sequence[str] = (
        "shards",
        "jsonl",
        "sql_conn_id",
        "sqlite",
        "table",
        "storage_conn_id",
    )
    template_fields_renderers = {"shards": "json"}

    def __init__(
        self,
        *,
        shards: list[Any],
        jsonl: str | None = None,
        sql_conn_id: str | None = None,
        sqlite: str | None = None,
        table: str = "fields",
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        self.jsonl = jsonl
        self.sql_conn_id = sql_conn_id
        self.sqlite = sqlite
        self.table = table
        self.storage_conn_id = storage_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the shards one by one; write the file first, then the table in one transaction."""
        from pageloom_provider.worker import found_documents

        if not (self.jsonl or self.sql_conn_id or self.sqlite):
            raise ValueError(f"{self.task_id}: give `jsonl`, `sql_conn_id` or `sqlite`")
        results = [parse_shard(shard) for shard in self.shards]
        run_id = str(context["run_id"])
        documents: list[FoundDocument] = []
        failures: list[Failure] = []
        for manifest, found in found_documents(results, self.storage_conn_id):
            documents.extend(found)
            failures.extend(manifest.failures if manifest else ())
        if self.jsonl:
            with written_aside(location(self.jsonl, self.storage_conn_id)) as file:
                _write_lines(file, documents, run_id)
        if hook := self._hook():
            from pageloom_provider.tables import upsert

            upsert(hook, self.table, documents, run_id)
        for failure in failures:
            self.log.warning("in quarantine: %s (%s)", failure.uri, failure.message)
        fields = sum(len(document.fields) for document in documents)
        self.log.info(
            "%d fields of %d documents exported, %d documents in quarantine",
            fields,
            len(documents),
            len(failures),
        )
        return {
            "documents": len(documents),
            "fields": fields,
            "failed": len(failures),
            "pages": sum(document.pages for document in documents),
            "jsonl": self.jsonl,
            "table": self.table if hook else None,
        }

    def _hook(self) -> DbApiHook | None:
        if self.sql_conn_id:
            from pageloom_provider.tables import database

            return database(self.sql_conn_id)
        if self.sqlite:
            from pageloom_provider.tables import embedded_database

            return embedded_database(local_path(location(self.sqlite)))
        return None


def _write_lines(file: IO[bytes], documents: list[FoundDocument], run_id: str) -> None:
    for document in documents:
        line = document.model_dump(mode="json", exclude={"fields"})
        fields: dict[str, list[dict[str, Any]]] = {}
        for found in document.fields:
            row = found.model_dump(mode="json", exclude={"label", "rank"})
            fields.setdefault(found.label, []).append(row)
        record = {**line, "run_id": run_id, "fields": fields}
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
