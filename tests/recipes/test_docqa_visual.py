"""The recipe of docqa-visual-sm: what it starts from, and that it learns."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest
import torch

from pageloom.models.checkpoint import read_tensors
from recipes.docqa_sm.data import asked_pages, rows
from recipes.docqa_sm.questions import Known
from recipes.docqa_visual_sm.model import EYES_FROM, LAYERS, WORDS_FROM, new_model, new_tokenizer
from recipes.docqa_visual_sm.pages import Pictured, pictured, pictured_pages
from recipes.docqa_visual_sm.train import batch, evaluate, loss_of
from recipes.documents.layout import Layout


@pytest.fixture(scope="module")
def tokenizer():
    return new_tokenizer()


@pytest.fixture(scope="module")
def model():
    return new_model().eval()


def test_it_starts_from_the_words_of_one_model_and_the_eyes_of_another(model):
    ours = model.checkpoint_tensors()
    words, eyes = read_tensors(WORDS_FROM), read_tensors(EYES_FROM)
    for number, layer in enumerate(LAYERS):
        key = "encoder.layer.{}.output.dense.weight"
        theirs = words[f"lilt.{key.format(layer)}"].float()
        assert torch.equal(ours[f"layoutlmv2.{key.format(number)}"], theirs)
    place = "layoutlmv2.embeddings.x_position_embeddings.weight"
    assert torch.equal(ours[place], eyes[place].float())
    # LiLT's first position is the row after the padding's.
    positions = ours["layoutlmv2.embeddings.position_embeddings.weight"]
    assert torch.equal(positions[0], words["lilt.embeddings.position_embeddings.weight"][1].float())


def test_a_picture_comes_with_its_words_and_stays_through_the_questions():
    page = pictured(Layout("invoice", 3, "en"), 5, random.Random(1), strength=0.0)
    assert page.picture.shape == (3, 224, 224)
    assert page.picture.dtype == np.uint8
    asked = next(asked_pages(iter([page]), random.Random(2), Known()))
    assert isinstance(asked.page, Pictured)
    assert asked.page.picture is page.picture
    assert asked.questions


def test_a_batch_carries_each_picture_once_and_can_be_learned_from(model, tokenizer):
    chance = random.Random(3)
    source = asked_pages(
        pictured_pages(["receipt"], "train", chance), chance, Known(), count=3, strength=0.0
    )
    lessons, pictures = [], []
    for place, asked in enumerate(islice(source, 3)):
        pictures.append(asked.page.picture)
        lessons += [(row, place) for row in rows(asked, tokenizer, chance, 128)]
    some = [lesson for lesson in lessons if lesson[1] != 1]
    made = batch(some, pictures, tokenizer)
    assert len(made["pictures"]) == 2
    assert torch.equal(made["pictures"][made["page"][-1]], torch.from_numpy(pictures[2]))
    model.layoutlmv2.visual.requires_grad_(False)
    loss = loss_of(model, made)
    loss.backward()
    assert torch.isfinite(loss)
    assert model.layoutlmv2.visual_proj.weight.grad.abs().sum() > 0
    model.zero_grad()


def test_scores_are_counted_by_kind_of_document(model, tokenizer):
    watching = random.Random(7)
    shown = pictured_pages(["receipt"], "validation", watching, fresh=1.0)
    watched = list(islice(asked_pages(shown, watching, Known(), count=2), 2))
    score = evaluate(model, tokenizer, watched)
    assert score.questions == sum(len(asked.questions) for asked in watched)
    assert score.parts["receipt"].questions == score.questions
