"""Fields into a JSON lines file and into a real SQLite table."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pageloom_provider.operators import ExportFieldsOperator
from pageloom_provider.storage import location


def export(shards, run_id="manual__1", **settings):
    return ExportFieldsOperator(task_id="export", shards=shards, **settings).execute(
        {"run_id": run_id}
    )


def rows(
    path, columns="document_uri, label, rank, value, confidence, page, run_id", table="fields"
):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(
            f"SELECT {columns} FROM {table} ORDER BY document_uri, rank"
        ).fetchall()


def test_a_row_a_field_and_a_line_a_document(tagged, tmp_path, folder, listed):
    result = export(
        [tagged()], jsonl=str(tmp_path / "out" / "fields.jsonl"), sqlite=str(tmp_path / "f.sqlite")
    )
    assert result == {
        "documents": 3,
        "fields": 3,
        "failed": 1,
        "pages": 3,
        "jsonl": str(tmp_path / "out" / "fields.jsonl"),
        "parquet": None,
        "docbin": None,
        "table": "fields",
    }
    uris = [f"file://{folder}/{name}" for name in ("a.pdf", "b.pdf", "more/c.PDF")]
    assert rows(tmp_path / "f.sqlite") == [
        (uri, "total", 0, value, 0.9, 1, "manual__1")
        for uri, value in zip(uris, ["10.50", "20.00", "30.00"], strict=True)
    ]
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "fields.jsonl").read_text().splitlines()
    ]
    assert [line["document_uri"] for line in lines] == uris
    assert lines[0]["document_sha256"] == listed[0]["sha256"]
    [total] = lines[0]["fields"]["total"]
    assert (total["value"], total["confidence"], total["page"]) == ("10.50", 0.9, 1)
    assert all(0 <= edge <= 1000 for edge in total["box"])


def test_exporting_twice_gives_the_same_rows(tagged, tmp_path):
    shard = tagged()
    export([shard], sqlite=str(tmp_path / "f.sqlite"))
    before = rows(tmp_path / "f.sqlite")
    export([shard], sqlite=str(tmp_path / "f.sqlite"))
    assert rows(tmp_path / "f.sqlite") == before


def test_a_new_run_replaces_a_documents_rows_and_no_others(tagged, tmp_path, listed):
    path = tmp_path / "f.sqlite"
    export([tagged()], sqlite=str(path))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "INSERT INTO fields SELECT document_sha256, 'total', 7, value, raw_text, confidence, "
            "page, x0, y0, x1, y1, document_uri, model, model_version, pageloom_version, run_id, "
            "reviewed_by, reviewed_at "
            "FROM fields"
        )
    export([tagged(documents=listed[:1], scale=0.5)], run_id="manual__2", sqlite=str(path))
    found = rows(path, "document_uri, rank, confidence, run_id")
    assert [row[1:] for row in found] == [
        (0, 0.45, "manual__2"),
        (0, 0.9, "manual__1"),
        (7, 0.9, "manual__1"),
        (0, 0.9, "manual__1"),
        (7, 0.9, "manual__1"),
    ]


def test_overlapping_exports_write_no_row_twice(tagged, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    shard = tagged()
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda number: export([shard], f"run {number}", sqlite=str(tmp_path / "f.sqlite")),
                range(8),
            )
        )
    found = rows(tmp_path / "f.sqlite", "document_uri, label, rank")
    assert len(found) == len(set(found)) == 3
    assert len(rows(tmp_path / "f.sqlite", "DISTINCT run_id, 1, 1")) <= 3


def test_a_connection_names_the_database(tagged, tmp_path, monkeypatch):
    database = {"conn_type": "sqlite", "host": f"{tmp_path}/invoices.sqlite"}
    monkeypatch.setenv("AIRFLOW_CONN_INVOICES", json.dumps(database))
    export([tagged()], sql_conn_id="invoices", table="totals")
    assert [row[0] for row in rows(tmp_path / "invoices.sqlite", "value", "totals")] == [
        "10.50",
        "20.00",
        "30.00",
    ]


def test_a_connection_to_something_else_is_refused(tagged, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MODELS", "pageloom://")
    with pytest.raises(ValueError, match="'models' is of the type 'pageloom'"):
        export([tagged()], sql_conn_id="models")


@pytest.mark.parametrize("table", ["fields; DROP TABLE x", "", "a.b.c", "naïve"])
def test_a_table_has_a_plain_name(tagged, tmp_path, table):
    with pytest.raises(ValueError, match="is no table name"):
        export([tagged()], sqlite=str(tmp_path / "f.sqlite"), table=table)


def test_no_shards_leave_an_empty_file_and_an_empty_table(tmp_path):
    result = export([], jsonl=str(tmp_path / "f.jsonl"), sqlite=str(tmp_path / "f.sqlite"))
    assert (result["documents"], result["fields"]) == (0, 0)
    assert (tmp_path / "f.jsonl").read_bytes() == b""
    assert rows(tmp_path / "f.sqlite") == []


def test_it_needs_somewhere_to_write_to():
    with pytest.raises(ValueError, match="`jsonl`, `parquet`, `docbin`, `sql_conn_id` or `sqlite`"):
        export([])


def test_a_shard_of_another_program_has_no_model(tmp_path):
    import spacy
    from spacy.tokens import DocBin

    import pageloom

    nlp = spacy.blank("en")
    doc = nlp("Total 12")
    doc._.fields = {"total": [pageloom.Field("12", 0.5, None, None, 1, 2)]}
    doc._.sha256, doc._.source = "0" * 64, "mail"
    (tmp_path / "own.spacy").write_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes())
    export([str(location(Path(tmp_path / "own.spacy")))], sqlite=str(tmp_path / "f.sqlite"))
    assert rows(tmp_path / "f.sqlite", "value, page, x0, model") == [("12", None, None, None)]


def test_the_value_is_what_the_text_means_and_the_raw_text_stays(tmp_path):
    import spacy
    from spacy.tokens import Doc, DocBin

    import pageloom

    doc = Doc(spacy.blank("en").vocab, words=["EUR", "1.200,00", "Tea", "Ltd"])
    doc._.fields = {
        "total": [pageloom.Field("EUR 1.200,00", 0.5, None, None, 0, 2, "1200.00", "EUR")],
        "seller": [pageloom.Field("Tea\nLtd", 0.5, None, None, 2, 4)],
    }
    doc._.sha256, doc._.source = "0" * 64, "mail"
    (tmp_path / "own.spacy").write_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes())
    export([str(location(Path(tmp_path / "own.spacy")))], sqlite=str(tmp_path / "f.sqlite"))
    assert sorted(rows(tmp_path / "f.sqlite", "label, value, raw_text")) == [
        ("seller", "Tea Ltd", "Tea Ltd"),
        ("total", "1200.00", "EUR 1.200,00"),
    ]
