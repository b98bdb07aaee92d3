"""`@task.pageloom`: functions over documents, in DAG runs of a real Airflow."""

import inspect
import json

import pytest
from airflow.sdk import DAG, task

from pageloom_provider.decorators.pageloom import PageloomDecoratedOperator
from pageloom_provider.worker import BatchError
from tests.dag_runs import results, states

COUNTED = """
from airflow.sdk import DAG, Param, task
from pageloom_provider.operators import *

with DAG("counted", schedule=None) as dag:
    listing = ListDocumentsOperator(
        task_id="listing", source="{{ dag_run.conf['source'] }}", batch_size=2
    )
    work = "{{ dag_run.conf['work'] }}"

    @task.pageloom(components=[{"ocr": {"mode": "{{ 'skip' }}"}}], quarantine=work + "/bad")
    def words(nlp, documents, factor, run_id):
        assert run_id.startswith("manual__")
        return {doc._.source[-5:]: factor * len(doc) for doc in nlp.pipe(documents)}

    words.partial(factor=10).expand(documents=listing.output)

    read = OcrOperator.partial(task_id="read", work=work, mode="skip").expand(
        documents=listing.output
    )

    @task.pageloom
    def first_words(documents):
        for doc in documents:
            yield doc[0].text

    first_words(read.output)
"""


@pytest.mark.usefixtures("metadata_database")
def test_a_function_reads_listed_documents_and_shards(run_dag, tmp_path):
    run = run_dag(COUNTED)
    assert run.state == "success", states(run)
    assert results(run, "words") == [{"a.pdf": 40, "b.pdf": 30}, {"c.PDF": 30}]
    assert results(run, "first_words") == [["ACME", "Globex", "Initech"]]
    [record] = (tmp_path / "work" / "bad").glob("*-corrupt.pdf.error.json")
    told = json.loads(record.read_text())
    assert (told["task_id"], told["category"]) == ("words", "truncated")


def call(function, context=None, op_args=(), op_kwargs=None, **settings):
    return PageloomDecoratedOperator(
        task_id="called",
        python_callable=function,
        op_args=op_args,
        op_kwargs=op_kwargs or {},
        **settings,
    ).execute(context or {"run_id": "manual__1"})


def test_documents_are_opened_one_by_one(listed):
    """A function that has seen enough opens no more: the corrupt one is the last."""

    def first(documents):
        return next(documents)._.source

    assert call(first, op_args=[listed]) == listed[0]["uri"]


def test_without_a_quarantine_a_bad_document_fails_the_task(listed):
    def count(documents):
        return len(list(documents))

    with pytest.raises(BatchError, match=r"corrupt\.pdf: .* \(give `quarantine` a folder"):
        call(count, op_args=[listed])


def test_a_document_that_is_gone_is_left_out(listed, folder, tmp_path):
    (folder / "corrupt.pdf").unlink()

    def count(documents):
        return len(list(documents))

    assert call(count, op_args=[listed], quarantine=str(tmp_path)) == 3
    [record] = tmp_path.glob("*-corrupt.pdf.error.json")
    assert json.loads(record.read_text())["category"] == "missing"


def test_the_function_takes_its_arguments_in_any_order_and_way(listed):
    uris = [document["uri"] for document in listed[:2]]

    def all_of_them(times, documents, *, nlp, suffix="!", **others):
        return [(type(nlp).__name__, doc._.source, suffix * times, others) for doc in documents]

    expected = [("English", uri, "??", {"more": 1}) for uri in uris]
    given = {"suffix": "?", "more": 1}
    assert call(all_of_them, op_args=[2, uris], op_kwargs=given) == expected
    assert call(all_of_them, op_kwargs={"times": 2, "documents": uris, **given}) == expected
    assert next(iter(inspect.signature(all_of_them).parameters)) == "times"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"components": ["ocr"], "config": "a.cfg"}, "`components` or `config`, not both"),
        ({"overrides": {"a.b": 1}}, "`overrides` replace settings of a `config`"),
        ({"op_kwargs": {"documents": 3}}, "documents"),
    ],
)
def test_a_wrong_argument_is_named(settings, message):
    def nothing(documents=None):
        return None

    given = {"op_kwargs": {"documents": []}, **settings}
    with pytest.raises((ValueError, TypeError), match=message):
        call(nothing, **given)


def test_a_function_that_is_called_without_documents_says_so():
    def nothing(documents=None):
        return None

    with pytest.raises(ValueError, match="call it with a batch or a shard"):
        call(nothing)


def test_a_missing_argument_shows_when_the_dag_is_written():
    with DAG("wrong", schedule=None):

        @task.pageloom(components=["ocr"])
        def count(nlp, documents):
            return 0

        with pytest.raises(TypeError, match="documents"):
            count()
