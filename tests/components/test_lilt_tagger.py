"""`lilt_tagger`: the tagger that reads any language and needs no picture."""

import pickle
import shutil

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from spacy.tokens import Doc, DocBin

from pageloom import CheckpointError
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForTokenClassification,
    LiltForSequenceClassification,
    LiltForTokenClassification,
)
from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
from pageloom.pipes.lilt_tagger import LiltTagger
from pageloom.processing import LayoutLMv2Tokenizer, LayoutRobertaTokenizer, LayoutXLMTokenizer
from tests.tagged import LABELS, READER, SMALL, VOCAB, a_doc, assert_consistent
from tests.tagged import tags as tags_of
from tests.tiny_lilt import TOKENIZERS, unigram, write_lilt

TAGS = ["O", *(f"{tag}-{label}" for label in sorted(LABELS) for tag in "BI")]


def tags(doc):
    return tags_of(doc, "lilt_tagger")


@pytest.fixture(scope="module", params=TOKENIZERS)
def folder(request, tmp_path_factory):
    """A LiLT token classifier, with each of the tokenizers."""
    folder = tmp_path_factory.mktemp("models") / request.param
    return write_lilt(folder, LiltForTokenClassification, TAGS, request.param)


@pytest.fixture(scope="module")
def lilt(folder):
    """The component, shared: change nothing of it."""
    return LiltTagger(model=str(folder), **SMALL)


class TestDocuments:
    def test_a_path_in_fields_out(self, folder, lilt, documents):
        nlp = spacy.blank("xx", config=READER)
        nlp.add_pipe("ocr")
        nlp.add_pipe(
            "layout_tokenizer", config={"tokenizer": str(folder), "max_length": 64, "stride": 16}
        )
        nlp.add_pipe("lilt_tagger", config={"model": str(folder), **SMALL})
        for doc in nlp.pipe(documents):
            assert doc._.status == "ok"
            assert list(doc._.layout_tokens) == [lilt.checkpoint.tokenizer.fingerprint]
            assert_consistent(doc, "lilt_tagger")
            assert doc._.fields
            assert [(e.start, e.end, e.label_) for e in doc.ents] == [t[:3] for t in tags(doc)]

    def test_pages_that_nobody_has_read_are_an_error(self, folder, documents):
        nlp = spacy.blank("xx", config=READER)
        nlp.add_pipe("lilt_tagger", config={"model": str(folder), **SMALL})
        doc = nlp(documents[0])
        assert doc._.status == "failed"
        assert [(error.component, error.category) for error in doc._.errors] == [
            ("lilt_tagger", "missing")
        ]
        assert "put the component ocr before this one" in doc._.errors[0].message

    def test_an_empty_page_is_none(self, folder, tmp_path):
        Image.new("RGB", (300, 300), "white").save(tmp_path / "empty.png")
        nlp = spacy.blank("xx", config=READER)
        nlp.add_pipe("ocr")
        nlp.add_pipe("lilt_tagger", config={"model": str(folder), **SMALL})
        doc = nlp(str(tmp_path / "empty.png"))
        assert (len(doc), doc._.errors) == (0, [])
        kept = next(DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab))
        assert nlp.get_pipe("lilt_tagger")(kept)._.errors == []

    def test_no_pages_are_needed(self, lilt):
        words = ["total", "due", "12.50", "shop", "street"] * 8
        with_pages = a_doc(words)
        bare = Doc(VOCAB, words=words)
        for here, there in zip(bare, with_pages, strict=True):
            here._.box, here._.page = there._.box, there._.page
        assert not bare._.pages
        assert lilt(bare)._.status == "ok"
        assert tags(bare) == tags(lilt(with_pages)) != []

    def test_plain_text_without_boxes_is_tagged_too(self, lilt):
        doc = lilt(Doc(VOCAB, words=["total"] * 5))
        assert doc._.errors == []
        assert tags(doc)

    def test_boxes_matter(self, lilt):
        here, there = a_doc(["total"] * 20), a_doc(["total"] * 20)
        for token in there:
            token._.box = tuple(1000 - edge for edge in reversed(token._.box))
        assert tags(lilt(here)) != tags(lilt(there))

    def test_windows_stay_on_their_pages(self, lilt):
        doc = lilt(a_doc(["street"] * 100, [1] * 70 + [2] * 30))
        assert_consistent(doc, "lilt_tagger")
        (tokens,) = doc._.layout_tokens.values()
        assert list(tokens["pages"]).count(1) > 1
        first = lilt(a_doc(["street"] * 70))
        assert tags(first) == [row for row in tags(doc) if row[1] <= 70]

    @given(
        st.lists(st.lists(st.sampled_from(["total", "x", "12.50", " ", "Straße", "発", "a" * 70])))
    )
    @settings(max_examples=15)
    def test_a_result_does_not_depend_on_the_batch(self, lilt, documents):
        alone = [tags(lilt(a_doc(words))) for words in documents]
        together = list(lilt.pipe(map(a_doc, documents), batch_size=1000))
        assert [tags(doc) for doc in together] == alone
        for doc in together:
            assert doc._.status == "ok"
            assert_consistent(doc, "lilt_tagger")

    def test_a_failure_of_one_document_is_its_own(self, folder, lilt):
        tagger = LiltTagger(model=str(folder), **SMALL)
        docs = [a_doc(["total"] * n) for n in (3, 7, 5)]
        docs[1]._.layout_tokens[tagger.checkpoint.tokenizer.fingerprint] = {"words": 7}
        done = list(tagger.pipe(docs))
        assert [doc._.status for doc in done] == ["ok", "partial", "ok"]
        assert done[1]._.errors[0].component == "lilt_tagger"
        assert tags(done[2]) == tags(lilt(a_doc(["total"] * 5)))


class TestFiles:
    def test_the_folder_is_a_checkpoint_without_an_image_processor(self, lilt, tmp_path):
        lilt.to_disk(tmp_path)
        names = {file.name for file in tmp_path.iterdir()}
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
        assert "preprocessor_config.json" not in names
        other = LiltTagger(model="/no/such/folder", **SMALL).from_disk(tmp_path)
        assert tags(other(a_doc(["total"] * 9))) == tags(lilt(a_doc(["total"] * 9)))
        assert other.labels == lilt.labels == tuple(sorted(LABELS))

    def test_bytes_and_pickle(self, lilt):
        expected = tags(lilt(a_doc(["total"] * 9)))
        other = LiltTagger(model="/no/such/folder", **SMALL).from_bytes(lilt.to_bytes())
        assert tags(other(a_doc(["total"] * 9))) == expected
        again = pickle.loads(pickle.dumps(lilt))
        assert isinstance(again.checkpoint.tokenizer, (LayoutRobertaTokenizer, LayoutXLMTokenizer))
        assert tags(again(a_doc(["total"] * 9))) == expected

    def test_a_saved_pipeline_needs_the_original_no_more(self, folder, tmp_path):
        original = shutil.copytree(folder, tmp_path / "original")
        nlp = spacy.blank("xx")
        nlp.add_pipe(
            "layout_tokenizer", config={"tokenizer": str(original), "max_length": 64, "stride": 16}
        )
        nlp.add_pipe("lilt_tagger", config={"model": str(original), **SMALL})
        expected = tags(nlp(a_doc(["total"] * 90)))
        nlp.to_disk(tmp_path / "saved")
        shutil.rmtree(original)
        assert tags(spacy.load(tmp_path / "saved")(a_doc(["total"] * 90))) == expected


class TestWrongModels:
    def test_another_architecture(self, tiny_tagger, folder):
        with pytest.raises(
            CheckpointError,
            match="is a LayoutLMv2 token classification model; lilt_tagger needs a LiLT token",
        ):
            LiltTagger(model=str(tiny_tagger), **SMALL)(a_doc(["total"]))
        with pytest.raises(
            CheckpointError,
            match="is a LiLT token classification model; layoutlmv2_tagger needs a LayoutLMv2",
        ):
            LayoutLMv2Tagger(model=str(folder), **SMALL)(a_doc(["total"]))

    def test_another_head(self, tmp_path):
        write_lilt(tmp_path, LiltForSequenceClassification, ["invoice", "letter"])
        with pytest.raises(CheckpointError, match="LiLT sequence classification model; mine needs"):
            LiltTagger("mine", model=str(tmp_path), **SMALL)(a_doc(["total"]))

    def test_an_architecture_that_nobody_knows(self, folder, tmp_path):
        copy = shutil.copytree(folder, tmp_path / "model")
        (copy / "config.json").write_text('{"model_type": "bert"}')
        with pytest.raises(CheckpointError, match="is a model of the type 'bert'; lilt_tagger"):
            LiltTagger(model=str(copy), **SMALL)(a_doc(["total"]))

    def test_windows_beyond_the_positions(self, folder):
        with pytest.raises(CheckpointError, match=r"positions for 64.*max_length, now 65"):
            LiltTagger(model=str(folder), **{**SMALL, "max_length": 65})(a_doc(["total"]))

    def test_the_longest_window_has_positions(self, lilt):
        (tokens,) = lilt(a_doc(["due"] * 200))._.layout_tokens.values()
        assert int((tokens["ends"] - tokens["starts"]).max()) > 50

    def test_a_tokenizer_larger_than_the_vocabulary(self, tmp_path):
        write_lilt(tmp_path, LiltForTokenClassification, TAGS, "unigram")
        (tmp_path / "tokenizer.json").unlink()
        TOKENIZERS["bpe"]().save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match=r"tokenizer has \d+ subwords.*embeds \d+"):
            LiltTagger(model=str(tmp_path), **SMALL)(a_doc(["total"]))


def test_layoutxlm_runs_in_the_layoutlmv2_tagger(tiny_tagger, tmp_path):
    """LayoutLMv2 with an XLM-R vocabulary and its own tokenizer."""
    tokenizer = unigram()
    assert len(tokenizer) < len(LayoutLMv2Tokenizer.from_pretrained(tiny_tagger))
    config = LayoutLMv2Config.from_pretrained(tiny_tagger)
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    nlp = spacy.blank("xx")
    nlp.add_pipe("layoutlmv2_tagger", config={"model": str(tmp_path), **SMALL})
    doc = nlp(a_doc(["total", "due", "12.50"] * 30))
    assert list(doc._.layout_tokens) == [tokenizer.fingerprint]
    assert_consistent(doc)
    assert doc._.fields
    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")(a_doc(["total", "due", "12.50"] * 30))
    assert tags_of(again) == tags_of(doc)
