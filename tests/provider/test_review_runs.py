"""Reviews in DAG runs of a real Airflow, answered through its own API."""

import json
import re
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.dag_runs import results, states

pytestmark = [
    pytest.mark.usefixtures("metadata_database", "_total_finder"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

REVIEWED = """
from airflow.sdk import DAG
from pageloom_provider.operators import ExportFieldsOperator, ListDocumentsOperator
from pageloom_provider.operators import PipelineOperator
from pageloom_provider.operators.review import GroupForReviewOperator, ReviewFieldsOperator

with DAG("reviewed", schedule=None, default_args={"execution_timeout": None}):
    given = {"work": "{{ dag_run.conf['work'] }}"}
    listing = ListDocumentsOperator(task_id="listing", source="{{ dag_run.conf['source'] }}")
    found = PipelineOperator.partial(
        task_id="found",
        components=[{"ocr": {"mode": "skip"}}, {"total_finder": {"scale": 0.5}}],
        **given,
    ).expand(documents=listing.output)
    groups = GroupForReviewOperator(task_id="groups", shards=found.output, batch_size=2, **given)
    review = ReviewFieldsOperator.partial(
        task_id="review", labels=["total", "company"], SETTINGS **given
    ).expand(shard=groups.output)
    ExportFieldsOperator(
        task_id="export", shards=review.output, jsonl="{{ dag_run.conf['work'] }}/fields.jsonl"
    )
"""


@pytest.fixture(scope="module")
def api():
    """Airflow's API in this process: `api(user)` is a client that has signed in as that user."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app(apps="core")

    def client(user):
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role="ADMIN"))
        return TestClient(app, headers={"Authorization": f"Bearer {token}"})

    return client


@contextmanager
def people(answer):
    """Somebody who looks for requests and gives each, once, to `answer(path, request)`."""
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session
    from sqlalchemy import select

    seen, failed, done = set(), [], threading.Event()

    def look():
        with create_session() as session:
            for detail in session.scalars(select(HITLDetail)):
                task = detail.task_instance
                if detail.response_received or detail.ti_id in seen:
                    continue
                if str(task.state) not in ("awaiting_input", "deferred"):
                    continue
                seen.add(detail.ti_id)
                path = (
                    f"/api/v2/dags/{task.dag_id}/dagRuns/{task.run_id}/taskInstances/"
                    f"{task.task_id}/{task.map_index}/hitlDetails"
                )
                yield (
                    path,
                    {
                        "subject": detail.subject,
                        "body": detail.body,
                        "options": detail.options,
                        "params": detail.params,
                    },
                )

    def watch():
        while not done.is_set():
            try:
                for path, request in list(look()):
                    answer(path, request)
            except Exception as error:  # the run would wait for ever
                failed.append(error)
                return
            time.sleep(0.2)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not failed, failed


def test_a_person_corrects_documents_through_airflows_api(run_dag, api, tmp_path):
    asked = []

    def answer(path, request):
        asked.append(request)
        values = {key: param["value"] for key, param in request["params"].items()}
        for key, value in values.items():
            if value == "20.00":
                values[key] = "Globex"  # slips happen, and are kept as they are
            if value == "10.50":
                values[key.replace("total", "company")] = "ACME Ltd"
        stranger = api("mallory").patch(path, json={"chosen_options": ["Confirm"]})
        assert stranger.status_code == 403
        given = {"chosen_options": ["Confirm"], "params_input": values}
        response = api("anna").patch(path, json=given)
        assert response.status_code == 200, response.text

    with people(answer):
        run = run_dag(REVIEWED.replace("SETTINGS", 'assigned_users=["anna"],'))
    assert run.state == "success", states(run)
    assert sorted(request["subject"] for request in asked) == [
        "Review 2 documents",
        "Review c.PDF",
    ]
    both = next(request for request in asked if "2" in request["subject"])
    assert both["params"]["1.total"]["description"].startswith("read with confidence 0.45, page 1")
    assert both["params"]["1.company"]["value"] is None
    assert "### 1\\. a\\.pdf" in both["body"]
    shards = results(run, "review")
    assert [set(shard) for shard in shards] == [{"uri", "documents", "failed", "pages"}] * 2

    lines = (tmp_path / "work" / "fields.jsonl").read_text().splitlines()
    found = {
        (line["document_uri"].rpartition("/")[2], label): (field["value"], field["confidence"])
        for line in map(json.loads, lines)
        for label, [field, *_] in line["fields"].items()
    }
    assert found == {
        ("a.pdf", "total"): ("10.50", 1.0),
        ("a.pdf", "company"): ("ACME Ltd", 1.0),
        ("b.pdf", "total"): ("Globex", 1.0),
        ("c.PDF", "total"): ("30.00", 1.0),
    }


def test_who_and_when_go_on_and_corrections_are_kept(run_dag, api, tmp_path):
    from pageloom.corpus.corrections import collect
    from pageloom.corpus.docbin import read
    from pageloom.corpus.reviewing import reviews_of

    def answer(path, request):
        values = {key: param["value"] for key, param in request["params"].items()}
        choice = "Quarantine" if request["subject"] == "Review c.PDF" else "Confirm"
        if choice == "Confirm":
            values["2:quarantine"] = True
        given = {"chosen_options": [choice], "params_input": values}
        assert api("anna").patch(path, json=given).status_code == 200

    with people(answer):
        run = run_dag(REVIEWED.replace("SETTINGS", ""))
    assert run.state == "success", states(run)
    [exported] = results(run, "export")
    assert (exported["documents"], exported["failed"]) == (1, 2)
    kept = sorted((tmp_path / "work" / "corrections").glob("*.spacy"))
    done = collect([str(tmp_path / "work" / "corrections")], tmp_path / "corpus.spacy")
    assert len(kept) == 1
    assert (done.confirmed, done.corrected) == (2, 0)

    import spacy

    vocab = spacy.blank("xx").vocab
    [doc] = read(kept[0], vocab, images=True)
    [review] = reviews_of(doc)
    assert (review.by, review.by_id) == ("anna", "anna")
    assert review.at.endswith("+00:00")
    [golden] = read(tmp_path / "corpus.spacy", vocab)
    assert [(entity.text, entity.label_) for entity in golden.ents] == [("10.50", "total")]
    # What was asked is gone when it has been carried out.
    assert not list((tmp_path / "work" / "reviews").iterdir())


LOADER = (Path(__file__).parents[2] / "dags" / "pageloom_dags.py").read_text()
YAML = """\
id: reviewed_by_yaml
source: SOURCE
work: WORK
retries: 0
steps:
  - components: [{ocr: {mode: skip}}, {total_finder: {scale: 0.5}}]
review: {labels: [total], users: [anna]}
checks: {min_confidence: {total: 0.9}}
sinks:
  - table: {name: totals, sqlite: WORK/out.sqlite}
"""


def test_a_deployment_in_yaml_asks_people_too(run_dag, api, tmp_path, folder, monkeypatch):
    monkeypatch.setenv("AIRFLOW__PAGELOOM__WORK", str(tmp_path / "pages"))
    pipelines = tmp_path / "dags" / "pipelines"
    pipelines.mkdir()
    text = YAML.replace("SOURCE", str(folder)).replace("WORK", str(tmp_path / "work"))
    (pipelines / "reviewed.yaml").write_text(text)
    bodies = []

    def answer(path, request):
        bodies.append(request["body"])
        given = {"1.total": "10.99", "2.total": "20.00", "3.total": None, "3:quarantine": True}
        response = api("anna").patch(
            path, json={"chosen_options": ["Confirm"], "params_input": given}
        )
        assert response.status_code == 200, response.text

    with people(answer):
        run = run_dag(LOADER)
    assert run.state == "success", states(run)
    with closing(sqlite3.connect(tmp_path / "work" / "out.sqlite")) as database:
        rows = database.execute("SELECT value, confidence FROM totals ORDER BY 1").fetchall()
    assert rows == [("10.99", 1.0), ("20.00", 1.0)]
    # The page "Documents" shows them from the moment on that they wait.
    [body] = bodies
    links = re.findall(r"\[Look at \w+ on its page\]\(/pageloom/#/runs/reviewed_by_yaml~", body)
    assert len(links) == 3
    assert list((tmp_path / "pages" / "views" / "reviewed_by_yaml").rglob("review.0.*.head.json"))
