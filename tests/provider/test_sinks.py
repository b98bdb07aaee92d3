"""Where fields go besides JSON lines and SQLite: Parquet, DocBin, PostgreSQL; and the ledger."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from pageloom_provider.ledger import Ledger
from pageloom_provider.operators import ExportFieldsOperator, ListDocumentsOperator


def export(shards, run_id="manual__1", **settings):
    return ExportFieldsOperator(task_id="export", shards=shards, **settings).execute(
        {"run_id": run_id}
    )


def listing(folder, run_id="manual__1", **settings):
    batches = ListDocumentsOperator(task_id="listing", source=str(folder), **settings).execute(
        {"run_id": run_id}
    )
    return [document for batch in batches for document in batch]


@pytest.fixture
def warehouse(postgresql_uri, monkeypatch):
    """A connection to PostgreSQL; a function that queries the database."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgresql_uri.replace("postgresql", "postgres"))

    def query(statement):
        with psycopg.connect(postgresql_uri, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return query


def test_parquet_holds_what_the_table_holds(tagged, tmp_path):
    import pyarrow.parquet as pq

    from pageloom_provider.tables import COLUMNS

    export([tagged()], parquet=str(tmp_path / "f.parquet"), sqlite=str(tmp_path / "f.sqlite"))
    table = pq.read_table(tmp_path / "f.parquet")
    assert table.column_names == list(COLUMNS)
    assert not table.schema.field("document_sha256").nullable
    with closing(sqlite3.connect(tmp_path / "f.sqlite")) as database:
        rows = database.execute("SELECT * FROM fields").fetchall()
    assert len(rows) == 3
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == sorted(rows)


def test_parquet_of_nothing_has_the_columns(tmp_path):
    import pyarrow.parquet as pq

    export([], parquet=str(tmp_path / "f.parquet"))
    table = pq.read_table(tmp_path / "f.parquet")
    assert (table.num_rows, str(table.schema.field("confidence").type)) == (0, "double")


def test_docbin_holds_the_documents_of_all_shards(tagged, tmp_path, listed):
    import spacy

    from pageloom_provider.storage import location
    from pageloom_provider.worker import read_docs

    shards = [tagged(documents=listed[:1]), tagged(documents=listed[1:])]
    export(shards, docbin=str(tmp_path / "out" / "all.spacy"))
    docs = list(read_docs(location(tmp_path / "out" / "all.spacy"), spacy.blank("en").vocab))
    assert [doc._.fields["total"][0].text for doc in docs] == ["10.50", "20.00", "30.00"]
    assert [doc._.sha256 for doc in docs] == [
        document["sha256"] for document in listed if "corrupt" not in document["uri"]
    ]


def test_rows_in_postgresql_are_replaced_and_not_repeated(tagged, warehouse, listed):
    warehouse("CREATE SCHEMA results")
    export([tagged()], sql_conn_id="warehouse", table="results.fields")
    export([tagged(documents=listed[:1], scale=0.5)], "manual__2", sql_conn_id="warehouse",
           table="results.fields")  # fmt: skip
    found = warehouse(
        "SELECT value, raw_text, confidence, page, x0 < x1 AND y0 < y1, model, run_id "
        "FROM results.fields ORDER BY value"
    )
    assert found == [
        ("10.50", "10.50", 0.45, 1, True, None, "manual__2"),
        ("20.00", "20.00", 0.9, 1, True, None, "manual__1"),
        ("30.00", "30.00", 0.9, 1, True, None, "manual__1"),
    ]


def test_overlapping_exports_to_postgresql_write_no_row_twice(tagged, warehouse):
    shard = tagged()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: export([shard], f"run {n}", sql_conn_id="warehouse"), range(8)))
    assert warehouse("SELECT value FROM fields ORDER BY value") == [
        ("10.50",), ("20.00",), ("30.00",)
    ]  # fmt: skip


def test_a_user_who_may_only_write_rows_can_export(tagged, warehouse, monkeypatch, postgresql_uri):
    export([], sql_conn_id="warehouse")
    role = postgresql_uri.rpartition("/")[2]
    warehouse(f"CREATE ROLE {role} LOGIN")
    warehouse(f"GRANT SELECT, INSERT, UPDATE, DELETE ON fields TO {role}")
    monkeypatch.setenv(
        "AIRFLOW_CONN_CLERK",
        postgresql_uri.replace("postgresql", "postgres", 1).replace("tests@", f"{role}@"),
    )
    export([tagged()], sql_conn_id="clerk")
    assert warehouse("SELECT count(*) FROM fields") == [(3,)]


@pytest.fixture(params=["one database", "two databases"])
def ledger(request, tmp_path, warehouse):
    """A ledger beside the table in PostgreSQL, or in a file of its own."""
    if request.param == "one database":
        return {"conn_id": "warehouse", "pipeline": "invoices"}
    return {"sqlite": str(tmp_path / "ledger.sqlite"), "pipeline": "invoices"}


def states(ledger):
    entries = Ledger.open(ledger.get("conn_id"), ledger.get("sqlite")).entries()
    return {entry.document_uri.rpartition("/")[2]: entry.state for entry in entries}


def test_what_is_exported_is_done_and_what_is_in_quarantine_failed(
    tagged, warehouse, ledger, folder
):
    shard = tagged(documents=listing(folder, ledger=ledger))
    assert set(states(ledger).values()) == {"running"}
    export([shard], sql_conn_id="warehouse", ledger=ledger)
    assert states(ledger) == {
        "a.pdf": "done", "b.pdf": "done", "c.PDF": "done", "corrupt.pdf": "failed"
    }  # fmt: skip
    assert listing(folder, "manual__2", ledger=ledger) == []
    assert len(listing(folder, "manual__2", ledger={**ledger, "version": "2"})) == 4


def test_a_retry_of_an_export_writes_the_same_again(tagged, warehouse, ledger, folder, tmp_path):
    shard = tagged(documents=listing(folder, ledger=ledger))
    settings = {"sql_conn_id": "warehouse", "jsonl": str(tmp_path / "f.jsonl"), "ledger": ledger}
    assert export([shard], **settings) == export([shard], **settings)
    assert warehouse("SELECT count(*) FROM fields") == [(3,)]
    assert len((tmp_path / "f.jsonl").read_text().splitlines()) == 3


def test_a_run_writes_no_document_that_another_has_taken_over(
    tagged, warehouse, ledger, folder, tmp_path
):
    shard = tagged(documents=listing(folder, ledger=ledger))
    opened = Ledger.open(ledger.get("conn_id"), ledger.get("sqlite"))
    opened.reset(document_uri="*/b.pdf")
    [again] = listing(folder, "manual__2", ledger=ledger)
    assert again["uri"].endswith("b.pdf")

    files = {name: str(tmp_path / name) for name in ("jsonl", "parquet", "docbin")}
    result = export([shard], sql_conn_id="warehouse", ledger=ledger, **files)
    assert result["documents"] == 2
    assert warehouse("SELECT value FROM fields ORDER BY value") == [("10.50",), ("30.00",)]
    lines = (tmp_path / "jsonl").read_text().splitlines()
    assert [json.loads(line)["fields"]["total"][0]["value"] for line in lines] == ["10.50", "30.00"]
    assert states(ledger)["b.pdf"] == "running"

    export([tagged(documents=[again])], "manual__2", sql_conn_id="warehouse", ledger=ledger)
    assert states(ledger)["b.pdf"] == "done"
    assert warehouse("SELECT run_id FROM fields WHERE value = '20.00'") == [("manual__2",)]


def test_an_export_that_fails_leaves_its_documents_to_be_done(tagged, warehouse, ledger, folder):
    shard = tagged(documents=listing(folder, ledger=ledger))
    warehouse("CREATE TABLE fields (document_sha256 TEXT PRIMARY KEY)")
    with pytest.raises(psycopg.Error):
        export([shard], sql_conn_id="warehouse", ledger=ledger)
    assert set(states(ledger).values()) == {"running"}


def test_files_alone_settle_the_ledger_too(tagged, ledger, folder, tmp_path):
    shard = tagged(documents=listing(folder, ledger=ledger))
    export([shard], jsonl=str(tmp_path / "f.jsonl"), ledger=ledger)
    assert states(ledger)["a.pdf"] == "done"


def test_by_name_a_seen_file_is_not_even_opened(tagged, ledger, folder):
    named = {**ledger, "new": "name"}
    export([tagged(documents=listing(folder, ledger=named))], sql_conn_id="warehouse", ledger=named)
    (folder / "a.pdf").write_bytes((folder / "a.pdf").read_bytes() + b"\n")
    (folder / "d.pdf").write_bytes(b"a new one")
    assert [each["uri"][-5:] for each in listing(folder, "manual__2", ledger=named)] == ["d.pdf"]
    again = listing(folder, "manual__3", ledger={**ledger, "version": "1"})
    assert [each["uri"][-5:] for each in again] == ["a.pdf"]


def test_the_components_belong_to_the_version(tagged, ledger, folder):
    """A component's setting changes, and every document is done again; its speed does not count."""
    listing(folder, ledger={**ledger, "components": {"ocr": {"mode": "skip"}}})
    for settings, found in (({"mode": "skip", "workers": 3}, 0), ({"mode": "auto"}, 4)):
        given = {**ledger, "components": {"ocr": settings}}
        assert len(listing(folder, "manual__2", ledger=given)) == found


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        ({}, "one of the two"),
        ({"sqlite": "x", "conn_id": "y"}, "one of the two"),
        ({"sqlite": "x", "pipelin": "y"}, "pipelin: Extra inputs"),
        ({"sqlite": "x", "new": "date"}, "new: Input should be 'content', 'name' or 'all'"),
        ("x", "not a ledger: 'x'"),
    ],
)
def test_a_wrong_ledger_is_named(folder, ledger, message):
    with pytest.raises(ValueError, match=message):
        listing(folder, ledger=ledger)
