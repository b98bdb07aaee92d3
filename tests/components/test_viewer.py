"""The viewer behind the page: a document's view, the API of `pageloom view`, and its command."""

import io
import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pageloom import Answer, DocumentError
from pageloom.cli import app
from pageloom.viewer import document_view, summary
from pageloom.viewer.documents import Entry, Query, ResultsError, Run, distinct, read_runs
from pageloom.viewer.server import application
from tests.viewed import document, field, many, page, receipt, sheet, write

RECEIPT = "ab" * 32
DOCUMENTS = "/api/runs/1/documents"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("viewer")


@pytest.fixture(scope="module")
def client(folder):
    gone = document("in/gone.png", pages=[page("gone/gone.png")], sha256="ef" * 32)
    path = write([receipt(folder), *many(folder, 99), gone], folder / "results.spacy")
    with TestClient(application(read_runs([path])), base_url="http://localhost") as client:
        yield client


class TestView:
    def test_it_holds_what_the_document_holds(self, folder):
        view = document_view(receipt(folder))
        assert view["name"] == "receipt.tif"
        assert view["source"] == "in/receipt.tif"
        assert (view["status"], view["lowest"]) == ("partial", 0.72)
        assert view["pages"][1] == {"number": 2, "width": 800, "height": 1200}
        assert [(one["label"], one["rank"]) for one in view["fields"]] == [
            ("company", 0), ("total", 0), ("total", 1), ("date", 0),
        ]  # fmt: skip
        assert view["fields"][3]["value"] == "2024-05-01"
        assert view["fields"][3]["box"] == [600, 50, 900, 80]
        assert view["checks"][0]["labels"] == ["total", "company"]
        assert view["errors"][0]["page"] == 2
        assert view["classes"] == {"receipt": 0.9, "invoice": 0.1}
        assert json.loads(json.dumps(view)) == view

    def test_an_answer_that_is_a_span_has_the_box_of_its_words(self):
        doc = document(words=["Total", "9.00", "MYR"])
        for token, x in zip(doc, (0, 100, 200), strict=True):
            token._.box, token._.page = (x, 10, x + 90, 30), 1
        doc._.answers = [
            Answer("How much?", "9.00 MYR", 0.9, 1, 1, 3, "lilt_qa"),
            Answer("Is it paid?", "yes", 0.6, 1, None, None, "vilt_vqa"),
        ]
        boxes = [answer["box"] for answer in document_view(doc)["answers"]]
        assert boxes == [[100, 10, 290, 30], None]

    def test_a_document_that_could_not_be_read_has_an_id_and_a_name(self):
        error = DocumentError("reader", "missing", None, "in/a.pdf: there is no such file")
        views = [document_view(document(s, errors=[error], sha256="")) for s in ("in/a", "in/b/")]
        assert [view["name"] for view in views] == ["a", "b"]
        assert views[0]["id"] != views[1]["id"]
        assert [view["status"] for view in views] == ["failed", "failed"]

    @settings(max_examples=60, deadline=None)
    @given(
        text=st.text(st.characters(exclude_categories=[])),
        score=st.floats(allow_nan=True, allow_infinity=True),
    )
    def test_any_text_and_score_is_json(self, text, score):
        error = DocumentError(text, text, None, text)
        doc = document(
            text, fields={text: [field(text, score)]}, errors=[error], classes={text: score}
        )
        view = document_view(doc)
        json.dumps(view, ensure_ascii=False, allow_nan=False).encode()
        assert 0 <= view["fields"][0]["score"] <= 1

    def test_a_summary_counts(self, folder):
        found = summary(document_view(receipt(folder)))
        counts = (found["pages"], found["fields"], found["errors"], found["failed_checks"])
        assert counts == (2, 3, 1, 1)
        assert found["labels"] == ["company", "total", "date"]


class TestRuns:
    def test_a_file_that_was_read_twice_is_two_documents(self):
        entries = list(distinct([document(), document(), document("b", sha256="1")]))
        assert [entry.view["id"] for entry in entries] == [RECEIPT, f"{RECEIPT}-2", "1"]

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            (Query(search="ACME"), ["a"]),
            (Query(search="broken"), ["c"]),
            (Query(status="failed"), ["c"]),
            (Query(label="date"), ["b"]),
            (Query(below=0.8), ["a"]),
            (Query(label="total", below=0.95), ["b", "a"]),
            (Query(label="company", below=0.95), []),
            (Query(sort="name"), ["a", "b", "c"]),
            (Query(sort="lowest"), ["a", "b", "c"]),
            (Query(sort="status"), ["c", "b", "a"]),
            (Query(review="waiting"), []),
        ],
    )
    def test_filters_and_orders(self, query, wanted):
        error = DocumentError("reader", "empty", None, "it is broken")
        docs = [
            document("b", fields={"total": [field(score=0.9)], "date": [field()]}, sha256="b"),
            document("a", fields={"total": [field("Acme", 0.5)], "company": [field()]}, sha256="a"),
            document("c", errors=[error], sha256="c"),
        ]
        found = Run("1", "run", map(Entry.of, docs)).select(query)
        assert [entry.view["name"] for entry in found] == wanted

    def test_a_folder_is_one_run_of_its_files(self, tmp_path):
        for name in "ab":
            write([document(name, sha256=name)], tmp_path / f"{name}.spacy")
        (run,) = read_runs([tmp_path]).values()
        assert [entry.view["name"] for entry in run.entries.values()] == ["a", "b"]

    def test_what_cannot_be_shown_says_why(self, tmp_path):
        (tmp_path / "torn.spacy").write_bytes(b"torn")
        for name, reason in [("gone.spacy", "no such file"), ("torn.spacy", "is no DocBin")]:
            with pytest.raises(ResultsError, match=rf"{name}: .*{reason}"):
                read_runs([tmp_path / name])
        (tmp_path / "empty").mkdir()
        with pytest.raises(ResultsError, match=r"no \.spacy file"):
            read_runs([tmp_path / "empty"])


class TestApi:
    def test_runs(self, client):
        (run,) = client.get("/api/runs").json()["runs"]
        assert (run["run_id"], run["documents"]) == ("results.spacy", 101)
        assert (run["failed"], run["partial"]) == (9, 1)
        assert client.get("/api/runs?search=other").json() == {"runs": [], "next": None}

    @settings(max_examples=12, deadline=None)
    @given(limit=st.integers(9, 200))
    def test_the_parts_of_a_list_make_it_whole(self, client, limit):
        seen, cursor = [], ""
        while cursor is not None:
            got = client.get(DOCUMENTS, params={"limit": limit, "cursor": cursor}).json()
            assert got["total"] == 101
            assert 1 <= len(got["documents"]) <= limit
            seen += [one["name"] for one in got["documents"]]
            cursor = got["next"]
        assert seen == ["receipt.tif", *(f"{n:04}.png" for n in range(99)), "gone.png"]

    def test_filters_come_from_the_address(self, client):
        got = client.get(DOCUMENTS, params={"status": "failed", "search": "001", "below": ""})
        assert [one["name"] for one in got.json()["documents"]] == ["0019.png"]
        assert got.json()["counts"]["failed"] == 9
        assert got.json()["labels"] == ["company", "total", "date"]

    def test_a_document(self, client, folder):
        assert client.get(f"{DOCUMENTS}/{RECEIPT}").json() == document_view(receipt(folder))

    @pytest.mark.parametrize(("width", "shape"), [(240, (240, 360)), (1600, (800, 1200))])
    def test_a_picture_is_never_larger_than_the_page(self, client, width, shape):
        got = client.get(f"{DOCUMENTS}/{RECEIPT}/pages/2.webp", params={"width": width})
        assert got.headers["content-type"] == "image/webp"
        with Image.open(io.BytesIO(got.content)) as picture:
            assert (picture.format, picture.size) == ("WEBP", shape)

    def test_a_picture_whose_source_is_gone_says_so(self, client):
        got = client.get(f"{DOCUMENTS}/{'ef' * 32}/pages/1.webp")
        assert got.status_code == 404
        assert "gone/gone.png" in got.json()["detail"]

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/api/runs/2/documents", 404),
            (f"{DOCUMENTS}/none", 404),
            (f"{DOCUMENTS}/{RECEIPT}/pages/3.webp", 404),
            (f"{DOCUMENTS}/{RECEIPT}/pages/01.webp", 404),
            (f"{DOCUMENTS}/{RECEIPT}/pages/{'9' * 5000}.webp", 404),
            (f"{DOCUMENTS}/{RECEIPT}/pages/1.webp?width=99999", 400),
            (f"{DOCUMENTS}/{RECEIPT}/pages/1.webp?width=300", 400),
            (f"{DOCUMENTS}?limit=1000", 400),
            (f"{DOCUMENTS}?cursor=-1", 400),
            (f"{DOCUMENTS}?cursor=%D9%A1", 400),
            (f"{DOCUMENTS}?below=much", 400),
            (f"{DOCUMENTS}?sort=colour", 400),
            ("/server.py", 404),
            ("/../view.py", 404),
            ("/%2e%2e/view.py", 404),
            ("/..%2f..%2fcli.py", 404),
        ],
    )
    def test_what_there_is_not(self, client, path, status):
        got = client.get(path)
        assert got.status_code == status
        assert isinstance(got.json()["detail"], str)

    def test_it_reads_only(self, client):
        assert client.post(DOCUMENTS).status_code == 405

    def test_the_page_runs_only_its_own_script(self, client):
        for path in ("/", "/viewer.js", "/api/runs", "/none"):
            policy = client.get(path).headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert client.get(path).headers["x-content-type-options"] == "nosniff"
        assert client.get("/").headers["content-type"].startswith("text/html")

    def test_another_sites_name_that_leads_here_is_refused(self, folder):
        from pageloom.viewer.server import _hosts

        app = application({}, _hosts("127.0.0.1"))
        for host in ("localhost:8765", "127.0.0.1:8765", "[::1]:8765"):
            with TestClient(app, base_url=f"http://{host}") as client:
                assert client.get("/api/runs").status_code == 200
        with TestClient(app, base_url="http://evil.example") as client:
            assert client.get("/api/runs").status_code == 400


class TestCommand:
    def test_what_is_wrong_is_told(self, tmp_path):
        done = CliRunner().invoke(app, ["view", str(tmp_path / "gone.spacy")])
        assert done.exit_code == 2
        assert "gone.spacy: there is no such file" in done.stderr

    def test_a_port_that_is_taken(self, tmp_path):
        path = write([document()], tmp_path / "results.spacy")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = CliRunner().invoke(app, ["view", str(path), "--port", port])
        assert done.exit_code == 2
        assert "--port 0 takes a free port" in done.stderr

    def test_it_serves_until_it_is_interrupted(self, tmp_path):
        path = write([document()], tmp_path / "results.spacy")
        command = [sys.executable, "-m", "pageloom", "view", str(path), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            address = process.stdout.readline().split()[0]
            (run,) = httpx.get(f"{address}api/runs", timeout=60).json()["runs"]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        assert run["documents"] == 1

    def test_fields_writes_what_view_reads(self, tmp_path, monkeypatch):
        reader = {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}
        nlp = spacy.blank("xx", config={"nlp": reader})
        monkeypatch.setattr("pageloom.cli._pipeline", lambda *settings: nlp)
        results = tmp_path / "results.spacy"
        files = [sheet(tmp_path), str(tmp_path / "gone.png")]
        assert CliRunner().invoke(app, ["fields", *files, "--docbin", str(results)]).exit_code == 1
        (run,) = read_runs([results]).values()
        assert [one.view["name"] for one in run.entries.values()] == ["sheet.png", "gone.png"]
        assert run.counts == {"ok": 1, "partial": 0, "failed": 1}
