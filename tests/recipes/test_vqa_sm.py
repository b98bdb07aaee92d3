"""The recipe of the small ViLT: its questions, its pages, its batches and its two heads."""

from __future__ import annotations

import random
from itertools import islice

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
from recipes.vqa_sm import train as training
from recipes.vqa_sm.lessons import Teacher, inked, patch_truth
from recipes.vqa_sm.model import MARKS, SUBWORDS, new_model, new_processor
from recipes.vqa_sm.muon import Muon, orthogonal
from recipes.vqa_sm.pages import Cache, Page, drawn_page, sheets, shifted
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
from recipes.vqa_sm.train import Settings, losses

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


@settings(deadline=None)
@given(seed=st.integers(0, 9999))
def test_a_statement_about_a_page_that_has_all_marks(seed):
    """It denies something, or names another kind or format, exactly if it is to be false."""
    true = statement(FACTS, True, random.Random(seed)).lower()
    false = statement(FACTS, False, random.Random(seed)).lower()
    denials = ("without", "has no ", "with no ", "landscape")
    others = ("receipt", "letter", " form", "report", "resume", "cv", "curriculum",
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


def test_training_pages_have_marks_where_documents_seldom_do():
    stamped = {
        split: sum(sheet.facts["stamp"] for sheet in islice(sheets(split, 3), 60))
        for split in ("train", "validation")
    }
    assert stamped["train"] > stamped["validation"] + 5


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
    drop_paper=st.sampled_from((0.0, 0.5, 1.0)),
    drop_print=st.sampled_from((0.0, 0.5, 1.0)),
)
def test_a_batch_of_any_pages_can_be_learned_from(
    sizes, seed, drop_paper, drop_print, processor, model
):
    pages = [page(*size, places=[("row", (10, 10, 20, 20))]) for size in sizes]
    teacher = Teacher(processor, [each.facts for each in pages], texts=3)
    for each in pages:
        each.picture[32:] = 255
    batch = teacher.batch(pages, random.Random(seed), drop_paper, drop_print)
    assert len(batch.ids) == 3 * len(pages)
    assert (batch.answers.sum(1) == batch.asked.float()).all()
    loss, parts = losses(model, batch, 0.5)
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(sum(parts.values()), rel=1e-4)


def test_patches_of_mere_paper_are_left_out_but_for_those_with_a_mark(processor):
    white = page(96, 64, [("stamp", (0, 700, 400, 1000))])
    white.picture[:] = 250
    white.picture[:32, :32] = np.arange(32, dtype=np.uint8)[:, None] * 4
    assert inked(white).tolist() == [True, False, False, False, False, False]
    teacher = Teacher(processor, [white.facts])
    still = random.Random(0)
    still.randint = lambda *_: 0
    without_paper = teacher.batch([white], still, drop_paper=1.0)
    assert without_paper.kept[0].tolist() == [0, 4]
    assert without_paper.patches[:, MARKS.index("stamp")].tolist() == [0, 1]
    assert teacher.batch([white], still, drop_print=1.0).kept[0].tolist() == [1, 2, 3, 4, 5]
    assert teacher.batch([white], still).kept[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_an_image_with_all_its_patches_is_embedded_as_the_model_does(processor, model):
    pages = [page(96, 64), page(64, 96)]
    batch = Teacher(processor, [each.facts for each in pages]).batch(pages, random.Random(0))
    whole = torch.zeros(2, 3, 96, 96)
    mask = torch.zeros(2, 96, 96, dtype=torch.long)
    start = 0
    for image, shown, (rows, columns) in zip(whole, mask, batch.sizes, strict=True):
        patches = batch.pixels[start : start + rows * columns]
        start += rows * columns
        patches = patches.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
        image[:, : 32 * rows, : 32 * columns] = patches.reshape(3, 32 * rows, 32 * columns)
        shown[: 32 * rows, : 32 * columns] = 1
    model.eval()
    expected, expected_mask = model.answering.vilt.embed_images(whole, mask)
    images, image_mask = model.embed_kept(batch.pixels, batch.sizes, batch.kept)
    assert image_mask.tolist() == expected_mask.tolist()
    there = image_mask > 0
    assert torch.allclose(images[there], expected[there], atol=1e-5)


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    count=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_orthogonal_brings_all_singular_values_near_one(rows, columns, count, seed):
    given_ones = torch.randn(count, rows, columns, generator=torch.Generator().manual_seed(seed))
    given_ones += 2 * torch.eye(rows, columns)
    made = orthogonal(given_ones, steps=10)
    assert made.shape == given_ones.shape
    values = torch.linalg.svdvals(made)
    assert ((values > 0.5) & (values < 1.3)).all()


def test_muon_moves_as_pytorchs_does():
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((16, 16), (64, 16), (16, 64))]
    theirs = [torch.nn.Parameter(each.detach().clone()) for each in ours]
    before = [each.detach().clone() for each in ours]
    optimizers = (
        Muon(ours, lr=0.02, weight_decay=0.1),
        torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1),
    )
    for _ in range(3):
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, its, old in zip(ours, theirs, before, strict=True):
        # PyTorch's reckons in bfloat16.
        assert (mine - its).norm() < 0.05 * (its - old).norm()


def test_an_interrupted_training_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    cache = Cache(tmp_path, "train")
    cache.write(iter([page(64, 64), page(64, 96)]))
    few = Settings(steps=4, pages=2, watch_every=3, keep_every=2)
    monkeypatch.setattr(training, "watched", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        training.train(cache, [], few, first=2)
    monkeypatch.setattr(training, "watched", lambda *_: "watched")
    training.train(cache, [], few, first=2)
    assert "goes on after step 2" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["train.jsonl", "train.pixels"]


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
