"""A person corrects a field on Airflow's own page: a deployment in YAML, a real Airflow, Chromium.

The screenshot that docs/review.md shows is made here: `PAGELOOM_PICTURES=docs/pictures`.
"""

import json
import os
import shutil
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from demo.deployment import Deployment
from tests.services import program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180_000  # milliseconds, of the browser: the cores may be busy
ASKED = """\
id: asked
source: FOLDER/inbox
work: FOLDER/work
steps:
  - component: ocr
  - {component: lilt_tagger, settings: {model: pageloom/fields-multi-sm}}
review:
  min_confidence: {total: 1.0}
  labels: [total, invoice_number]
sinks:
  - jsonl: "FOLDER/results/{{ run_id }}.jsonl"
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """(Airflow, folder, the path of the request's page) of a run that waits for a person."""
    folder = tmp_path_factory.mktemp("review")
    (folder / "dags" / "pipelines").mkdir(parents=True)
    (folder / "inbox").mkdir()
    shutil.copy(ROOT / "samples" / "documents" / "invoice-toolmaker.pdf", folder / "inbox")
    shutil.copy(ROOT / "dags" / "pageloom_dags.py", folder / "dags")
    deployment = folder / "dags" / "pipelines" / "asked.yaml"
    deployment.write_text(ASKED.replace("FOLDER", str(folder)))
    airflow = Deployment(folder / "airflow", folder / "dags")
    airflow.environment |= {
        "AIRFLOW__PAGELOOM__WORK": f"{folder}/work",
        "AIRFLOW__PAGELOOM__ROOTS": f"{folder}/inbox",
    }
    with airflow:
        run = airflow.trigger("asked", {})
        runs = f"/api/v2/dags/asked/dagRuns/{run}"
        deadline = time.monotonic() + 300
        while not airflow._call(f"{runs}/hitlDetails")["hitl_details"]:
            state = airflow._call(runs)["state"]
            assert state in ("queued", "running")
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield airflow, folder, runs


@pytest.fixture
def window():
    playwright = pytest.importorskip("playwright.sync_api", reason="the group `test`")
    path = program("chromium", "chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 1100})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def test_a_corrected_value_goes_on(waiting, window):
    airflow, folder, runs = waiting
    run = runs.rpartition("/")[2]
    window.goto(f"{airflow.address}/dags/asked/runs/{run}/tasks/review/mapped/0/required_actions")
    total = window.locator("[name='element_1.total']")  # Airflow's names of a form's fields
    total.wait_for()
    assert total.input_value() == "2.112,80"
    # The picture of the field comes from the page "Documents", with the same login.
    picture = window.get_by_role("img", name="total")
    picture.wait_for()
    window.wait_for_function("document.querySelector('img[alt=total]').naturalWidth > 500")
    if pictures := os.environ.get("PAGELOOM_PICTURES"):
        window.screenshot(path=ROOT / pictures / "review.png")

    total.fill("2.112,90")
    window.get_by_role("button", name="Confirm").click()
    deadline = time.monotonic() + 300
    while (state := airflow._call(runs)["state"]) not in ("success", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert state == "success"
    [file] = (folder / "results").iterdir()
    [line] = file.read_text().splitlines()
    fields = json.loads(line)["fields"]
    corrected, confirmed = fields["total"][0], fields["invoice_number"][0]
    # The raw text is what stands on the page; the person says what it ought to be read as.
    assert (corrected["raw_text"], corrected["value"]) == ("2.112,80", "2112.90")
    assert (confirmed["raw_text"], confirmed["confidence"]) == ("RE-2024-10733", 1.0)
    assert corrected["reviewed_by"]
    assert corrected["reviewed_by"] == confirmed["reviewed_by"]

    # And the document says who it was.
    window.goto(f"{airflow.address}/pageloom/#/runs/asked~{quote(run, safe='')}")
    window.get_by_role("link", name="invoice-toolmaker.pdf").click()
    window.get_by_text("total 2.112,80 -> 2.112,90").first.wait_for()
