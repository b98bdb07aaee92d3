"""`torchrun -m pageloom train`: two processes train what one would."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import spacy
import torch
from PIL import Image
from typer.testing import CliRunner

from pageloom.cli import app
from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
from pageloom.training.launching import choose_gpu
from pageloom.training.processes import SharedBatchNorm, share_batch_norms

TEXTS = [
    ("shop street total 12.50", 3),
    ("street total due 7.10", 3),
    ("total 3.20 shop", 1),
    ("page total 99.10 thank you", 2),
]

# Writes down the parameters that each process has before each step.
CODE = """
import os

import spacy
import torch


@spacy.registry.callbacks("dump.v1")
def dump(folder: str):
    def save(nlp, progress):
        model = nlp.get_pipe("layoutlmv2_tagger").model
        if model is not None:
            name = f"{os.environ.get('RANK', 'alone')}-{progress['step']}.pt"
            torch.save(model.state_dict(), f"{folder}/{name}")
    return save
"""

CONFIG = """
[nlp]
lang = "en"
pipeline = ["layoutlmv2_tagger"]

[components]

[components.layoutlmv2_tagger]
factory = "layoutlmv2_tagger"
model = {model}
max_length = 64
stride = 16
dtype = "float32"

[corpora]

[corpora.train]
@readers = "pageloom.Jsonl.v1"
path = {corpus}

[corpora.dev]
@readers = "pageloom.Jsonl.v1"
path = {corpus}

[training]
max_steps = 4
eval_frequency = 2
dropout = 0.0
accumulate_gradient = 1
seed = 3
gpu_allocator = null

[training.before_update]
@callbacks = "dump.v1"
folder = {folder}

[training.optimizer]
@optimizers = "SGD.v1"
learn_rate = 0.05
use_averages = false

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 3
"""


@pytest.fixture
def checkpoint(tiny_tagger, tmp_path):
    """A tagger whose backbone's batch norms learn."""
    settings = LayoutLMv2Config.from_pretrained(tiny_tagger).detectron2_config_args
    settings = {**settings, "MODEL.BACKBONE.FREEZE_AT": 0, "MODEL.RESNETS.NORM": "BN"}
    config = LayoutLMv2Config.from_pretrained(
        tiny_tagger,
        id2label={0: "O", 1: "B-total", 2: "I-total"},
        initializer_range=0.1,
        detectron2_config_args=settings,
    )
    torch.manual_seed(5)
    folder = tmp_path / "model"
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(folder)
    LayoutLMv2Tokenizer.from_pretrained(tiny_tagger).save_pretrained(folder)
    LayoutLMv2ImageProcessor(apply_ocr=False).save_pretrained(folder)
    return folder


@pytest.fixture
def corpus(tmp_path):
    random, lines = np.random.default_rng(5), []
    for number, (text, at) in enumerate(TEXTS):
        noise = random.integers(0, 256, (240, 180, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
        words = [
            {"text": word, "box": [10, 20 * row, 100, 20 * row + 15]}
            for row, word in enumerate(text.split())
        ]
        entity = {"start": at, "end": at + 1, "label": "total"}
        lines.append({"image": f"{number}.png", "words": words, "entities": [entity]})
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_train_what_one_does(checkpoint, corpus, tmp_path):
    """Of a batch one has two documents and the other one; of the next, the other has none."""
    config, code, dumped = tmp_path / "config.cfg", tmp_path / "code.py", tmp_path / "dumped"
    dumped.mkdir()
    code.write_text(CODE)
    values = {"model": str(checkpoint), "corpus": str(corpus), "folder": str(dumped)}
    config.write_text(CONFIG.format(**{key: json.dumps(text) for key, text in values.items()}))

    def run(out, *before):
        arguments = ["-m", "pageloom", "train", config, "--output", out, "--code", code]
        done = subprocess.run(
            [sys.executable, *before, *map(str, arguments), "--gpu-id", "-1"],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(tmp_path / "alone")
    shown = run(
        tmp_path / "together", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"
    )
    # One of the two speaks and writes, and shows what both learned.
    assert shown.count("Pipeline: ['layoutlmv2_tagger']") == 1
    assert {path.name for path in (tmp_path / "together").iterdir()} == {"model-best", "model-last"}
    for step in range(1, 5):
        alone, first, second = (
            torch.load(dumped / f"{name}-{step}.pt") for name in ("alone", "0", "1")
        )
        assert alone.keys() == first.keys() == second.keys()
        for name, one in alone.items():
            assert torch.equal(first[name], second[name]), (step, name)
            torch.testing.assert_close(
                first[name], one, rtol=1e-4, atol=1e-5, msg=f"step {step}: {name}"
            )
    start = LayoutLMv2ForTokenClassification.from_pretrained(checkpoint).state_dict()
    moved = [name for name, tensor in alone.items() if not torch.equal(tensor, start[name])]
    assert any(name.endswith("bn1.running_var") for name in moved)
    assert any(name.endswith("bn1.weight") for name in moved)
    last = spacy.load(tmp_path / "together" / "model-last").get_pipe("layoutlmv2_tagger")
    assert last.labels == ("total",)

    scored = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "together" / "model-last"), str(corpus), "--gpu-id", "-1"]
    )
    assert scored.exit_code == 0, scored.output
    assert "ents_f" in scored.stdout


def test_norms_that_learn_are_shared_and_frozen_ones_stay(checkpoint):
    model = LayoutLMv2ForTokenClassification.from_pretrained(checkpoint)
    names = set(model.state_dict())
    share_batch_norms(model)
    assert set(model.state_dict()) == names
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert norms
    assert all(isinstance(norm, SharedBatchNorm) for norm in norms)

    settings = dict(model.config.detectron2_config_args)
    settings["MODEL.BACKBONE.FREEZE_AT"] = 2
    config = LayoutLMv2Config.from_pretrained(checkpoint, detectron2_config_args=settings)
    frozen = LayoutLMv2ForTokenClassification.from_pretrained(checkpoint, config=config)
    share_batch_norms(frozen)
    visual = frozen.layoutlmv2.visual
    assert not isinstance(visual.stem[1], SharedBatchNorm)
    assert isinstance(visual.res3[0].bn1, SharedBatchNorm)


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="--gpu-id 2: torch sees 2 GPUs"):
        choose_gpu(2)
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_gpu(1) == -1  # without CuPy spaCy's own components stay on the CPU
    assert chosen == [1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert choose_gpu(-1) == -1
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert choose_gpu(None) == -1
