"""Writing the fields of a run's documents where other programs and people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink

from pageloom_provider.assets import announce
from pageloom_provider.operators.claims import Claims
from pageloom_provider.operators.showing import show_documents
from pageloom_provider.spec import Failure, FoundDocument, parse_shards
from pageloom_provider.storage import local_path, location, written_aside
from pageloom_provider.views import run_address, views_folder

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from pageloom_provider.spec import Shard

__all__ = ["DocumentsLink", "ExportFieldsOperator"]


class DocumentsLink(BaseOperatorLink):
    """A link from the task to its run's documents."""

    name = "Documents"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page's address; none where there are no views."""
        root = getattr(operator, "views", None) or views_folder()
        return run_address(ti_key.dag_id, ti_key.run_id) if root else ""


class ExportFieldsOperator(BaseOperator):
    """Write the fields of shards to files, to an SQL table, or both; leave views of the documents.

    A file appears complete or not at all. The table holds a row a field, and is made where it is
    missing; its key is document hash, label and rank, so a document that is exported again
    replaces its own rows, whoever else writes meanwhile. The page "Documents" shows the views.

    Returns `{documents, fields, failed, pages, jsonl, parquet, docbin, table}`; names each document
    in quarantine in the log. The events of the task's outlets carry the same as extra.

    Args:
        shards: What the earlier tasks returned (`tagger.output` of a mapped operator), or URIs.
        jsonl: A JSON lines file, a line a document, as a URI that `ObjectStoragePath` knows or a
            path.
        parquet: A Parquet file, a row a field, with the columns of the table.
        docbin: A spaCy `DocBin` file of all documents, with everything that components set.
        sql_conn_id: The connection of an SQLite or PostgreSQL database.
        sqlite: Instead of `sql_conn_id`, the path of an SQLite file on the worker.
        table: The table's name, with a schema before a dot where it has one.
        storage_conn_id: The connection of the object storage of `shards` and of the files.
        ledger: The ledger that `ListDocumentsOperator` was given. Documents that this run holds no
            claim on are left out; the others become done, and those in quarantine failed, in one
            transaction with the table where both are in one database. Of several exports of the
            same documents, give it to the last.
        views: Where the views of the documents go, those in quarantine included. By default
            Airflow's `[pageloom] views`, or else the folder `views` in `[pageloom] work`; without
            either there are none. The page shows what is in the folder that its Airflow is set to.
    """

    operator_extra_links = (DocumentsLink(),)

    result: dict[str, Any] | None = None  # what `execute` returned, for lineage

    template_fields: Sequence[str] = (
        "shards",
        "jsonl",
        "parquet",
        "docbin",
        "sql_conn_id",
        "sqlite",
        "table",
        "storage_conn_id",
        "ledger",
        "views",
    )
    template_fields_renderers = {"shards": "json", "ledger": "json"}

    def __init__(
        self,
        *,
        shards: list[Any],
        jsonl: str | None = None,
        parquet: str | None = None,
        docbin: str | None = None,
        sql_conn_id: str | None = None,
        sqlite: str | None = None,
        table: str = "fields",
        storage_conn_id: str | None = None,
        ledger: dict[str, Any] | None = None,
        views: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        self.jsonl = jsonl
        self.parquet = parquet
        self.docbin = docbin
        self.sql_conn_id = sql_conn_id
        self.sqlite = sqlite
        self.table = table
        self.storage_conn_id = storage_conn_id
        self.ledger = ledger
        self.views = views

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the shards one by one; write the files first, then the table in one transaction."""
        from pageloom_provider.worker import found_documents

        if not any((self.jsonl, self.parquet, self.docbin, self.sql_conn_id, self.sqlite)):
            raise ValueError(
                f"{self.task_id}: give `jsonl`, `parquet`, `docbin`, `sql_conn_id` or `sqlite`"
            )
        results = parse_shards(self.shards)
        run_id = str(context["run_id"])
        documents: list[FoundDocument] = []
        failures: list[Failure] = []
        for manifest, found in found_documents(results, self.storage_conn_id):
            documents.extend(found)
            failures.extend(manifest.failures if manifest else ())
        claims = Claims.open(self.ledger, context)
        if claims:
            documents = claims.kept(documents)
        self._write_files(results, documents, run_id)
        keep = {document.document_sha256 for document in documents}
        root = self.views or views_folder()
        show_documents(context, root, results, self.storage_conn_id, keep=keep)
        hook = self._hook()
        if hook:
            documents = self._write_table(hook, documents, failures, claims, run_id)
        elif claims:
            claims.settle(documents, failures)
        for failure in failures:
            self.log.warning("in quarantine: %s (%s)", failure.uri, failure.message)
        fields = sum(len(document.fields) for document in documents)
        self.log.info(
            "%d fields of %d documents exported, %d documents in quarantine",
            fields,
            len(documents),
            len(failures),
        )
        self.result = {
            "documents": len(documents),
            "fields": fields,
            "failed": len(failures),
            "pages": sum(document.pages for document in documents),
            "jsonl": self.jsonl,
            "parquet": self.parquet,
            "docbin": self.docbin,
            "table": self.table if hook else None,
        }
        announce(context, self.outlets, self.jsonl or self.parquet or self.docbin, self.result)
        return self.result

    def get_openlineage_facets_on_complete(self, _: Any) -> OperatorLineage[Any, Any] | None:
        """For OpenLineage: shards in; files and the table out, and the counts."""
        if self.result is None:
            return None
        from pageloom_provider.lineage import export_lineage

        uris = [uri for uri in (self.jsonl, self.parquet, self.docbin) if uri]
        hook = self._hook()
        table = (hook, self.table) if hook else None
        return export_lineage(parse_shards(self.shards), uris, table, self.result)

    def _write_files(
        self, results: list[Shard], documents: list[FoundDocument], run_id: str
    ) -> None:
        from pageloom_provider.sinks import write_lines, write_parquet

        for uri, write in ((self.jsonl, write_lines), (self.parquet, write_parquet)):
            if uri:
                with written_aside(location(uri, self.storage_conn_id)) as file:
                    write(file, documents, run_id)
        if self.docbin:
            from pageloom_provider.worker import collected

            keep = {document.document_sha256 for document in documents}
            data = collected(results, self.storage_conn_id, keep)
            with written_aside(location(self.docbin, self.storage_conn_id)) as file:
                file.write(data)

    def _write_table(
        self,
        hook: DbApiHook,
        documents: list[FoundDocument],
        failures: list[Failure],
        claims: Claims | None,
        run_id: str,
    ) -> list[FoundDocument]:
        """Write the table and what became of the documents; returns those that were written."""
        from pageloom_provider.tables import COLUMNS, KEY, make_table, transaction, upsert

        make_table(hook, self.table, COLUMNS, KEY)
        together = claims is not None and claims.ledger.hook.get_uri() == hook.get_uri()
        with transaction(hook) as cursor:
            if claims and together:
                documents = claims.kept(documents, cursor)
            upsert(cursor, hook.placeholder, self.table, documents, run_id)
            if claims and together:
                claims.settle(documents, failures, cursor)
        if claims and not together:
            claims.settle(documents, failures)
        return documents

    def _hook(self) -> DbApiHook | None:
        if self.sql_conn_id:
            from pageloom_provider.tables import database

            return database(self.sql_conn_id)
        if self.sqlite:
            from pageloom_provider.tables import embedded_database

            return embedded_database(local_path(location(self.sqlite)))
        return None
