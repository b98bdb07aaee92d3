"""Files of fields: JSON lines with a line a document, Parquet with a row a field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

from pageloom_provider.spec import FoundDocument
from pageloom_provider.tables import COLUMNS, field_rows

__all__ = ["write_lines", "write_parquet"]


def write_lines(file: IO[bytes], documents: Iterable[FoundDocument], run_id: str) -> None:
    """Write JSON lines: a document with its fields by label."""
    for document in documents:
        line = document.model_dump(mode="json", exclude={"fields"})
        fields: dict[str, list[dict[str, Any]]] = {}
        for found in document.fields:
            row = found.model_dump(mode="json", exclude={"label", "rank"})
            fields.setdefault(found.label, []).append(row)
        record = {**line, "run_id": run_id, "fields": fields}
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


def write_parquet(file: IO[bytes], documents: Iterable[FoundDocument], run_id: str) -> None:
    """Write a Parquet file with the columns of the SQL table, in their order.

    Raises:
        ImportError: The worker has no pyarrow.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow: pip install 'airflow-provider-pageloom[parquet]'"
        ) from error

    types = {"TEXT": pa.string(), "INTEGER": pa.int32(), "DOUBLE PRECISION": pa.float64()}
    schema = pa.schema(
        [
            pa.field(name, types[kind.removesuffix(" NOT NULL")], "NOT NULL" not in kind)
            for name, kind in COLUMNS.items()
        ]
    )
    rows = [row for document in documents for row in field_rows(document, run_id)]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file)
