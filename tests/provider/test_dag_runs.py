"""The operators in DAG runs of a real Airflow: mapping, templates, retries, empty folders."""

import json
from pathlib import Path

import pytest

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


@pytest.fixture
def run_dag(tmp_path, folder, monkeypatch):
    """Run a DAG file in this process, as `airflow dags test` does; (run, XComs by task)."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag

    dags = tmp_path / "dags"
    dags.mkdir()
    bundle = [
        {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags)},
        }
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundle))
    assert [each.name for each in DagBundlesManager().get_all_dag_bundles()] == ["tests"]

    def run(code, **conf):
        path = dags / "tested.py"
        path.write_text(code)
        bag = DagBag(str(dags), bundle_path=dags, bundle_name="tests")
        assert not bag.import_errors
        [dag] = bag.dags.values()
        given = {"source": str(folder), "work": str(tmp_path / "work")}
        return dag.test(run_conf={**given, **conf})

    return run


def results(run, task_id):
    """What the task instances of a run returned, in the order of their map index."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(
            select(XComModel.value)
            .where(
                XComModel.run_id == run.run_id,
                XComModel.dag_id == run.dag_id,
                XComModel.task_id == task_id,
                XComModel.key == "return_value",
            )
            .order_by(XComModel.map_index)
        ).scalars()
        return [json.loads(value) if isinstance(value, str) else value for value in found]


def states(run):
    return {(each.task_id, each.map_index): str(each.state) for each in run.get_task_instances()}


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
