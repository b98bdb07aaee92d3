"""`document_classifier` learns the spaCy way, by either architecture."""

import json
import shutil

import pytest
import spacy
import torch
from spacy.training import Example
from thinc.api import Adam

from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForSequenceClassification,
    LiltForSequenceClassification,
    LiltForTokenClassification,
)
from tests.tagged import SMALL, a_doc
from tests.tiny_lilt import write_lilt

CLASSES = ("form", "invoice", "letter")
TEXTS = [
    ("total due 12.50", "invoice"),
    ("dear shop street", "letter"),
    ("name street date name", "form"),
    ("total 7.10 total", "invoice"),
]


def example(text, pages=None, **cats):
    words = text.split()
    reference = a_doc(words, pages)
    reference.cats = cats
    return Example(a_doc(words, pages), reference)


@pytest.fixture
def examples():
    return [example(text, **{label: 1.0}) for text, label in TEXTS]


@pytest.fixture(params=["lilt", "layoutlmv2"])
def checkpoint(request, tmp_path, tiny_tagger):
    folder = tmp_path / "model"
    if request.param == "lilt":
        labels, head = CLASSES, LiltForSequenceClassification
        return str(write_lilt(folder, head, labels, initializer_range=0.05))
    shutil.copytree(tiny_tagger, folder)
    config = LayoutLMv2Config.from_pretrained(
        tiny_tagger, id2label=dict(enumerate(CLASSES)), initializer_range=0.05
    )
    torch.manual_seed(5)
    LayoutLMv2ForSequenceClassification(config).initialise_all().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def lilt(tmp_path):
    def lilt(labels=CLASSES, head=LiltForSequenceClassification, **settings):
        settings = {"initializer_range": 0.05, **settings}
        return str(write_lilt(tmp_path / "model", head, labels, **settings))

    return lilt


def pipeline(model, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("document_classifier", config={"model": model, **SMALL, **settings})
    return nlp


def steps(nlp, examples, count, rate=0.01):
    optimizer = Adam(rate, L2=0.0)
    found = []
    for _ in range(count):
        losses = nlp.update(examples, sgd=optimizer, drop=0.0)
        optimizer.step_schedules()
        found.append(losses["document_classifier"])
    return found


def test_it_learns_what_the_examples_say_and_keeps_it(checkpoint, examples, tmp_path):
    nlp = pipeline(checkpoint)
    nlp.initialize(lambda: examples)
    losses = steps(nlp, examples, 40)
    assert losses[-1] < 0.05 * losses[0]
    scores = nlp.evaluate(examples)
    assert scores["cats_acc"] == scores["cats_macro_f"] == scores["cats_score"] == 1.0
    assert set(scores["cats_f_per_type"]) == set(CLASSES)
    nlp.to_disk(tmp_path / "learned")
    again = spacy.load(tmp_path / "learned")
    assert again.evaluate(examples)["cats_acc"] == 1.0
    assert steps(again, examples, 1)[0] < 0.1  # and goes on from there


def test_pictures_alone_teach_where_they_are_seen(checkpoint):
    taught = example("", letter=1.0)
    nlp = pipeline(checkpoint)
    component = nlp.get_pipe("document_classifier")
    pages = len(component.rows(taught))
    assert pages == (1 if component.checkpoint.sees_pages else 0)
    losses = steps(nlp, [taught], 10)
    assert (losses[-1] < losses[0]) is bool(pages)


def test_each_page_is_a_window_cut_off_as_in_use(lilt):
    nlp = pipeline(lilt())
    taught = example("x " * 100 + "total due", [1] * 100 + [2] * 2, letter=1.0)
    first, second = nlp.get_pipe("document_classifier").rows(taught)
    assert (first.window.page, second.window.page) == (1, 2)
    assert first.window.end - first.window.start == SMALL["max_length"] - 2
    assert first.target == second.target == CLASSES.index("letter")


def test_new_classes_from_the_examples_and_from_a_checkpoint_of_another_head(lilt, examples):
    nlp = pipeline(lilt(["O", "B-x", "I-x"], LiltForTokenClassification))
    nlp.initialize(lambda: examples)
    component = nlp.get_pipe("document_classifier")
    assert component.labels == CLASSES
    assert not component.several
    assert set(nlp(a_doc(["total"])).cats) == set(CLASSES)


def test_labels_alone_and_a_folder_without_weights(lilt, examples, tmp_path):
    folder = lilt(["any", "thing"])
    (tmp_path / "model" / "model.safetensors").unlink()
    nlp = pipeline(folder)
    component = nlp.get_pipe("document_classifier")
    component.initialize(lambda: examples, nlp=nlp, labels=[*CLASSES, "other"])
    assert component.labels == (*CLASSES, "other")
    with pytest.raises(ValueError, match="labels that initialize was not given: form, invoice"):
        component.initialize(lambda: examples, nlp=nlp, labels=["letter", "other"])


def test_several_classes_at_once(lilt):
    examples = [
        example("total due", invoice=1.0, urgent=1.0),
        example("shop street", invoice=0.0, urgent=1.0),
        example("total 12.50", invoice=1.0, urgent=0.0),
        example("x y", invoice=0.0),  # of urgent nobody said anything
    ]
    nlp = pipeline(lilt())
    nlp.initialize(lambda: examples)
    component = nlp.get_pipe("document_classifier")
    assert component.several
    losses = steps(nlp, examples, 60)
    assert losses[-1] < 0.1 * losses[0]
    scores = nlp.evaluate(examples)
    assert scores["cats_acc"] == scores["cats_macro_f"] == 1.0
    assert scores["cats_score_desc"] == "macro AUC"
    cats = nlp(a_doc(["total", "due"])).cats
    assert min(cats.values()) > 0.5


def test_one_class_alone_is_a_question_of_yes_or_no(lilt):
    nlp = pipeline(lilt())
    nlp.initialize(lambda: [example("total", receipt=1.0), example("dear", receipt=0.0)])
    assert nlp.get_pipe("document_classifier").several
    assert 0 < nlp(a_doc(["total"])).cats["receipt"] < 1


def test_what_a_model_of_one_class_cannot_learn_is_told(lilt):
    component = pipeline(lilt()).get_pipe("document_classifier")
    with pytest.raises(ValueError, match="is form and letter, and the model gives a document one"):
        component.rows(example("total", form=1.0, letter=1.0))
    with pytest.raises(ValueError, match="no class of the model is 'report': form, invoice"):
        component.rows(example("total", report=1.0))
    assert component.rows(example("total")) == []
    assert component.rows(example("total", form=0.0)) == []


def test_a_document_without_a_category_counts_as_not_found(lilt, examples):
    nlp = pipeline(lilt())
    component = nlp.get_pipe("document_classifier")
    for each in examples:
        each.predicted.cats = {
            label: float(each.reference.cats == {label: 1.0}) for label in CLASSES
        }
    assert component.score(examples)["cats_acc"] == 1.0
    examples[0].predicted.cats = {}
    scores = component.score([*examples, example("nothing annotated")])
    assert scores["cats_acc"] == 0.75
    assert scores["cats_f_per_type"]["invoice"] == {"p": 1.0, "r": 0.5, "f": pytest.approx(2 / 3)}
    assert scores["cats_f_per_type"]["letter"]["f"] == 1.0
    assert component.score([])["cats_acc"] is None


def test_weights_and_smoothing_make_the_loss_that_they_say(lilt, examples):
    """Against the definitions, written out over one batch of one page each."""
    folder = lilt()
    plain = pipeline(folder).get_pipe("document_classifier")
    rows = [row for each in examples for row in plain.rows(each)]
    targets = torch.tensor([row.target for row in rows])
    [batch] = plain.batches(plain.learner, rows)
    with torch.no_grad():
        logs = plain.learner.model(**batch.inputs).logits.log_softmax(1)
    right = logs[torch.arange(len(rows)), torch.tensor(batch.targets)]
    weights = torch.tensor([1.0, 5.0, 1.0])[torch.tensor(batch.targets)]
    expected = {
        "plain": (-right.sum(), 4.0),
        "weights": (-(weights * right).sum(), float(weights.sum())),
        "smooth": (-(0.9 * right + 0.1 * logs.mean(1)).sum(), 4.0),
    }
    given = {"plain": {}, "weights": {"class_weights": {"invoice": 5.0}}}
    given["smooth"] = {"label_smoothing": 0.1}
    assert sorted(targets.tolist()) == [0, 1, 1, 2]
    for name, settings in given.items():
        component = pipeline(folder, **settings).get_pipe("document_classifier")
        [batch] = component.batches(component.learner, rows)
        with torch.no_grad():
            loss, count = component.loss_of(component.learner, batch)
        assert (float(loss), count) == pytest.approx(
            (float(expected[name][0]), expected[name][1]), rel=1e-4
        )


def test_bad_weights_and_smoothing_are_told(lilt, examples):
    folder = lilt()
    for settings, said in (
        ({"label_smoothing": 1.0}, "label_smoothing=1.0; use 0 to less than 1"),
        ({"class_weights": {"form": -1.0}}, "form = -1.0; use 0 or more"),
    ):
        with pytest.raises(ValueError, match=said):
            pipeline(folder, **settings)
    nlp = pipeline(folder, class_weights={"memo": 2.0})
    with pytest.raises(ValueError, match="class_weights names memo; the labels are form, invoice"):
        nlp.initialize(lambda: examples)


def test_the_config_says_how_to_score():
    nlp = spacy.blank("en")
    nlp.add_pipe("document_classifier")
    weights = nlp.config["training"]["score_weights"]
    assert {key: value for key, value in weights.items() if value} == {"cats_score": 1.0}
    assert (
        json.loads(json.dumps(nlp.config["components"]))["document_classifier"]["class_weights"]
        == {}
    )
