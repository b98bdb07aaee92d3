"""Views of documents: what a run leaves for the page "Documents"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageloom_provider.operators import ExportFieldsOperator, ListDocumentsOperator
from pageloom_provider.views import (
    HEAD,
    SUMMARIES,
    VIEWS,
    dags_in,
    leaves_in,
    parse_head,
    run_folder,
    run_identity,
    split_identity,
    views_folder,
)
from tests.left_views import identity, leave, view

RUN = "manual__2026-01-31T08:00:00+00:00"


class Instance:
    dag_id, run_id, task_id, map_index = "invoices", RUN, "export", None


def export(shards, **settings):
    operator = ExportFieldsOperator(task_id="export", shards=shards, **settings)
    return operator.execute({"run_id": RUN, "ti": Instance})


def left_in(root, dag_id="invoices", run_id=RUN):
    """The lines of the views and of the summaries that a run has left, by the document's name."""
    views, summaries = {}, {}
    for leaf in leaves_in(run_folder(str(root), dag_id, run_id)):
        data = leaf.file(VIEWS).read_bytes()
        for line in map(json.loads, leaf.file(SUMMARIES).read_bytes().splitlines()):
            start, length = line["at"]
            found = json.loads(data[start : start + length])
            assert found["view"]["id"] == line["summary"]["id"]
            views[found["view"]["name"]], summaries[found["view"]["name"]] = found, line
    return views, summaries


def test_an_export_leaves_a_view_a_document_and_failed_ones_with_their_error(
    tagged, tmp_path, folder, listed
):
    shard = tagged()
    export([shard], jsonl=str(tmp_path / "f.jsonl"), views=str(tmp_path / "views"))
    views, summaries = left_in(tmp_path / "views")
    assert {name: line["view"]["status"] for name, line in views.items()} == {
        "a.pdf": "ok",
        "b.pdf": "ok",
        "c.PDF": "ok",
        "corrupt.pdf": "failed",
    }
    good = views["a.pdf"]
    [total] = good["view"]["fields"]
    assert (total["label"], total["text"], total["score"], total["page"]) == (
        "total",
        "10.50",
        0.9,
        1,
    )
    assert good["view"]["source"] == f"file://{folder}/a.pdf"
    assert good["shard"] == shard["uri"]
    assert summaries["a.pdf"]["scores"] == {"total": 0.9}
    bad = views["corrupt.pdf"]
    [error] = bad["view"]["errors"]
    assert error["component"] == "reader"
    assert "corrupt.pdf" in error["message"]
    assert bad["copy"].endswith("-corrupt.pdf")
    assert {line["view"]["id"] for line in views.values()} == {each["sha256"] for each in listed}


def test_the_head_counts_without_opening_the_rest(tagged, tmp_path):
    export([tagged()], jsonl=str(tmp_path / "f.jsonl"), views=str(tmp_path / "views"))
    [leaf] = leaves_in(run_folder(str(tmp_path / "views"), "invoices", RUN))
    head = parse_head(leaf.file(HEAD).read_bytes())
    assert (head.documents, head.failed, head.partial, head.lowest) == (4, 1, 0, 0.9)
    assert (head.dag_id, head.run_id, head.task_id, head.map_index) == (
        "invoices",
        RUN,
        "export",
        -1,
    )


def test_a_document_that_a_check_refused_is_shown_with_its_pages(tagged, tmp_path):
    from pageloom_provider.operators import CheckFieldsOperator

    work = str(tmp_path / "work")
    checked = CheckFieldsOperator(
        task_id="check", shard=tagged(), work=work, pattern={"total": "10.*"}
    ).execute({"run_id": RUN})
    export([checked], jsonl=str(tmp_path / "f.jsonl"), views=str(tmp_path / "views"))
    views, _ = left_in(tmp_path / "views")
    refused = views["b.pdf"]["view"]
    assert (refused["status"], [page["number"] for page in refused["pages"]]) == ("failed", [1])
    assert [error["component"] for error in refused["errors"]] == ["checks"]
    assert views["corrupt.pdf"]["view"]["pages"] == []


def test_exporting_again_replaces_what_the_task_has_left(tagged, tmp_path):
    shard, root = tagged(), tmp_path / "views"
    for _ in range(2):
        export([shard], jsonl=str(tmp_path / "f.jsonl"), views=str(root))
    [folder] = (root / "invoices").iterdir()
    assert len(list(folder.iterdir())) == 3
    assert len(leaves_in(run_folder(str(root), "invoices", RUN))) == 1


def test_several_tasks_of_a_run_leave_theirs_side_by_side(tmp_path):
    leave(tmp_path, [view("a")], task_id="invoices.export")
    leave(tmp_path, [view("b")], task_id="invoices.export", map_index=3)
    leave(tmp_path, [view("c")], task_id="receipts.export", map_index=3)
    leaves = leaves_in(run_folder(str(tmp_path), "invoices", "manual__1"))
    assert [(leaf.task_id, leaf.map_index) for leaf in leaves] == [
        ("invoices.export", -1),
        ("invoices.export", 3),
        ("receipts.export", 3),
    ]


def test_views_lie_where_airflow_is_set_to(monkeypatch, tmp_path, tagged):
    assert views_folder() is None
    monkeypatch.setenv("AIRFLOW__PAGELOOM__WORK", f"{tmp_path}/shared/")
    assert views_folder() == f"{tmp_path}/shared/views"
    export([tagged()], jsonl=str(tmp_path / "f.jsonl"))
    assert set(left_in(tmp_path / "shared" / "views")[0]) >= {"a.pdf", "corrupt.pdf"}
    monkeypatch.setenv("AIRFLOW__PAGELOOM__VIEWS", f"{tmp_path}/elsewhere")
    assert views_folder() == f"{tmp_path}/elsewhere"


def test_without_a_folder_there_are_no_views(tagged, tmp_path):
    before = set(tmp_path.rglob("*.jsonl"))
    export([tagged()], jsonl=str(tmp_path / "f.jsonl"))
    assert set(tmp_path.rglob("*.jsonl")) - before == {tmp_path / "f.jsonl"}


def test_documents_of_other_runs_by_the_ledger_are_left_out(tagged, tmp_path, folder, context):
    ledger = {"sqlite": str(tmp_path / "ledger.sqlite"), "pipeline": "p"}
    given = {"run_id": RUN, "ti": Instance}
    [batch] = ListDocumentsOperator(
        task_id="list", source=str(folder), patterns=["a.pdf"], ledger=ledger
    ).execute(given)
    shard = tagged()
    assert len(batch) == 1
    export([shard], jsonl=str(tmp_path / "f.jsonl"), views=str(tmp_path / "views"), ledger=ledger)
    views, _ = left_in(tmp_path / "views")
    assert set(views) == {"a.pdf", "corrupt.pdf"}


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_no_id_leads_out_of_the_folder(dag_id, run_id):
    folder = run_folder("/srv/views", dag_id, run_id).path
    assert folder.startswith("/srv/views/")
    parts = folder.removeprefix("/srv/views/").split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & set(parts)


@given(st.from_regex(r"[\w.-]{1,20}", fullmatch=True), st.text(min_size=1, max_size=40))
def test_an_address_names_dag_and_run(dag_id, run_id):
    assert split_identity(run_identity(dag_id, run_id)) == (dag_id, run_id)


@pytest.mark.parametrize("nothing", ["", "~", "dag", "dag~", "~run"])
def test_what_is_no_run_names_none(nothing):
    assert split_identity(nothing) is None


def test_the_folder_knows_the_dags(tmp_path):
    leave(tmp_path, [view("a")], dag_id="team.invoices")
    leave(tmp_path, [view("a")], dag_id="../etc")
    assert sorted(dags_in(str(tmp_path))) == ["../etc", "team.invoices"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["%2E.%2Fetc", "team.invoices"]


def test_text_that_is_no_utf_8_is_written_all_the_same(tmp_path):
    leave(tmp_path, [view("caf\udce9.pdf", id=identity("x"))])
    views, _ = left_in(tmp_path, run_id="manual__1")
    assert list(views) == ["caf?.pdf"]
