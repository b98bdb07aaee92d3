"""A folder that is watched from a YAML file: a real triggerer sees documents, runs read them."""

import json
import shutil
import time
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from demo.deployment import Deployment

LOADER = Path(__file__).resolve().parents[2] / "dags" / "pageloom_dags.py"
WATCHED = """\
id: watched
schedule: {{watch: true, every: 1s}}
source: {folder}/inbox
work: {folder}/work
steps:
  - component: ocr
sinks:
  - jsonl: "{folder}/results/{{{{ run_id }}}}.jsonl"
"""


class Watching(Deployment):
    """Airflow with a triggerer."""

    def __enter__(self):
        super().__enter__()
        command = ["triggerer", "--skip-serve-logs"]
        self._services["triggerer"] = self._start("triggerer", command)
        return self

    def states(self, dag_id):
        """The states of the DAG's runs, once it is known."""
        runs = self._call(f"/api/v2/dags?dag_id_pattern={dag_id}")["dags"]
        return [
            run["state"]
            for dag in runs
            for run in self._call(f"/api/v2/dags/{dag['dag_id']}/dagRuns")["dag_runs"]
        ]

    def wait_for(self, ready, seconds=120):
        """Wait until `ready` gives something true."""
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            self._check_alive()
            assert time.monotonic() < deadline, f"nothing in {seconds} s; see {self.home}/*.out"
            time.sleep(0.5)
        return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_documents_that_appear_in_a_watched_folder_are_read_once(tmp_path):
    dags, inbox, results = (tmp_path / name for name in ("dags", "inbox", "results"))
    (dags / "pipelines").mkdir(parents=True)
    inbox.mkdir()
    shutil.copy(LOADER, dags)
    (dags / "pipelines" / "watched.yaml").write_text(WATCHED.format(folder=tmp_path))

    def read():
        """The names of the documents in the results, in the order of the runs."""
        files = sorted(results.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
        return [Path(line["document_uri"]).name for line in lines]

    with Watching(tmp_path / "home", dags) as airflow:
        for names in (["one.pdf"], ["one.pdf", "two.pdf"]):
            canvas = Canvas(str(tmp_path / names[-1]))
            canvas.drawString(72, 700, f"This is {names[-1]}")
            canvas.save()
            shutil.move(tmp_path / names[-1], inbox)
            airflow.wait_for(lambda expected=names: read() == expected)
        airflow.wait_for(lambda: set(airflow.states("watched")) == {"success"})
        assert len(airflow.states("watched")) >= 2
