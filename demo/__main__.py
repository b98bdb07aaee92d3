"""`python -m demo`: documents in, fields out, under a real Airflow; then a table of what it found.

Exit codes: 0 the run succeeded; 1 the run failed; 2 something it needs is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from demo.deployment import Deployment, DeploymentError

ROOT = Path(__file__).resolve().parent.parent
DAG_ID = "invoice_ingestion"
SUCCESS, FAILED, MISSING = 0, 1, 2
# Two tasks side by side for the ten samples: each loads its libraries and its model once.
BATCH_SIZE = 5


def main() -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--documents", type=Path, default=ROOT / "samples" / "documents")
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output")
    parser.add_argument("--model", default="pageloom/fields-sm")
    arguments = parser.parse_args()
    documents, output = arguments.documents.resolve(), arguments.output.resolve()
    if reason := _lacking(documents):
        print(f"demo: {reason}", file=sys.stderr)
        return MISSING
    started = time.monotonic()
    for name in ("airflow", "work"):
        shutil.rmtree(output / name, ignore_errors=True)
    for name in ("fields.jsonl", "fields.sqlite", "report.html"):
        (output / name).unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)

    try:
        state = _run(documents, output, arguments.model, say)
    except DeploymentError as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILED
    if state != "success":
        print(f"demo: the run failed; its task logs are in {output / 'airflow' / 'logs'}")
        return FAILED
    _write_report(output)
    say("report.html written")
    _print_results(documents, output)
    return SUCCESS


def _lacking(documents: Path) -> str | None:
    if not documents.is_dir() or not any(documents.iterdir()):
        return f"{documents} holds no documents"
    if shutil.which("tesseract") is None:
        return "Tesseract is not installed: run `make setup`"
    return None


def _run(documents: Path, output: Path, model: str, say: Callable[[str], None]) -> str:
    say("starting Airflow (API server, DAG processor, scheduler with LocalExecutor)")
    with Deployment(output / "airflow", ROOT / "dags") as airflow:
        say(f"Airflow is up at {airflow.address} while this runs")
        run_id = airflow.trigger(
            DAG_ID,
            {
                "source": str(documents),
                "work": str(output / "work"),
                "results": str(output),
                "model": model,
                "batch_size": BATCH_SIZE,
            },
        )
        say(f"{DAG_ID} started on {documents}")
        for task, record in airflow.follow(DAG_ID, run_id):
            if not task:
                say(f"the run ended: {record['state']}")
                return str(record["state"])
            if line := _progress(record):
                for prefix in (f"file://{documents}/", f"{documents}/", f"file://{output}/"):
                    line = line.replace(prefix, "")
                say(f"{task:<16}{line}")
    return "failed"


def _progress(record: dict[str, Any]) -> str | None:
    """A task log's record as a line for the reader; None for Airflow's own."""
    logger, event = str(record.get("logger", "")), str(record.get("event", ""))
    if record.get("level") in ("error", "critical") and record.get("error_detail"):
        details = record["error_detail"]
        return f"ERROR {details[0].get('exc_type')}: {details[0].get('exc_value')}"
    if "pageloom_provider" not in logger or event.startswith("::"):
        return None
    level = str(record.get("level", "info"))
    return event if level == "info" else f"{level.upper()} {event}"


def _write_report(output: Path) -> None:
    """Draw each page with its fields' boxes, from the shards that the tagger left."""
    import spacy

    import pageloom
    from pageloom_provider.storage import location
    from pageloom_provider.worker import read_docs

    vocab = spacy.blank("en").vocab
    shards = sorted((output / "work").glob("layoutlmv2_tagger-*.spacy"))
    docs = [doc for shard in shards for doc in read_docs(location(shard), vocab)]
    docs.sort(key=lambda doc: str(doc._.source))
    pageloom.render(docs, output / "report.html", title="Invoice ingestion")


def _print_results(documents: Path, output: Path) -> None:
    with closing(sqlite3.connect(output / "fields.sqlite")) as database:
        rows = database.execute(
            "SELECT document_uri, label, value, confidence, page FROM fields WHERE rank = 0 "
            "ORDER BY document_uri, label"
        ).fetchall()
    print()
    print(f"{'document':<28}{'field':<10}{'confidence':>10}  {'page':>4}  value")
    previous = None
    for uri, label, value, confidence, page in rows:
        name = Path(uri).name if uri != previous else ""
        previous = uri
        print(f"{name[:27]:<28}{label:<10}{confidence:>10.2f}  {page or '':>4}  {value[:60]}")
    for record in sorted((output / "work" / "quarantine").glob("*.error.json")):
        failure = json.loads(record.read_text())
        reason = failure["message"].replace(f"{documents}/", "")
        print(f"\nin quarantine: {Path(failure['uri']).name}\n  {reason}")
    with (output / "fields.jsonl").open() as lines:
        count = sum(1 for _ in lines)
    print(f"\n{count} documents, {len(rows)} fields")
    for name in ("fields.sqlite", "fields.jsonl", "report.html"):
        print(f"  {output / name}")


if __name__ == "__main__":
    sys.exit(main())
