"""The comparisons with the public library: both sides get the same, and forms' labels are exact."""

import pytest
import spacy
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.training import Example

from benchmarks.forms import blocks, plain, write
from benchmarks.funsd import tag, word_logits
from benchmarks.public_training import PublicLearner, collated
from pageloom.corpus import funsd
from pageloom.models import LiltForTokenClassification
from recipes.documents import form
from recipes.documents.layout import Layout, layout_numbers
from tests.tagged import SMALL, a_doc
from tests.tiny_lilt import write_lilt

LABELS = ["O", "B-company", "I-company", "B-total", "I-total"]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([*layout_numbers("train"), *layout_numbers("test")]), st.integers(0, 99))
def test_each_word_of_a_form_is_in_one_block_and_captions_are_questions(number, seed):
    sheet = form.draw(Layout("form", number, "en"), seed)
    assume(not sheet.facts["handwriting"])
    found = blocks(sheet, number)
    assume(found is not None)
    words = [word for _, block in found for word in block]
    assert sorted(map(id, words)) == sorted(map(id, sheet.words))
    answers = [word for label, block in found if label == "answer" for word in block]
    assert sorted(map(id, answers)) == sorted(id(word) for word in words if word.field)
    questions = {
        plain(" ".join(word.text for word in block))
        for label, block in found
        if label == "question"
    }
    noted = [*sheet.captions.values(), *sheet.facts.get("blank", {}).values()]
    assert {plain(caption) for caption in noted} <= questions
    assert "header" in {label for label, _ in found}


def test_forms_are_written_as_funsd_has_them(tmp_path):
    write(tmp_path, {"training_data": 2, "testing_data": 1})
    assert funsd.check(tmp_path / "training_data") == []
    docs = list(funsd.read(tmp_path / "training_data", spacy.blank("xx").vocab))
    assert len(docs) == 2
    assert {ent.label_ for doc in docs for ent in doc.ents} <= {"header", "question", "answer"}
    assert all(doc.ents and doc._.pages[0].image.mode for doc in docs)


@pytest.mark.parametrize(
    ("names", "spans"),
    [
        (["B-a", "I-a", "O", "B-a"], [(0, 2, "a"), (3, 4, "a")]),
        (["I-a", "I-a", "I-b"], [(0, 2, "a"), (2, 3, "b")]),
        (["B-a", "B-a", "O"], [(0, 1, "a"), (1, 2, "a")]),
    ],
)
def test_labels_make_entities_as_seqeval_reads_them(names, spans):
    doc = a_doc(["word"] * len(names))
    tag(doc, names)
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == spans


@pytest.fixture
def tagger(tmp_path):
    write_lilt(
        tmp_path,
        LiltForTokenClassification,
        LABELS,
        initializer_range=0.05,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    nlp = spacy.blank("en")
    return nlp.add_pipe("lilt_tagger", config={"model": str(tmp_path), **SMALL})


def an_example(words=30):
    reference = a_doc([f"w{number}" for number in range(words)])
    reference.ents = [Span(reference, 1, 3, label="company"), Span(reference, 9, 10, label="total")]
    return Example(a_doc([token.text for token in reference]), reference)


def test_both_sides_begin_with_one_loss_and_learn(tagger, tmp_path):
    example = an_example()
    rows = tagger.rows(example)
    learner = PublicLearner(tmp_path, rate=0.01, steps=40)
    losses = [learner.step(collated(rows, tagger.checkpoint.tokenizer)) for _ in range(30)]
    # Words in two windows count twice on both sides.
    assert losses[0] == pytest.approx(tagger.update([example])["lilt_tagger"], abs=1e-4)
    assert losses[-1] < 0.3 * losses[0]
    found = word_logits(learner.model.eval(), tagger, example).argmax(1)
    tag(example.predicted, [LABELS[label] for label in found])
    assert [(ent.start, ent.label_) for ent in example.predicted.ents] == [
        (1, "company"),
        (9, "total"),
    ]


def test_padding_changes_no_loss(tagger, tmp_path):
    rows = tagger.rows(an_example())
    model = PublicLearner(tmp_path, rate=0.01, steps=1).model.eval()
    with torch.no_grad():
        short, long = (
            model(**collated(rows, tagger.checkpoint.tokenizer, length)).loss
            for length in (None, 64)
        )
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)
