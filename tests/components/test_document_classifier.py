"""`document_classifier`: from pages to `doc.cats`, by either architecture."""

import pickle
import shutil

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from pageloom import CheckpointError
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForSequenceClassification,
    LiltForSequenceClassification,
    LiltForTokenClassification,
)
from pageloom.pipes.document_classifier import DocumentClassifier
from tests.tagged import READER, SMALL, VOCAB, a_doc
from tests.tiny_lilt import write_lilt

CLASSES = ("invoice", "letter", "form")


def write_layoutlmv2(folder, like, **settings):
    shutil.copytree(like, folder)
    config = LayoutLMv2Config.from_pretrained(like, id2label=dict(enumerate(CLASSES)), **settings)
    torch.manual_seed(5)
    LayoutLMv2ForSequenceClassification(config).initialise_all().save_pretrained(folder)
    return folder


def write(kind, folder, like, **settings):
    if kind == "layoutlmv2":
        return write_layoutlmv2(folder, like, **settings)
    return write_lilt(folder, LiltForSequenceClassification, CLASSES, **settings)


KINDS = ("layoutlmv2", "lilt")


@pytest.fixture(scope="module")
def folders(tiny_tagger, tmp_path_factory):
    """A sequence classifier of each architecture."""
    parent = tmp_path_factory.mktemp("models")
    return {kind: write(kind, parent / kind, tiny_tagger) for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def folder(request, folders):
    return folders[request.param]


@pytest.fixture(scope="module")
def classifier(folder):
    """The component, shared: change nothing of it."""
    return DocumentClassifier(model=str(folder), **SMALL)


@pytest.fixture(scope="module")
def seeing(folders):
    return DocumentClassifier(model=str(folders["layoutlmv2"]), **SMALL)


@pytest.fixture(scope="module")
def blind(folders):
    return DocumentClassifier(model=str(folders["lilt"]), **SMALL)


def cats(doc):
    return pytest.approx(dict(doc.cats), abs=1e-4)


def mean(*docs):
    return pytest.approx(
        {label: np.mean([doc.cats[label] for doc in docs]) for label in CLASSES}, abs=1e-4
    )


class TestDocuments:
    def test_a_path_in_categories_out(self, folder, documents):
        nlp = spacy.blank("xx", config=READER)
        nlp.add_pipe("ocr")
        nlp.add_pipe("document_classifier", config={"model": str(folder), **SMALL})
        for doc in nlp.pipe(documents):
            assert doc._.status == "ok"
            assert tuple(doc.cats) == CLASSES
            assert sum(doc.cats.values()) == pytest.approx(1)
            assert all(0 <= value <= 1 for value in doc.cats.values())
        assert nlp.get_pipe("document_classifier").labels == CLASSES

    def test_it_gives_the_models_own_numbers(self, blind):
        words = ["total", "due"]
        doc = blind(a_doc(words))
        encoded = blind.checkpoint.tokenizer(
            words, boxes=[token._.box for token in doc], return_tensors="pt"
        )
        with torch.no_grad():
            logits = blind.checkpoint.model(**encoded).logits[0]
        expected = dict(zip(CLASSES, logits.softmax(0).tolist(), strict=True))
        assert doc.cats == pytest.approx(expected, abs=1e-4)

    @given(
        st.lists(
            st.lists(st.sampled_from(["total", "x", "12.50", " ", "a" * 70]), min_size=1),
            max_size=6,
        )
    )
    @settings(max_examples=15)
    def test_a_result_does_not_depend_on_the_batch(self, classifier, documents):
        alone = [classifier(a_doc(words)) for words in documents]
        together = list(classifier.pipe(map(a_doc, documents), batch_size=1000))
        for doc, other in zip(together, alone, strict=True):
            assert doc._.status == "ok"
            assert doc.cats == cats(other)

    def test_several_pages_have_the_mean_of_their_probabilities(self, classifier):
        whole = a_doc(["shop"] * 5 + ["total"] * 9, [1] * 5 + [2] * 9)
        parts = []
        for page, start, end in ((1, 0, 5), (2, 5, 14)):
            part = a_doc([token.text for token in whole[start:end]])
            for token, origin in zip(part, whole[start:end], strict=True):
                token._.box = origin._.box
            part._.pages = [whole._.pages[page - 1]]
            for token in part:
                token._.page = page
            parts.append(part)
        numbers = [part._.pages[0].number for part in parts]
        assert numbers == [1, 2]
        assert classifier(whole).cats == mean(*map(classifier, parts))

    def test_a_page_is_known_by_its_start(self, classifier):
        longer = a_doc(["x"] * 62 + ["total"] * 200)
        assert classifier(longer).cats == cats(classifier(a_doc(["x"] * 62)))
        assert classifier(a_doc(["x"] * 9)).cats != cats(longer)

    def test_neither_stride_nor_prepared_windows_change_it(self, classifier, folder):
        words = ["total", "due", "12.50"] * 40
        prepare = spacy.blank("xx")
        prepare.add_pipe(
            "layout_tokenizer", config={"tokenizer": str(folder), "max_length": 40, "stride": 30}
        )
        prepared = prepare(a_doc(words))
        (before,) = prepared._.layout_tokens.values()
        other = DocumentClassifier(model=str(folder), **{**SMALL, "stride": 0})
        assert classifier(prepared).cats == cats(other(a_doc(words)))
        (after,) = prepared._.layout_tokens.values()
        assert after["starts"].tolist() == before["starts"].tolist()

    def test_an_empty_page_has_no_vote(self, classifier):
        words, pages = ["total"] * 5 + ["x", "due"], [1] * 5 + [3] * 2
        without, with_empty = a_doc(words, pages), a_doc(words, pages)
        assert [page.number for page in with_empty._.pages] == [1, 2, 3]
        without._.pages = [page for page in without._.pages if page.number != 2]
        assert classifier(with_empty).cats == cats(classifier(without))

    def test_without_words_pictures_decide_where_they_are_seen(self, seeing, blind):
        doc = seeing(a_doc([]))
        assert tuple(doc.cats) == CLASSES
        assert sum(doc.cats.values()) == pytest.approx(1)
        doc = blind(a_doc([]))
        assert doc.cats == {}
        assert doc._.status == "ok"

    def test_no_pages_are_needed_by_lilt(self, blind):
        doc = blind(Doc(VOCAB, words=["total", "due"]))
        assert tuple(doc.cats) == CLASSES
        assert doc._.errors == []

    def test_categories_of_others_stay_and_its_own_are_replaced(self, classifier):
        doc = a_doc(["total"] * 3)
        doc.cats = {"urgent": 1.0, "letter": 7.0}
        assert classifier(doc).cats == pytest.approx(
            {"urgent": 1.0, **classifier(a_doc(["total"] * 3)).cats}, abs=1e-4
        )

    def test_several_labels_at_once(self, folder, tmp_path, classifier):
        copy = shutil.copytree(folder, tmp_path / "model")
        model = classifier.checkpoint.model
        config = model.config.model_copy(update={"problem_type": "multi_label_classification"})
        config.save_pretrained(copy)
        text = (copy / "config.json").read_text()
        assert "multi_label_classification" in text
        several = DocumentClassifier(model=str(copy), **SMALL)(a_doc(["total"] * 4)).cats
        one = classifier(a_doc(["total"] * 4)).cats
        odds = {label: value / (1 - value) for label, value in several.items()}
        total = sum(odds.values())
        assert {label: value / total for label, value in odds.items()} == pytest.approx(
            dict(one), abs=1e-4
        )
        assert sum(several.values()) != pytest.approx(1)


class TestBadInput:
    def test_a_page_without_a_picture(self, seeing):
        doc = a_doc(["total"] * 6, [1] * 3 + [2] * 3)
        whole = seeing(a_doc(["total"] * 6, [1] * 3 + [2] * 3))
        doc._.pages = doc._.pages[:1]
        seeing(doc)
        (error,) = doc._.errors
        assert (error.component, error.page) == ("document_classifier", 2)
        assert sum(doc.cats.values()) == pytest.approx(1)
        assert doc.cats != cats(whole)
        bare = seeing(Doc(VOCAB, words=["total"]))
        assert "open_document" in bare._.errors[0].message
        assert bare.cats == {}

    def test_a_failure_of_one_document_is_its_own(self, folder):
        classifier = DocumentClassifier(model=str(folder), **SMALL)
        docs = [a_doc(["total"] * n) for n in (3, 7, 5)]
        docs[1]._.layout_tokens[classifier.checkpoint.tokenizer.fingerprint] = 7
        done = list(classifier.pipe(docs))
        assert [doc._.status for doc in done] == ["ok", "partial", "ok"]
        assert [tuple(doc.cats) for doc in done] == [CLASSES, (), CLASSES]

    def test_a_token_classifier(self, tiny_tagger, tmp_path):
        write_lilt(tmp_path, LiltForTokenClassification, CLASSES)
        for kind, folder in (("LayoutLMv2", tiny_tagger), ("LiLT", tmp_path)):
            with pytest.raises(
                CheckpointError,
                match=f"is a {kind} token classification model; document_classifier needs a "
                "LayoutLMv2 or LiLT sequence classification model",
            ):
                DocumentClassifier(model=str(folder), **SMALL)(a_doc(["total"]))

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_regression_model(self, kind, tiny_tagger, tmp_path):
        folder = write(kind, tmp_path / "model", tiny_tagger, problem_type="regression")
        with pytest.raises(CheckpointError, match="regression model; mine needs one that tells"):
            DocumentClassifier("mine", model=str(folder), **SMALL)(a_doc(["total"]))

    def test_a_setting_out_of_range(self, folder):
        for setting in ({"stride": 62}, {"batch_tokens": 0}, {"device": "abacus"}):
            (name,) = setting
            with pytest.raises(ValueError, match=name):
                DocumentClassifier(model=str(folder), **{**SMALL, **setting})


class TestFiles:
    def test_disk_bytes_and_pickle(self, classifier, tmp_path):
        expected = cats(classifier(a_doc(["total"] * 9)))
        classifier.to_disk(tmp_path)
        nowhere = {"model": "/no/such/folder", **SMALL}
        for other in (
            DocumentClassifier(**nowhere).from_disk(tmp_path),
            DocumentClassifier(**nowhere).from_bytes(classifier.to_bytes()),
            pickle.loads(pickle.dumps(classifier)),
        ):
            assert other(a_doc(["total"] * 9)).cats == expected
            assert other.labels == CLASSES
            assert other.checkpoint.model_class is classifier.checkpoint.model_class

    def test_without_a_model(self):
        classifier = pickle.loads(pickle.dumps(DocumentClassifier(model="/no/such/folder")))
        assert classifier.labels == ()
        with pytest.raises(CheckpointError, match="/no/such/folder"):
            classifier(a_doc(["total"]))

    def test_a_saved_pipeline(self, folder, tmp_path):
        original = shutil.copytree(folder, tmp_path / "original")
        nlp = spacy.blank("xx")
        nlp.add_pipe("document_classifier", config={"model": str(original), **SMALL})
        expected = cats(nlp(a_doc(["total"] * 9)))
        nlp.to_disk(tmp_path / "saved")
        shutil.rmtree(original)
        loaded = spacy.load(tmp_path / "saved")
        assert loaded(a_doc(["total"] * 9)).cats == expected
        assert loaded.meta["labels"]["document_classifier"] == list(CLASSES)
