"""Views and documents in object storage: written by a worker, read by the API server."""

import hashlib
import json
import uuid

import pytest

from pageloom_provider.operators import (
    ExportFieldsOperator,
    ListDocumentsOperator,
    PipelineOperator,
)
from pageloom_provider.plugin.caching import ByteCache
from pageloom_provider.views import dags_in
from tests.left_views import leave, thousand, view
from tests.services import s3

RUN = "manual__2026-01-31T08:00:00+00:00"


class Instance:
    dag_id, run_id, task_id, map_index, try_number = "invoices", RUN, "export", 0, 1


@pytest.fixture(scope="module")
def address():
    with s3() as address:
        yield address


@pytest.fixture
def bucket(address, monkeypatch):
    import boto3

    keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
    extra = {"endpoint_url": address, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "tests", "password": "tests", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_VIEWS", json.dumps(connection))
    storage = boto3.resource("s3", endpoint_url=address, region_name="us-east-1", **keys)
    return storage.create_bucket(Bucket=f"tests-{uuid.uuid4().hex}")


@pytest.fixture
def run(metadata_database, monkeypatch):
    from pageloom_provider.plugin import listing, sources
    from pageloom_provider.plugin.runs import Run

    monkeypatch.setattr(listing, "_files", ByteCache(1 << 20))
    monkeypatch.setattr(sources, "_documents", ByteCache(1 << 20))
    return Run(1, "invoices", RUN, None, "success")


def test_documents_of_a_bucket_are_shown_with_their_pages(bucket, folder, run, monkeypatch):
    from pageloom_provider.plugin.listing import counts_of, listed_of, view_of
    from pageloom_provider.plugin.sources import document

    store = f"s3://views@{bucket.name}"
    for name in ("a.pdf", "corrupt.pdf"):
        bucket.upload_file(str(folder / name), f"in/{name}")
    given = {"run_id": RUN, "ti": Instance}
    [batch] = ListDocumentsOperator(task_id="files", source=f"{store}/in").execute(given)
    shard = PipelineOperator(
        task_id="read",
        work=f"{store}/work",
        documents=batch,
        components=[{"ocr": {"mode": "skip"}}],
    ).execute(given)
    ExportFieldsOperator(
        task_id="export", shards=[shard], jsonl=f"{store}/f.jsonl", views=f"{store}/views"
    ).execute(given)
    assert dags_in(f"{store}/views") == ["invoices"]
    assert counts_of(f"{store}/views", run).failed == 1
    monkeypatch.setenv("AIRFLOW__PAGELOOM__ROOTS", f"{store}/in")
    monkeypatch.setenv("AIRFLOW__PAGELOOM__WORK", f"{store}/work")
    for listed in listed_of(f"{store}/views", run):
        line = view_of(listed)
        identity = line["view"]["id"]
        data = (folder / line["view"]["name"]).read_bytes()
        assert identity == hashlib.sha256(data).hexdigest()
        assert document(identity, [line["view"]["source"]]) == data
        if line["copy"]:
            assert line["copy"].startswith(f"{store}/work/quarantine/")


def test_a_document_costs_its_own_part_of_the_file(bucket, run, monkeypatch):
    from pageloom_provider.plugin import listing

    root = f"s3://views@{bucket.name}/views"
    thousand(root, run_id=RUN)
    listed = listing.listed_of(root, run)
    assert len(listed) == 1000
    before = listing._files.size
    assert listing.view_of(listed[501])["view"]["name"] == "invoice-0501.pdf"
    assert 0 < listing._files.size - before < 1000


def test_another_processs_writing_is_seen_at_once(bucket, run):
    """The file system keeps listings: they are not trusted."""
    from pageloom_provider.plugin.listing import counts_of

    root = f"s3://views@{bucket.name}/views"
    assert (dags_in(root), counts_of(root, run)) == ([], None)
    leave(root, [view("a")], run_id=RUN)
    key = next(each.key for each in bucket.objects.all() if each.key.endswith("head.json"))
    assert (dags_in(root), counts_of(root, run).documents) == (["invoices"], 1)
    # As another process does: past this one's file system.
    parts = {each.key: each.get()["Body"].read() for each in bucket.objects.all()}
    for name, data in parts.items():
        bucket.put_object(Key=name.replace("export.-1", "export.1"), Body=data)
    assert key in parts
    assert counts_of(root, run).documents == 1  # the same document
    bucket.delete_objects(Delete={"Objects": [{"Key": each.key} for each in bucket.objects.all()]})
    assert counts_of(root, run) is None
