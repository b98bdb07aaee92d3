"""The deployments in dags/pipelines/, as they stand, with their storage in a real S3 server."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import pageloom_weights
from tests.dag_runs import dag_bag
from tests.provider.conftest import write_pdf

ROOT = Path(__file__).parents[2]
MODELS = {
    "invoices": {"fields-multi-sm"},
    "archive": {"doctype-sm", "fields-multi-sm", "docqa-sm"},
    "questions": {"docqa-sm", "vqa-sm"},
}
pytestmark = [pytest.mark.usefixtures("metadata_database"), pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    from tests.services import s3

    with s3() as address:
        yield address


@pytest.fixture
def archive(server, tmp_path, monkeypatch):
    """The bucket `archive` of the connection `documents`, and `warehouse`, an SQLite file."""
    boto3 = pytest.importorskip("boto3")
    keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
    connection = {
        "conn_type": "aws",
        "login": "tests",
        "password": "tests",
        "extra": {"endpoint_url": server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_DOCUMENTS", json.dumps(connection))
    warehouse = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    storage = boto3.resource("s3", endpoint_url=server, region_name="us-east-1", **keys)
    bucket = storage.create_bucket(Bucket="archive")
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run one of the examples in this process, as `airflow dags test` does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    dags = tmp_path / "dags"
    shutil.copytree(ROOT / "dags" / "pipelines", dags / "pipelines")
    shutil.copy(ROOT / "dags" / "pageloom_dags.py", dags)
    bundle = [
        {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags)},
        }
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundle))
    list(DagBundlesManager().get_all_dag_bundles())

    def run(name):
        missing = MODELS[name] - set(pageloom_weights.names())
        if missing:
            pytest.skip(f"not packaged: {', '.join(sorted(missing))}")
        bag = dag_bag(dags)
        assert not bag.import_errors
        return bag.dags[name].test()

    return run


INVOICE = [
    "INVOICE", "Northwind Paper Ltd", "12 Mill Lane, Leeds LS1 4AB", "Invoice No. 2026-0117",
    "Invoice date: 12 March 2026", "Paper A4        10     4.50     45.00",
    "Net 45.00", "VAT 20% 9.00", "Total EUR 54.00",
]  # fmt: skip
LETTER = [
    "Hannah Miller", "3 Park Road, York", "12 March 2026", "Dear Mr Brown,",
    "thank you for your letter of last week. We are glad to accept your kind offer",
    "and look forward to meeting you in spring.", "Yours sincerely,", "Hannah Miller",
]  # fmt: skip


def put(bucket, folder, key, lines):
    path = write_pdf(folder / "page.pdf", *lines)
    bucket.upload_file(str(path), key)


def test_invoices_into_a_table(run, archive, tmp_path):
    for name in ("january", "february"):
        put(archive, tmp_path, f"invoices/{name}.pdf", [*INVOICE, name])
    done = run("invoices")
    assert done.state == "success"
    with closing(sqlite3.connect(tmp_path / "warehouse.sqlite")) as tables:
        models = tables.execute("SELECT DISTINCT model FROM invoice_fields").fetchall()
        done_with = tables.execute("SELECT state FROM pageloom_ledger").fetchall()
    assert models == [("pageloom/fields-multi-sm",)]
    assert done_with == [("done",), ("done",)]


def test_an_archive_is_sorted_and_each_kind_is_read(run, archive, tmp_path):
    put(archive, tmp_path, "inbox/invoice.pdf", INVOICE)
    put(archive, tmp_path, "inbox/letter.pdf", LETTER)
    done = run("archive")
    assert done.state == "success"
    with closing(sqlite3.connect(tmp_path / "warehouse.sqlite")) as tables:
        states = tables.execute("SELECT document_uri, state FROM pageloom_ledger").fetchall()
    assert {Path(uri).name for uri, _ in states} == {"invoice.pdf", "letter.pdf"}
    assert {state for _, state in states} <= {"done", "failed"}  # failed: sure of no total
    assert list(archive.objects.filter(Prefix="results/"))


def test_questions_to_a_folder_of_scans(run, archive, tmp_path):
    put(archive, tmp_path, "scans/invoice.pdf", INVOICE)
    done = run("questions")
    assert done.state == "success"
    [result] = archive.objects.filter(Prefix="results/")
    [line] = result.get()["Body"].read().decode().splitlines()
    answers = json.loads(line)["answers"]
    assert [answer["question"] for answer in answers] == [
        "What is the total?",
        "What is the date?",
        "Is there a signature?",
        "Is there a stamp?",
    ]
    assert all(0 <= answer["confidence"] <= 1 for answer in answers)


def documented():
    """The deployments in the README and in the documentation."""
    for page in (ROOT / "README.md", ROOT / "docs" / "deployments.md"):
        blocks = re.findall(r"```yaml\n(id: .*?)```", page.read_text(encoding="utf8"), re.DOTALL)
        assert blocks, f"{page.name} shows no deployment"
        for text in blocks:
            yield pytest.param(text, id=page.stem)


@pytest.mark.parametrize("text", list(documented()))
def test_the_deployments_in_the_documentation_are_right(text, tmp_path):
    from pageloom_provider.blueprint import load_file

    path = tmp_path / "shown.yaml"
    path.write_text(text, encoding="utf8")
    assert load_file(path).task_ids
