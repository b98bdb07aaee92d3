"""`pageloom serve`: a real process, documents in over HTTP, the same Docs out."""

import signal
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import httpx
import pytest
import spacy
from spacy.tokens import DocBin

from pageloom import DocumentReader, embed_images
from tests.served import TOKEN, serving, write_pipeline


def write_pdf(*pages):
    from io import BytesIO

    from reportlab.pdfgen.canvas import Canvas

    target = BytesIO()
    canvas = Canvas(target, invariant=1)
    for text in pages:
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def doc_of(data):
    [doc] = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    return doc


def words(answer):
    assert answer.status_code == 200, answer.text
    return doc_of(answer.content).text


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of text layers, shared by the tests that only ask it."""
    folder = tmp_path_factory.mktemp("serving")
    pipeline = write_pipeline(
        folder / "reading.cfg", ("ocr", {"mode": "skip"}), "refuse_poison", "needs_disk"
    )
    options = ("--max-pages", 3, "--max-megabytes", 0.1)
    with serving(pipeline, folder, *options) as server:
        yield server


def test_bytes_come_back_as_the_doc_that_the_pipeline_makes(server, tmp_path):
    data = write_pdf("ACME Ltd Total 10.50", "second page")
    path = tmp_path / "invoice.pdf"
    path.write_bytes(data)
    nlp = spacy.blank("en")
    nlp.add_pipe("ocr", config={"mode": "skip"})
    [local] = nlp.pipe([DocumentReader(nlp.vocab)(str(path))])

    doc = doc_of(server.send(data, suffix=".pdf").content)
    assert doc.text == local.text == "ACME Ltd Total 10.50 second page"
    assert [token._.box for token in doc] == [token._.box for token in local]
    assert [(page.number, page.width, page.sha256) for page in doc._.pages] == [
        (page.number, page.width, page.sha256) for page in local._.pages
    ]
    assert len(doc.spans["lines"]) == len(local.spans["lines"]) == 2
    # The client has the bytes, and no path of the server's comes out.
    assert doc._.pages[0].content is None
    assert str(tmp_path.parent) not in repr(doc.user_data)


def test_a_docbin_of_one_doc_comes_back_with_what_it_had(server):
    nlp = spacy.blank("en")
    doc = DocumentReader(nlp.vocab)(write_pdf("Globex"))
    doc._.questions = ["Who?"]
    data = DocBin(docs=[embed_images(doc)], store_user_data=True).to_bytes()
    found = doc_of(server.send(data, kind="docbin").content)
    assert found.text == "Globex"
    assert found._.questions == ["Who?"]
    assert found._.source == doc._.source


def test_a_doc_may_not_name_files_of_the_server(server, tmp_path):
    """Its pages' sources are opened where the Doc came from, and nowhere else."""
    (tmp_path / "secret.pdf").write_bytes(write_pdf("the server's own"))
    nlp = spacy.blank("en")
    doc = DocumentReader(nlp.vocab)(str(tmp_path / "secret.pdf"))
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    found = doc_of(server.send(data, kind="docbin").content)
    assert found.text == ""
    [error] = found._.errors
    assert f"{tmp_path}/secret.pdf: there is no such file" in error.message
    assert found._.pages[0].source == f"{tmp_path}/secret.pdf"


def test_a_bad_file_is_a_doc_with_its_error(server):
    doc = doc_of(server.send(b"%PDF-1.7 and no more", suffix=".pdf").content)
    assert doc._.status == "failed"
    [error] = doc._.errors
    assert (error.component, error.category) == ("reader", "truncated")
    # The job's file name stands where the client's is to stand.
    assert error.message.split(":")[0].endswith(".pdf")


def test_a_component_that_fails_names_itself_and_leaves_the_others_alone(server):
    texts = ["one", "poison", "two", "memory", "three"]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda text: server.send(write_pdf(text)), texts))
    assert [answer.status_code for answer in answers] == [200, 422, 200, 500, 200]
    assert answers[1].json() == {
        "component": "refuse_poison",
        "category": "RuntimeError",
        "page": None,
        "message": "no poison, please",
    }
    assert answers[3].json() == {"detail": "MemoryError: no memory is left"}
    assert [words(answers[at]) for at in (0, 2, 4)] == ["one", "two", "three"]


def test_without_the_token_there_is_nothing_but_health_and_readiness(server):
    def ask(path, **headers):
        return httpx.get(server.address + path, headers=headers).status_code

    for path in ("/metrics", "/v1/pipelines", "/openapi.json", "/v1/jobs/x", "/nothing"):
        assert ask(path) == 401
        assert ask(path, Authorization=f"Bearer {TOKEN}x") == 401
        assert ask(path, Authorization=TOKEN) == 401
    assert ask("/metrics", Authorization=f"Bearer {TOKEN}") == 200
    assert ask("/health") == ask("/ready") == 200
    answer = httpx.post(server.address + "/v1/documents", content=write_pdf("x"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_documents_over_the_limits_are_refused(server):
    assert server.send(write_pdf("1", "2", "3", "4")).status_code == 413
    assert "4 pages" in server.send(write_pdf("1", "2", "3", "4")).json()["detail"]
    too_many = b"%PDF" + b"x" * 200_000
    assert server.send(too_many).status_code == 413
    # Without a length, as a stream, too.
    assert server.send(iter([too_many[:90_000], too_many[90_000:]])).status_code == 413
    long = {"jobs": ["0" * 64] * 20_000}
    assert server.client.post("/v1/jobs", json=long).status_code == 413
    assert words(server.send(write_pdf("1", "2", "3"))) == "1 2 3"


def test_a_docbin_that_unpacks_to_far_more_than_it_is_is_not_unpacked(server):
    import zlib

    bomb = zlib.compress(b"\0" * 50_000_000)
    answer = server.send(bomb, kind="docbin")
    assert answer.status_code == 422
    assert "unpacks to more than" in answer.json()["message"]


def test_it_describes_itself(server):
    described = server.client.get("/openapi.json").json()
    assert {"/v1/documents", "/v1/jobs/{key}", "/v1/selections"} <= described["paths"].keys()
    assert "429" in described["paths"]["/v1/documents"]["post"]["responses"]
    [pipeline] = server.client.get("/v1/pipelines").json()
    assert pipeline["name"] == "reading"
    assert [each["name"] for each in pipeline["components"]] == [
        "ocr",
        "refuse_poison",
        "needs_disk",
    ]


def test_prometheus_reads_its_metrics(server):
    from prometheus_client.parser import text_string_to_metric_families

    words(server.send(write_pdf("counted")))
    families = text_string_to_metric_families(server.metrics().decode())
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["pageloom_jobs_done_total", "reading", "docbin"] >= 1
    assert samples["pageloom_ready",] == 1
    assert samples["pageloom_queue_documents",] == 0


@pytest.mark.parametrize(
    ("asked", "difference"),
    [
        ({"config": "other"}, "no pipeline 'other' is served here; there are: reading"),
        ({"components": [{"name": "ocr", "factory": "ocr"}]}, "has mode='skip', not 'auto'"),
        ({"components": [{"name": "x", "factory": "ocr"}]}, "no component 'x'"),
        (
            {
                "language": "de",
                "components": [{"name": "ocr", "factory": "ocr", "settings": {"mode": "skip"}}],
            },
            "language is 'en', not 'de'",
        ),
        ({"config": "reading", "overrides": {"components.ocr.mode": "force"}}, "overrides"),
        ({"config": "reading", "reader": {"password": "open"}}, "password cannot be set"),
    ],
)
def test_what_the_server_does_not_do_is_said(server, asked, difference):
    answer = server.client.post("/v1/selections", json=asked)
    assert answer.status_code == 409
    assert difference in answer.json()["detail"]
    assert "open" not in answer.json()["detail"]


def test_components_may_be_asked_for_one_by_one(server):
    ocr = {"name": "ocr", "factory": "ocr", "settings": {"mode": "skip", "workers": 7}}
    selection = server.select(components=[ocr])
    assert selection == server.select(components=[ocr])
    assert selection != server.select(components=[ocr], reader={"dpi": 100})
    key, answer = server.put(selection, write_pdf("poison"))
    assert answer.status_code == 202
    assert server.states([key], wait=30) == {key: "done"}
    assert words(server.client.get(f"/v1/jobs/{key}")) == "poison"


def test_a_job_has_the_name_of_its_content(server):
    selection = server.select(config="reading")
    key, answer = server.put(selection, write_pdf("named"))
    assert answer.status_code == 202
    assert server.states([key, "0" * 64], wait=30) == {key: "done", "0" * 64: "unknown"}
    before = server.metrics().decode().splitlines()
    again, answer = server.put(selection, write_pdf("named"))
    assert (again, answer.status_code) == (key, 202)
    assert words(server.client.get(f"/v1/jobs/{key}")) == "named"
    [accepted] = [line for line in before if line.startswith("pageloom_jobs_accepted_total")]
    assert accepted in server.metrics().decode()

    wrong = server.client.put(
        f"/v1/jobs/{key[::-1]}", content=write_pdf("named"), params={"selection": selection}
    )
    assert wrong.status_code == 400
    assert server.client.get(f"/v1/jobs/{'0' * 64}").status_code == 404
    assert server.put("0" * 64, write_pdf("x"))[1].status_code == 404


def test_under_overload_everything_accepted_is_answered(tmp_path):
    """64 clients at once, room for 8: some hear 429 and when to come again; none is lost."""
    pipeline = write_pipeline(
        tmp_path / "slow.cfg", ("ocr", {"mode": "skip"}), ("slow", {"seconds": 0.05})
    )
    texts = [f"document {number}" for number in range(64)]
    with serving(pipeline, tmp_path, "--max-queue", 8, "--batch", 4) as server:
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda text: server.send(write_pdf(text)), texts))
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 429}
        assert codes.count(200) >= 8
        for text, answer in zip(texts, answers, strict=True):
            if answer.status_code == 200:
                assert words(answer) == text
            else:
                assert 1 <= int(answer.headers["Retry-After"]) <= 60
        batches = server.metrics().decode()
        assert 'pageloom_jobs_refused_total{status="429"}' in batches
        # Together they went through in fewer batches than documents.
        count = next(
            float(line.split()[-1])
            for line in batches.splitlines()
            if line.startswith("pageloom_batch_documents_count")
        )
        assert count < codes.count(200)


@pytest.fixture
def slow(tmp_path):
    return write_pipeline(
        tmp_path / "slow.cfg", ("ocr", {"mode": "skip"}), ("slow", {"seconds": 1.0})
    )


@pytest.mark.slow
def test_sigterm_finishes_what_was_accepted_and_takes_no_more(slow, tmp_path):
    texts = [f"document {number}" for number in range(6)]
    with serving(slow, tmp_path) as server, ThreadPoolExecutor(6) as pool:
        selection = server.select(config="slow")
        jobs = [server.put(selection, write_pdf(text))[0] for text in texts[:3]]
        requests = [pool.submit(server.send, write_pdf(text)) for text in texts[3:]]
        while b'jobs_accepted_total{pipeline="slow"} 6.0' not in server.metrics():
            pass
        server.stop()
        while server.client.get("/ready").status_code == 200:
            pass
        assert server.client.get("/health").status_code == 200
        _, late = server.put(selection, write_pdf("late"))
        assert late.status_code == 503
        assert int(late.headers["Retry-After"]) >= 1
        assert set(server.states(jobs).values()) <= {"waiting", "done"}
        assert [words(request.result()) for request in requests] == texts[3:]
        assert server.wait() == 0
    log = server.log.read_text()
    assert "SIGTERM: finishing what was accepted" in log
    assert TOKEN not in log
    # What nobody had fetched is there when it starts again.
    with serving(slow, tmp_path) as server:
        assert [words(server.client.get(f"/v1/jobs/{key}")) for key in jobs] == texts[:3]


@pytest.mark.slow
def test_a_server_that_is_killed_goes_on_where_it_was(slow, tmp_path):
    with serving(slow, tmp_path) as server:
        selection = server.select(config="slow")
        keys = [server.put(selection, write_pdf(f"d{number}"))[0] for number in range(5)]
        server.stop(signal.SIGKILL)
        server.wait()
    with serving(slow, tmp_path) as server:
        assert set(server.states(keys, wait=30).values()) == {"done"}
        found = [words(server.client.get(f"/v1/jobs/{key}")) for key in keys]
        assert found == [f"d{number}" for number in range(5)]


@pytest.fixture
def refusal(tmp_path):
    """Why the command does not serve, in this process."""
    import typer
    from typer.testing import CliRunner

    from pageloom.serving.command import serve

    def refusal(*options, token=""):
        app = typer.Typer()
        app.command()(serve)
        given = [str(tmp_path / "none.cfg"), "--port", "0", "--folder", str(tmp_path / "jobs")]
        done = CliRunner().invoke(app, [*given, *options], env={"PAGELOOM_SERVER_TOKEN": token})
        assert done.exit_code == 2, done.output
        return done.output

    return refusal


def test_two_servers_do_not_share_a_folder(refusal, tmp_path):
    from pageloom.serving.store import Store

    store = Store(tmp_path / "jobs", 60, 1000)
    assert "another server uses this folder" in refusal()
    store.close()


def test_an_address_that_others_reach_needs_a_token(refusal, tmp_path):
    assert "others reach 0.0.0.0: give a token" in refusal("--host", "0.0.0.0")
    (tmp_path / "tokens").write_text("\n")
    assert "there is no token in it" in refusal("--token-file", str(tmp_path / "tokens"))


def test_a_missing_pipeline_ends_it(refusal):
    assert "none.cfg: there is no such config file or pipeline folder" in refusal(token="x")


def test_results_make_room_when_they_are_fetched(tmp_path):
    from pageloom.serving.jobs import Job, Result, job_key
    from pageloom.serving.store import Store

    store = Store(tmp_path / "jobs", keep=3600, kept_bytes=250)

    def add(number):
        digest = sha256(b"%d" % number).hexdigest()
        key = job_key("s", "document", "", digest)
        job = Job(key, "s", "document", "", digest, 0.0)
        incoming = store.incoming()
        incoming.write_bytes(b"body")
        store.accept(job, incoming)
        store.finish(job, Result("docbin", b"x" * 100))
        return job.key

    first, second = add(1), add(2)
    assert store.has_room()
    third = add(3)
    # Nobody has fetched any of them: none goes, and there is no room.
    assert all(map(store.has, (first, second, third)))
    assert not store.has_room()
    assert store.result(first).data == b"x" * 100
    store.tidy()
    assert [store.has(key) for key in (first, second, third)] == [False, True, True]
    assert store.has_room()
    store.keep = -1
    store.tidy()
    assert not list((tmp_path / "jobs" / "answered").iterdir())
    store.close()
