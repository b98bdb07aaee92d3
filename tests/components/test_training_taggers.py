"""Taggers learn the spaCy way: initialize, update, evaluate, averages, `spacy train` itself."""

import json
import subprocess
import sys

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span
from spacy.training import Example
from thinc.api import SGD, Adam, RAdam

from pageloom.inference.decoding import TagScheme
from pageloom.models import LiltForTokenClassification
from tests.tagged import SMALL, a_doc
from tests.tiny_lilt import write_lilt

TEXTS = [
    ("shop ACME total 12.50", (1, 2, "company"), (3, 4, "total")),
    ("BOLT street total due 7.10", (0, 1, "company"), (4, 5, "total")),
    ("total 3.20 CARGO", (1, 2, "total"), (2, 3, "company")),
]
LABELS = ["O", "B-company", "I-company", "B-total", "I-total"]


def example(text, *entities):
    reference = a_doc(text.split())
    reference.ents = [Span(reference, *entity[:2], label=entity[2]) for entity in entities]
    return Example(a_doc(text.split()), reference)


@pytest.fixture
def examples():
    return [example(*each) for each in TEXTS]


@pytest.fixture
def checkpoint(tmp_path):
    def checkpoint(labels=LABELS, **settings):
        settings = {"initializer_range": 0.05, **settings}
        return str(write_lilt(tmp_path / "model", LiltForTokenClassification, labels, **settings))

    return checkpoint


def pipeline(model, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("lilt_tagger", config={"model": model, **SMALL, **settings})
    return nlp


def steps(nlp, examples, count, optimizer=None):
    optimizer = optimizer or Adam(0.01, L2=0.0)
    found = []
    for _ in range(count):
        losses = nlp.update(examples, sgd=optimizer, drop=0.0)
        optimizer.step_schedules()
        found.append(losses["lilt_tagger"])
    return found


def test_a_tagger_learns_what_the_examples_say(checkpoint, examples):
    nlp = pipeline(checkpoint())
    nlp.initialize(lambda: examples)
    losses = steps(nlp, examples, 60)
    assert losses[-1] < 0.05 * losses[0]
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0
    assert {label: part["f"] for label, part in scores["ents_per_type"].items()} == {
        "company": 1.0,
        "total": 1.0,
    }


def test_a_step_leaves_other_parameters_of_the_checkpoint_file_alone(checkpoint, examples):
    folder = checkpoint()
    before = LiltForTokenClassification.from_pretrained(folder).state_dict()
    nlp = pipeline(folder)
    steps(nlp, examples, 2)
    after = LiltForTokenClassification.from_pretrained(folder).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_was_learned_is_written_and_read(checkpoint, examples, tmp_path):
    nlp = pipeline(checkpoint())
    steps(nlp, examples, 60)
    nlp.to_disk(tmp_path / "learned")
    again = spacy.load(tmp_path / "learned")
    assert again.evaluate(examples)["ents_f"] == 1.0
    # And it goes on from there.
    assert steps(again, examples, 1)[0] < 0.2


@pytest.mark.parametrize(("optimizer", "rate"), [(Adam, 0.01), (RAdam, 0.03), (SGD, 0.5)])
def test_each_of_spacys_optimizers_makes_losses_fall(checkpoint, examples, optimizer, rate):
    nlp = pipeline(checkpoint())
    losses = steps(nlp, examples, 40, optimizer(rate))
    assert losses[-1] < 0.5 * losses[0]


def test_a_schedule_of_zero_moves_nothing(checkpoint, examples):
    nlp = pipeline(checkpoint())
    losses = steps(nlp, examples, 5, Adam(iter([0.0] * 9)))
    assert losses == pytest.approx([losses[0]] * 5, rel=1e-5)


def test_gradients_of_parts_are_those_of_the_whole(checkpoint):
    """`accumulate_gradient` changes nothing, however unequal the parts are."""
    found = []
    for parts in ([TEXTS], [TEXTS[:1], TEXTS[1:]]):
        nlp = pipeline(checkpoint())
        tagger = nlp.get_pipe("lilt_tagger")
        for part in parts:
            tagger.update([example(*each) for each in part])
        tagger.finish_update(SGD(0.1, use_averages=False))
        found.append({name: p.detach().clone() for name, p in tagger.model.named_parameters()})
    for name, parameter in found[0].items():
        torch.testing.assert_close(found[1][name], parameter, rtol=1e-4, atol=1e-6)


def test_averages_stand_in_for_parameters_and_go_again(checkpoint, examples):
    nlp = pipeline(checkpoint())
    tagger = nlp.get_pipe("lilt_tagger")
    optimizer = Adam(0.05, use_averages=True)
    steps(nlp, examples, 10, optimizer)
    now = tagger.model.classifier.weight.detach().clone()
    logits = nlp(a_doc(["total", "12.50"])).spans["lilt_tagger"].attrs["scores"]
    with nlp.use_params(optimizer.averages):
        assert not torch.equal(tagger.model.classifier.weight, now)
    assert torch.equal(tagger.model.classifier.weight, now)
    assert nlp(a_doc(["total", "12.50"])).spans["lilt_tagger"].attrs["scores"] == logits


def test_new_labels_start_anew_and_known_ones_stay(checkpoint, examples):
    folder = checkpoint(["O", "B-total", "I-total", "B-gone", "I-gone"])
    old = LiltForTokenClassification.from_pretrained(folder)
    nlp = pipeline(folder)
    nlp.initialize(lambda: examples)
    tagger = nlp.get_pipe("lilt_tagger")
    assert tagger.labels == ("company", "total")
    new = tagger.learner.model
    for label in ("O", "B-total", "I-total"):
        row, was = new.config.label2id[label], old.config.label2id[label]
        assert torch.equal(new.classifier.weight[row], old.classifier.weight[was])
    words = "lilt.embeddings.word_embeddings.weight"
    assert torch.equal(new.state_dict()[words], old.state_dict()[words])


def test_labels_that_initialize_was_not_given_are_named(checkpoint, examples):
    nlp = pipeline(checkpoint())
    with pytest.raises(ValueError, match="labels that initialize was not given: company"):
        nlp.get_pipe("lilt_tagger").initialize(lambda: examples, nlp=nlp, labels=["total"])


def test_a_folder_without_weights_starts_from_nothing(checkpoint, examples, tmp_path):
    folder = checkpoint()
    (tmp_path / "model" / "model.safetensors").unlink()
    nlp = pipeline(folder)
    nlp.initialize(lambda: examples)
    losses = steps(nlp, examples, 60)
    assert losses[-1] < 0.2 * losses[0]


def test_words_that_nobody_annotated_teach_nothing(checkpoint):
    nlp = pipeline(checkpoint())
    reference = a_doc(["total", "12.50", "BOLT"])
    reference.set_ents([Span(reference, 1, 2, label="total")], default="missing")
    [row] = nlp.get_pipe("lilt_tagger").rows(Example(a_doc(["total", "12.50", "BOLT"]), reference))
    taught = row.tokens.word_index[row.target != -100]
    assert taught.tolist() == [1]


def test_a_label_trains_the_first_subword_or_all(checkpoint):
    for all_subwords in (False, True):
        nlp = pipeline(checkpoint(), label_all_subwords=all_subwords)
        [row] = nlp.get_pipe("lilt_tagger").rows(example("total 12.50", (1, 2, "total")))
        taught = row.tokens.word_index[row.target != -100].tolist()
        assert len(taught) == (len(row.target) if all_subwords else 2)


def test_weights_are_of_kinds_of_entity_and_of_what_is_none(checkpoint):
    folder, taught = checkpoint(), example("BOLT total 12.50", (0, 1, "company"), (1, 3, "total"))
    weights = {"O": 0.5, "total": 4.0}
    sums = []
    for settings in ({}, {"class_weights": weights}):
        tagger = pipeline(folder, **settings).get_pipe("lilt_tagger")
        [batch] = tagger.batches(tagger.learner, tagger.rows(taught))
        sums.append(tagger.loss_of(tagger.learner, batch)[1])
    assert sums == [3.0, 1.0 + 4.0 + 4.0]
    nlp = pipeline(folder, class_weights={"total": 4.0, "tip": 2.0})
    with pytest.raises(ValueError, match="class_weights names tip; the labels are O, company"):
        nlp.initialize(lambda: [taught])


def test_smoothing_keeps_a_tagger_from_being_certain(checkpoint, examples):
    scores = []
    for smoothing in (0.0, 0.3):
        nlp = pipeline(checkpoint(), label_smoothing=smoothing)
        steps(nlp, examples, 40)
        found = nlp(a_doc(TEXTS[0][0].split())).spans["lilt_tagger"]
        scores.append(max(found.attrs["scores"]))
    assert scores[1] < scores[0] - 0.05


def test_long_documents_train_window_by_window(checkpoint):
    words = ["total"] * 100
    reference = a_doc(words)
    reference.ents = [Span(reference, 50, 52, label="total")]
    nlp = pipeline(checkpoint())
    tagger = nlp.get_pipe("lilt_tagger")
    rows = tagger.rows(Example(a_doc(words), reference))
    assert len(rows) > 1
    seen = np.concatenate(
        [row.tokens.word_index[row.window.start : row.window.end] for row in rows]
    )
    assert set(seen.tolist()) == set(range(100))
    assert tagger.update([Example(a_doc(words), reference)])["lilt_tagger"] > 0


KINDS = st.sampled_from(["a", "b"])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), KINDS), max_size=6),
    st.sampled_from(["bio", "bioes", "plain"]),
)
def test_labels_of_spans_are_read_as_the_same_spans(gaps, style):
    """Spans with a word between them come back in each scheme."""
    tags = {"bio": "BI", "bioes": "BIES", "plain": [""]}[style]
    labels = ["O"] + [f"{tag}-{kind}" if tag else kind for kind in "ab" for tag in tags]
    scheme, spans, end = TagScheme(labels), [], 0
    for gap, length, kind in gaps:
        start = end + 1 + gap
        end = start + length
        spans.append((start, end, kind))
    encoded = scheme.encode(end + 1, spans)
    logits = np.full((end + 1, len(labels)), -9.0, dtype=np.float32)
    logits[np.arange(end + 1), encoded] = 9.0
    found = [(entity.start, entity.end, entity.label) for entity in scheme.entities(logits)]
    assert found == spans


CONFIG = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = ["lilt_tagger"]

[components]

[components.lilt_tagger]
factory = "lilt_tagger"
model = {model}
max_length = 64
stride = 16
dtype = "float32"

[corpora]

[corpora.train]
@readers = "pageloom.DocBin.v1"
path = ${{paths.train}}

[corpora.dev]
@readers = "pageloom.DocBin.v1"
path = ${{paths.dev}}

[training]
max_steps = 40
eval_frequency = 20
dropout = 0.0
accumulate_gradient = 2

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_spacys_own_commands_work(checkpoint, examples, tmp_path):
    """Each as a user types it; `model-last` then goes on, and is a package."""
    DocBin(docs=[each.reference for each in examples], store_user_data=True).to_disk(
        tmp_path / "train.spacy"
    )
    config = tmp_path / "config.cfg"
    config.write_text(CONFIG.format(model=json.dumps(checkpoint())))
    paths = ["--paths.train", str(tmp_path / "train.spacy")]
    paths += ["--paths.dev", str(tmp_path / "train.spacy")]
    out = tmp_path / "out"

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "spacy", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init", "fill-config", config, tmp_path / "full.cfg")
    assert "learn_rate = 0.02" in (tmp_path / "full.cfg").read_text()
    assert "Config is valid" in run("debug", "config", tmp_path / "full.cfg", *paths)
    shown = run("train", tmp_path / "full.cfg", "--output", out, *paths)
    assert "ENTS_F" in shown
    assert "LOSS LILT" in shown
    scored = run("evaluate", out / "model-best", tmp_path / "train.spacy")
    assert "company" in scored
    run("package", out / "model-last", tmp_path, "--name", "tagger", "--build", "none")
    assert list(tmp_path.glob("en_tagger-*/en_tagger/en_tagger-*/lilt_tagger/config.json"))
    run("assemble", tmp_path / "full.cfg", tmp_path / "assembled", *paths)
    assert spacy.load(tmp_path / "assembled").pipe_names == ["lilt_tagger"]

    before, block, after = config.read_text().partition("[corpora]")
    begins = before.index("[components.lilt_tagger]")
    source = f"[components.lilt_tagger]\nsource = {json.dumps(str(out / 'model-last'))}\n\n"
    (tmp_path / "on.cfg").write_text(before[:begins] + source + block + after)
    run("init", "fill-config", tmp_path / "on.cfg", tmp_path / "on.cfg")
    steps = ["--training.max_steps", "1", "--training.optimizer.learn_rate", "0.0"]
    run("train", tmp_path / "on.cfg", "--output", tmp_path / "on", *paths, *steps)
    was, now = (
        spacy.load(each).get_pipe("lilt_tagger")
        for each in (out / "model-last", tmp_path / "on" / "model-last")
    )
    before, after = (each.checkpoint.model.state_dict() for each in (was, now))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert spacy.load(out / "model-best").evaluate(examples)["ents_f"] > 0.9
