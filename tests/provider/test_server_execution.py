"""`execution="server"`: a real `pageloom serve`, the same shards and the same quarantine."""

import asyncio
import json
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from pageloom.models import LiltForTokenClassification
from pageloom_provider.hooks.pageloom import PageloomHook
from pageloom_provider.hooks.server import BusyError, RefusedError, ServerError
from pageloom_provider.operators import (
    LiltTaggerOperator,
    ListDocumentsOperator,
    OcrOperator,
    PipelineOperator,
)
from pageloom_provider.spec import Job, Pipeline, parse_components, parse_documents
from pageloom_provider.storage import location
from pageloom_provider.triggers.server import ServerTrigger
from pageloom_provider.worker import BatchError, read_docs
from tests.dag_runs import results, states
from tests.provider.conftest import write_pdf
from tests.served import TOKEN, serving, write_pipeline
from tests.services import s3
from tests.tagged import SMALL
from tests.tiny_lilt import write_lilt

CONNECTION = "resident"


@pytest.fixture(autouse=True)
def _deferred_at_once(monkeypatch):
    monkeypatch.setattr("pageloom_provider.worker.remote.GRACE_SECONDS", 0)


@pytest.fixture
def connect(monkeypatch):
    """Let the connection `resident` lead to a server."""

    def connect(server, token=TOKEN):
        extra = {"server": server.address, "server_token": token}
        connection = {"conn_type": "pageloom", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
        return PageloomHook(CONNECTION).server()

    return connect


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    labels = ["O", "B-total", "I-total"]
    model = write_lilt(folder / "lilt", LiltForTokenClassification, labels)
    pipeline = write_pipeline(
        folder / "reading.cfg",
        ("ocr", {"mode": "skip"}),
        "refuse_poison",
        "needs_disk",
        ("lilt_tagger", {"model": str(model), **SMALL}),
    )
    with serving(pipeline, folder, "--max-megabytes", 0.02) as server:
        server.config, server.model = pipeline, str(model)
        yield server


def again(trigger):
    """The trigger as a triggerer makes it from what lies in the database."""
    name, arguments = trigger.serialize()
    return pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))


def event_of(trigger):
    async def first():
        return (await anext(trigger.run())).payload

    return asyncio.run(asyncio.wait_for(first(), 120))


def finish(operator, context, between=lambda trigger: None):
    """Run a task to its end, as Airflow does: what it returned, and the triggers it waited on."""
    triggers = []
    call = operator.execute
    while True:
        try:
            return call(context), triggers
        except TaskDeferred as deferred:
            triggers.append(deferred.trigger)
            between(deferred.trigger)
            event = event_of(again(deferred.trigger))
            call = lambda context, event=event: operator.resume(context, event)  # noqa: E731


def read(result):
    import spacy

    return list(read_docs(location(result["uri"]), spacy.blank("en").vocab))


def told(work):
    """What lies in quarantine: the files, and what is said about each."""
    return {
        path.name: {
            key: value for key, value in json.loads(path.read_text()).items() if key not in VARY
        }
        for path in (Path(work) / "quarantine").glob("*.error.json")
    }


VARY = ("at", "quarantined")


def same(one, other):
    assert [doc.text for doc in one] == [doc.text for doc in other]
    for left, right in zip(one, other, strict=True):
        assert [token._.box for token in left] == [token._.box for token in right]
        assert left._.pages == right._.pages
        assert [page.content is None for page in left._.pages] == [
            page.content is None for page in right._.pages
        ]
        assert (left._.source, left._.sha256) == (right._.source, right._.sha256)
        assert left._.errors == right._.errors
        assert left.user_data.keys() == right.user_data.keys()
        assert [span.text for span in left.spans["lines"]] == [
            span.text for span in right.spans["lines"]
        ]


READING = [{"ocr": {"mode": "skip"}}, {"refuse_poison": {}}]


@pytest.fixture
def batch(folder, context):
    """Good documents, and every kind of bad one."""
    write_pdf(folder / "poison.pdf", "poison")
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "text.pdf").write_text("no PDF at all")
    write_pdf(folder / "notes.png", "a PDF all the same")
    write_pdf(folder / "gone.pdf", "Hooli")
    write_pdf(folder / "changed.pdf", "Pied Piper")
    [batch] = ListDocumentsOperator(task_id="listing", source=str(folder)).execute(context)
    (folder / "gone.pdf").unlink()
    write_pdf(folder / "changed.pdf", "Hooli")
    return batch


@pytest.mark.parametrize("embed", [False, True])
def test_the_server_makes_the_same_shard_and_the_same_quarantine(
    server, connect, batch, tmp_path, context, embed
):
    connect(server)

    def run(execution):
        operator = PipelineOperator(
            task_id="batch",
            documents=batch,
            components=READING,
            work=str(tmp_path / execution),
            embed_images=embed,
            execution=execution,
            pageloom_conn_id=CONNECTION,
        )
        return finish(operator, context)

    local, _ = run("local")
    remote, triggers = run("server")
    assert triggers
    assert {**remote, "uri": ""} == {**local, "uri": ""}
    assert Path(remote["uri"]).name == Path(local["uri"]).name
    assert (remote["documents"], remote["failed"]) == (4, 6)
    same(read(local), read(remote))
    assert told(tmp_path / "local") == told(tmp_path / "server")
    assert len(told(tmp_path / "server")) == 6


def test_documents_of_an_object_store_keep_their_content(
    server, connect, folder, tmp_path, context, monkeypatch
):
    """Later tasks need neither the store nor a connection to it."""
    connect(server)
    with s3() as address:
        extra = {"endpoint_url": address, "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "tests", "password": "tests", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SERVED", json.dumps(connection))
        store = location("s3://served@inbox")
        store.mkdir(parents=True, exist_ok=True)
        for name in ("a.pdf", "corrupt.pdf"):
            (store / name).write_bytes((folder / name).read_bytes())

        def run(execution):
            operator = PipelineOperator(
                task_id="batch",
                documents=["s3://served@inbox/a.pdf", "s3://served@inbox/corrupt.pdf"],
                components=READING,
                work=str(tmp_path / execution),
                execution=execution,
                pageloom_conn_id=CONNECTION,
            )
            return finish(operator, context)[0]

        local, remote = read(run("local")), read(run("server"))
    same(local, remote)
    assert remote[0]._.pages[0].content.data == (folder / "a.pdf").read_bytes()
    assert len(told(tmp_path / "local")) == 1
    assert told(tmp_path / "local") == told(tmp_path / "server")


def test_a_shard_goes_through_the_server_as_it_would_here(
    server, connect, listed, tmp_path, context
):
    connect(server)
    given = {"work": str(tmp_path), "pageloom_conn_id": CONNECTION}
    first, _ = finish(
        OcrOperator(task_id="a", documents=listed, mode="skip", execution="server", **given),
        context,
    )
    (tmp_path / "documents" / "a.pdf").unlink()  # nothing needs it any more
    local = PipelineOperator(
        task_id="b",
        shard=first,
        components={"refuse_poison": {}},
        pageloom_conn_id=CONNECTION,
        work=str(tmp_path / "local"),
    ).execute(context)
    remote, _ = finish(
        PipelineOperator(
            task_id="b", shard=first, components=["refuse_poison"], execution="server", **given
        ),
        context,
    )
    assert Path(remote["uri"]).name == Path(local["uri"]).name
    same(read(local), read(remote))


def test_pipelines_have_names_on_the_server(server, connect, listed, tmp_path, context):
    connect(server)

    def run(execution):
        return PipelineOperator(
            task_id="batch",
            documents=listed,
            config=str(server.config),
            work=str(tmp_path / execution),
            execution=execution,
            pageloom_conn_id=CONNECTION,
        )

    result, _ = finish(run("server"), context)
    assert (result["documents"], result["failed"]) == (3, 1)
    local = run("local").execute(context)
    assert Path(result["uri"]).name == Path(local["uri"]).name
    same(read(local), read(result))


def test_a_model_finds_the_same_on_the_server(server, connect, listed, tmp_path, context):
    """A shard goes there, with the name of the same checkpoint."""
    connect(server)
    words = OcrOperator(
        task_id="a", documents=listed, mode="skip", work=str(tmp_path / "words")
    ).execute(context)

    def tag(execution):
        return LiltTaggerOperator(
            task_id="b",
            shard=words,
            model=server.model,
            batch_tokens=100,  # which changes no result
            work=str(tmp_path / execution),
            execution=execution,
            pageloom_conn_id=CONNECTION,
            **SMALL,
        )

    local = tag("local").execute(context)
    operator = tag("server")
    remote, _ = finish(operator, context)
    assert Path(remote["uri"]).name == Path(local["uri"]).name
    same(read(local), read(remote))
    assert any(doc._.fields for doc in read(local))
    for one, other in zip(read(local), read(remote), strict=True):
        assert one._.fields.keys() == other._.fields.keys()
        for label, fields in one._.fields.items():
            assert [(each.text, each.box) for each in fields] == [
                (each.text, each.box) for each in other._.fields[label]
            ]
            scores = [each.score for each in other._.fields[label]]
            assert [each.score for each in fields] == pytest.approx(scores, abs=1e-4)
    manifest = operator.outcome.manifest
    assert manifest.devices.keys() == {"lilt_tagger"}
    assert manifest.stages.keys() == {"server"}


def test_what_is_done_at_once_is_not_deferred(
    server, connect, folder, tmp_path, context, monkeypatch
):
    connect(server)
    monkeypatch.setattr("pageloom_provider.worker.remote.GRACE_SECONDS", 60)
    documents = [str(write_pdf(folder / "quick.pdf", "quick"))]
    result, triggers = finish(on_server(tmp_path, documents), context)
    assert result["documents"] == 1
    assert triggers == []


def test_a_task_of_one_document_imports_neither_torch_nor_spacy(server, tmp_path):
    """Their import would take longer than the document."""
    path = write_pdf(tmp_path / "one.pdf", "one")
    job = Job(
        documents=parse_documents([str(path)]),
        shard=None,
        pipeline=Pipeline(components=parse_components(READING)),
        work=str(tmp_path / "work"),
    )
    code = f"""
import sys
from pageloom_provider.hooks.server import PageloomServer
from pageloom_provider.spec import Job
from pageloom_provider.worker import run_on_server, remote
remote.GRACE_SECONDS = 30
job = Job.model_validate_json({job.model_dump_json()!r})
outcome = run_on_server(job, PageloomServer({server.address!r}, {TOKEN!r}))
heavy = sorted({{"torch", "spacy", "thinc", "pageloom", "numpy"}} & sys.modules.keys())
print(outcome.shard.documents, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.stdout.splitlines()[-1:] == ["1 []"], done.stderr


def on_server(tmp_path, documents, **settings):
    given = {"components": READING, "work": str(tmp_path / "work"), "pageloom_conn_id": CONNECTION}
    return PipelineOperator(
        task_id="batch", documents=documents, execution="server", **{**given, **settings}
    )


def accepted(server):
    lines = server.metrics().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if "jobs_accepted_total{" in line)


def test_asking_again_gives_the_same_and_nothing_is_done_twice(
    server, connect, folder, tmp_path, context
):
    """A triggerer that is started again, a task that is tried again, and another run."""
    connect(server)
    documents = [str(write_pdf(folder / f"new {n}.pdf", f"never seen {n}")) for n in (1, 2)]
    operator = on_server(tmp_path, documents)
    before = accepted(server)
    with pytest.raises(TaskDeferred) as first:
        operator.execute(context)
    sent = accepted(server) - before
    # The triggerer is ended while it waits, and another one goes on.
    waiting = again(first.value.trigger)
    assert event_of(again(waiting)) == event_of(again(waiting))
    # The task is tried again, and another run asks for the same.
    other, _ = finish(on_server(tmp_path, documents, work=str(tmp_path / "other")), context)
    result, _ = finish(operator, context)
    assert result["documents"] == other["documents"] == 2
    assert accepted(server) - before == sent == 2
    assert operator.resume(context, event_of(waiting)) == result


@pytest.mark.slow
def test_a_full_queue_is_waited_for_as_long_as_the_server_says(
    connect, tmp_path, context, monkeypatch
):
    """Twelve documents, room for two: all come through, each once."""
    slow = write_pipeline(
        tmp_path / "slow.cfg", ("ocr", {"mode": "skip"}), ("slow", {"seconds": 0.1})
    )
    documents = [
        str(write_pdf(tmp_path / f"{number}.pdf", f"number {number}")) for number in range(12)
    ]
    pauses = []
    sleep = asyncio.sleep

    async def noted(seconds):
        pauses.append(seconds)
        await sleep(min(seconds, 0.5))

    monkeypatch.setattr("pageloom_provider.triggers.server.asyncio.sleep", noted)
    with serving(slow, tmp_path, "--max-queue", 2, "--batch", 2) as server:
        connect(server)
        operator = on_server(tmp_path, documents, components=None, config="slow")
        result, triggers = finish(operator, context)
        assert result["documents"] == 12
        assert sorted(doc.text for doc in read(result)) == sorted(f"number {n}" for n in range(12))
        assert accepted(server) == 12
        refused = [trigger for trigger in triggers if trigger.more]
        assert refused
        assert all(1 <= trigger.pause <= 60 for trigger in refused)
        assert pauses == [trigger.pause for trigger in triggers]
    assert operator.outcome.documents == 12


@pytest.mark.slow
def test_a_server_that_is_started_again_is_waited_for(connect, tmp_path, context):
    slow = write_pipeline(
        tmp_path / "slow.cfg", ("ocr", {"mode": "skip"}), ("slow", {"seconds": 0.3})
    )
    documents = [str(write_pdf(tmp_path / f"{number}.pdf", "text")) for number in range(3)]
    operator = on_server(tmp_path, documents, components=None, config="slow")
    with serving(slow, tmp_path) as server:
        connect(server)
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context)
        server.stop(signal.SIGKILL)
        server.wait()
    port = int(server.address.rpartition(":")[2])
    with serving(slow, tmp_path, port=port):
        event = event_of(again(deferred.value.trigger))
        assert event["state"] == "done"
        assert operator.resume(context, event)["documents"] == 3


def test_a_server_that_stays_away_fails_the_task(server, connect, listed, tmp_path, context):
    connect(server)
    operator = on_server(tmp_path, listed)

    class Nowhere:
        address = "http://127.0.0.1:9"

    connect(Nowhere)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    trigger = again(deferred.value.trigger)
    trigger.pause, trigger.patience = 0, -1.0
    event = event_of(trigger)
    assert event["state"] == "away"
    with pytest.raises(BusyError, match="is away"):
        operator.resume(context, event)


def test_one_bad_document_fails_the_task_where_that_is_wanted(
    server, connect, batch, tmp_path, context
):
    connect(server)
    with pytest.raises(BatchError, match=r"\.(pdf|png)"):
        finish(on_server(tmp_path, batch, on_error="fail"), context)
    assert not (tmp_path / "work" / "quarantine").exists()


def test_what_the_server_lacks_fails_the_task_and_not_the_document(
    server, connect, tmp_path, context
):
    connect(server)
    documents = [str(write_pdf(tmp_path / "big.pdf", "memory"))]
    operator = on_server(tmp_path, documents, components=None, config="reading")
    with pytest.raises(ServerError, match="MemoryError: no memory is left"):
        finish(operator, context)
    assert not (tmp_path / "work" / "quarantine").exists()


def test_a_document_over_the_servers_limits_is_quarantined(server, connect, tmp_path, context):
    connect(server)
    big = write_pdf(tmp_path / "big.pdf", "x")
    big.write_bytes(big.read_bytes() + b"%" * 30_000)
    documents = [str(big), str(write_pdf(tmp_path / "small.pdf", "y"))]
    result, _ = finish(on_server(tmp_path, documents), context)
    assert (result["documents"], result["failed"]) == (1, 1)
    [record] = told(tmp_path / "work").values()
    assert (record["component"], record["category"]) == ("server", "too_large")
    assert "the server takes 20971" in record["message"]


def test_the_token_is_nowhere_but_in_the_connection(
    server, connect, listed, tmp_path, context, caplog
):
    connect(server)
    caplog.set_level(0)
    operator = on_server(tmp_path, listed)
    result, triggers = finish(operator, context)
    shown = [trigger.serialize() for trigger in triggers]
    shown += [getattr(operator, name) for name in operator.template_fields]
    assert TOKEN not in repr((result, shown))
    connect(server, token="a-wrong-token")
    with pytest.raises(RefusedError, match="answers 401") as refused:
        on_server(tmp_path, listed, work=str(tmp_path / "new")).execute(context)
    assert "a-wrong-token" not in str(refused.value)
    assert event_of(ServerTrigger(CONNECTION, ["0" * 64]))["state"] == "refused"
    for file in (tmp_path / "work").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()
    assert TOKEN not in caplog.text
    assert "a-wrong-token" not in caplog.text
    assert TOKEN not in server.log.read_text()


def test_the_test_button_asks_the_server(server, connect):
    connect(server)
    assert PageloomHook(CONNECTION).test_connection() == (
        True,
        f"The server at {server.address} answers.",
    )
    connect(server, token="wrong")
    working, message = PageloomHook(CONNECTION).test_connection()
    assert not working
    assert "401" in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"execution": "cloud"}, "execution is 'local' or 'server', not 'cloud'"),
        ({"pageloom_conn_id": None}, "needs a pageloom_conn_id"),
        ({"reader": {"password": "sesame"}}, "a password for documents does not travel"),
    ],
)
def test_wrong_arguments_are_told_when_the_task_runs(tmp_path, context, settings, message):
    operator = PipelineOperator(
        task_id="batch",
        **{
            "documents": ["a.pdf"],
            "components": READING,
            "work": str(tmp_path),
            "execution": "server",
            "pageloom_conn_id": CONNECTION,
            **settings,
        },
    )
    with pytest.raises(ValueError, match=message):
        operator.execute(context)


def test_settings_that_the_server_does_not_have_are_named(
    server, connect, listed, tmp_path, context
):
    connect(server)
    with pytest.raises(RefusedError, match="its ocr has mode='skip', not 'force'"):
        on_server(tmp_path, listed, components={"ocr": {"mode": "force"}}).execute(context)


DEFERRED = """
from airflow.sdk import DAG
from pageloom_provider.operators import *

conf = "{{ dag_run.conf['%s'] }}"

with DAG("on_server", schedule=None, render_template_as_native_obj=True):
    listing = ListDocumentsOperator(task_id="listing", source=conf % "source")
    read = OcrOperator.partial(
        task_id="read", work=conf % "work", mode="skip", execution="server",
        pageloom_conn_id="resident",
    ).expand(documents=listing.output)
    ExportFieldsOperator(task_id="export", shards=read.output, jsonl=conf % "work" + "/all.jsonl")
"""


@pytest.mark.usefixtures("metadata_database")
def test_a_run_of_airflow_defers_and_goes_on(server, connect, run_dag, tmp_path):
    connect(server)
    run = run_dag(DEFERRED)
    assert run.state == "success", states(run)
    [shard] = results(run, "read")
    assert (shard["documents"], shard["failed"]) == (3, 1)
    assert len((tmp_path / "work" / "all.jsonl").read_text().splitlines()) == 3
