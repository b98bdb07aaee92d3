"""A task that Airflow stops: its programs end, no document looks bad, the next attempt goes on."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from pageloom_provider.operators import OcrOperator, PipelineOperator
from pageloom_provider.stopping import StoppedError, check_stop, stoppable

PROGRAM = """
import signal, sys
from pageloom_provider.operators import OcrOperator

task = OcrOperator(
    task_id="ocr", work=sys.argv[1], documents=sys.argv[2:], mode="force", workers=1
)
signal.signal(signal.SIGTERM, lambda *_: task.on_kill())  # as Airflow's task runner does
print(task.execute({"run_id": "manual__1"}), flush=True)
"""


@pytest.fixture
def scans(tmp_path):
    """Two scans: one of a few words, one of many pages that takes a while to read."""
    folder = tmp_path / "scans"
    folder.mkdir()

    def page(*lines):
        image = Image.new("RGB", (1000, 60 + 50 * len(lines)), "white")
        pen, font = ImageDraw.Draw(image), ImageFont.load_default(32)
        for row, line in enumerate(lines):
            pen.text((40, 30 + 50 * row), line, fill="black", font=font)
        return image

    page("ACME Ltd").save(folder / "short.png")
    pages = [
        page(*[f"{number}: the quick brown fox jumps over the dog"] * 20) for number in range(40)
    ]
    pages[0].save(folder / "long.tiff", save_all=True, append_images=pages[1:])
    return [str(folder / "short.png"), str(folder / "long.tiff")]


def wait_until(condition, seconds=250):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stopped_batch_ends_its_programs_and_blames_no_document(scans, tmp_path):
    work = tmp_path / "work"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(work), *scans],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")},
    ) as task:
        try:
            process = psutil.Process(task.pid)
            wait_until(lambda: list(work.glob("parts/*/*.spacy")) or task.poll() is not None)
            wait_until(lambda: process.children(recursive=True) or task.poll() is not None)
            children = process.children(recursive=True)
            task.send_signal(signal.SIGTERM)
            _, errors = task.communicate(timeout=250)
        finally:
            task.kill()
    assert "StoppedError" in errors
    assert children
    assert not any(child.is_running() for child in children)
    assert not list(work.glob("*.spacy"))
    assert not (work / "quarantine").exists()
    assert len(list(work.glob("parts/*/*.spacy"))) == 1

    again = OcrOperator(task_id="ocr", work=str(work), documents=scans[:1], mode="force", workers=1)
    assert again.execute({"run_id": "manual__1"})["documents"] == 1
    assert again.outcome.documents == 0  # the first attempt had finished it


def sleeper(seconds):
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])


def test_only_programs_that_the_batch_has_started_are_ended():
    task = PipelineOperator(task_id="batch", work="w")
    with sleeper(300) as earlier, sleeper(1) as later:
        task.on_kill()  # there is no batch
        assert later.wait(timeout=60) == 0
        with stoppable():
            own = sleeper(60)
            task.on_kill()
            assert own.wait(timeout=30) == -signal.SIGTERM
            late = sleeper(60)  # what a batch starts before it hears of it
            assert late.wait(timeout=30) == -signal.SIGTERM
            with pytest.raises(StoppedError):
                check_stop()
        check_stop()
        assert earlier.poll() is None
        earlier.terminate()
