"""What a run tells others: OpenLineage, assets, metrics; and the secrets that it tells nobody.

Under a real scheduler with LocalExecutor; the OpenLineage provider writes its events to a file, and
Airflow's StatsD client sends to a socket of the test.
"""

import json
import socket
import sqlite3
import time
from contextlib import closing

import pytest
from reportlab.pdfgen.canvas import Canvas

from demo.deployment import Deployment
from tests.tiny_lilt import write_lilt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TOKEN, PASSWORD = "hub-token-of-the-tests", "password-of-the-scans"

DAGS = """
from airflow.sdk import DAG, Asset, AssetAlias, task
from pageloom_provider.operators import *

with DAG("told", schedule=None):
    given = {"work": "FOLDER/work", "pageloom_conn_id": "hub"}
    listing = ListDocumentsOperator(task_id="listing", source="FOLDER/documents")
    read = OcrOperator.partial(
        task_id="read", mode="skip", reader={"password": "{{ conn.scans.password }}"}, **given
    ).expand(documents=listing.output)
    tag = LiltTaggerOperator.partial(
        task_id="tag",
        model="FOLDER/model",
        max_length=64,
        stride=16,
        outlets=[AssetAlias("tagged_shards")],
        **given,
    ).expand(shard=read.output)
    export = ExportFieldsOperator(
        task_id="export",
        shards=tag.output,
        jsonl="FOLDER/fields.jsonl",
        sqlite="FOLDER/fields.sqlite",
    )

    @task.pageloom(pageloom_conn_id="hub", outlets=[Asset("counted")])
    def talkative(documents):
        import os

        print("the token is", os.environ["HF_TOKEN"])
        return [len(list(documents)), os.environ["HF_TOKEN"] == "SECRET"]

    export >> talkative(tag.output)

with DAG(
    "starts_when_a_shard_is_ready",
    schedule=AssetAlias("tagged_shards"),
    render_template_as_native_obj=True,
):
    ExportFieldsOperator(
        task_id="export",
        shards="{{ triggering_asset_events.values() | sum(start=[]) "
        "| map(attribute='extra.uri') | unique | list }}",
        jsonl="FOLDER/started.jsonl",
    )
"""


@pytest.fixture(scope="module")
def monkeypatch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def told(tmp_path_factory, monkeypatch):
    """The folder of a run: `ol` with OpenLineage's events, `packets` with the metrics."""
    from pageloom.models import LiltForTokenClassification

    folder = tmp_path_factory.mktemp("told")
    (folder / "documents").mkdir()
    (folder / "dags").mkdir()
    for name, text, password in (("a", "ACME Ltd", None), ("b", "Globex", PASSWORD)):
        canvas = Canvas(str(folder / "documents" / f"{name}.pdf"), encrypt=password)
        canvas.drawString(72, 700, text)
        canvas.save()
    write_lilt(folder / "model", LiltForTokenClassification, ("O", "B-total", "I-total"))
    code = DAGS.replace("FOLDER", str(folder)).replace("SECRET", TOKEN)
    (folder / "dags" / "told.py").write_text(code)
    airflow = Deployment(folder / "airflow", folder / "dags")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        airflow.environment.pop("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", None)
        airflow.environment |= {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
            "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "pageloom",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(folder / "ol"), "append": True}
            ),
            "AIRFLOW_CONN_HUB": json.dumps({"conn_type": "pageloom", "password": TOKEN}),
            "AIRFLOW_CONN_SCANS": json.dumps({"conn_type": "generic", "password": PASSWORD}),
        }
        monkeypatch.setattr("demo.deployment.START_SECONDS", 300)  # tests share the cores
        with airflow:
            run = airflow.trigger("told", {})
            state = [record for task, record in airflow.follow("told", run) if not task]
            assert state == [{"state": "success"}]
            end = time.monotonic() + 240
            while not (folder / "started.jsonl").exists() and time.monotonic() < end:
                time.sleep(1)
        statsd.setblocking(False)
        with (folder / "packets").open("w") as packets:
            while True:
                try:
                    packets.write(statsd.recv(4096).decode() + "\n")
                except BlockingIOError:
                    break
    return folder


def rows(folder, query):
    with closing(sqlite3.connect(folder / "airflow" / "airflow.db")) as database:
        return database.execute(query).fetchall()


def returned(folder, task_id):
    [(value,)] = rows(
        folder,
        f"SELECT value FROM xcom WHERE dag_id = 'told' AND task_id = '{task_id}' "
        "AND key = 'return_value'",
    )
    return json.loads(value)


def completed(folder, task_id):
    """OpenLineage's event of a task that has ended well."""
    events = [json.loads(line) for line in (folder / "ol").read_text().splitlines()]
    [event] = [
        event
        for event in events
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == f"told.{task_id}"
    ]
    return event


def places(datasets):
    return [(each["namespace"], each["name"]) for each in datasets]


def test_openlineage_knows_what_was_read_and_written(told):
    read, tag, export = (completed(told, task) for task in ("read", "tag", "export"))
    documents = [("file", f"{told}/documents/{name}") for name in ("a.pdf", "b.pdf")]
    words, tagged = (
        [("file", returned(told, task)["uri"].removeprefix("file://"))] for task in ("read", "tag")
    )
    assert (places(read["inputs"]), places(read["outputs"])) == (documents, words)
    assert (places(tag["inputs"]), places(tag["outputs"])) == (words, tagged)
    assert tag["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert places(export["inputs"]) == tagged
    assert places(export["outputs"]) == [
        ("file", f"{told}/fields.jsonl"),
        ("file", f"{told}/fields.sqlite/fields"),
    ]


def test_openlineage_knows_counts_models_and_their_hashes(told):
    facet = completed(told, "tag")["run"]["facets"]["pageloom"]
    assert {key: facet[key] for key in ("documents", "pages", "failed", "components")} == {
        "documents": 2,
        "pages": 2,
        "failed": 0,
        "components": ["lilt_tagger"],
    }
    models = {each["setting"]: each for each in facet["models"]}
    model = models["lilt_tagger.model"]
    assert model["name"] == f"{told}/model"
    assert len(model["version"]) == 12
    assert facet["devices"].keys() == facet["stages"].keys() - {"reader"} == {"lilt_tagger"}
    exported = completed(told, "export")["run"]["facets"]["pageloom"]
    assert (exported["documents"], exported["failed"]) == (2, 0)


def test_an_asset_event_says_which_shard_is_ready(told):
    events = rows(
        told,
        "SELECT asset.uri, event.extra FROM asset_event AS event "
        "JOIN asset ON asset.id = event.asset_id WHERE event.source_task_id = 'tag'",
    )
    shard = returned(told, "tag")
    [(uri, extra)] = events
    assert uri == shard["uri"]  # the alias has the shard as its asset
    told_with_it = json.loads(extra)
    assert list(told_with_it.pop("models")) == ["lilt_tagger.model"]
    assert told_with_it == shard


def test_a_dag_starts_when_a_shard_is_ready_and_finds_it(told):
    lines = (told / "started.jsonl").read_text().splitlines()
    assert lines
    assert [json.loads(line)["document_uri"] for line in lines] == [
        f"file://{told}/documents/{name}" for name in ("a.pdf", "b.pdf")
    ]


def test_metrics_reach_the_server_that_airflow_is_set_to(told):
    packets = (told / "packets").read_text().splitlines()
    counted = [packet for packet in packets if packet.startswith("airflow.pageloom.documents:")]
    assert counted == ["airflow.pageloom.documents:2|c"] * 2  # reading and tagging
    assert any(packet.startswith("airflow.pageloom.seconds.lilt_tagger:") for packet in packets)


def test_no_secret_in_logs_xcoms_templates_lineage_or_files(told):
    assert returned(told, "talkative") == [2, True]  # the task had the token, the scan was opened
    logs = {path: path.read_text() for path in (told / "airflow" / "logs").rglob("*.log")}
    [talk] = [text for path, text in logs.items() if "task_id=talkative" in str(path)]
    assert "the token is ***" in talk
    kept = str(
        rows(told, "SELECT * FROM xcom")
        + rows(told, "SELECT * FROM rendered_task_instance_fields")
        + rows(told, "SELECT * FROM asset_event")
    )
    assert '"password": "***"' in kept
    files = [path for path in (told / "work").rglob("*") if path.is_file()]
    work = b"".join(path.read_bytes() for path in [*files, told / "fields.jsonl", told / "ol"])
    # LocalExecutor copies what a task prints itself to the scheduler's output, past the mask.
    printed = "".join(
        line
        for path in (told / "airflow").glob("*.out")
        for line in path.read_text().splitlines()
        if "the token is" not in line
    )
    for secret in (TOKEN, PASSWORD):
        assert secret not in "".join(logs.values())
        assert secret not in printed
        assert secret not in kept
        assert secret.encode() not in work
