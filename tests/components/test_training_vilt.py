"""`vilt_vqa` learns answers of a vocabulary, the spaCy way."""

import pytest
import spacy
import torch

from pageloom.corpus.problems import CorpusError
from pageloom.document import Answer
from pageloom.models import ViltForQuestionAnswering
from pageloom.pipes.vilt_training import AnswerNames
from tests.asked import COUNT, SIGNED, page_example, pipeline, steps, write_vilt


@pytest.fixture
def vilt(tmp_path):
    return lambda *labels: write_vilt(tmp_path / "vilt", *labels)


@pytest.fixture
def pages():
    return [
        page_example("yes", {SIGNED: "Yes", COUNT: "two"}),
        page_example("no", {SIGNED: "no", COUNT: "two"}),
    ]


class TestVilt:
    def test_learns_answers_that_are_its_labels(self, vilt, pages, tmp_path):
        nlp = pipeline("vilt_vqa", vilt())
        nlp.initialize(lambda: pages)
        assert nlp.get_pipe("vilt_vqa").labels == ("yes", "two", "no")
        losses = steps(nlp, pages, 60)
        assert losses[-1] < 0.1 * losses[0]
        scores = nlp.evaluate(pages)
        assert {scores[f"answers_{name}"] for name in ("em", "f1", "anls", "acc")} == {1.0}
        nlp.to_disk(tmp_path / "learned")
        again = spacy.load(tmp_path / "learned")
        assert again.evaluate(pages)["answers_em"] == 1.0
        assert steps(again, pages, 1)[0] < 0.15 * losses[0]

    def test_known_answers_stay_and_new_ones_start_anew(self, vilt, pages):
        folder = vilt(("gone", "no", "Yes"))
        nlp = pipeline("vilt_vqa", folder)
        nlp.initialize(lambda: pages)
        vqa = nlp.get_pipe("vilt_vqa")
        assert set(vqa.labels) == {"Yes", "no", "two"}
        old = ViltForQuestionAnswering.from_pretrained(folder).state_dict()
        new = vqa.learner.model
        for name in ("Yes", "no"):
            row, was = new.config.label2id[name], {"no": 1, "Yes": 2}[name]
            for part in ("weight", "bias"):
                key = f"classifier.3.{part}"
                assert torch.equal(new.state_dict()[key][row], old[key][was])

    def test_the_same_answers_leave_the_model_as_it_is(self, vilt, pages):
        folder = vilt(("two", "no", "Yes"))
        nlp = pipeline("vilt_vqa", folder)
        nlp.initialize(lambda: pages)
        old = ViltForQuestionAnswering.from_pretrained(folder).state_dict()
        new = nlp.get_pipe("vilt_vqa").learner.model.state_dict()
        assert all(torch.equal(old[name], new[name]) for name in old)

    def test_starts_from_nothing(self, vilt, pages, tmp_path):
        folder = vilt()
        (tmp_path / "vilt" / "model.safetensors").unlink()
        nlp = pipeline("vilt_vqa", folder)
        nlp.initialize(lambda: pages)
        losses = steps(nlp, pages, 20)
        assert losses[-1] < 0.5 * losses[0]

    def test_pictures_are_embedded_once_a_step_and_learn(self, vilt, pages, monkeypatch):
        found, embedded = [], []
        for size in (1, 4096):
            nlp = pipeline("vilt_vqa", vilt(), batch_tokens=size)
            nlp.initialize(lambda: pages)
            vqa = nlp.get_pipe("vilt_vqa")
            torch.manual_seed(1)
            torch.nn.init.normal_(vqa.learner.model.classifier[3].weight, 0, 0.1)
            base, original = vqa.learner.base, vqa.learner.base.embed_images

            def counted(pixels, original=original):
                embedded.append(pixels.shape)
                return original(pixels)

            monkeypatch.setattr(base, "embed_images", counted)
            vqa.update(pages)
            found.append({name: p.grad for name, p in vqa.model.named_parameters()})
        assert len(embedded) == 4  # two pages, twice
        name = "vilt.embeddings.patch_embeddings.projection.weight"
        assert found[0][name].abs().sum() > 0
        for name, gradient in found[0].items():
            if gradient is not None:
                torch.testing.assert_close(found[1][name], gradient, rtol=1e-3, atol=1e-5)

    def test_soft_scores_and_several_answers(self, vilt):
        vqa = pipeline("vilt_vqa", vilt()).get_pipe("vilt_vqa")
        agreed = [("yes", 0.9, None), ("No", 0.3, None), ("no", 0.2, None)]
        asked = page_example("yes", {SIGNED: agreed})
        (row,) = vqa.rows(asked)
        assert row.target == {0: 0.9, 1: 0.3}
        asked.predicted._.answers = [Answer(SIGNED, "no", 0.5, 1, None, None, "vilt_vqa")]
        assert vqa.score([asked]) == {
            "answers_em": 1.0,
            "answers_f1": 1.0,
            "answers_anls": 1.0,
            "answers_acc": 0.3,
        }

    def test_an_answer_is_learned_on_its_page_or_on_the_best(self, vilt):
        vqa = pipeline("vilt_vqa", vilt()).get_pipe("vilt_vqa")
        somewhere, there = [("yes", 1.0, None)], [("yes", 1.0, 2)]
        rows = vqa.rows(page_example("yes", {SIGNED: somewhere, COUNT: there}, pages=3))
        assert [(len(row.pictures), row.target) for row in rows] == [
            (3, {0: 1.0}),
            (1, {}),
            (1, {0: 1.0}),
            (1, {}),
        ]

    def test_a_question_without_an_answer_teaches_that_none_is_right(self, vilt):
        vqa = pipeline("vilt_vqa", vilt()).get_pipe("vilt_vqa")
        none = page_example("grey", {SIGNED: ""})
        (row,) = vqa.rows(none)
        assert row.target == {}
        assert vqa.update([none])["vilt_vqa"] > 0
        assert set(vqa.score([none]).values()) == {None}

    def test_all_that_is_wrong_is_told_at_once(self, vilt):
        wrong = [
            page_example("yes", {SIGNED: "maybe", "how " * 20: "yes"}),
            page_example("yes", {COUNT: [("no", 1.0, 5)]}),
            page_example("yes", {COUNT: "Three"}),
        ]
        vqa = pipeline("vilt_vqa", vilt()).get_pipe("vilt_vqa")
        with pytest.raises(CorpusError) as caught:
            vqa.initialize(lambda: wrong, labels=["yes", "no"])
        told = [str(problem) for problem in caught.value.problems]
        assert [line.partition(": ")[0].rpartition(", ")[2] for line in told] == [
            "example 1",
            "example 1",
            "example 2",
            "example 3",
        ]
        assert "'maybe', is not among the labels: yes, no" in told[0]
        assert "22 subwords, and the model reads 16" in told[1]
        assert "is on page 5, which is missing" in told[2]
        with pytest.raises(ValueError, match="'maybe', is not among the model's labels"):
            vqa.update([page_example("yes", {SIGNED: "maybe"})])

    def test_answers_are_found_by_their_text(self):
        names = AnswerNames(["yes", "Yes", "12.50", "new york"])
        places = [names.place(text) for text in ("Yes", "YES", "yes.", "12,50", "New  York")]
        assert places == [1, 0, 0, None, 3]
