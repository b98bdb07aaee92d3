"""Scores of trained pipelines: layout that spaCy's own reader drops, and `pageloom evaluate`."""

import json
import logging

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from thinc.api import Adam
from typer.testing import CliRunner

from pageloom.cli import app
from pageloom.corpus.examples import example
from pageloom.models import LiltForSequenceClassification, LiltForTokenClassification
from pageloom.pipes.layout_of_reference import with_layout
from pageloom.training.evaluating import format_of, table
from tests.tagged import SMALL, VOCAB, a_doc
from tests.tiny_lilt import write_lilt

RUN = CliRunner()
LABELS = ["O", "B-total", "I-total"]


def gold(chosen):
    """The same words each time: their places alone say which is the total."""
    doc = a_doc(["12.50"] * 3)
    for number, token in enumerate(doc):
        token._.box = (500, 500, 600, 520) if number == chosen else (10, 10, 60, 30)
    doc.ents = [Span(doc, chosen, chosen + 1, label="total")]
    doc.cats = {"first": float(chosen == 0), "later": float(chosen != 0)}
    return doc


@pytest.fixture
def trained(tmp_path):
    """A tagger that tells by the boxes, and a classifier, saved; and their corpus."""
    nlp = spacy.blank("en")
    for factory, head, labels in (
        ("lilt_tagger", LiltForTokenClassification, LABELS),
        ("document_classifier", LiltForSequenceClassification, ["first", "later"]),
    ):
        model = write_lilt(tmp_path / factory, head, labels, initializer_range=0.05)
        nlp.add_pipe(factory, config={"model": str(model), **SMALL})
    docs = [gold(chosen) for chosen in range(3)]
    optimizer = Adam(0.01, L2=0.0)
    for _ in range(40):
        nlp.update([example(doc) for doc in docs], sgd=optimizer)
    nlp.to_disk(tmp_path / "trained")
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    return spacy.load(tmp_path / "trained")


def scored(nlp, examples):
    scores = nlp.evaluate(examples)
    return {key: value for key, value in scores.items() if key not in ("speed", "token_acc")}


def test_spacys_own_reader_scores_what_ours_does(trained, tmp_path, caplog):
    """What `spacy evaluate` does: its `Corpus` gives `nlp.evaluate` documents without boxes."""
    nlp = trained
    ours = scored(nlp, [example(gold(chosen)) for chosen in range(3)])
    assert ours["ents_f"] == 1.0  # words alone could not tell
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    theirs = list(Corpus(tmp_path / "dev.spacy")(nlp))
    assert all(each.predicted[0]._.box is None for each in theirs)
    found = scored(nlp, theirs)
    for key, value in ours.items():
        if key.startswith(("ents", "cats")):
            assert found[key] == value, key
    assert "lilt_tagger: 3 of 3 documents came without boxes and pages" in caplog.text

    tagger = nlp.get_pipe("lilt_tagger")
    for each, chosen in zip(theirs, range(3), strict=True):
        [row], [right] = tagger.rows(each), tagger.rows(example(gold(chosen)))
        assert (row.tokens.boxes == right.tokens.boxes).all()
        assert (row.target == right.target).all()


def test_documents_that_nobody_gave_boxes_are_told(trained, caplog):
    tagger = trained.get_pipe("lilt_tagger")
    bare = Doc(VOCAB, words=["12.50", "x"])
    bare.ents = [Span(bare, 0, 1, label="total")]
    with caplog.at_level(logging.WARNING):
        tagger.score([Example(Doc(VOCAB, words=["12.50", "x"]), bare)])
    assert "lilt_tagger: 1 of 1 documents have no boxes" in caplog.text


def test_a_document_that_could_not_be_read_gets_no_words_of_the_gold_one():
    unread = Example(Doc(VOCAB), gold(1))
    assert with_layout(unread) is unread
    given = example(gold(1))
    assert with_layout(given) is given


class TestCommand:
    def test_a_table_and_json(self, trained, tmp_path):
        out = tmp_path / "scores" / "dev.json"
        done = RUN.invoke(
            app,
            ["evaluate", str(tmp_path / "trained"), str(tmp_path / "dev.spacy"), "-o", str(out)],
        )
        assert done.exit_code == 0, done.output
        assert "ents_f" in done.stdout
        assert any(line.split()[:1] == ["total"] for line in done.stdout.splitlines())
        scores = json.loads(out.read_text())
        assert scores["ents_f"] == 1.0
        assert scores["cats_acc"] <= 1.0

    def test_bad_records_are_named(self, trained, tmp_path):
        lines = tmp_path / "bad.jsonl"
        lines.write_text('{"image": "none.png", "words": ["a"], "boxes": [[0, 0, 5, 5]]}')
        done = RUN.invoke(app, ["evaluate", str(tmp_path / "trained"), str(lines)])
        assert done.exit_code == 1
        assert "none.png" in done.stderr

    @pytest.mark.parametrize(
        ("corpus", "more", "said"),
        [
            (".", [], "give its --format, one of cord, docbin"),
            ("dev.spacy", ["--format", "word"], "there is no format 'word'"),
            ("dev.spacy", ["--boxes", "page"], "boxes='page'"),
            ("dev.spacy", ["--gpu-id", "99"], "--gpu-id 99: torch sees"),
        ],
    )
    def test_what_cannot_be_done_is_told(self, tmp_path, corpus, more, said):
        DocBin(docs=[gold(0)], store_user_data=True).to_disk(tmp_path / "dev.spacy")
        (tmp_path / "notes.txt").write_text("x")
        arguments = ["evaluate", str(tmp_path / "trained"), str(tmp_path / corpus), *more]
        done = RUN.invoke(app, arguments)
        assert done.exit_code == 2
        assert said in done.stderr

    def test_a_folder_of_one_format_is_known(self, tmp_path):
        DocBin().to_disk(tmp_path / "a.spacy")
        assert format_of(tmp_path) == format_of(tmp_path / "a.spacy") == "docbin"
        assert format_of(tmp_path / "b.jsonl") == "jsonl"


def test_a_table_has_each_number_once():
    per_type = {"total": {"p": 1.0, "r": 0.5, "f": 0.6667}}
    shown = table({"ents_f": 0.5, "ents_per_type": per_type, "desc": "macro", "speed": 1234.6})
    assert [line.split() for line in shown.splitlines() if line] == [
        ["ents_f", "0.5000"],
        ["speed", "1235"],
        ["ents_per_type", "p", "r", "f"],
        ["total", "1.0000", "0.5000", "0.6667"],
    ]
