"""`layoutlmv2_qa` and `lilt_qa`, with tiny random models."""

import json
import pickle
import shutil

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from pageloom import CheckpointError
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForQuestionAnswering,
    LiltForQuestionAnswering,
    LiltForSequenceClassification,
)
from pageloom.pipes.extractive_qa import LayoutLMv2Qa, LiltQa
from pageloom.pipes.words import encode_doc
from pageloom.processing import LayoutLMv2Tokenizer, load_tokenizer
from pageloom.processing.questions import frame_questions, question_windows
from pageloom.processing.windows import Window, encode_words
from tests.tagged import READER, SMALL, VOCAB, a_doc
from tests.tiny_lilt import write_lilt

LABELS = ("start", "end")
ASKED = ["total due?", "which street"]
COMPONENTS = {"layoutlmv2": LayoutLMv2Qa, "bpe": LiltQa, "unigram": LiltQa}
every_kind = pytest.mark.parametrize("kind", COMPONENTS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_tagger):
    """A checkpoint of each kind."""
    made = {
        kind: write_lilt(tmp_path_factory.mktemp(kind), LiltForQuestionAnswering, LABELS, kind)
        for kind in ("bpe", "unigram")
    }
    folder = tmp_path_factory.mktemp("qa") / "layoutlmv2"
    shutil.copytree(tiny_tagger, folder)
    values = json.loads((folder / "config.json").read_text())
    for name in ("architectures", "id2label", "label2id", "model_type"):
        values.pop(name, None)
    torch.manual_seed(6)
    config = LayoutLMv2Config(**values, id2label=dict(enumerate(LABELS)))
    LayoutLMv2ForQuestionAnswering(config).initialise_all().save_pretrained(folder)
    return {**made, "layoutlmv2": folder}


def component(folders, kind, **changes):
    settings = {"model": str(folders[kind]), "questions": ASKED, "top_k": 3, **SMALL, **changes}
    return COMPONENTS[kind](kind + "_qa", **settings)


def told(doc):
    return [(a.question, a.text, round(a.score, 4), a.page, a.start, a.end) for a in doc._.answers]


def a_long_doc():
    """Three pages; the first takes several windows, the second has no word."""
    words = ["total", "due", "12.50", "thank", "you", " "] * 20 + ["shop", "street"]
    return a_doc(words, [1] * 120 + [3] * 2)


class TestFrames:
    @given(
        st.sampled_from(sorted(COMPONENTS)),
        st.text("total due? ", min_size=1).filter(str.strip),
        st.lists(st.sampled_from(["total", "12.50", "Straße", "x"]), min_size=1, max_size=9),
    )
    def test_rows_are_what_the_tokenizer_gives(self, folders, kind, question, words):
        tokenizer = load_tokenizer(folders[kind])
        boxes = [(10 * n, 20, 10 * n + 9, 30) for n in range(len(words))]
        tokens = encode_words(tokenizer, words, boxes, [1] * len(words), max_length=512)
        ids, _ = tokenizer.subwords(question.split())
        framed, (begin,) = frame_questions(
            tokenizer, [(ids, tokens, Window(0, len(tokens.input_ids), 1))]
        )
        expected = tokenizer(
            question, words, boxes=boxes, return_token_type_ids=True, max_length=4096
        )
        assert framed.keys() == expected.keys()
        for name, rows in framed.items():
            assert rows[0].tolist() == expected[name], name
        assert framed["input_ids"][0, begin] == tokens.input_ids[0]

    @given(
        st.lists(st.integers(1, 60), max_size=4), st.integers(1, 30), st.integers(0, 40), st.data()
    )
    def test_windows_cover_pages_and_never_straddle_them(self, sizes, room, stride, data):
        max_length = data.draw(st.integers(5, 80))
        words = [word for size in sizes for word in ["x"] * size]
        pages = [number for number, size in enumerate(sizes, 1) for _ in range(size)]

        class Letters:
            fingerprint = "letters"

            def subwords(self, words):
                return np.zeros(len(words), np.int32), np.arange(len(words), dtype=np.int32)

        tokens = encode_words(
            Letters(), words, [None] * len(words), pages, max_length=max_length, stride=2
        )
        found = question_windows(tokens, room, stride)
        assert all(0 < window.end - window.start <= room for window in found)
        seen = {n for window in found for n in range(window.start, window.end)}
        assert seen == set(range(len(words)))
        for window in found:
            assert set(pages[window.start : window.end]) == {window.page}


class TestAnswers:
    @every_kind
    def test_of_a_short_page_are_those_of_the_documented_flow(self, folders, kind):
        qa = component(folders, kind)
        doc = qa(a_doc(["total", "due", "12.50", "shop"]))
        assert doc._.status == "ok"
        model = qa.checkpoint.model
        for question in ASKED:
            inputs = qa.checkpoint.tokenizer(
                question,
                [token.text for token in doc],
                boxes=[token._.box for token in doc],
                return_token_type_ids=True,
                return_tensors="pt",
            )
            if kind == "layoutlmv2":
                pixels = qa.checkpoint.image_processor.pixels(doc._.pages[0].image)
                inputs["image"] = torch.from_numpy(pixels)[None]
            words = np.array([-1 if n is None else n for n in inputs.word_ids(0)])
            context = [place for place, side in enumerate(inputs.sequence_ids(0)) if side == 1]
            with torch.inference_mode():
                out = model(**inputs)
            start, end = out.start_logits[0].numpy(), out.end_logits[0].numpy()
            logits = {(None, None): start[0] + end[0]}
            for a in context:
                for b in context:
                    if words[a] <= words[b]:
                        span = (int(words[a]), int(words[b]) + 1)
                        logits[span] = max(logits.get(span, -np.inf), start[a] + end[b])
            best = sorted(logits, key=lambda span: -logits[span])[:3]
            total = np.logaddexp.reduce(np.array(list(logits.values()), dtype=np.float64))
            found = [answer for answer in doc._.answers if answer.question == question]
            assert [(answer.start, answer.end) for answer in found] == best
            for answer in found:
                span = (answer.start, answer.end)
                assert answer.score == pytest.approx(np.exp(logits[span] - total), abs=1e-4)
                text = "" if answer.start is None else doc[answer.start : answer.end].text
                page = None if answer.start is None else 1
                assert (answer.text, answer.page, answer.component) == (text, page, kind + "_qa")

    @every_kind
    def test_of_long_documents(self, folders, kind):
        doc = component(folders, kind, top_k=40, max_answer_length=4)(a_long_doc())
        assert doc._.status == "ok"
        assert len(doc._.answers) == 80
        for answer in doc._.answers:
            if answer.start is not None:
                assert 1 <= answer.end - answer.start <= 4
                span = doc[answer.start : answer.end]
                assert {token._.page for token in span} == {answer.page}
                assert answer.text == span.text
        assert len({(a.question, a.start, a.end) for a in doc._.answers}) == 80

    @every_kind
    def test_no_answer_is_one_of_all_candidates(self, folders, kind):
        doc = component(folders, kind, top_k=10_000)(a_doc(["total", "due"]))
        for question in ASKED:
            found = [answer for answer in doc._.answers if answer.question == question]
            assert len(found) == 4  # two words, both, none
            assert [answer.score for answer in found] == sorted(
                (answer.score for answer in found), reverse=True
            )
            assert sum(answer.score for answer in found) == pytest.approx(1)
            (none,) = [answer for answer in found if answer.text == ""]
            assert (none.page, none.start, none.end) == (None, None, None)

    def test_questions_share_the_page_encoding(self, folders):
        qa = component(folders, "layoutlmv2")
        visual, encoded = qa.engine.model.layoutlmv2.visual, []
        visual.register_forward_hook(lambda module, args, out: encoded.append(len(args[0])))
        doc = a_long_doc()
        doc._.questions = ["thank you?", "date"]
        qa(doc)
        assert encoded == [2]  # pages with words
        assert len({answer.question for answer in doc._.answers}) == 4

    @every_kind
    def test_batches_change_nothing(self, folders, kind):
        one, many = (component(folders, kind, batch_tokens=size) for size in (1, 4096))
        for (*a, score, _, _, _), (*b, other, _, _, _) in zip(
            told(one(a_long_doc())), told(many(a_long_doc())), strict=True
        ):
            assert a == b
            assert score == pytest.approx(other, abs=1e-3)

    @every_kind
    def test_a_stream_gives_what_single_documents_give(self, folders, kind):
        qa = component(folders, kind)
        docs = [a_doc(["total", "street", "12.50"] * n) for n in (1, 0, 9, 2, 30)]
        expected = [told(qa(doc)) for doc in docs]
        for size in (1, 2, 100):
            found = [told(doc) for doc in qa.pipe(iter(docs), batch_size=size)]
            for one, other in zip(found, expected, strict=True):
                assert [row[0:2] + row[3:] for row in one] == [row[0:2] + row[3:] for row in other]
        # A document without words.
        assert expected[1] == [(question, "", 1.0, None, None, None) for question in ASKED]

    @every_kind
    def test_leave_a_taggers_windows_as_they_were(self, folders, kind):
        qa = component(folders, kind)
        doc = qa(a_long_doc())
        (kept,) = doc._.layout_tokens.values()
        alone = encode_doc(a_long_doc(), qa.checkpoint.tokenizer, 64, 16).to_dict()
        assert kept["starts"].tolist() == alone["starts"].tolist()


class TestBadInput:
    @every_kind
    @pytest.mark.parametrize("wrong", ["", " \t", "total " * 33, "\u200b\x07"])
    def test_a_question_that_cannot_be_asked_leaves_the_others(self, folders, kind, wrong):
        qa = component(folders, kind)
        doc = a_doc(["total", "due"])
        doc._.questions = [wrong]
        expected = told(qa(a_doc(["total", "due"])))
        found = [row for row in told(qa(doc)) if row[0] != wrong]
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        if wrong != "\u200b\x07":  # some tokenizers read these
            (error,) = doc._.errors
            assert (error.component, error.category) == (kind + "_qa", "question")
            assert "asks nothing" in error.message or "subwords; ask in at most" in error.message
            assert doc._.status == "partial"

    @every_kind
    def test_another_script(self, folders, kind):
        qa = component(folders, kind, questions=["合計はいくらですか"])
        doc = qa(a_doc(["total", "合計"]))
        assert len(doc._.answers) == 3 or doc._.errors[0].category == "question"

    def test_a_page_without_a_picture(self, folders):
        qa = component(folders, "layoutlmv2")
        doc = a_doc(["total", "due"], [1, 2])
        doc._.pages = doc._.pages[:1]
        qa(doc)
        assert {answer.page for answer in doc._.answers} <= {1, None}
        assert [(error.page, error.category) for error in doc._.errors] == [(2, "missing")]
        doc = a_doc(["total", "due"])
        doc._.pages = []
        assert qa(doc)._.answers == []
        assert doc._.status == "partial"

    def test_the_wrong_checkpoint(self, folders, tmp_path, tiny_tagger):
        with pytest.raises(CheckpointError, match="lilt_qa needs a L"):
            LiltQa("lilt_qa", model=str(folders["layoutlmv2"]), **SMALL).engine  # noqa: B018
        with pytest.raises(CheckpointError, match="layoutlmv2_qa needs a"):
            LayoutLMv2Qa("layoutlmv2_qa", model=str(tiny_tagger), **SMALL).engine  # noqa: B018
        other = write_lilt(tmp_path, LiltForSequenceClassification, LABELS)
        with pytest.raises(CheckpointError, match="lilt_qa needs a"):
            LiltQa("lilt_qa", model=str(other), **SMALL).engine  # noqa: B018

    def test_models_that_do_not_fit(self, folders, tmp_path):
        with pytest.raises(CheckpointError, match="set bpe_qa's max_length, now 512"):
            component(folders, "bpe", max_length=512).engine  # noqa: B018
        three = write_lilt(tmp_path / "three", LiltForQuestionAnswering, ("a", "b", "c"))
        with pytest.raises(CheckpointError, match="has 3 labels; lilt_qa needs two"):
            LiltQa("lilt_qa", model=str(three), **SMALL).engine  # noqa: B018
        foreign = shutil.copytree(folders["layoutlmv2"], tmp_path / "foreign")
        vocab = LayoutLMv2Tokenizer.from_pretrained(foreign).get_vocab()
        LayoutLMv2Tokenizer({**vocab, "more": len(vocab)}).save_pretrained(foreign)
        with pytest.raises(CheckpointError, match="subwords and the model embeds"):
            LayoutLMv2Qa("qa", model=str(foreign), **SMALL).engine  # noqa: B018

    @pytest.mark.parametrize(
        "settings", [{"top_k": 0}, {"max_answer_length": 0}, {"stride": 512}, {"dtype": "int8"}]
    )
    def test_settings(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            LiltQa("lilt_qa", model="/no/such/folder", **settings)


class TestInPipelines:
    def test_saved_and_loaded(self, folders, tmp_path, documents):
        copy = shutil.copytree(folders["bpe"], tmp_path / "copy")
        nlp = spacy.blank("en", config=READER)
        nlp.add_pipe("ocr")
        asked = {"questions": ASKED, **SMALL}
        nlp.add_pipe("layoutlmv2_qa", config={"model": str(folders["layoutlmv2"]), **asked})
        nlp.add_pipe("lilt_qa", config={"model": str(copy), **asked})
        docs = list(nlp.pipe(documents))
        for doc in docs:
            assert doc._.status == "ok"
            assert [answer.component for answer in doc._.answers] == ["layoutlmv2_qa"] * 2 + [
                "lilt_qa"
            ] * 2
        nlp.to_disk(tmp_path / "saved")
        data = nlp.to_bytes()
        shutil.rmtree(copy)
        expected = told(nlp(documents[0]))
        assert told(spacy.load(tmp_path / "saved")(documents[0])) == expected
        fresh = spacy.blank("en").from_config(nlp.config).from_bytes(data)
        assert told(fresh(documents[0])) == expected
        kept = DocBin(store_user_data=True, docs=docs).to_bytes()
        for again, doc in zip(DocBin().from_bytes(kept).get_docs(VOCAB), docs, strict=True):
            assert again._.answers == doc._.answers

    @every_kind
    def test_pickle_and_asking_again(self, folders, kind):
        qa = component(folders, kind)
        doc = a_doc(["total", "due"])
        expected = told(qa(doc))
        assert told(qa(doc)) == expected  # replaced, not repeated
        assert told(pickle.loads(pickle.dumps(qa))(a_doc(["total", "due"]))) == expected
