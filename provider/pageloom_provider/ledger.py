"""The ledger: which documents a pipeline has seen, in which version, and what became of them.

A row is a document, by the hash of its content, under one version of one pipeline. Its state goes
from new to running to done or failed. A run claims the documents it is going to do, each in a
transaction, so that of two overlapping runs one gets it; and what a run has lost to another in the
meantime it does not write.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from pageloom_provider.shards import text_hash
from pageloom_provider.spec import Document
from pageloom_provider.storage import local_path, location
from pageloom_provider.tables import database, embedded_database, make_table, transaction

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

__all__ = ["STATES", "TABLE", "Entry", "Ledger", "Run", "identity"]

log = logging.getLogger(__name__)

STATES = ("new", "running", "done", "failed")
TABLE = "pageloom_ledger"
COLUMNS = {
    "document_sha256": "TEXT NOT NULL",
    "pipeline": "TEXT NOT NULL",
    "version": "TEXT NOT NULL",
    "state": "TEXT NOT NULL",
    "document_uri": "TEXT NOT NULL",
    "error": "TEXT",
    "attempts": "INTEGER NOT NULL",
    "dag_id": "TEXT",
    "run_id": "TEXT",
    "seen_at": "TEXT NOT NULL",
    "changed_at": "TEXT NOT NULL",
}
KEY = ("document_sha256", "pipeline", "version")
# SQLite bounds the values of one statement, and a short transaction lets others in between.
_CHUNK = 500


class Run(NamedTuple):
    """A DAG run, which claims documents."""

    dag_id: str
    run_id: str


class Entry(BaseModel):
    """One row of the ledger. Times are ISO 8601, in UTC."""

    model_config = ConfigDict(frozen=True)

    document_sha256: str
    pipeline: str
    version: str
    state: str
    document_uri: str
    error: str | None
    attempts: int
    dag_id: str | None
    run_id: str | None
    seen_at: str
    changed_at: str


def identity(uri: str, sha256: str | None) -> str:
    """What a document is known by: the hash of its content, or of its URI if it is unreadable."""
    return sha256 or text_hash(uri)


class Ledger:
    """A ledger in a database; its table is made where it is missing."""

    def __init__(self, hook: DbApiHook, table: str = TABLE) -> None:
        make_table(hook, table, COLUMNS, KEY)
        self.hook = hook
        self.table = table

    @classmethod
    def open(cls, conn_id: str | None, sqlite: str | None, table: str = TABLE) -> Ledger:
        """The ledger in the database of a connection, or in an SQLite file."""
        if conn_id is not None:
            return cls(database(conn_id), table)
        return cls(embedded_database(local_path(location(sqlite or ""))), table)

    def claim(
        self,
        documents: Sequence[Document],
        run: Run,
        is_over: Callable[[Run], bool],
        *,
        pipeline: str,
        version: str,
        new: str = "content",
        max_attempts: int = 5,
    ) -> list[Document]:
        """Claim documents for a run and return those it got, earlier seen ones first.

        It gets what is new, what it has claimed before, and what a run claimed that is over
        without finishing it; with `new="all"` also what is done or failed. `is_over` says of a
        run whether it has ended.
        """
        of_pipeline = {"pipeline": pipeline, "version": version}
        claimants = {
            Run(*row)
            for row in self._select(
                "DISTINCT dag_id, run_id", {**of_pipeline, "state": "running"}, ""
            )
        }
        over = {other for other in claimants - {run} if is_over(other)}
        by_key = {identity(document.uri, document.sha256): document for document in documents}
        keys = sorted(by_key)  # in one order for everyone, so that claimants do not deadlock
        now = _now()
        got: dict[str, str] = {}
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            fresh = [(key, pipeline, version, "new", by_key[key].uri, 0, now, now) for key in chunk]
            with transaction(self.hook) as cursor:
                cursor.executemany(
                    f"INSERT INTO {self.table} (document_sha256, pipeline, version, state, "
                    "document_uri, attempts, seen_at, changed_at) "
                    f"VALUES ({self._places(8)}) ON CONFLICT ({', '.join(KEY)}) DO NOTHING",
                    fresh,
                )
                for entry in self._locked(cursor, of_pipeline, chunk):
                    change = _decide(entry, run, over, new, max_attempts)
                    if change is None:
                        continue
                    if change["state"] == "running":
                        got[entry.document_sha256] = entry.seen_at
                        change["document_uri"] = by_key[entry.document_sha256].uri
                    self._update(cursor, {**change, "changed_at": now}, entry)
        order = {document.uri: number for number, document in enumerate(documents)}
        return [
            by_key[key] for key in sorted(got, key=lambda key: (got[key], order[by_key[key].uri]))
        ]

    def names(self, pipeline: str, version: str) -> frozenset[str]:
        """The URIs of the documents that are done or failed."""
        found = self._select(
            "document_uri",
            {"pipeline": pipeline, "version": version},
            " AND state IN ('done', 'failed')",
        )
        return frozenset(str(uri) for (uri,) in found)

    def held(self, run: Run, pipeline: str, cursor: Any = None) -> frozenset[str]:
        """The documents that are this run's; with a cursor, until its transaction ends."""
        given = {"dag_id": run.dag_id, "run_id": run.run_id, "pipeline": pipeline}
        if cursor is None:
            return frozenset(str(key) for (key,) in self._select("document_sha256", given, ""))
        cursor.execute(
            f"SELECT document_sha256 FROM {self.table} WHERE {self._all(given)} "
            f"ORDER BY document_sha256{self._for_update}",
            tuple(given.values()),
        )
        return frozenset(str(key) for (key,) in cursor.fetchall())

    def settle(
        self, run: Run, pipeline: str, cursor: Any, done: Sequence[str], failed: Mapping[str, str]
    ) -> None:
        """Write what became of a run's documents; those that are not the run's stay as they are.

        Args:
            run: Whose documents.
            pipeline: Whose documents.
            cursor: Of a `transaction` in this database.
            done: Identities of documents.
            failed: The error by the document's identity.
        """
        outcome: dict[str, tuple[str, str | None]] = dict.fromkeys(done, ("done", None))
        outcome.update({key: ("failed", error) for key, error in failed.items()})
        place = self.hook.placeholder
        now = _now()
        rows = [
            (*outcome[key], now, key, run.dag_id, run.run_id, pipeline) for key in sorted(outcome)
        ]
        if rows:
            cursor.executemany(
                f"UPDATE {self.table} SET state = {place}, error = {place}, changed_at = {place} "
                f"WHERE document_sha256 = {place} AND dag_id = {place} AND run_id = {place} "
                f"AND pipeline = {place}",
                rows,
            )

    def entries(self, limit: int | None = None, **given: str | None) -> list[Entry]:
        """The rows that fit, the latest change first.

        Args:
            limit: The most rows.
            given: Values of columns; of `document_sha256` the beginning is enough, and in
                `document_uri` a `*` stands for anything. None fits everything.
        """
        where, values = self._fitting(given)
        rows = self._rows(
            f"SELECT {', '.join(COLUMNS)} FROM {self.table}{where} "
            f"ORDER BY changed_at DESC, document_sha256{f' LIMIT {int(limit)}' if limit else ''}",
            values,
        )
        return [_entry(row) for row in rows]

    def reset(self, **given: str | None) -> int:
        """Make the rows that fit new again, so that the next run does them; return how many.

        A run that is at work on one of them does not write it any more.
        """
        where, values = self._fitting(given)
        with transaction(self.hook) as cursor:
            cursor.execute(
                f"UPDATE {self.table} SET state = 'new', error = NULL, attempts = 0, "
                f"dag_id = NULL, run_id = NULL, changed_at = {self.hook.placeholder}{where}",
                (_now(), *values),
            )
            return int(cursor.rowcount)

    def _fitting(self, given: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]]:
        if unknown := set(given) - set(COLUMNS):
            raise ValueError(f"the ledger has no column {sorted(unknown)[0]!r}")
        conditions, values = [], []
        for name, value in given.items():
            if value is None:
                continue
            if name in ("document_sha256", "document_uri"):
                escaped = value.replace("!", "!!").replace("%", "!%").replace("_", "!_")
                value = escaped.replace("*", "%") if name == "document_uri" else f"{escaped}%"
                conditions.append(f"{name} LIKE {self.hook.placeholder} ESCAPE '!'")
            else:
                conditions.append(f"{name} = {self.hook.placeholder}")
            values.append(value)
        return f" WHERE {' AND '.join(conditions)}" if conditions else "", tuple(values)

    def _locked(self, cursor: Any, given: dict[str, str], keys: Sequence[str]) -> list[Entry]:
        cursor.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {self.table} WHERE {self._all(given)} "
            f"AND document_sha256 IN ({self._places(len(keys))}) "
            f"ORDER BY document_sha256{self._for_update}",
            (*given.values(), *keys),
        )
        return [_entry(row) for row in cursor.fetchall()]

    def _update(self, cursor: Any, change: dict[str, Any], entry: Entry) -> None:
        place = self.hook.placeholder
        changes = ", ".join(f"{name} = {place}" for name in change)
        keys = {name: getattr(entry, name) for name in KEY}
        cursor.execute(
            f"UPDATE {self.table} SET {changes} WHERE {self._all(keys)}",
            (*change.values(), *keys.values()),
        )

    def _select(self, what: str, given: dict[str, str], more: str) -> list[tuple[Any, ...]]:
        return self._rows(
            f"SELECT {what} FROM {self.table} WHERE {self._all(given)}{more}",
            tuple(given.values()),
        )

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with transaction(self.hook) as cursor:
            cursor.execute(statement, values)
            return [tuple(row) for row in cursor.fetchall()]

    def _all(self, given: Mapping[str, Any]) -> str:
        return " AND ".join(f"{name} = {self.hook.placeholder}" for name in given)

    def _places(self, number: int) -> str:
        return ", ".join([self.hook.placeholder] * number)

    @property
    def _for_update(self) -> str:
        # SQLite's transaction has the whole file.
        return " FOR UPDATE" if self.hook.dialect_name == "postgresql" else ""


def _decide(
    entry: Entry, run: Run, over: set[Run], new: str, max_attempts: int
) -> dict[str, Any] | None:
    """The change of a row that a run meets, or None where it leaves it alone."""
    holder = Run(entry.dag_id or "", entry.run_id or "")
    claimed = {
        "state": "running",
        "error": None,
        "attempts": entry.attempts + (holder != run),
        "dag_id": run.dag_id,
        "run_id": run.run_id,
    }
    if entry.state == "running" and holder != run:
        if holder not in over:
            log.info("%s: run %s is at work on it", entry.document_uri, entry.run_id)
            return None
        if entry.attempts >= max_attempts:
            error = f"{entry.attempts} runs began it and none finished it"
            log.error("%s: %s: given up", entry.document_uri, error)
            return {"state": "failed", "error": error, "dag_id": None, "run_id": None}
        log.warning("%s: run %s ended without finishing it", entry.document_uri, entry.run_id)
        return claimed
    if entry.state in ("done", "failed") and new != "all":
        return None
    return claimed


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(**dict(zip(COLUMNS, row, strict=True)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
