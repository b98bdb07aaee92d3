"""A real `pageloom serve` on a free port, and the cheap pipelines that it serves."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

TOKEN = "a-token-for-tests"

# What the server imports first: components that take their time, and one that fails on a word.
CODE = """
import time
from spacy.language import Language

@Language.factory("slow", default_config={"seconds": 0.3})
def slow(nlp, name, seconds):
    def work(doc):
        time.sleep(seconds)
        return doc
    return work

@Language.component("refuse_poison")
def refuse_poison(doc):
    if "poison" in doc.text:
        raise RuntimeError("no poison, please")
    return doc

@Language.component("needs_disk")
def needs_disk(doc):
    if "memory" in doc.text:
        raise MemoryError("no memory is left")
    return doc
"""

MAIN = """
import typer
from pageloom.serving.command import serve
typer.run(serve)
"""


def write_pipeline(path, *components, language="en"):
    """A config file of `components`, names or (name, settings), and the code they need."""
    import spacy
    from spacy.cli._util import import_code

    path.with_suffix(".py").write_text(CODE)
    nlp = spacy.blank(language)
    if not nlp.has_factory("slow"):
        import_code(path.with_suffix(".py"))
    for each in components:
        name, settings = (each, {}) if isinstance(each, str) else each
        nlp.add_pipe(name, config=settings)
    nlp.config.to_disk(path)
    return path


class Server:
    def __init__(self, process, address, log):
        self.process, self.address, self.log = process, address, log
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.client = httpx.Client(base_url=address, headers=headers, timeout=60)

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)

    def wait(self):
        return self.process.wait(60)

    def send(self, data, **parameters):
        return self.client.post("/v1/documents", content=data, params=parameters)

    def select(self, **asked):
        answer = self.client.post("/v1/selections", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["selection"]

    def put(self, selection, data, kind="document", suffix=".pdf"):
        """Send a job: its name, and the answer."""
        from hashlib import sha256

        from pageloom.serving.jobs import job_key

        key = job_key(selection, kind, suffix, sha256(data).hexdigest())
        given = {"selection": selection, "kind": kind, "suffix": suffix}
        return key, self.client.put(f"/v1/jobs/{key}", content=data, params=given)

    def states(self, keys, wait=0):
        answer = self.client.post("/v1/jobs", json={"jobs": list(keys)}, params={"wait": wait})
        assert answer.status_code == 200, answer.text
        return answer.json()["jobs"]

    def metrics(self):
        return self.client.get("/metrics").content

    def ready(self):
        for _ in range(2000):  # a busy machine takes its time to import torch
            try:
                if self.client.get("/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            if self.process.poll() is not None:
                raise AssertionError(self.log.read_text())
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())


@contextmanager
def serving(pipeline, folder, *options, token=TOKEN, port=None):
    """`pageloom serve` of a pipeline, ready; ended at the end, in any way."""
    from tests.services import free_port

    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    port = port or free_port()
    command = [sys.executable, "-c", MAIN, str(pipeline), "--port", str(port)]
    command += ["--folder", str(folder / "jobs")]
    if pipeline.with_suffix(".py").exists():
        command += ["--code", str(pipeline.with_suffix(".py"))]
    env = {**os.environ, "PAGELOOM_SERVER_TOKEN": token, "OMP_NUM_THREADS": "1"}
    with log.open("a") as output:
        process = subprocess.Popen(
            [*command, *map(str, options)], stdout=output, stderr=output, env=env
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        yield server.ready()
    finally:
        server.client.close()
        if process.poll() is None:
            process.kill()
        process.wait(30)
