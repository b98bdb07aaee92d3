"""What Airflow adds to a document: 1,000 small ones in one run, in batches of 1, 10 and 100.

Writes docs/scale.md. A real Airflow (SQLite, LocalExecutor) reads PDFs of one page with a text
layer, so that there is little else to measure. `python -m benchmarks.scale --help`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import machine
from demo.deployment import Deployment

ROOT = Path(__file__).resolve().parents[1]
SLOTS = 2
DAG_ID = "scale"
DAG = """
from airflow.sdk import DAG
from pageloom_provider.operators import ExportFieldsOperator, ListDocumentsOperator, OcrOperator

conf = "{{ dag_run.conf['%s'] }}"

with DAG("scale", schedule=None, render_template_as_native_obj=True):
    listing = ListDocumentsOperator(
        task_id="listing", source=conf % "source", batch_size=conf % "batch_size"
    )
    read = OcrOperator.partial(task_id="read", work=conf % "work", mode="skip").expand(
        documents=listing.output
    )
    ExportFieldsOperator(task_id="export", shards=read.output, jsonl=conf % "work" + "/all.jsonl")
"""
# In a process of its own, as a task is: the same documents without Airflow.
ALONE = """
import sys, time
import spacy
from pageloom import DocumentReader

nlp = spacy.blank("en")
nlp.add_pipe("ocr", config={"mode": "skip"})
reader = DocumentReader(nlp.vocab)
paths = sys.argv[1:]
next(nlp.pipe([reader(paths[0])]))
start = time.perf_counter()
for _ in nlp.pipe(reader(path) for path in paths):
    pass
print(time.perf_counter() - start)
"""


class Measured(NamedTuple):
    """One run. Seconds of all slots together, but `wall`, which a clock on the wall shows."""

    batch_size: int
    documents: int
    tasks: int
    wall: float
    in_tasks: float


def main() -> None:
    """Run each batch size and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument(
        "--most-tasks",
        type=int,
        default=100,
        help="a smaller batch size gets fewer documents, so that it makes no more tasks than that",
    )
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "scale.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pageloom-scale-") as name:
        folder = Path(name)
        paths = write_documents(folder / "all", args.documents)
        reading = alone(paths) / len(paths)
        print(f"without Airflow: {reading * 1000:.1f} ms a document", file=sys.stderr)
        runs = [
            measure(folder, paths[: min(len(paths), size * args.most_tasks)], size)
            for size in args.batch_sizes
        ]
    args.out.write_text(page(runs, reading), encoding="utf8")
    print(args.out.read_text(encoding="utf8"))


def write_documents(folder: Path, count: int) -> list[Path]:
    """PDFs of one page and a dozen words, each with a number of its own."""
    from reportlab.pdfgen.canvas import Canvas

    folder.mkdir()
    paths = [folder / f"{number:05}.pdf" for number in range(count)]
    for number, path in enumerate(paths):
        canvas = Canvas(str(path), pagesize=(300, 200), invariant=1)
        for row, line in enumerate(("ACME Trading Ltd", f"Invoice {number}", "Total due 10.50")):
            canvas.drawString(20, 170 - 24 * row, line)
        canvas.save()
    return paths


def alone(paths: list[Path]) -> float:
    """Seconds for the documents in one process that is already warm."""
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, paths)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout)


def measure(folder: Path, paths: list[Path], batch_size: int) -> Measured:
    """One run of the DAG; raises `SystemExit` where it fails or a document is lost."""
    here = folder / f"batches of {batch_size}"
    source, work, dags = here / "in", here / "work", here / "dags"
    for each in (source, work, dags):
        each.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, source)
    (dags / "scale.py").write_text(DAG, encoding="utf8")
    with Deployment(here / "airflow", dags, tasks=SLOTS) as airflow:
        conf = {"source": str(source), "work": str(work), "batch_size": batch_size}
        run_id = airflow.trigger(DAG_ID, conf)
        # Not `follow`: reading every task's log would take from what is measured.
        while (state := _state(here / "airflow", run_id)) not in ("success", "failed"):
            time.sleep(1)
    lines = (work / "all.jsonl").read_text().splitlines() if state == "success" else []
    if len(lines) != len(paths):
        raise SystemExit(f"batches of {batch_size}: {state}, {len(lines)} of {len(paths)} there")
    spans = _spans(here / "airflow", run_id)
    wall = (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds()
    in_tasks = sum((end - start).total_seconds() for start, end in spans)
    measured = Measured(batch_size, len(paths), len(spans), wall, in_tasks)
    print(measured, file=sys.stderr, flush=True)
    return measured


def page(runs: list[Measured], reading: float) -> str:
    """The page of the documentation."""
    rows = []
    for run in runs:
        tasks = (run.in_tasks - reading * run.documents) / run.documents
        waiting = (run.wall * SLOTS - run.in_tasks) / run.documents
        share = waiting / (run.wall * SLOTS / run.documents)
        rows.append(
            f"| {run.batch_size} | {run.documents:,} | {run.tasks} | {run.wall:.0f} | "
            f"{reading * 1000:.0f} | {tasks * 1000:.0f} | {waiting * 1000:.0f} | {share:.0%} |"
        )
    return "\n".join(
        [
            "# Scale",
            "",
            "What Airflow adds to a document, by batch size. Each row is one run of",
            "`python -m benchmarks.scale`: small PDFs with a text layer, listed, read in mapped",
            "batches of `OcrOperator`, and exported; every document came out. Airflow ran with",
            f"LocalExecutor, {SLOTS} tasks side by side, its database in SQLite.",
            "",
            f"{machine()}.",
            "",
            "| batch size | documents | mapped tasks | run, s | reading, ms a document | "
            "tasks, ms a document | scheduler, ms a document | scheduler's share |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "*Reading* is the same work in one process that is already warm. *Tasks* is what the",
            "tasks took beyond it: a process for each, its imports, making the pipeline, writing",
            "the shard. *Scheduler* is the time that slots stood empty between the first task's",
            "start and the last one's end. Milliseconds are of a slot; the share is of all slots'",
            "time. A model adds its loading to *tasks*, once for each batch.",
            "",
            "A batch should take a worker minutes rather than seconds: then both go under. Airflow",
            "maps at most `[core] max_map_length` batches, 1,024 by default.",
            "",
        ]
    )


def _state(home: Path, run_id: str) -> str:
    with closing(sqlite3.connect(home / "airflow.db", timeout=60)) as database:
        [(state,)] = database.execute("SELECT state FROM dag_run WHERE run_id = ?", (run_id,))
    return str(state)


def _spans(home: Path, run_id: str) -> list[tuple[datetime, datetime]]:
    """Start and end of the mapped tasks, the earliest start first."""
    with closing(sqlite3.connect(home / "airflow.db", timeout=60)) as database:
        rows = database.execute(
            "SELECT start_date, end_date FROM task_instance "
            "WHERE run_id = ? AND task_id = 'read' ORDER BY start_date",
            (run_id,),
        ).fetchall()
    return [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in rows]


if __name__ == "__main__":
    main()
