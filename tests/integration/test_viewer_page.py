"""The page "Documents" in a real Airflow: its API server, its login, its interface, in Chromium.

The screenshots that docs/documents_page.md shows are made here: `PAGELOOM_PICTURES=docs/pictures`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.services import free_port, program, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "password-of-the-clerk"
SAMPLES = (
    "invoice-toolmaker.pdf",
    "invoice-garden-supply.pdf",
    "receipt-stationery.png",
    "invoice-truncated.pdf",
)
MANY = 1000
PATIENCE = 180_000  # milliseconds, of the browser: the cores may be busy

# Not Playwright's own waiting: it evaluates text, which the page's security policy forbids.
LOADED = """
Promise.all([...document.images].map((image) => image.complete
    || new Promise((done) => { image.onload = image.onerror = done; })))
"""
DAG = """
from airflow.sdk import DAG
from pageloom_provider.operators import *

with DAG("invoices", schedule=None, tags=["pageloom"]):
    files = ListDocumentsOperator(task_id="files", source="FOLDER/inbox", batch_size=3)
    read = OcrOperator.partial(task_id="read").expand(documents=files.output)
    tag = LiltTaggerOperator.partial(task_id="tag", model="pageloom/fields-multi-sm").expand(
        shard=read.output
    )
    sort = DocumentClassifierOperator.partial(task_id="sort", model="pageloom/doctype-sm").expand(
        shard=tag.output
    )
    ExportFieldsOperator(task_id="export", shards=sort.output, jsonl="FOLDER/fields.jsonl")
"""
# A second run of the same DAG, with many documents, one of which means harm.
MANY_DOCUMENTS = """
import hashlib, sys
from pathlib import Path
from airflow.models.dagrun import DagRun
from airflow.utils import timezone
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from reportlab.pdfgen.canvas import Canvas
from tests.left_views import leave, view

folder, many = Path(sys.argv[1]), int(sys.argv[2])
with create_session() as session:
    session.add(DagRun(dag_id="invoices", run_id="manual__many", run_type=DagRunType.MANUAL,
                       state="success", start_date=timezone.utcnow()))
views = []
for number in range(many):
    path = folder / "many" / f"invoice-{number:04}.pdf"
    path.parent.mkdir(exist_ok=True)
    canvas = Canvas(str(path))
    canvas.setFont("Helvetica", 30)
    canvas.drawString(72, 740, f"Invoice {number}")
    canvas.save()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    score = 0.55 if number % 10 == 1 else 0.98
    fields = [("invoice_number", str(number), 0.99), ("total", f"{number}.00", score)]
    if number == 7:
        fields.append(("seller", "<img src=x onerror=alert(1)><script>alert(2)</script>", 0.9))
    status = "failed" if number % 100 == 50 else "ok"
    views.append(view(path.name, fields=fields, source=str(path), id=sha256, status=status))
leave(folder / "views", views, run_id="manual__many")
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """(address, id of a run of real documents) of an API server; nothing else of Airflow runs."""
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags").mkdir()
    (folder / "inbox").mkdir()
    for name in SAMPLES:
        shutil.copy(ROOT / "samples" / "documents" / name, folder / "inbox")
    (folder / "dags" / "invoices.py").write_text(DAG.replace("FOLDER", str(folder)))
    (folder / "passwords.json").write_text(json.dumps({"clerk": PASSWORD}))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = {
        "CORE__DAGS_FOLDER": f"{folder}/dags",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "clerk:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": f"{folder}/passwords.json",
        "API__BASE_URL": address,
        "API_AUTH__JWT_SECRET": "a secret of these tests, long enough: 32",
        "PAGELOOM__WORK": f"{folder}/work",
        "PAGELOOM__VIEWS": f"{folder}/views",
        "PAGELOOM__ROOTS": f"{folder}/inbox, {folder}/many",
    }
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")
    } | {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }

    def ran(*command):
        with (folder / "commands.out").open("a") as out:
            done = subprocess.run(
                [sys.executable, *command], env=environment, cwd=folder, stdout=out, stderr=out
            )
        assert done.returncode == 0, (folder / "commands.out").read_text()[-5000:]

    ran("-m", "airflow", "db", "migrate")
    ran("-m", "airflow", "dags", "reserialize")
    ran("-m", "airflow", "dags", "test", "invoices")
    [views] = (folder / "views" / "invoices").iterdir()
    ran("-c", MANY_DOCUMENTS, str(folder), str(MANY))

    def ready():
        with suppress(OSError):
            return bool(urllib.request.urlopen(f"{address}/api/v2/version", timeout=5).read())
        return False

    server = [sys.executable, "-m", "airflow", "api-server", "--workers", "1"]
    server += ["--host", "127.0.0.1", "--port", str(port)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.services.START_SECONDS", 300)
        with running(server, folder / "api-server.out", ready, env=environment, cwd=folder):
            yield address, f"invoices~{views.name}"


@pytest.fixture(scope="module")
def chromium():
    """A browser; one test after the other has a window of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the group `test`")
    path = program("chromium", "chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cookies(airflow, chromium):
    """What a clerk's browser keeps after the login form."""
    address, _ = airflow
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(address, timeout=PATIENCE)
        page.fill("input[name=username]", "clerk", timeout=PATIENCE)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/auth/login" not in url, timeout=PATIENCE)
        return context.cookies()


@pytest.fixture
def window(chromium, cookies, request):
    """A window of a logged-in clerk; the test fails if a page of ours runs into an error."""
    options = getattr(request, "param", {})
    with chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options}) as context:
        context.add_cookies(cookies)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        said = []
        page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
        page.on(
            "console",
            lambda message: (
                said.append(message.text)
                if message.type == "error" and "/pageloom/" in message.location.get("url", "")
                else None
            ),
        )
        yield page
        assert said == []


def keep(page, name):
    """A screenshot, where the docs' pictures are made."""
    if folder := os.environ.get("PAGELOOM_PICTURES"):
        path = ROOT / folder
        path.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path / f"{name}.png")


def in_airflow(page):
    """The frame of the page within Airflow's interface."""
    page.wait_for_selector("iframe[title=Documents]")
    return page.frame_locator("iframe[title=Documents]")


def settled(page):
    """Wait until nothing moves, and every picture that was asked for is there."""
    page.wait_for_load_state("networkidle")
    for frame in page.frames:
        if "/pageloom/" in frame.url:
            frame.evaluate(LOADED)
    page.wait_for_timeout(500)


def test_without_a_login_there_is_no_page(airflow, chromium):
    address, run = airflow
    with chromium.new_context() as context:
        page = context.new_page()
        for path in ("/pageloom/", f"/pageloom/api/runs/{quote(run)}/documents"):
            assert page.goto(address + path, timeout=PATIENCE).status == 401


def test_from_airflows_navigation_to_a_field_on_its_page(airflow, window):
    address, run = airflow
    window.goto(address)
    window.get_by_role("button", name=re.compile("Browse", re.I)).first.click()
    window.get_by_role("menuitem", name="Documents").click()
    frame = in_airflow(window)
    frame.get_by_role("heading", name="Runs").wait_for()
    assert frame.locator("tbody tr").count() == 2
    settled(window)
    keep(window, "documents-runs")

    frame.locator("tbody tr", has_text=run.partition("~")[2][:20]).get_by_role("link").click()
    frame.get_by_text("invoice-truncated.pdf").wait_for()
    assert frame.locator("tbody tr").count() == len(SAMPLES)
    frame.locator("tbody img").nth(1).wait_for()
    settled(window)
    keep(window, "documents-list")

    frame.get_by_role("link", name="invoice-toolmaker.pdf").click()
    finding = frame.locator(".finding.best", has_text="total").first
    finding.wait_for()
    settled(window)
    assert frame.locator(".mark").count() > 3
    before = frame.locator(".mark.lit").count()
    finding.hover()
    frame.locator(".mark.lit").first.wait_for()
    assert (before, frame.locator(".mark.lit").count() > 0) == (0, True)
    settled(window)
    keep(window, "documents-document")
    window.mouse.move(5, 5)
    mark = frame.locator(".mark").first
    key = mark.get_attribute("data-key")
    mark.hover()
    frame.locator(f".finding.lit[data-key='{key}']").wait_for()


def test_a_failed_document_tells_why(airflow, window):
    address, run = airflow
    window.goto(f"{address}/pageloom/#/runs/{quote(run, safe='')}?status=failed")
    window.get_by_role("link", name="invoice-truncated.pdf").click()
    window.locator(".errors").get_by_text("truncated, its end is missing").wait_for()


def test_a_link_leads_from_the_frame_to_the_tasks_log(airflow, window):
    address, _ = airflow
    window.goto(f"{address}/plugin/documents")
    frame = in_airflow(window)
    frame.locator("tbody tr").nth(1).get_by_role("link").click()
    frame.get_by_role("link", name="invoice-toolmaker.pdf").click()
    frame.get_by_role("link", name=re.compile(r"Log of sort \[\d\]")).click()
    window.wait_for_url(re.compile(r"/dags/invoices/runs/.*/tasks/sort/mapped/\d"))
    window.get_by_text("sort", exact=False).first.wait_for()
    assert window.locator("iframe[title=Documents]").count() == 0


def test_a_thousand_documents_load_as_they_are_looked_at(airflow, window):
    address, _ = airflow
    asked = []
    window.on("request", lambda request: asked.append(request.url))
    window.goto(f"{address}/pageloom/#/runs/invoices~manual__many")
    window.get_by_text(f"{MANY:,} documents").first.wait_for()
    window.locator("tbody img").first.wait_for()
    settled(window)
    pictures = {url for url in asked if ".webp" in url}
    assert 0 < len(pictures) <= 50
    assert window.locator("tbody tr").count() <= 100
    keep(window, "documents-many")
    for _ in range(8):
        window.mouse.wheel(0, 5000)
        window.wait_for_timeout(300)
    rows = window.locator("tbody tr")
    assert rows.count() >= 100
    assert len({url for url in asked if "/documents?" in url}) >= 2
    window.get_by_role("searchbox").fill("invoice-0321")
    window.get_by_text("1 document matches").first.wait_for()
    assert rows.count() == 1
    window.get_by_role("searchbox").fill("")
    window.get_by_text(f"{MANY:,} documents").first.wait_for()
    window.get_by_label("Confidence").select_option("0.8")
    window.get_by_text("100 documents match").first.wait_for()


def test_text_of_a_document_is_only_text(airflow, window):
    address, _ = airflow
    window.goto(f"{address}/pageloom/#/runs/invoices~manual__many?search=onerror")
    window.get_by_role("link", name="invoice-0007.pdf").click()
    window.locator(".finding", has_text="<img src=x onerror=alert(1)>").wait_for()
    settled(window)
    assert window.locator(".finding img, .finding script").count() == 0


@pytest.mark.parametrize(
    "window",
    [{"viewport": {"width": 400, "height": 800}, "color_scheme": "dark", "has_touch": True}],
    indirect=True,
)
def test_on_a_telephone_in_the_dark(airflow, window):
    address, run = airflow
    window.goto(f"{address}/pageloom/#/runs/{quote(run, safe='')}")
    window.get_by_role("link", name="receipt-stationery.png").click()
    window.locator(".mark").first.wait_for()
    settled(window)
    width = window.evaluate("document.documentElement.scrollWidth")
    assert width <= 400
    keep(window, "documents-small-dark")
