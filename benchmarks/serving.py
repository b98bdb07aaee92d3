"""Single-document tasks on this worker and on a resident server, with 1, 8 and 64 clients.

Writes benchmarks/SERVING.md. A client does one document after another. A task is a process of its
own, forked from one that has Airflow imported and neither torch nor spaCy, as Airflow forks it: on
this worker it loads the models and runs them; on the server it sends the document and fetches the
result, and where that takes more than two seconds it ends and another process fetches. At most
`--slots` of them run at once, as in an Airflow of that many slots. A request is the same work asked
for over HTTP by a program that stays. `python -m benchmarks.serving --help`; a quick look is
`--cheap --documents 4 --clients 1 2 --out FILE`.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

# Before Airflow is imported; the tasks need none of its tables.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pageloom-serving-airflow-"))

import httpx

from pageloom_provider.hooks.server import PageloomServer
from pageloom_provider.spec import Document, Job, Pipeline, parse_components
from pageloom_provider.storage import location

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "benchmark"
CHEAP = [{"ocr": {"mode": "skip"}}]
TAGGING = [*CHEAP, {"layoutlmv2_tagger": {"model": "pageloom/fields-sm"}}]
# In a process of its own: the parent must not have spaCy.
WRITE_CONFIG = """
import json, sys
import spacy
nlp = spacy.blank("en")
for component in json.loads(sys.argv[1]):
    [(name, settings)] = component.items()
    nlp.add_pipe(name, config=settings)
nlp.config.to_disk(sys.argv[2])
"""
WRITE_PDFS = """
import sys
from pathlib import Path
from benchmarks.scale import write_documents
write_documents(Path(sys.argv[1]), int(sys.argv[2]))
"""
MACHINE = "from benchmarks.timing import machine; print(machine())"

Side = Callable[[Path], None]


class Measured(NamedTuple):
    """One side with so many clients: seconds of each document, and of all."""

    side: str
    clients: int
    seconds: list[float]
    wall: float


def main() -> None:
    """Measure each side and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--documents", type=int, default=24, help="at least one for each client")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cheap", action="store_true", help="text layers alone, no model")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "SERVING.md")
    args = parser.parse_args()
    components = CHEAP if args.cheap else TAGGING
    most = max(args.documents, *args.clients)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="pageloom-serving-") as name:
        folder = Path(name)
        # All different: the server, and the work folder, would know a document again.
        pdfs = folder / "pdfs"
        _python(WRITE_PDFS, str(pdfs), str(3 * len(args.clients) * most))
        documents = iter(sorted(pdfs.iterdir()))
        pool = multiprocessing.get_context("fork").Pool(args.slots, maxtasksperchild=1)
        with pool, server_of(components, folder) as server:
            sides: dict[str, Side] = {
                "task on this worker": partial(local_task, pool, folder, components),
                "task on the server": partial(server_task, pool, folder, components, server),
                "request to the server": partial(request, server),
            }
            for clients in args.clients:
                for side, run in sides.items():
                    count = max(args.documents, clients)
                    found = measure(side, run, clients, [next(documents) for _ in range(count)])
                    print(
                        f"{side}, {clients} clients: {median(found.seconds):.2f} s a document, "
                        f"{len(found.seconds) / found.wall:.2f} documents/s",
                        file=sys.stderr,
                        flush=True,
                    )
                    measured.append(found)
    text = page(measured, components, args.slots)
    args.out.write_text(text, encoding="utf8")
    print(text)


def measure(side: str, run: Side, clients: int, documents: list[Path]) -> Measured:
    """Give each client one document after another, until there are none."""

    def timed(path: Path) -> float:
        started = time.perf_counter()
        run(path)
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = list(pool.map(timed, documents))
    return Measured(side, clients, seconds, time.perf_counter() - started)


@contextmanager
def server_of(components: list[dict[str, Any]], folder: Path) -> Iterator[PageloomServer]:
    """A `pageloom serve` of these components that has done one document."""
    import json
    import socket

    config = folder / "served.cfg"
    _python(WRITE_CONFIG, json.dumps(components), str(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import typer; from pageloom.serving.command import serve; typer.run(serve)"
    given = [str(config), "--port", str(port), "--folder", str(folder / "jobs")]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *given],
            env={**os.environ, "PAGELOOM_SERVER_TOKEN": TOKEN},
            stdout=log,
            stderr=log,
        )
    server = PageloomServer(f"http://127.0.0.1:{port}", TOKEN)
    try:
        while not _ready(server):
            if process.poll() is not None:
                raise SystemExit((folder / "server.log").read_text())
            time.sleep(0.2)
        warm = folder / "warm"
        _python(WRITE_PDFS, str(warm), "1")
        request(server, warm / "00000.pdf")
        yield server
    finally:
        process.terminate()
        process.wait()


def _ready(server: PageloomServer) -> bool:
    try:
        return httpx.get(f"{server.address}/ready").status_code == 200
    except httpx.TransportError:
        return False


def _python(code: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout


def job_of(path: Path, folder: Path, components: list[dict[str, Any]]) -> Job:
    """The task's work: one document in, one shard out."""
    return Job(
        documents=(Document(uri=str(path)),),
        shard=None,
        pipeline=Pipeline(components=parse_components(components)),
        work=str(folder / f"work-{path.stem}"),
    )


def local_task(pool: Any, folder: Path, components: list[dict[str, Any]], path: Path) -> None:
    """A task that loads the pipeline and runs it."""
    job = job_of(path, folder, components)
    _check(pool.apply(_run_here, (job.model_dump_json(),)), path)


def server_task(
    pool: Any, folder: Path, components: list[dict[str, Any]], server: PageloomServer, path: Path
) -> None:
    """A task that sends, waits without a process, and fetches."""
    job = job_of(path, folder, components).model_dump_json()
    while not isinstance(reached := pool.apply(_run_there, (job, server.address)), int):
        jobs, pause = reached
        time.sleep(pause)
        asyncio.run(server.wait(jobs))
    _check(reached, path)


def request(server: PageloomServer, path: Path) -> None:
    """The same over HTTP; after 429, again when the server says."""
    while True:
        answer = httpx.post(
            f"{server.address}/v1/documents",
            params={"suffix": ".pdf"},
            content=path.read_bytes(),
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=600,
        )
        if answer.status_code != 429:
            answer.raise_for_status()
            return
        time.sleep(float(answer.headers["Retry-After"]))


def _run_here(job: str) -> int:
    from pageloom_provider.worker import run_batch

    return run_batch(Job.model_validate_json(job)).shard.documents


def _run_there(job: str, address: str) -> int | tuple[list[str], float]:
    from pageloom_provider.worker import Waiting, run_on_server

    reached = run_on_server(Job.model_validate_json(job), PageloomServer(address, TOKEN))
    if isinstance(reached, Waiting):
        return reached.jobs, reached.pause
    return reached.shard.documents


def _check(documents: int, path: Path) -> None:
    if documents != 1:
        raise SystemExit(f"{path} is not in its shard: nothing to compare")


def page(measured: list[Measured], components: list[dict[str, Any]], slots: int) -> str:
    """The page with the results."""
    rows = []
    for each in measured:
        local = next(
            other for other in measured if other.clients == each.clients and "this" in other.side
        )
        rate = len(each.seconds) / each.wall
        times = rate / (len(local.seconds) / local.wall)
        rows.append(
            f"| {each.clients} | {each.side} | {len(each.seconds)} | {median(each.seconds):.2f} | "
            f"{max(each.seconds):.2f} | {rate:.2f} | {times:.1f} |"
        )
    names = ", ".join(name for component in components for name in component)
    return "\n".join(
        [
            "# Single documents, here and on a server",
            "",
            "Made by `python -m benchmarks.serving`: PDFs of one page with a text layer through",
            f"{names}, {slots} slots for tasks. The server runs on the same machine and takes its",
            "share of it.",
            "",
            f"{_python(MACHINE).strip()}.",
            "",
            "| clients | | documents | median s a document | longest | documents/s | "
            "times faster |",
            "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    location("/")  # Airflow's object storage is imported once, before the forks
    main()
