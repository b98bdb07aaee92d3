"""OpenLineage: what a batch read and wrote, with its counts and the hashes of its models.

Airflow asks for it where the OpenLineage provider is installed, so nothing here is imported
before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pageloom_provider.spec import Document, Outcome, Shard
from pageloom_provider.storage import location

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset

__all__ = ["batch_lineage", "dataset", "export_lineage"]


def dataset(uri: str) -> Dataset:
    """A file under OpenLineage's naming rules: a folder on disk or a bucket, and what is in it."""
    from openlineage.client.event_v2 import Dataset

    return Dataset(*_named(uri))


def batch_lineage(
    documents: Sequence[Document], shard: Shard | None, outcome: Outcome
) -> OperatorLineage[Any, Any]:
    """The lineage of one task: its documents or its shard in, its shard out."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    inputs = [document.uri for document in documents] if shard is None else [shard.uri]
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=outcome.shard.documents, size=None, fileCount=1
    )
    manifest = outcome.manifest
    return OperatorLineage(
        inputs=[dataset(uri) for uri in inputs],
        outputs=[
            OutputDataset(*_named(outcome.shard.uri), outputFacets={"outputStatistics": statistics})
        ],
        run_facets={
            "pageloom": _facet(
                documents=outcome.shard.documents,
                pages=outcome.shard.pages,
                failed=outcome.shard.failed,
                seconds=manifest.seconds,
                stages=manifest.stages,
                devices=manifest.devices,
                components=[component.factory for component in manifest.steps[-1].components],
                models=[
                    {"setting": setting, **_model(model)}
                    for setting, model in manifest.steps[-1].models.items()
                ],
                pageloom=manifest.steps[-1].pageloom,
            )
        },
    )


def export_lineage(
    shards: Sequence[Shard],
    uris: Sequence[str],
    table: tuple[DbApiHook, str] | None,
    counts: Mapping[str, Any],
) -> OperatorLineage[Any, Any]:
    """The lineage of an export: shards in; files, and a table of a database, out."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset

    outputs = [dataset(uri) for uri in uris]
    if table is not None:
        outputs.append(Dataset(*_table(*table)))
    named = ("documents", "pages", "failed", "fields")
    return OperatorLineage(
        inputs=[dataset(shard.uri) for shard in shards],
        outputs=outputs,
        run_facets={"pageloom": _facet(**{name: counts[name] for name in named})},
    )


def _table(hook: DbApiHook, table: str) -> tuple[str, str]:
    """PostgreSQL's `postgres://host:port` and `database.schema.table`; SQLite's file and table."""
    if hook.dialect_name == "sqlite":
        return "file", f"{hook.get_uri().removeprefix('sqlite:///')}/{table}"
    info: Any = hook.get_openlineage_database_info(hook.connection)
    schema, _, name = table.rpartition(".")
    schema = schema or hook.get_openlineage_default_schema() or "public"
    return f"{info.scheme}://{info.authority}", f"{info.database}.{schema}.{name}"


def _facet(**values: Any) -> Any:
    """A run facet of our own; what it holds is in docs/operators.md."""
    import attr
    from openlineage.client.facet_v2 import RunFacet

    made = attr.make_class(
        "PageloomRunFacet", {name: attr.ib(default=None) for name in values}, bases=(RunFacet,)
    )
    return made(**values)


def _model(model: str) -> dict[str, str]:
    name, _, version = model.rpartition("@")
    return {"name": name or model, "version": version if name else ""}


def _named(uri: str) -> tuple[str, str]:
    parts = urlsplit(str(location(uri)))
    if parts.scheme in ("", "file"):
        return "file", parts.path
    # The part before an @ is the connection, and no part of the place.
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}", parts.path.lstrip("/")
