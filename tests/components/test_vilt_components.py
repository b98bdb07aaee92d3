"""`vilt_vqa` and `vilt_matcher`, with tiny random models."""

import math
import pickle
import shutil

import pytest
import spacy
import torch
from PIL import Image
from spacy.tokens import DocBin

from pageloom import CheckpointError, open_document
from pageloom.models import ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from pageloom.pipes.vilt import ViltMatcher, ViltVqa
from pageloom.processing import BertTokenizer, ViltImageProcessor, ViltProcessor
from tests.tagged import READER, VOCAB
from tests.tiny_vilt import picture, tiny

WORDS = ["is", "there", "a", "signature", "how", "many", "pages", "an", "invoice", "letter", "?"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LABELS = {0: "yes", 1: "no", 2: "two", 3: "three", 4: "letter"}
ASKED = ["is there a signature?", "how many pages"]


def save(model, folder):
    vocab = {piece: index for index, piece in enumerate(SPECIALS + WORDS)}
    model.save_pretrained(folder)
    processor = ViltProcessor(
        ViltImageProcessor(size=24, size_divisor=8), BertTokenizer(vocab, model_max_length=16)
    )
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vqa_folder(tmp_path_factory):
    model = tiny("ViltForQuestionAnswering", id2label=LABELS)
    return save(model, tmp_path_factory.mktemp("vqa"))


@pytest.fixture(scope="module")
def matcher_folder(tmp_path_factory):
    return save(tiny("ViltForImageAndTextRetrieval"), tmp_path_factory.mktemp("matcher"))


@pytest.fixture(scope="module")
def vqa(vqa_folder):
    return ViltVqa(model=str(vqa_folder), questions=ASKED, top_k=2, dtype="float32")


def pages(*sizes, seed=0):
    images = [picture(seed + n, *size) for n, size in enumerate(sizes)]
    return open_document(images, VOCAB)


def reference(folder, model_class, doc, text):
    """The documented flow, page by page: processor, model, logits."""
    processor, model = ViltProcessor.from_pretrained(folder), model_class.from_pretrained(folder)
    with torch.inference_mode():
        return torch.cat(
            [
                model(**processor(page.image, text, return_tensors="pt")).logits
                for page in doc._.pages
            ]
        )


def told(doc):
    return [
        (answer.question, answer.text, round(answer.score, 4), answer.page)
        for answer in doc._.answers
    ]


class TestVqa:
    def test_answers_are_those_of_the_documented_flow(self, vqa, vqa_folder):
        doc = vqa(pages((60, 80), (80, 40), (33, 34)))
        assert doc._.status == "ok"
        assert [answer.question for answer in doc._.answers] == [ASKED[0]] * 2 + [ASKED[1]] * 2
        for question in ASKED:
            logits = reference(vqa_folder, ViltForQuestionAnswering, doc, question)
            best, where = logits.max(0)
            expected = [
                (LABELS[label], where[label].item() + 1, torch.sigmoid(best[label]).item())
                for label in best.argsort(descending=True)[:2].tolist()
            ]
            found = [answer for answer in doc._.answers if answer.question == question]
            assert [(answer.text, answer.page) for answer in found] == [row[:2] for row in expected]
            for answer, row in zip(found, expected, strict=True):
                assert math.isclose(answer.score, row[2], abs_tol=1e-5)
                assert (answer.start, answer.end, answer.component) == (None, None, "vilt_vqa")

    def test_each_picture_is_embedded_once(self, vqa, monkeypatch):
        embedded, original = [], type(vqa.engine).embed

        def counted(engine, pixels):
            embedded.append(pixels.shape)
            return original(engine, pixels)

        monkeypatch.setattr(type(vqa.engine), "embed", counted)
        vqa(pages((60, 80), (80, 40)))
        assert len(embedded) == 2

    def test_the_settings_questions_and_the_documents_own(self, vqa):
        doc = pages((60, 80))
        doc._.questions = ["is this an invoice?", ASKED[0]]
        asked = [answer.question for answer in vqa(doc)._.answers]
        assert list(dict.fromkeys(asked)) == [*ASKED, "is this an invoice?"]
        assert len(asked) == 6

    @pytest.mark.parametrize("wrong", ["", "  \n", "is there a " * 9])
    def test_a_question_that_cannot_be_asked_leaves_the_others(self, vqa, wrong):
        doc = pages((60, 80))
        doc._.questions = [wrong]
        expected = told(vqa(pages((60, 80))))
        assert told(vqa(doc)) == expected
        assert doc._.status == "partial"
        (error,) = doc._.errors
        assert (error.component, error.category, error.page) == ("vilt_vqa", "question", None)
        assert ("29 subwords, and the model reads 16" in error.message) or (
            "asks nothing" in error.message
        )

    def test_another_script_is_answered(self, vqa):
        doc = pages((60, 80))
        doc._.questions = ["署名はありますか"]
        assert len(vqa(doc)._.answers) == 6
        assert doc._.status == "ok"

    @pytest.mark.parametrize(
        "image",
        [Image.new("RGB", (1, 1)), Image.new("L", (50, 9)), Image.new("CMYK", (9, 900))],
        ids=["1x1", "grey", "cmyk"],
    )
    def test_unusual_pictures(self, vqa, image):
        doc = vqa(open_document(image, VOCAB))
        assert doc._.status == "ok"
        assert len(doc._.answers) == 4

    def test_a_page_that_is_gone(self, vqa, tmp_path):
        path = tmp_path / "gone.png"
        picture(1, 50, 60).save(path)
        gone = open_document(path, VOCAB)
        path.unlink()
        kept = pages((60, 80))
        gone._.pages = [*gone._.pages, *pages((60, 80), (60, 80))._.pages[1:]]
        docs = list(vqa.pipe([kept, gone]))
        assert docs[0]._.status == "ok"
        assert {answer.page for answer in docs[1]._.answers} == {2}
        assert [(error.page, error.component) for error in docs[1]._.errors] == [(1, "vilt_vqa")]
        assert "gone.png" in docs[1]._.errors[0].message

    def test_a_stream_gives_what_single_documents_give(self, vqa):
        docs = [pages(*[(60 + n, 80)] * (1 + n % 3), seed=n) for n in range(8)]
        docs[3]._.pages = []
        expected = [told(vqa(doc)) for doc in docs]
        for size in (1, 3, 100):
            assert [told(doc) for doc in vqa.pipe(iter(docs), batch_size=size)] == expected
        assert [bool(answers) for answers in expected] == [n != 3 for n in range(8)]

    def test_many_pages_are_taken_in_parts(self, vqa, vqa_folder):
        small = ViltVqa(
            model=str(vqa_folder), questions=ASKED, top_k=2, dtype="float32", batch_tokens=1
        )
        doc = pages(*[(30, 30 + n) for n in range(20)])
        assert told(small(doc)) == told(vqa(doc))

    def test_no_question_no_answer(self, vqa_folder):
        doc = ViltVqa(model=str(vqa_folder))(pages((60, 80)))
        assert doc._.answers == []
        assert doc._.status == "ok"

    def test_results_that_are_not_numbers(self, vqa_folder, tmp_path):
        model = ViltForQuestionAnswering.from_pretrained(vqa_folder)
        with torch.no_grad():
            model.classifier[-1].bias[0] = torch.nan
        broken = ViltVqa(model=str(save(model, tmp_path)), questions=ASKED, dtype="float32")
        doc = broken(pages((60, 80)))
        assert doc._.answers == []
        assert "not numbers" in doc._.errors[0].message


class TestMatcher:
    def test_scores_are_the_retrieval_heads(self, matcher_folder):
        statements = ["this page is a letter", "an invoice"]
        matcher = ViltMatcher(model=str(matcher_folder), statements=statements, dtype="float32")
        doc = pages((60, 80), (80, 40), (33, 34))
        doc._.questions = ["how many pages?"]
        matcher(doc)
        assert [answer.question for answer in doc._.answers] == [
            statement for statement in statements for _ in range(3)
        ]
        for statement in statements:
            logits = reference(matcher_folder, ViltForImageAndTextRetrieval, doc, statement)[:, 0]
            found = [answer for answer in doc._.answers if answer.question == statement]
            order = logits.argsort(descending=True)
            assert [answer.page for answer in found] == (order + 1).tolist()
            for answer, logit in zip(found, logits[order], strict=True):
                assert math.isclose(answer.score, torch.sigmoid(logit).item(), abs_tol=1e-5)
                assert answer.text == ("match" if answer.score >= 0.5 else "no match")

    def test_threshold(self, matcher_folder):
        for threshold, text in ((0.0, "match"), (1.0, "no match")):
            matcher = ViltMatcher(
                model=str(matcher_folder), statements=["an invoice"], threshold=threshold
            )
            assert [answer.text for answer in matcher(pages((60, 80)))._.answers] == [text]


class TestInPipelines:
    def test_both_in_one_saved_pipeline(self, vqa_folder, matcher_folder, tmp_path, documents):
        vqa_copy = shutil.copytree(vqa_folder, tmp_path / "vqa")
        nlp = spacy.blank("en", config=READER)
        nlp.add_pipe(
            "vilt_vqa", config={"model": str(vqa_copy), "questions": ASKED, "dtype": "float32"}
        )
        nlp.add_pipe(
            "vilt_matcher", config={"model": str(matcher_folder), "statements": ["an invoice"]}
        )
        doc = nlp(documents[2])
        assert [answer.component for answer in doc._.answers] == ["vilt_vqa"] * 2 + [
            "vilt_matcher"
        ] * 3
        nlp.to_disk(tmp_path / "saved")
        data = nlp.to_bytes()
        shutil.rmtree(vqa_copy)
        assert told(spacy.load(tmp_path / "saved")(documents[2])) == told(doc)
        fresh = spacy.blank("en").from_config(nlp.config).from_bytes(data)
        assert told(fresh(documents[2])) == told(doc)
        kept = DocBin(store_user_data=True, docs=[doc]).to_bytes()
        (again,) = DocBin().from_bytes(kept).get_docs(VOCAB)
        assert again._.answers == doc._.answers

    def test_pickle_and_asking_again(self, vqa):
        doc = pages((60, 80))
        expected = told(vqa(doc))
        assert told(vqa(doc)) == expected  # replaced, not repeated
        assert told(pickle.loads(pickle.dumps(vqa))(pages((60, 80)))) == expected

    def test_the_folder_is_a_checkpoint(self, vqa, tmp_path):
        import transformers

        vqa.to_disk(tmp_path)
        theirs = transformers.ViltForQuestionAnswering.from_pretrained(tmp_path)
        assert theirs.config.id2label == LABELS
        assert transformers.ViltProcessor.from_pretrained(tmp_path) is not None


class TestWrongSettings:
    def test_another_head(self, matcher_folder):
        vqa = ViltVqa(model=str(matcher_folder), questions=ASKED)
        with pytest.raises(CheckpointError, match="vilt_vqa needs a"):
            vqa(pages((60, 80)))

    def test_no_model(self):
        with pytest.raises(CheckpointError, match="/no/such/folder"):
            list(ViltVqa(model="/no/such/folder").pipe([pages((60, 80))]))

    def test_a_tokenizer_of_another_model(self, tmp_path):
        model = tiny("ViltForQuestionAnswering", vocab_size=9)
        vqa = ViltVqa(model=str(save(model, tmp_path)), questions=ASKED)
        with pytest.raises(CheckpointError, match="subwords and the model"):
            vqa(pages((60, 80)))

    @pytest.mark.parametrize(
        "settings",
        [{"top_k": 0}, {"questions": "one text"}, {"device": "tpu!"}, {"batch_tokens": 0}],
    )
    def test_values(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings)).replace("questions", "list")):
            ViltVqa(model="/no/such/folder", **settings)
