"""Bad corpora: what is wrong is named by file and record, all of it before anything is trained."""

import json
import pickle

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from pageloom.corpus import cord, docbin, funsd, jsonl, label_studio, sroie, xfund
from pageloom.corpus.formats import FORMATS, find_format
from pageloom.corpus.problems import CorpusError, Problem
from tests import corpora
from tests.corpora import BOXES, PIXELS, WORDS, record


def only(problems):
    (problem,) = problems
    return problem


UNKNOWN = {
    "cord": "total.total_price",
    "funsd": "answer",
    "jsonl": "total",
    "label-studio": "total",
    "sroie": "total",
    "xfund": "answer",
}
KNOWN = {
    "cord": ("menu.nm",),
    "funsd": ("header", "question"),
    "jsonl": ("company",),
    "label-studio": ("company",),
    "sroie": ("company",),
    "xfund": ("header", "question"),
}


class TestEveryFormat:
    @pytest.mark.parametrize("name", UNKNOWN)
    def test_a_label_that_the_scheme_does_not_know(self, name, tmp_path):
        path = corpora.WRITERS[name](tmp_path)
        assert find_format(name).check(path) == []
        message = only(find_format(name).check(path, labels=KNOWN[name])).message
        assert repr(UNKNOWN[name]) in message
        assert f"is not in the scheme: {', '.join(KNOWN[name])}" in message

    @pytest.mark.parametrize("name", UNKNOWN)
    def test_a_missing_image(self, name, tmp_path):
        path = corpora.WRITERS[name](tmp_path)
        for image in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.jpg")]:
            image.unlink()
        problem = only(find_format(name).check(path))
        assert "is missing; put it there, or set images = false" in problem.message
        # The page's size stands in the record of most formats.
        without = find_format(name).check(path, images=False)
        if name in ("funsd", "jsonl"):
            assert any("size" in problem.message for problem in without)
        else:
            assert without == []

    @pytest.mark.parametrize("name", UNKNOWN)
    def test_an_image_that_cannot_be_opened(self, name, tmp_path):
        path = corpora.WRITERS[name](tmp_path)
        for image in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.jpg")]:
            image.write_bytes(image.read_bytes()[:20])
        assert "truncated" in str(find_format(name).check(path)[0])

    @pytest.mark.parametrize("name", FORMATS)
    def test_a_path_that_is_not_there(self, name, tmp_path):
        assert "no such file or folder" in only(find_format(name).check(tmp_path / "x")).message

    @pytest.mark.parametrize("name", FORMATS)
    def test_a_folder_without_a_corpus(self, name, tmp_path):
        message = only(find_format(name).check(tmp_path)).message
        assert "has no" in message or "has neither" in message

    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("cord", "json/receipt_00000.json"),
            ("funsd", "annotations/0001.json"),
            ("jsonl", "corpus.jsonl"),
            ("label-studio", "export.json"),
            ("sroie", "receipts.jsonl"),
            ("xfund", "de.train.json"),
        ],
    )
    @pytest.mark.parametrize("text", ['{"form": ', "[1]", '{"a": 1}', "nonsense"])
    def test_files_of_another_shape(self, name, file, text, tmp_path):
        path = corpora.WRITERS[name](tmp_path)
        corpora.put(tmp_path / file, text)
        problems = find_format(name).check(path)
        assert problems
        assert {problem.file for problem in problems} == {str(tmp_path / file)}


class TestOneRecord:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"words": [], "entities": []}, "the document is empty: it has no words"),
            ({"words": WORDS, "boxes": PIXELS[:3]}, "4 words and 3 boxes"),
            ({"words": WORDS}, "boxes are missing"),
            ({"words": WORDS, "boxes": [*PIXELS[:3], [90, 100, 500, 120]]}, "is out of the page"),
            ({"words": WORDS, "boxes": [*PIXELS[:3], [90, 100, 60, 20]]}, "another order"),
            ({"words": [" ", *WORDS[1:]], "boxes": PIXELS}, "word 0 is blank"),
            ({"entities": [{"start": 3, "end": 5, "label": "total"}]}, "the words 3 to 5"),
            ({"entities": [{"start": 2, "end": 2, "label": "total"}]}, "the words 2 to 2"),
            ({"entities": [{"start": 0, "end": 1, "label": " "}]}, "has no label"),
            ({"class": "receipt", "classes": {"invoice": 1}}, "give one of them"),
            ({"pages": [{"image": "receipt.png"}]}, "give one of them"),
            ({"image": ...}, "it names no image"),
            ({"width": 400, "height": 200}, "turned, or another picture"),
            ({"unit": "inch"}, "unit: Input should be 'pixel' or 'thousandth'"),
            ({"labels": ["O"]}, "labels: Extra inputs are not permitted"),
        ],
    )
    def test_is_told(self, changes, message, tmp_path):
        base = record(questions=[])
        if "words" in changes:
            base["entities"] = []
        found = {key: value for key, value in (base | changes).items() if value is not ...}
        problems = jsonl.check(corpora.jsonl(tmp_path, found))
        assert any(message in problem.message for problem in problems), problems
        assert {problem.record for problem in problems} == {"line 1 (id a1)"}

    def test_entities_that_overlap_or_go_over_pages(self, tmp_path):
        words = record()["words"]
        words[3]["page"] = 2
        corpora.picture(tmp_path / "back.png")
        entities = [
            {"start": 0, "end": 2, "label": "a"},
            {"start": 1, "end": 2, "label": "b"},
            {"start": 2, "end": 4, "label": "c"},
        ]
        bad = record(
            image=..., pages=[{"image": "receipt.png"}, {"image": "back.png"}], words=words,
            entities=entities, questions=[],
        )  # fmt: skip
        messages = [problem.message for problem in jsonl.check(corpora.jsonl(tmp_path, bad))]
        assert messages == [
            "entities overlap: 'a' (words 0 to 2) and 'b' (words 1 to 2)",
            "entity 'c' (words 2 to 4) goes over two pages",
        ]

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ({"start": 1}, "has start or end; give both"),
            ({}, "has neither text nor start and end"),
            ({"start": 2, "end": 9}, "has the words 2 to 9, and there are 4"),
        ],
    )
    def test_answers(self, answer, message, tmp_path):
        asked = [{"question": "What?", "answers": [answer]}]
        path = corpora.jsonl(tmp_path, record(questions=asked))
        assert message in only(jsonl.check(path)).message

    def test_a_page_that_is_not_there(self, tmp_path):
        words = record()["words"]
        words[2]["page"] = 3
        changed = record(words=words, unit="thousandth")
        messages = str(jsonl.check(corpora.jsonl(tmp_path, changed)))
        assert "word 2 ('Total:') is on page 3, and the pages are [1]" in messages

    def test_label_studio_tasks(self, tmp_path):
        path = corpora.label_studio(tmp_path)
        (task,) = json.loads(path.read_text("utf8"))
        results = task["annotations"][0]["result"]
        silent = [item for item in results if item["type"] != "textarea"]
        tasks = [
            task | {"id": 1, "annotations": []},
            {"id": 2, "ocr": "receipt.png", "transcription": ["x"]},
            task | {"id": 3, "annotations": [{"result": silent}]},
        ]
        corpora.put(path, tasks)
        found = {problem.record: problem.message for problem in label_studio.check(path)}
        assert list(found) == ["task 1", "task 2", "task 3"]
        assert "no finished annotation" in found["task 1"]
        assert "export as JSON, not as JSON-MIN" in found["task 2"]
        assert found["task 3"] == "the document is empty: it has no words"

    def test_sroie_boxes_and_keys(self, tmp_path):
        folder = corpora.sroie_challenge(tmp_path)
        corpora.put(folder / "box" / "X001.txt", "1,2,3,4,nothing\n")
        (folder / "key" / "X001.txt").unlink()
        messages = [problem.message for problem in sroie.check(folder)]
        assert any("line 1 is not x1,y1" in message for message in messages)
        assert any("its fields" in message and "missing" in message for message in messages)


def test_all_at_once(tmp_path):
    """Three bad records of four, one of them with three problems: one error tells all."""
    worst = record(id="c", image="gone.png", words=WORDS, boxes=PIXELS[:1])
    worst["entities"] = [{"start": 0, "end": 1, "label": "colour"}]
    path = corpora.jsonl(
        tmp_path,
        record(id="a"),
        record(id="b", words=[], entities=[], questions=[]),
        worst,
        record(id="d", image="lost.png"),
    )
    problems = jsonl.check(path, labels=("company", "total"))
    assert [problem.record for problem in problems] == [
        "line 2 (id b)",
        *["line 3 (id c)"] * 3,
        "line 4 (id d)",
    ]
    read = jsonl.read(path, spacy.blank("xx").vocab, labels=("company", "total"))
    assert next(read)[0].text == "Corner"
    with pytest.raises(CorpusError, match="the corpus has 5 problems") as error:
        list(read)
    assert list(error.value.problems) == problems
    assert str(error.value).count(str(path)) == 5


def test_the_error_survives_another_process():
    error = CorpusError([Problem("a.json", "line 1", "is bad")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
    assert str(error) == "the corpus has 1 problem:\na.json, line 1: is bad"


class TestDocBin:
    def write(self, path, *docs, user_data=True):
        DocBin(docs=docs, store_user_data=user_data).to_disk(path)
        return path

    def gold(self, folder):
        return next(jsonl.read(corpora.jsonl(folder), spacy.blank("xx").vocab))

    def test_no_docbin(self, tmp_path):
        path = corpora.put(tmp_path / "x.spacy", "text")
        assert "is no DocBin" in only(docbin.check(path)).message

    def test_without_user_data(self, tmp_path):
        path = self.write(tmp_path / "x.spacy", self.gold(tmp_path), user_data=False)
        messages = [problem.message for problem in docbin.check(path)]
        assert any("DocBin(store_user_data=True)" in message for message in messages)

    def test_documents_by_number_and_name(self, tmp_path):
        gold = self.gold(tmp_path)
        path = self.write(tmp_path / "x.spacy", gold, Doc(gold.vocab), gold)
        (tmp_path / "receipt.png").unlink()
        records = [problem.record for problem in docbin.check(path)]
        name = tmp_path / "receipt.png"
        assert records == [f"document 1 ({name})", "document 2", f"document 3 ({name})"]
        assert [p.record for p in docbin.check(path, images=False)] == ["document 2"]

    def test_a_word_without_a_box_and_an_unknown_label(self, tmp_path):
        gold = self.gold(tmp_path)
        gold[1]._.box = None
        path = self.write(tmp_path / "x.spacy", gold)
        boxless, label = docbin.check(path, labels=["company"])
        assert boxless.message == "the words 1 have no box"
        assert label.message.startswith("label 'total' (words 3 to 4) is not in the scheme")


def test_settings_out_of_range(tmp_path):
    with pytest.raises(ValueError, match="boxes='page'; use 'word' or 'line'"):
        funsd.check(tmp_path, boxes="page")
    with pytest.raises(ValueError, match="order='best'; use 'given' or 'reading'"):
        sroie.check(tmp_path, order="best")


def test_boxes_that_stand_a_little_over_the_edge_are_cut(tmp_path):
    wide = [[-3, 40, 80, 60], *PIXELS[1:3], [90, 100, 206, 120]]
    path = corpora.jsonl(tmp_path, record(words=WORDS, boxes=wide))
    (doc,) = jsonl.read(path, spacy.blank("xx").vocab)
    assert doc[0]._.box == (0, *BOXES[0][1:])
    assert doc[3]._.box == (450, 250, 1000, 300)


def test_cord_and_xfund_name_the_record(tmp_path):
    assert only(cord.check(corpora.cord(tmp_path / "c"), labels=["menu.nm"])).file.endswith(
        "json/receipt_00000.json"
    )
    problem = only(xfund.check(corpora.xfund(tmp_path / "x", labels=("note", "answer", "answer"))))
    assert problem.record == "document 1 (de_train_0)"
    assert "label 'note'" in problem.message
