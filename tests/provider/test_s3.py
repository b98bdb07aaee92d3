"""Sources, shards, quarantine and results in S3-compatible object storage, through a connection."""

import json
import uuid

import pytest

from pageloom_provider.operators import (
    ExportFieldsOperator,
    ListDocumentsOperator,
    PipelineOperator,
)
from tests.services import s3


@pytest.fixture(scope="module")
def server():
    with s3() as address:
        yield address


@pytest.fixture
def bucket(server, monkeypatch, folder):
    """A bucket that holds the documents of `folder` under `in/`, as boto3 sees it."""
    import boto3

    keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
    connection = {
        "conn_type": "aws",
        "login": keys["aws_access_key_id"],
        "password": keys["aws_secret_access_key"],
        "extra": {"endpoint_url": server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))
    storage = boto3.resource("s3", endpoint_url=server, region_name="us-east-1", **keys)
    bucket = storage.create_bucket(Bucket=f"tests-{uuid.uuid4().hex}")
    for path in folder.rglob("*.*"):
        bucket.upload_file(str(path), f"in/{path.relative_to(folder).as_posix()}")
    return bucket


def names(bucket, prefix):
    return {each.key.removeprefix(prefix) for each in bucket.objects.filter(Prefix=prefix)}


def listing(bucket, context, **settings):
    source = f"s3://store@{bucket.name}/in"
    return ListDocumentsOperator(task_id="listing", source=source, **settings).execute(context)


def read(bucket, context, documents, **settings):
    return PipelineOperator(
        task_id="batch",
        work=f"s3://store@{bucket.name}/work",
        documents=documents,
        components=[{"ocr": {"mode": "skip"}}],
        **settings,
    ).execute(context)


def test_documents_are_listed_by_their_content_hash(bucket, context, listed):
    [batch] = listing(bucket, context)
    assert batch[0]["uri"] == f"s3://store@{bucket.name}/in/a.pdf"
    assert {document["sha256"] for document in batch} == {document["sha256"] for document in listed}
    assert len(listing(bucket, context, patterns=["more/*"])[0]) == 1


def test_shards_quarantine_and_results_go_to_the_bucket(bucket, context):
    [batch] = listing(bucket, context)
    shard = read(bucket, context, batch)
    assert (shard["documents"], shard["failed"]) == (3, 1)
    assert shard["uri"].startswith(f"s3://store@{bucket.name}/work/ocr-")
    name = shard["uri"].rpartition("/")[2]
    # Nothing else: no half-written file, and no parts of a shard that is finished.
    quarantined = f"quarantine/{batch[2]['sha256'][:12]}-corrupt.pdf"
    assert names(bucket, "work/") == {
        name,
        name.replace(".spacy", ".json"),
        quarantined,
        f"{quarantined}.error.json",
    }
    # The same through `storage_conn_id`, without the connection's name in the URI.
    result = ExportFieldsOperator(
        task_id="export",
        shards=[shard["uri"].replace("store@", "")],
        jsonl=f"s3://{bucket.name}/out/fields.jsonl",
        parquet=f"s3://{bucket.name}/out/fields.parquet",
        docbin=f"s3://{bucket.name}/out/all.spacy",
        storage_conn_id="store",
    ).execute(context)
    assert result["documents"] == 3
    assert names(bucket, "out/") == {"fields.jsonl", "fields.parquet", "all.spacy"}


def test_a_rerun_finds_its_shard_and_a_deleted_one_is_made_again(bucket, context):
    bucket.Versioning().enable()
    [batch] = listing(bucket, context)
    shards = [read(bucket, context, [document]) for document in batch[:2]]
    deleted, other = (shard["uri"].partition(f"{bucket.name}/")[2] for shard in shards)
    bucket.Object(deleted).delete()
    assert [read(bucket, context, [document]) for document in batch[:2]] == shards
    written = [version.key for version in bucket.object_versions.all() if version.size is not None]
    assert (written.count(deleted), written.count(other)) == (2, 1)


def test_a_later_task_needs_no_source(bucket, context):
    """The pages travel in the shard: the bucket's documents may be gone when a model looks."""
    [batch] = listing(bucket, context)
    shard = read(bucket, context, batch[:1])
    bucket.objects.filter(Prefix="in/").delete()
    again = PipelineOperator(
        task_id="again",
        work=f"s3://store@{bucket.name}/work",
        shard=shard,
        components=[{"ocr": {"mode": "force"}}],
    ).execute(context)
    assert (again["documents"], again["pages"], again["failed"]) == (1, 1, 0)


def test_a_bucket_that_is_not_there_is_named(bucket, context):
    operator = ListDocumentsOperator(task_id="listing", source="s3://store@nowhere/in")
    with pytest.raises(FileNotFoundError, match=r"s3://store@nowhere/in"):
        operator.execute(context)
