"""The recipe of the small ViLT: its questions, its pages, its batches and its two heads."""

from __future__ import annotations

import random

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pageloom import open_document
from pageloom.models import ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from recipes.documents import marks
from recipes.documents.content import Content
from recipes.documents.layout import Layout
from recipes.documents.sheet import Sheet
from recipes.vqa_sm.lessons import Teacher, patch_truth
from recipes.vqa_sm.model import MARKS, SUBWORDS, new_model, new_processor
from recipes.vqa_sm.pages import Cache, Page, drawn_page, shifted
from recipes.vqa_sm.questions import (
    ANSWERS,
    KIND_NAMES,
    TOPICS,
    WORDINGS,
    all_texts,
    answer,
    question,
    statement,
)
from recipes.vqa_sm.score import scores
from recipes.vqa_sm.train import losses

FACTS = {
    "kind": "invoice",
    "table": True,
    "line_items": 3,
    "orientation": "portrait",
    **dict.fromkeys(MARKS, True),
}
ANY_FACTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KIND_NAMES),
        "table": st.booleans(),
        "line_items": st.integers(0, 60),
        "orientation": st.sampled_from(("portrait", "landscape")),
        **{mark: st.booleans() for mark in MARKS},
    }
)


@pytest.fixture(scope="module")
def processor():
    return new_processor()


@pytest.fixture(scope="module")
def model(processor):
    torch.manual_seed(0)
    return new_model(processor.tokenizer, hidden=24, layers=1, heads=2)


def page(height=96, width=64, places=(), **facts):
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Page(picture, {**FACTS, **facts}, list(places))


# -- questions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_wordings_for_evaluation_are_not_those_of_the_training(topic):
    trained, held = (set(WORDINGS[topic].texts(each)) for each in (False, True))
    assert len(trained) > 100
    assert len(held) > 20
    assert not trained & held


@given(facts=ANY_FACTS, seed=st.integers(0, 999), held=st.booleans())
def test_every_topic_has_an_answer_that_the_model_can_give(facts, seed, held):
    for topic in TOPICS:
        assert question(topic, random.Random(seed), held).strip()
        assert answer(topic, facts) in ANSWERS


def test_more_items_than_the_model_counts_to_are_more():
    assert [answer("line_items", {"line_items": n}) for n in (0, 20, 21)] == ["0", "20", "more"]


@given(seed=st.integers(0, 9999))
def test_a_statement_about_a_page_that_has_all_marks(seed):
    """It denies something, or names another kind or format, exactly if it is to be false."""
    true = statement(FACTS, True, random.Random(seed)).lower()
    false = statement(FACTS, False, random.Random(seed)).lower()
    denials = ("without", "has no ", "with no ", "landscape")
    others = ("receipt", "letter", "form ", "a form", "report", "resume", "cv", "curriculum",
              "statement", "other")  # fmt: skip

    def wrong(text):
        text = text.replace("format", "")
        return any(part in text for part in (*denials, *others))

    assert not wrong(true)
    assert wrong(false)


# -- words -----------------------------------------------------------------------------------------


def test_the_short_vocabulary_spells_every_question(processor):
    tokenizer = processor.tokenizer
    assert len(tokenizer) <= SUBWORDS
    ids = [tokenizer(text)["input_ids"] for text in all_texts()]
    assert max(len(row) for row in ids) <= 40
    assert not any(tokenizer.unk_token_id in row for row in ids)


def test_a_word_that_no_question_has_is_spelled_in_pieces(processor):
    tokenizer = processor.tokenizer
    pieces = tokenizer.tokenize("zyxomma")
    assert "".join(piece.removeprefix("##") for piece in pieces) == "zyxomma"


# -- pages -----------------------------------------------------------------------------------------


def signed_sheet():
    layout = Layout("letter", 3)
    sheet = Sheet()
    marks.none(sheet)
    marks.signature(sheet, Content(layout, 1), 200, 600, 420, 680)
    for row in range(5):
        sheet.text(60, 200 + 30 * row, "Two words", font="Helvetica", size=11,
                   field="item_description", group=row)  # fmt: skip
    sheet.facts |= {"kind": "invoice", "table": True, "line_items": 5, "orientation": "portrait"}
    return sheet


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 9999))
def test_patches_know_what_they_show(seed, processor):
    made = drawn_page(signed_sheet(), np.random.default_rng(seed), processor.image_processor)
    height, width = made.picture.shape[:2]
    assert (min(height, width), height % 32, width % 32) == (384, 0, 0)
    truth = patch_truth(made).reshape(height // 32, width // 32, -1)
    assert truth[..., -1].sum() == 5
    signed = truth[..., MARKS.index("signature")]
    assert signed.sum() >= 1
    assert signed[: int(0.5 * len(signed))].sum() == 0
    assert truth[..., MARKS.index("stamp")].sum() == 0


@given(across=st.integers(-16, 16), down=st.integers(-16, 16))
def test_a_shifted_page_takes_its_places_along(across, down):
    given_page = page(100, 100, places=[("stamp", (300, 300, 600, 600))])
    given_page.picture[:] = 255
    given_page.picture[30:60, 30:60] = 0
    moved = shifted(given_page, across, down)
    assert moved.picture.shape == given_page.picture.shape
    [(_, (x0, y0, x1, y1))] = moved.places
    inside = moved.picture[round(y0 / 10) : round(y1 / 10), round(x0 / 10) : round(x1 / 10)]
    assert inside.size == 30 * 30 * 3
    assert not inside.any()


def test_a_cache_can_be_read_while_it_grows(tmp_path):
    writer, reader = Cache(tmp_path, "train"), Cache(tmp_path, "train")
    assert len(reader) == 0
    first, second = page(64, 96, line_items=1), page(96, 64, [("logo", (1, 2, 3, 4))])
    writer.write(iter([first]))
    assert len(reader) == 1
    writer.write(iter([second]))
    assert len(reader) == 2
    for number, each in enumerate((first, second)):
        found = reader[number]
        assert (found.picture == each.picture).all()
        assert (found.facts, found.places) == (each.facts, each.places)


# -- learning --------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(((96, 64), (64, 96), (64, 64))), min_size=1, max_size=4),
    seed=st.integers(0, 999),
)
def test_a_batch_of_any_pages_can_be_learned_from(sizes, seed, processor, model):
    pages = [page(*size, places=[("row", (10, 10, 20, 20))]) for size in sizes]
    teacher = Teacher(processor, [each.facts for each in pages], texts=3)
    batch = teacher.batch(pages, random.Random(seed))
    assert len(batch.ids) == 3 * len(pages)
    assert (batch.answers.sum(1) == batch.asked.float()).all()
    loss, parts = losses(model, batch, 0.5)
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(sum(parts.values()), rel=1e-4)


def test_rare_answers_are_asked_for_more_often(processor):
    facts = [{**FACTS, "stamp": number == 0} for number in range(10)]
    teacher = Teacher(processor, facts)
    assert teacher.weight("stamp", facts[0]) > teacher.weight("stamp", facts[1])


def test_scores_count_right_answers(processor, model):
    pages = [page(kind="form", line_items=0), page(kind="letter", line_items=2)]
    found = scores(model.answering, processor, pages, held=True)
    assert found["kind"].pages == 2
    assert found["kind"].baseline == 0.5
    assert found["items"].pages == 1
    assert found["items, one off"].accuracy >= found["items"].accuracy


# -- two heads in one folder -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory, processor, model):
    folder = tmp_path_factory.mktemp("vqa")
    model.save(folder)
    processor.save_pretrained(folder)
    return folder


def test_both_components_read_the_one_folder(folder, caplog):
    nlp = spacy.blank("xx")
    nlp.add_pipe("vilt_vqa", config={"model": str(folder), "questions": ["is it signed?"]})
    nlp.add_pipe("vilt_matcher", config={"model": str(folder), "statements": ["a letter"]})
    doc = nlp(open_document(Image.new("RGB", (300, 400), "white"), nlp.vocab))
    assert doc._.status == "ok"
    asked, stated = doc._.answers
    assert (asked.component, asked.text in ANSWERS) == ("vilt_vqa", True)
    assert (stated.component, stated.text in ("match", "no match")) == ("vilt_matcher", True)
    # Weights of the other head are no reason to warn.
    assert "are not used" not in caplog.text
    assert "initialised" not in caplog.text


@pytest.mark.parametrize(
    ("head", "part"),
    [(ViltForQuestionAnswering, "answering"), (ViltForImageAndTextRetrieval, "matching")],
)
def test_each_head_comes_back_with_its_weights(folder, model, head, part):
    back = head.from_pretrained(folder).state_dict()
    for name, tensor in getattr(model, part).state_dict().items():
        assert torch.equal(back[name], tensor.half()), name
