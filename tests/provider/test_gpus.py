"""Tasks on a host with several GPUs: each takes one of its own, by CUDA_VISIBLE_DEVICES.

No GPU is needed: which one a process sees is decided before CUDA is.
"""

import os
import subprocess
import sys

import pytest

from pageloom_provider.spec import Pipeline, parse_components
from pageloom_provider.worker.gpus import own_gpu, visible_gpus
from pageloom_provider.worker.pipelines import devices_asked

HOLD = """
import os, sys
from pathlib import Path
from pageloom_provider.worker.gpus import own_gpu
with own_gpu({"auto"}, slot=int(sys.argv[2]), folder=Path(sys.argv[1])):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path, monkeypatch):
    """Start a process that takes a GPU and holds it; gives the process and the GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    started = []

    def hold(slot=0):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), str(slot)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_tasks_side_by_side_have_different_gpus(hold):
    (first, first_gpu), (_, second_gpu) = hold(), hold()
    assert (first_gpu, second_gpu) == ("2", "5")
    first.kill()  # a killed task leaves its GPU to the next
    first.wait()
    assert hold()[1] == "2"


def test_more_tasks_than_gpus_share_them_in_turn(hold):
    assert [hold(slot)[1] for slot in range(4)] == ["2", "5", "2", "5"]


@pytest.mark.parametrize(
    ("visible", "devices"),
    [
        ("0", {"auto"}),
        ("", {"auto"}),
        ("0,1", {"cpu"}),
        ("0,1", set()),
        ("0,1", {"cuda:1"}),
        ("0,1", {"auto", "cuda:0"}),
    ],
)
def test_what_is_not_to_be_chosen_stays(visible, devices, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with own_gpu(devices, folder=tmp_path / "locks"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not (tmp_path / "locks").exists()


def test_the_choice_ends_with_the_task(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937, GPU-1e63a3f1")
    for _ in range(2):  # the lock is free again
        with own_gpu({"cuda"}, folder=tmp_path):
            assert visible_gpus() == ["GPU-8932f937"]
    assert visible_gpus() == ["GPU-8932f937", "GPU-1e63a3f1"]


@pytest.mark.parametrize(
    ("components", "default", "asked"),
    [
        (["ocr"], None, set()),
        (["ocr", "lilt_tagger"], None, {"auto"}),
        (
            [{"lilt_tagger": {"model": "m", "device": "cpu"}}, "layoutlmv2_tagger"],
            None,
            {"cpu", "auto"},
        ),
        (
            [{"lilt_tagger": {"model": "m", "device": "cpu"}}, "layoutlmv2_tagger"],
            "cuda",
            {"cpu", "cuda"},
        ),
    ],
)
def test_what_components_ask_for(components, default, asked):
    pipeline = Pipeline(components=parse_components(components))
    assert devices_asked(pipeline, default) == asked


def test_what_a_config_asks_for(tmp_path):
    path = tmp_path / "config.cfg"
    path.write_text(
        """
[nlp]
lang = "xx"
pipeline = ["ocr", "tag", "classify"]

[components]

[components.ocr]
factory = "ocr"

[components.tag]
factory = "lilt_tagger"
model = "m"

[components.classify]
factory = "document_classifier"
model = "m"
device = "cuda:1"
"""
    )
    assert devices_asked(Pipeline(config=str(path))) == {"auto", "cuda:1"}
    chosen = {"components.classify.device": "cpu", "components.tag.device": "cpu"}
    assert devices_asked(Pipeline(config=str(path), overrides=chosen)) == {"cpu"}
