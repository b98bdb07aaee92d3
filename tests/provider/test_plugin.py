"""The page "Documents" on Airflow's API server: who sees what, and what the API answers."""

import hashlib
import io
import json
import os
from importlib.metadata import entry_points
from urllib.parse import quote

import pytest
from PIL import Image

from pageloom_provider.plugin import DocumentsPlugin
from pageloom_provider.views import MOUNT
from tests.left_views import identity, leave, thousand, view

pytestmark = pytest.mark.usefixtures("metadata_database")
RUN = "manual__2026-01-31T08:00:00+00:00"
ID = f"invoices~{RUN}"


@pytest.fixture(scope="module")
def permissions():
    """A DAG's id for each user who may see it; the auth manager below asks here."""
    return {("clerk", "invoices"), ("clerk", None), ("clerk", "empty")}


@pytest.fixture(scope="module")
def server(permissions, metadata_database):
    """The plugin's application in an Airflow API server's, with Airflow's own login."""
    from airflow.api_fastapi import app as airflow_app
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.api_fastapi.core_api.app import init_middlewares
    from fastapi import FastAPI

    class ByDag(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            assert (method, access_entity) == ("GET", DagAccessEntity.XCOM)
            return (user.username, details.id) in permissions

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of these tests, long enough: 32")
        patch.setattr(airflow_app, "get_auth_manager_cls", lambda: ByDag)
        airflow_app.purge_cached_app()
        app = FastAPI()
        app.mount(MOUNT, DocumentsPlugin.fastapi_apps[0]["app"])
        airflow_app.init_auth_manager(app)
        init_middlewares(app)
        yield app
        airflow_app.purge_cached_app()


@pytest.fixture
def token(server):
    """A function from a user's name to a token of Airflow's."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return lambda name: get_auth_manager().generate_jwt(
        SimpleAuthManagerUser(username=name, role="VIEWER")
    )


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__PAGELOOM__VIEWS", str(tmp_path / "views"))
    return tmp_path / "views"


@pytest.fixture
def client(server, token):
    """A browser in which a clerk is logged in: Airflow's cookie, nothing else."""
    from starlette.testclient import TestClient

    client = TestClient(server, base_url="http://testserver", raise_server_exceptions=True)
    client.cookies.set("_token", token("clerk"))
    return client


@pytest.fixture
def run():
    """A function that makes a run in Airflow's database; they are gone after the test."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType
    from sqlalchemy import delete

    from pageloom_provider.plugin.runs import find_run

    def make(dag_id="invoices", run_id=RUN, state="success"):
        with create_session() as session:
            made = DagRun(dag_id=dag_id, run_id=run_id, run_type=DagRunType.MANUAL, state=state)
            session.add(made)
        return find_run(dag_id, run_id)

    yield make
    with create_session() as session:
        session.execute(delete(DagRun))


def api(path="", **query):
    address = f"{MOUNT}/api/runs{path}"
    return address if not query else f"{address}?{'&'.join(f'{k}={v}' for k, v in query.items())}"


def names(answer):
    return [each["name"] for each in answer.json()["documents"]]


ADDRESSES = ["/", "/index.html", "/api/runs", f"/api/runs/{quote(ID)}/documents"]
ADDRESSES += [f"{ADDRESSES[-1]}/{identity('a')}{rest}" for rest in ("", "/pages/1.webp?width=240")]


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_a_login_there_is_nothing(server, root, run, address):
    from starlette.testclient import TestClient

    run()
    leave(root, [view("a")], run_id=RUN)
    answer = TestClient(server).get(MOUNT + address)
    assert answer.status_code == 401
    assert answer.json()["detail"]


@pytest.mark.parametrize("address", ADDRESSES[2:])
def test_without_permission_there_is_nothing(server, token, root, run, address):
    from starlette.testclient import TestClient

    run()
    leave(root, [view("a")], run_id=RUN)
    headers = {"Authorization": f"Bearer {token('stranger')}"}
    answer = TestClient(server).get(MOUNT + address, headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["detail"])


def test_a_forged_token_is_none(server, root):
    from starlette.testclient import TestClient

    headers = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJjbGVyayJ9."}
    assert TestClient(server).get(api(), headers=headers).status_code == 403


def test_permission_is_by_dag(client, root, run):
    """A clerk who sees invoices does not see payroll, and not whether there are runs of it."""
    run()
    run("payroll", RUN)
    leave(root, [view("a")], run_id=RUN)
    leave(root, [view("salary")], dag_id="payroll", run_id=RUN)
    assert [each["dag_id"] for each in client.get(api()).json()["runs"]] == ["invoices"]
    for other in (f"payroll~{RUN}", "payroll~no-such-run"):
        answer = client.get(api(f"/{quote(other)}/documents"))
        assert answer.status_code == 403
        assert "salary" not in answer.text


def test_runs_tell_what_is_in_them_the_newest_first(client, root, run):
    run()
    run(run_id="manual__later", state="running")
    run(run_id="manual__left-nothing")
    leave(root, [view("a", fields=[("total", "1", 0.8)])], run_id=RUN)
    leave(root, [view("b"), view("c", status="failed")], run_id="manual__later")
    answer = client.get(api()).json()
    assert answer["next"] is None
    later, first = answer["runs"]
    assert (later["run_id"], later["state"], later["documents"], later["failed"]) == (
        "manual__later",
        "running",
        2,
        1,
    )
    assert first == {
        "id": ID,
        "dag_id": "invoices",
        "run_id": RUN,
        "started": None,
        "state": "success",
        "documents": 1,
        "failed": 0,
        "partial": 0,
        "lowest": 0.8,
    }
    [found] = client.get(api(search="LATER")).json()["runs"]
    assert found["run_id"] == "manual__later"
    assert client.get(api(search="%25")).json()["runs"] == []


def test_many_runs_come_in_pages(client, root, run):
    for number in range(7):
        run(run_id=f"manual__{number}")
        if number != 3:
            leave(root, [view("a")], run_id=f"manual__{number}")
    seen, cursor = [], ""
    while cursor is not None:
        answer = client.get(api(limit=2, cursor=cursor)).json()
        assert len(answer["runs"]) <= 2
        seen += [each["run_id"] for each in answer["runs"]]
        cursor = answer["next"]
    assert seen == [f"manual__{number}" for number in (6, 5, 4, 2, 1, 0)]


def test_a_thousand_documents_come_in_pages_from_few_files(client, root, run, monkeypatch):
    from pageloom_provider.plugin import listing

    run()
    thousand(root, run_id=RUN)
    read = []
    monkeypatch.setattr(
        listing._files, "read", lambda name, make: read.append(name) or make(), raising=True
    )
    seen, cursor = [], ""
    while cursor is not None:
        read.clear()
        answer = client.get(api(f"/{quote(ID)}/documents", limit=200, cursor=cursor)).json()
        assert len(read) == 2  # the head and the summaries
        seen += [each["id"] for each in answer["documents"]]
        assert answer["total"] == 1000
        cursor = answer["next"]
    assert len(set(seen)) == len(seen) == 1000
    assert answer["counts"] == {"ok": 900, "partial": 0, "failed": 100}
    assert answer["labels"] == ["total", "iban"]
    assert answer["run"]["documents"] == 1000
    read.clear()
    shown = client.get(api(f"/{quote(ID)}/documents/{identity('invoice-0501.pdf')}")).json()
    assert shown["fields"][0]["text"] == "501.00"
    assert len(read) == 3
    assert len(read[-1]) < 1000
    assert len(client.get(api(f"/{quote(ID)}/documents")).json()["documents"]) == 50


@pytest.mark.parametrize(
    ("query", "total", "first"),
    [
        ({"status": "failed"}, 4, "broken-0000.pdf"),
        ({"search": "INVOICE-003"}, 9, "invoice-0031.pdf"),
        ({"search": "17.00"}, 1, "invoice-0017.pdf"),
        ({"label": "total"}, 36, "invoice-0001.pdf"),
        ({"label": "no such"}, 0, None),
        ({"below": "0.9"}, 4, "invoice-0001.pdf"),
        ({"label": "iban", "below": "0.96"}, 36, "invoice-0001.pdf"),
        ({"review": "waiting"}, 0, None),
        ({"sort": "status"}, 40, "broken-0000.pdf"),
        ({"sort": "lowest"}, 40, "invoice-0001.pdf"),
        ({"sort": "name", "status": "ok"}, 36, "invoice-0001.pdf"),
    ],
)
def test_filters_and_order(client, root, run, query, total, first):
    run()
    thousand(root, 40, run_id=RUN)
    answer = client.get(api(f"/{quote(ID)}/documents", **query))
    assert answer.json()["total"] == total
    assert next(iter(names(answer)), None) == first


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "-1"},
        {"cursor": "x"},
        {"limit": "0"},
        {"limit": "9999"},
        {"below": "x"},
        {"search": "%00"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client, root, run, query):
    run()
    leave(root, [view("a")], run_id=RUN)
    assert client.get(api(f"/{quote(ID)}/documents", **query)).status_code == 422


def test_a_document_twice_is_shown_as_the_last_task_left_it(client, root, run):
    run()
    leave(root, [view("a"), view("b")], run_id=RUN, task_id="first")
    leave(root, [view("a", status="partial")], run_id=RUN, task_id="second")
    answer = client.get(api(f"/{quote(ID)}/documents"))
    assert [(each["name"], each["status"]) for each in answer.json()["documents"]] == [
        ("a", "partial"),
        ("b", "ok"),
    ]
    [row] = client.get(api()).json()["runs"]
    assert (row["documents"], row["partial"]) == (2, 1)


def test_text_of_documents_stays_text(client, root, run):
    script = "<script>alert(1)</script>\"'&\u2028"
    run()
    bad = view(script, fields=[(script, script, 0.5)], id=identity("x"))
    leave(root, [bad], run_id=RUN)
    for path in ("", f"/{identity('x')}"):
        answer = client.get(api(f"/{quote(ID)}/documents{path}"))
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert json.loads(answer.content) == answer.json()
    assert answer.json()["fields"][0]["text"] == script


@pytest.mark.parametrize(
    "run_id",
    [
        "invoices~..",
        "invoices~../../../etc",
        "..~..",
        "invoices",
        "~",
        "invoices~no such run",
        "invoices~%00",
    ],
)
@pytest.mark.parametrize("document", ["", f"/{identity('a')}", "/.."])
def test_no_address_leads_out_of_the_folder(client, root, run, permissions, run_id, document):
    run()
    leave(root, [view("a")], run_id="..")
    permissions.add(("clerk", ".."))
    try:
        answer = client.get(api(f"/{quote(run_id, safe='%')}/documents{document}"))
        assert answer.status_code == 404
    finally:
        permissions.discard(("clerk", ".."))


@pytest.mark.parametrize(
    "document", ["..", "../../../views", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "x" * 64, "%00"]
)
def test_a_document_is_found_by_its_hash_alone(client, root, run, document):
    run()
    leave(root, [view("a")], run_id=RUN)
    answer = client.get(f"{MOUNT}/api/runs/{quote(ID)}/documents/{quote(document, safe='%')}")
    assert answer.status_code in (404, 200)
    assert answer.status_code == 404 or "documents" in answer.json()  # `..` is the folder above


def test_a_run_that_airflow_has_forgotten_is_not_shown(client, root):
    leave(root, [view("a")], run_id=RUN)
    assert client.get(api()).json() == {"runs": [], "next": None}
    assert client.get(api(f"/{quote(ID)}/documents")).status_code == 404


def test_a_run_without_views_has_no_documents(client, root, run):
    run()
    answer = client.get(api(f"/{quote(ID)}/documents")).json()
    assert (answer["documents"], answer["total"], answer["next"]) == ([], 0, None)


def test_without_a_folder_it_says_what_to_set(client, run):
    run()
    answer = client.get(api())
    assert answer.status_code == 404
    assert "[pageloom] views" in answer.json()["detail"]


def test_a_task_that_is_tried_again_meanwhile_is_read_again(client, root, run, monkeypatch):
    """What was listed a moment ago is gone: the page shows what has taken its place."""
    from pageloom_provider.plugin import listing

    run()
    leave(root, [view("a")], run_id=RUN)
    listed = listing.leaves_in
    again = []

    def late(folder):
        leaves = listed(folder)
        if not again:
            again.append(leave(root, [view("a"), view("b")], run_id=RUN))
        return leaves

    monkeypatch.setattr(listing, "leaves_in", late)
    assert names(client.get(api(f"/{quote(ID)}/documents"))) == ["a", "b"]


def test_files_of_the_page_and_no_others(client):
    page = client.get(f"{MOUNT}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>Documents</title>" in page.text
    assert client.get(
        f"{MOUNT}/index.html", headers={"If-None-Match": page.headers["etag"]}
    ).status_code in (200, 304)
    for name in ("app.py", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "static/", "%00", "a/b"):
        assert client.get(f"{MOUNT}/{name}").status_code == 404, name
    assert client.get(f"{MOUNT}/api/else").json() == {"detail": "There is no such address."}


def test_nothing_can_be_written(client, root, run):
    run()
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client, method)(api()).status_code == 405


@pytest.fixture
def shown_pdf(root, run, tmp_path, monkeypatch):
    """The address of the pages of a document that lies in a root."""
    from tests.provider.conftest import write_pdf

    monkeypatch.setenv("AIRFLOW__PAGELOOM__ROOTS", str(tmp_path / "inbox"))
    (tmp_path / "inbox").mkdir()
    path = write_pdf(tmp_path / "inbox" / "a.pdf", str(tmp_path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    run()
    leave(root, [view("a.pdf", source=f"file://{path}", id=sha256)], run_id=RUN)
    return f"{api()}/{quote(ID)}/documents/{sha256}/pages"


def test_a_page_is_a_picture_that_the_browser_keeps(client, shown_pdf):
    answer = client.get(f"{shown_pdf}/1.webp?width=240")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"].startswith("private, max-age=")
    again = {"If-None-Match": answer.headers["etag"]}
    answer = client.get(f"{shown_pdf}/1.webp?width=240", headers=again)
    assert (answer.status_code, answer.content) == (304, b"")
    assert client.get(f"{shown_pdf}/1.webp", headers=again).status_code == 200  # another width


def test_a_field_is_shown_on_its_part_of_the_page_and_framed(client, shown_pdf):
    answers = [client.get(f"{shown_pdf}/1.webp{box}") for box in ("", "?box=100,50,300,70")]
    page, part = (Image.open(io.BytesIO(answer.content)).convert("RGB") for answer in answers)
    assert 0.36 < part.width / page.width < 0.5
    assert part.height < page.height / 3
    red, green, _ = part.getpixel((152, round(0.06 * page.height)))
    assert red > green + 50  # the frame: left of the box, which is at 160 of 1600 pixels
    assert answers[0].headers["etag"] != answers[1].headers["etag"]


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("2.webp", 404),
        ("0.webp", 404),
        ("x.webp", 404),
        ("1.webp?width=9", 422),
        ("1.webp?box=1,2,3", 422),
        ("1.webp?box=1,2,3,1001", 422),
        ("1.webp?box=9,2,3,4", 422),
        ("1.png", 404),
    ],
)
def test_other_pages_and_sizes_are_not_made(client, shown_pdf, page, status):
    assert client.get(f"{shown_pdf}/{page}").status_code == status


def test_a_page_outside_of_the_roots_is_not_shown(client, shown_pdf, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__PAGELOOM__ROOTS", str(tmp_path / "views"))
    monkeypatch.setattr("pageloom_provider.plugin.sources._documents.get", lambda name: None)
    answer = client.get(f"{shown_pdf}/1.webp")
    assert answer.status_code == 404
    assert "[pageloom] roots" in answer.json()["detail"]


def test_too_many_pictures_at_once_are_told_to_wait(client, shown_pdf, monkeypatch):
    monkeypatch.setattr("pageloom_provider.plugin.app.PICTURES_WAITING", 0)
    answer = client.get(f"{shown_pdf}/1.webp")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_links_lead_to_the_run_and_to_what_the_tasks_logged(client, root, run_dag, tmp_path):
    """A run of a real DAG: mapped tasks, a result by which the shard's own instance is known."""
    ran = run_dag(
        """
from airflow.sdk import DAG
from pageloom_provider.operators import *

with DAG("invoices", schedule=None, params={"source": "", "work": ""}):
    files = ListDocumentsOperator(task_id="files", source="{{ params.source }}", batch_size=2)
    read = OcrOperator.partial(task_id="read", mode="skip", work="{{ params.work }}")
    words = read.expand(documents=files.output)
    ExportFieldsOperator(task_id="export", shards=words.output, jsonl="{{ params.work }}/f.jsonl")
"""
    )
    assert str(ran.state) == "success"
    identity = f"invoices~{ran.run_id}"
    listed = client.get(api(f"/{quote(identity)}/documents")).json()["documents"]
    assert {each["name"]: each["status"] for each in listed} == {
        "a.pdf": "ok",
        "b.pdf": "ok",
        "c.PDF": "ok",
        "corrupt.pdf": "failed",
    }
    path = f"/dags/invoices/runs/{quote(ran.run_id, safe='')}"
    mapped = set()
    for each in listed:
        shown = client.get(api(f"/{quote(identity)}/documents/{each['id']}")).json()
        links = {link["text"]: link["href"] for link in shown["links"]}
        assert links.pop("Run") == path
        assert links.pop("Log of files") == f"{path}/tasks/files"
        assert links.pop("Log of export") == f"{path}/tasks/export"
        [(text, href)] = links.items()
        assert href in (f"{path}/tasks/read/mapped/0", f"{path}/tasks/read/mapped/1")
        assert text == f"Log of read [{href[-1]}]"
        mapped.add(href[-1])
    assert mapped == {"0", "1"}


def test_a_document_waits_until_the_task_that_asks_has_ended(client, root, run_dag):
    """What a review writes says that a person is asked; the task's state, whether still."""
    ran = run_dag(
        """
from airflow.sdk import DAG
from pageloom_provider.operators import ListDocumentsOperator

with DAG("invoices", schedule=None, params={"source": "", "work": ""}):
    ListDocumentsOperator(task_id="review", source="{{ params.source }}")
"""
    )
    identity = f"invoices~{ran.run_id}"
    leave(root, [view("a")], run_id=ran.run_id, task_id="review", waiting=True)
    leave(root, [view("b")], run_id=ran.run_id, task_id="export")
    set_state(ran, "deferred")
    documents = api(f"/{quote(identity)}/documents")
    assert names(client.get(f"{documents}?review=waiting")) == ["a"]
    shown = client.get(f"{documents}/{client.get(documents).json()['documents'][0]['id']}").json()
    path = f"/dags/invoices/runs/{quote(ran.run_id, safe='')}"
    href = f"{path}/tasks/review/required_actions"
    assert {"text": "Review in review", "href": href} in shown["links"]
    # The corrected document goes on, and the export leaves it, too.
    leave(root, [view("a"), view("b")], run_id=ran.run_id, task_id="export")
    set_state(ran, "success")
    assert [
        (each["name"], each["review"]) for each in client.get(documents).json()["documents"]
    ] == [
        ("a", "done"),
        ("b", None),
    ]


def set_state(run, state):
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(
            update(TaskInstance).where(TaskInstance.run_id == run.run_id).values(state=state)
        )


def test_the_page_stands_in_airflows_navigation():
    [view] = DocumentsPlugin.external_views
    assert (view["name"], view["href"], view["destination"]) == ("Documents", "/pageloom/", "nav")
    [app] = DocumentsPlugin.fastapi_apps
    assert app["url_prefix"] == "/pageloom"


def test_airflow_accepts_the_plugin():
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse

    [entry] = [each for each in entry_points(group="airflow.plugins") if each.name == "pageloom"]
    assert entry.load() is DocumentsPlugin
    assert ExternalViewResponse.model_validate(DocumentsPlugin.external_views[0])


def test_the_task_that_writes_the_views_links_to_them(root, monkeypatch):
    from types import SimpleNamespace

    from pageloom_provider.operators import ExportFieldsOperator

    task = ExportFieldsOperator(task_id="export", shards=[])
    [link] = task.operator_extra_links
    key = SimpleNamespace(dag_id="invoices", run_id=RUN)
    assert link.name == "Documents"
    assert link.get_link(task, ti_key=key) == f"/pageloom/#/runs/{quote(ID, safe='')}"
    monkeypatch.delenv("AIRFLOW__PAGELOOM__VIEWS")
    assert link.get_link(task, ti_key=key) == ""


def test_airflow_may_lie_below_a_path(monkeypatch):
    from pageloom_provider.views import run_address

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    assert run_address("d", "r") == "/airflow/pageloom/#/runs/d~r"


def test_nothing_of_the_page_is_loaded_before_it_is_asked_for(tmp_path):
    """Every process loads plugins, workers included."""
    import subprocess
    import sys

    program = """
import sys
import pageloom_provider.plugin
assert "fastapi" not in sys.modules, "fastapi"
assert not {"spacy", "torch", "pageloom", "PIL", "pypdfium2"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_a_built_wheel_brings_the_pages_files(tmp_path):
    """In the repository they are a link to those of `pageloom view`; a wheel has none."""
    import shutil
    import subprocess
    import zipfile
    from pathlib import Path

    import pageloom_provider.plugin

    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    room = Path(pageloom_provider.plugin.__file__).parent
    command = [uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, room.parents[1]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    static = {f"pageloom_provider/plugin/static/{path.name}" for path in room.glob("static/*")}
    assert "pageloom_provider/plugin/static/index.html" in static
    assert static < names
