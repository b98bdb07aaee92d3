"""Deployments in YAML, run by a real Airflow: routes, checks, sinks, alerts, the ledger."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.dag_runs import dag_bag, results, states
from tests.provider.conftest import write_pdf
from tests.provider.notifying import SENT

pytestmark = pytest.mark.usefixtures("metadata_database", "_total_finder", "classifier")
LOADER = (Path(__file__).parents[2] / "dags" / "pageloom_dags.py").read_text()


@pytest.fixture
def classifier():
    """A component that tells a bill by its total, as a document classifier would."""
    from spacy.language import Language

    if Language.has_factory("by_total"):
        return

    @Language.component("by_total")
    def by_total(doc):
        doc.cats = {"invoice": 0.9 if "Total" in doc.text else 0.1, "letter": 0.5}
        return doc


@pytest.fixture
def run(tmp_path, folder, monkeypatch):
    """Run a deployment in this process, as `airflow dags test` does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    dags = tmp_path / "dags"
    (dags / "pipelines").mkdir(parents=True)
    (dags / "pageloom_dags.py").write_text(LOADER)
    bundle = [
        {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags)},
        }
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundle))
    assert [each.name for each in DagBundlesManager().get_all_dag_bundles()] == ["tests"]
    SENT.clear()

    def run(text, **conf):
        given = text.replace("{work}", f"{tmp_path}/work").replace("{source}", str(folder))
        (dags / "pipelines" / "tested.yaml").write_text(given)
        bag = dag_bag(dags)
        assert not bag.import_errors
        [dag] = bag.dags.values()
        return dag.test(run_conf=conf)

    return run


def returned(run, task_id):
    [value] = results(run, task_id)
    return value


def table(path, name, columns="document_uri, value"):
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(f"SELECT {columns} FROM {name} ORDER BY 1").fetchall()
    return [(Path(row[0]).name, *row[1:]) for row in found]


SIMPLE = """
id: simple
source: {source}
work: {work}
batch_size: 2
retries: 0
steps:
  - {component: ocr, settings: {mode: skip}}
  - {component: total_finder}
sinks:
  - table: {name: totals, sqlite: "{work}/out.sqlite"}
  - jsonl: "{work}/{{ run_id }}.jsonl"
produces: [totals]
"""


def test_documents_go_into_the_table_and_into_a_file_of_the_run(run, tmp_path):
    done = run(SIMPLE)
    assert done.state == "success", states(done)
    assert table(tmp_path / "work" / "out.sqlite", "totals") == [
        ("a.pdf", "10.50"),
        ("b.pdf", "20.00"),
        ("c.PDF", "30.00"),
    ]
    lines = (tmp_path / "work" / f"{done.run_id}.jsonl").read_text().splitlines()
    assert len(lines) == 3
    report = returned(done, "report")
    assert (report["documents"], report["failed"], report["pages"]) == (3, 1, 3)
    [(uri, reason)] = report["quarantined"].items()
    assert uri.endswith("corrupt.pdf")
    assert reason


def test_a_second_run_reads_what_is_new(run, tmp_path, folder):
    run(SIMPLE)
    again = run(SIMPLE)
    assert again.state == "success"
    assert states(again)["report", -1] == "skipped"  # so no asset says that there is news
    (folder / "more" / "c.PDF").rename(folder / "moved.pdf")
    (folder / "new.pdf").write_bytes((folder / "a.pdf").read_bytes() + b"\n%another file")
    third = run(SIMPLE)
    assert returned(third, "report")["documents"] == 1
    assert len(table(tmp_path / "work" / "out.sqlite", "totals")) == 4


def test_other_steps_have_every_document_done_again(run):
    run(SIMPLE)
    changed = run(SIMPLE.replace("total_finder}", "total_finder, settings: {scale: 0.5}}"))
    assert returned(changed, "report")["documents"] == 3


def test_the_asset_is_updated_with_what_the_run_came_to(run):
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    done = run(SIMPLE)
    with create_session() as session:
        extra = session.scalars(
            select(AssetEvent.extra)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetModel.name == "totals", AssetEvent.source_run_id == done.run_id)
        ).all()
    assert [(one["documents"], one["failed"]) for one in extra] == [(3, 1)]


ROUTED = """
id: routed
source: {source}
work: {work}
batch_size: 1
retries: 0
ledger: {sqlite: "{work}/ledger.sqlite"}
steps:
  - {component: ocr, settings: {mode: skip}}
  - {component: by_total, batch_size: 10}
routes:
  - name: bills
    classes: [invoice]
    min_score: 0.8
    steps: [{component: total_finder, batch_size: 2}]
    sinks: [{table: {name: bills, sqlite: "{work}/out.sqlite"}}]
  - name: letters
    classes: [letter]
    sinks: [{docbin: "{work}/letters-{{ run_id }}.spacy"}]
"""


def test_each_document_takes_the_route_of_its_class(run, tmp_path, folder):
    write_pdf(folder / "d.pdf", "Dear Ms Miller")
    done = run(ROUTED)
    assert done.state == "success", states(done)
    bills = table(tmp_path / "work" / "out.sqlite", "bills", "document_uri")
    assert bills == [("a.pdf",), ("b.pdf",), ("c.PDF",)]
    assert [shard["documents"] for shard in returned(done, "bills.select")] == [2, 1]
    assert [shard["documents"] for shard in returned(done, "by_total_batches")] == [4]
    letters = tmp_path / "work" / f"letters-{done.run_id}.spacy"
    assert texts(letters) == ["Dear Ms Miller"]
    report = returned(done, "report")
    assert (report["documents"], report["failed"]) == (4, 1)
    assert ledger(tmp_path) == {
        "a.pdf": "done",
        "b.pdf": "done",
        "c.PDF": "done",
        "corrupt.pdf": "failed",
        "d.pdf": "done",
    }


def test_a_route_without_documents_is_skipped_and_the_run_succeeds(run, tmp_path):
    done = run(ROUTED)
    assert done.state == "success", states(done)
    assert states(done)["letters.export_docbin", -1] == "skipped"
    assert returned(done, "report")["documents"] == 3


def test_documents_without_a_route_are_done_with(run, tmp_path, folder):
    write_pdf(folder / "d.pdf", "Dear Ms Miller")
    run(re.sub(r"  - name: letters.*", "", ROUTED, flags=re.DOTALL))
    assert ledger(tmp_path)["d.pdf"] == "done"


CHECKED = SIMPLE.replace(
    "sinks:",
    """checks:
  required: [total]
  min_confidence: {total: 0.5}
  pattern: {total: '[12]\\d\\.\\d\\d'}
  on_failure: quarantine
sinks:""",
)


def test_documents_that_fail_a_check_go_to_quarantine_with_the_reason(run, tmp_path):
    done = run(CHECKED)
    assert done.state == "success", states(done)
    assert [row[0] for row in table(tmp_path / "work" / "out.sqlite", "totals")] == [
        "a.pdf",
        "b.pdf",
    ]
    [record] = (tmp_path / "work" / "quarantine").glob("*c.PDF.error.json")
    message = json.loads(record.read_text())["message"]
    assert message == r"total '30.00' is not like [12]\d\.\d\d"
    report = returned(done, "report")
    assert (report["documents"], report["failed"]) == (2, 2)


def test_documents_that_fail_a_check_may_be_exported_with_a_flag(run, tmp_path):
    done = run(CHECKED.replace("on_failure: quarantine", "on_failure: flag"))
    lines = [
        json.loads(line)
        for line in (tmp_path / "work" / f"{done.run_id}.jsonl").read_text().splitlines()
    ]
    found = {Path(line["document_uri"]).name: (line["status"], line["errors"]) for line in lines}
    assert found["a.pdf"] == ("ok", [])
    assert found["c.PDF"] == ("partial", [r"total '30.00' is not like [12]\d\.\d\d"])


ALERTS = """
alerts:
  - when: {failed_documents: 1}
    notifier: tests.provider.notifying.Recorder
    arguments: {text: "never"}
  - when: {failed_share: 0.2, failed_tasks: 0}
    notifier: tests.provider.notifying.Recorder
    arguments: {text: "{{ dag.dag_id }}: {{ reason }}"}
"""


def test_an_alert_is_sent_when_its_limit_is_exceeded(run):
    done = run(SIMPLE + ALERTS)
    assert done.state == "success"
    assert SENT == ["simple: 1 of 4 documents failed"]


def test_an_alert_may_fail_the_run(run):
    done = run(SIMPLE + "alerts: [{when: {failed_documents: 0}, fail: true}]\n")
    assert done.state == "failed"


def test_a_failed_task_fails_the_run_and_is_told(run):
    broken = (SIMPLE + ALERTS).replace("mode: skip", "mode: no such mode")
    done = run(broken)
    assert done.state == "failed"
    assert SENT == ["simple: 2 tasks failed"]


def test_params_and_templates_reach_every_part(run, tmp_path, folder):
    text = SIMPLE.replace("source: {source}", 'source: {uri: "{{ params.where }}", new: all}')
    done = run(f"{text}params: {{where: /nowhere}}\n", where=str(folder))
    assert returned(done, "report")["documents"] == 3


def ledger(tmp_path):
    rows = table(tmp_path / "work" / "ledger.sqlite", "pageloom_ledger", "document_uri, state")
    return dict(rows)


def texts(path):
    import spacy
    from spacy.tokens import DocBin

    vocab = spacy.blank("en").vocab
    return [doc.text for doc in DocBin().from_disk(path).get_docs(vocab)]
