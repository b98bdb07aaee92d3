"""The SQL table of fields: its schema, and writing to it so that no row is ever there twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageloom_provider.spec import FoundDocument

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

__all__ = [
    "COLUMNS",
    "KEY",
    "database",
    "embedded_database",
    "field_rows",
    "make_table",
    "transaction",
    "upsert",
]

# Name and type of each column, in types that SQLite and PostgreSQL share. The box is on 0-1000.
COLUMNS = {
    "document_sha256": "TEXT NOT NULL",
    "label": "TEXT NOT NULL",
    "rank": "INTEGER NOT NULL",
    "value": "TEXT NOT NULL",
    "raw_text": "TEXT NOT NULL",
    "confidence": "DOUBLE PRECISION NOT NULL",
    "page": "INTEGER",
    "x0": "INTEGER",
    "y0": "INTEGER",
    "x1": "INTEGER",
    "y1": "INTEGER",
    "document_uri": "TEXT NOT NULL",
    "model": "TEXT",
    "model_version": "TEXT",
    "pageloom_version": "TEXT",
    "run_id": "TEXT NOT NULL",
    "reviewed_by": "TEXT",
    "reviewed_at": "TEXT",
}
KEY = ("document_sha256", "label", "rank")
DIALECTS = ("sqlite", "postgresql")
_TABLE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)
_BUSY_SECONDS = 60


def database(conn_id: str) -> DbApiHook:
    """The hook of a connection to a database.

    Raises:
        ValueError: The connection is not one of a database that upserts work on.
    """
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.sdk import BaseHook

    hook = BaseHook.get_hook(conn_id)
    if not isinstance(hook, DbApiHook) or hook.dialect_name not in DIALECTS:
        raise ValueError(
            f"connection {conn_id!r} is of the type {hook.conn_type!r}: fields are exported to "
            f"{' or '.join(DIALECTS)}"
        )
    return hook


def embedded_database(path: Path) -> DbApiHook:
    """A hook for an SQLite file, which needs no connection in Airflow."""
    import sqlite3

    from airflow.providers.sqlite.hooks.sqlite import SqliteHook
    from airflow.sdk import Connection

    class EmbeddedSqliteHook(SqliteHook):
        def get_conn(self) -> sqlite3.Connection:
            path.parent.mkdir(parents=True, exist_ok=True)
            return sqlite3.connect(path, timeout=_BUSY_SECONDS)

        def get_uri(self) -> str:
            return f"sqlite:///{path}"

    # The connection is never looked up: only the path of its file is needed, and that is known.
    connection = Connection(conn_id="embedded", conn_type="sqlite")
    return EmbeddedSqliteHook(connection=connection)  # type: ignore[no-untyped-call]


def make_table(hook: DbApiHook, table: str, columns: Mapping[str, str], key: Sequence[str]) -> None:
    """Make a table where it is missing, and columns that one of an earlier version lacks.

    Raises:
        ValueError: `table` is not a name, or not one with a schema.
    """
    if not _TABLE_NAME.fullmatch(table):
        raise ValueError(f"{table!r} is no table name: letters, digits and _, as schema.table")
    described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    with transaction(hook) as cursor:
        if hook.dialect_name == "postgresql":
            # A user who may only write to the table may not even ask for one "if not exists".
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0",
                (table,),
            )
            if there := [name for (name,) in cursor.fetchall()]:
                _add_columns(cursor, table, columns, there)
                return
            # Of two that make a table at once, PostgreSQL refuses one, "if not exists" or not.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"pageloom {table}",))
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {table} ({described}, PRIMARY KEY ({', '.join(key)}))"
        )
        if hook.dialect_name == "sqlite":
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            _add_columns(cursor, table, columns, [column[0] for column in cursor.description])


def _add_columns(cursor: Any, table: str, columns: Mapping[str, str], there: Sequence[str]) -> None:
    for name, kind in columns.items():
        if name not in there:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


@contextmanager
def transaction(hook: DbApiHook) -> Iterator[Any]:
    """A cursor whose statements are carried out together, or not at all.

    In SQLite it waits for its turn to write; in PostgreSQL rows lock as they are touched.
    """
    with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
        if hook.dialect_name == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            # At once: a reader that comes to write later is refused where another wrote meanwhile.
            cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def upsert(
    cursor: Any, place: str, table: str, documents: Sequence[FoundDocument], run_id: str
) -> None:
    """Write the documents' fields, in the transaction of `cursor`; `place` is its placeholder.

    A document's earlier rows are replaced, and those of fields it no longer has are removed. Rows
    are written in the order of their key, so that two runs over the same documents wait for each
    other and do not deadlock.
    """
    updates = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in KEY)
    insert = (
        f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({', '.join([place] * len(COLUMNS))}) "
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {updates}"
    )
    for document in sorted(documents, key=lambda document: document.document_sha256):
        cursor.execute(
            f"DELETE FROM {table} WHERE document_sha256 = {place}", (document.document_sha256,)
        )
        if rows := field_rows(document, run_id):
            cursor.executemany(insert, rows)


def field_rows(document: FoundDocument, run_id: str) -> list[tuple[Any, ...]]:
    """The rows of a document's fields and answers, as `COLUMNS` has them, by their key."""
    rows = []
    for found in sorted(document.rows(), key=lambda found: (found.label, found.rank)):
        x0, y0, x1, y1 = found.box or (None, None, None, None)
        row = {
            "document_sha256": document.document_sha256,
            "label": found.label,
            "rank": found.rank,
            "value": found.value,
            "raw_text": found.raw_text,
            "confidence": found.confidence,
            "page": found.page,
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
            "document_uri": document.document_uri,
            "model": document.model,
            "model_version": document.model_version,
            "pageloom_version": document.pageloom_version,
            "run_id": run_id,
            "reviewed_by": found.reviewed_by,
            "reviewed_at": found.reviewed_at,
        }
        rows.append(tuple(row[name] for name in COLUMNS))
    return rows
