"""The operators in DAG runs of a real Airflow: mapping, templates, retries, empty folders."""

from pathlib import Path

import pytest

from tests.dag_runs import results, states

pytestmark = pytest.mark.usefixtures("metadata_database")

MAPPED = """
from airflow.sdk import DAG, Param
from pageloom_provider.operators import *

with DAG(
    "mapped_batches",
    schedule=None,
    params={"source": Param("", type="string"), "work": Param("", type="string")},
) as dag:
    listing = ListDocumentsOperator(
        task_id="listing", source="{{ params.source }}", batch_size="{{ 2 }}"
    )
    read = OcrOperator.partial(
        task_id="read", work="{{ params.work }}/{{ dag.dag_id }}", mode="{{ 'skip' }}"
    ).expand(documents=listing.output)
    found = PipelineOperator.partial(
        task_id="found",
        work="{{ params.work }}/{{ dag.dag_id }}",
        components={"sentencizer": {"punct_chars": ["{{ '.' }}"]}},
    ).expand(shard=read.output)
    ExportFieldsOperator(
        task_id="export", shards=found.output, jsonl="{{ params.work }}/{{ run_id }}.jsonl"
    )
"""


def test_batches_are_mapped_and_only_counts_travel_between_tasks(run_dag, tmp_path):
    run = run_dag(MAPPED)
    assert run.state == "success", states(run)
    shards = results(run, "read")
    assert [set(shard) for shard in shards] == [{"uri", "documents", "failed", "pages"}] * 2
    assert [(shard["documents"], shard["failed"]) for shard in shards] == [(2, 0), (1, 1)]
    assert all(f"{tmp_path}/work/mapped_batches/" in shard["uri"] for shard in shards)
    [exported] = results(run, "export")
    assert (exported["documents"], exported["failed"]) == (3, 1)
    assert len(Path(exported["jsonl"]).read_text().splitlines()) == 3

    again = run_dag(MAPPED)
    assert again.state == "success"
    assert results(again, "found") == results(run, "found")


def test_a_folder_without_documents_is_a_run_without_work(run_dag, tmp_path):
    (tmp_path / "empty").mkdir()
    run = run_dag(MAPPED, source=str(tmp_path / "empty"))
    assert run.state == "success"
    assert {state for (task, _), state in states(run).items() if task != "listing"} == {"skipped"}


def test_a_file_name_with_braces_is_no_template(run_dag, folder):
    (folder / "a.pdf").rename(folder / "{{ no.such.thing }}.pdf")
    run = run_dag(MAPPED)
    assert run.state == "success", states(run)


def test_a_task_that_is_tried_again_goes_on_where_it_was(run_dag, tmp_path):
    """The second document stops the first attempt; the first one is read once."""
    seen = tmp_path / "seen.txt"
    run = run_dag(
        f"""
from datetime import timedelta
from airflow.sdk import DAG
from pageloom_provider.operators import *

def component():
    from spacy.language import Language

    @Language.component("stops_once")
    def stops_once(doc):
        with open({str(seen)!r}, "a+") as seen:
            seen.seek(0)
            stop = "Globex" in doc.text and "Globex" not in seen.read()
            print(doc[0].text, file=seen)
        if stop:
            raise RuntimeError("not now")
        return doc

class Registers(PipelineOperator):
    def execute(self, context):
        component()
        return super().execute(context)

with DAG("tried_again", schedule=None) as dag:
    Registers(
        task_id="batch",
        retries=1,
        retry_delay=timedelta(seconds=0),
        work="{{{{ dag_run.conf['work'] }}}}",
        documents=[
            "{{{{ dag_run.conf['source'] }}}}/a.pdf",
            "{{{{ dag_run.conf['source'] }}}}/b.pdf",
        ],
        components=[{{"ocr": {{"mode": "skip", "workers": 1}}}}, "stops_once"],
        on_error="fail",
    )
"""
    )
    assert run.state == "success", states(run)
    assert seen.read_text().split() == ["ACME", "Globex", "Globex"]
    [shard] = results(run, "batch")
    assert shard["documents"] == 2


def test_a_run_does_what_a_failed_run_left_undone_and_only_that(run_dag, tmp_path):
    """The first run fails after it has claimed its documents; Airflow says so to the second."""
    code = """
from airflow.sdk import DAG
from pageloom_provider.operators import *

ledger = {"sqlite": "{{ dag_run.conf['work'] }}/ledger.sqlite"}
with DAG("with_a_ledger", schedule=None) as dag:
    listing = ListDocumentsOperator(
        task_id="listing", source="{{ dag_run.conf['source'] }}", ledger=ledger
    )
    read = PipelineOperator.partial(
        task_id="read",
        work="{{ dag_run.conf['work'] }}",
        components=[{"ocr": {"mode": "{{ dag_run.conf['mode'] }}"}}],
    ).expand(documents=listing.output)
    ExportFieldsOperator(
        task_id="export", shards=read.output, jsonl="{{ dag_run.conf['work'] }}/f", ledger=ledger
    )
"""
    assert run_dag(code, mode="no such mode").state == "failed"
    second = run_dag(code, mode="skip")
    assert second.state == "success", states(second)
    [[batch]] = results(second, "listing")
    assert len(batch) == 4
    third = run_dag(code, mode="skip")
    assert results(third, "listing") == [[]]
