"""Each format gives the same kind of gold document."""

import json
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from pageloom import Answer
from pageloom.corpus import cord, funsd, jsonl, label_studio, sroie, xfund
from pageloom.corpus.annotated import make_doc, thousandths
from pageloom.corpus.formats import FORMATS, find_format
from pageloom.document import Page
from tests import corpora
from tests.corpora import BOXES, WORDS

VOCAB = spacy.blank("xx").vocab
SROIE = Path(__file__).parents[3] / "shared" / "data" / "sroie"


def entities(doc):
    return [(entity.start, entity.end, entity.label_) for entity in doc.ents]


def boxes(doc):
    return [token._.box for token in doc]


FORM = [(0, 2, "header"), (2, 3, "question"), (3, 4, "answer")]
RECEIPT = [(0, 2, "company"), (3, 4, "total")]
FOUND = {
    "cord": [(0, 2, "menu.nm"), (3, 4, "total.total_price")],
    "funsd": FORM,
    "jsonl": RECEIPT,
    "label-studio": [(0, 2, "company"), (2, 4, "total")],
    "sroie": RECEIPT,
    "xfund": FORM,
}


@pytest.mark.parametrize("name", corpora.WRITERS)
def test_words_boxes_pages_and_entities(name, tmp_path):
    (doc,) = find_format(name).read(corpora.WRITERS[name](tmp_path), VOCAB)
    assert [token.text for token in doc] == WORDS
    assert entities(doc) == FOUND[name]
    assert [span.label_ for span in doc.spans["entities"]] == [e.label_ for e in doc.ents]
    (page,) = doc._.pages
    assert (page.number, page.width, page.height) == (1, 200, 400)
    assert page.image.size == (200, 400)
    assert {token._.page for token in doc} == {1}
    if name in ("sroie", "label-studio"):  # the words' shares of a line's box are estimates
        for found, right in zip(boxes(doc), BOXES, strict=True):
            assert found == pytest.approx(right, abs=70)
    else:
        assert boxes(doc) == BOXES


@pytest.mark.parametrize("name", corpora.WRITERS)
def test_each_word_can_take_the_box_of_its_line(name, tmp_path):
    path = corpora.WRITERS[name](tmp_path)
    if name == "jsonl":
        path = corpora.jsonl(tmp_path, corpora.record(lines=[[0, 2], [2, 4]]))
    (doc,) = find_format(name).read(path, VOCAB, boxes="line")
    first, second, *_ = boxes(doc)
    assert first == second == (100, 100, 650, 150)


def test_sroie_in_the_challenges_own_files(tmp_path):
    (doc,) = sroie.read(corpora.sroie_challenge(tmp_path), VOCAB)
    assert [token.text for token in doc] == WORDS
    assert entities(doc) == RECEIPT


def test_sroie_lines_may_hold_commas(tmp_path):
    folder = corpora.sroie_challenge(tmp_path, {"company": "CORNER SHOP, LTD"})
    corpora.put(folder / "box" / "X001.txt", "20,40,130,40,130,60,20,60,CORNER SHOP, LTD")
    (doc,) = sroie.read(folder, VOCAB)
    assert [token.text for token in doc] == ["CORNER", "SHOP,", "LTD"]
    assert entities(doc) == [(0, 3, "company")]


def test_sroie_leaves_open_what_only_may_be_a_field(tmp_path):
    """The company's name once more, further down, is neither yes nor no."""
    folder = corpora.sroie(tmp_path)
    record = json.loads((folder / "receipts.jsonl").read_text("utf8"))
    record["lines"].append({"text": "Corner Shop", "box": [20, 300, 130, 320]})
    corpora.put(folder / "receipts.jsonl", record)
    (doc,) = sroie.read(folder, VOCAB)
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "B", "", ""]


@pytest.mark.skipif(not SROIE.is_dir(), reason="the SROIE receipts are not beside the repository")
def test_real_receipts(tmp_path):
    lines = (SROIE / "receipts.jsonl").read_text("utf8").splitlines()[:6]
    (tmp_path / "img").symlink_to(SROIE / "img")
    corpora.put(tmp_path / "receipts.jsonl", "\n".join(lines))
    docs = list(sroie.read(tmp_path, VOCAB))
    assert len(docs) == 6
    for doc, line in zip(docs, lines, strict=True):
        record = json.loads(line)
        assert [token.text for token in doc] == " ".join(x["text"] for x in record["lines"]).split()
        assert {entity.label_ for entity in doc.ents} == set(record["fields"])


def test_other_blocks_of_a_form_are_no_entities(tmp_path):
    path = corpora.funsd(tmp_path, labels=("other", "question", "answer"))
    (doc,) = funsd.read(path, VOCAB)
    assert entities(doc) == FORM[1:]
    assert [span.text for span in doc.spans["lines"]] == ["Corner Shop", "Total:", "12.50"]


def test_xfund_pictures_may_lie_in_a_folder_of_their_own(tmp_path):
    path = corpora.xfund(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "de_train_0.jpg").rename(tmp_path / "pictures" / "de_train_0.jpg")
    assert len(xfund.check(path)) == 1
    assert xfund.check(path, image_folder=tmp_path / "pictures") == []


def test_cords_keys_divide_entities(tmp_path):
    folder = corpora.cord(tmp_path)
    file = folder / "json" / "receipt_00000.json"
    receipt = json.loads(file.read_text("utf8"))
    receipt["valid_line"] = [receipt["valid_line"][0] | {"words": []}]
    for n, key in enumerate([0, 1, 0, 0]):
        word = {"text": WORDS[n], "quad": corpora.quad(corpora.PIXELS[n]), "is_key": key}
        receipt["valid_line"][0]["words"].append(word)
    corpora.put(file, receipt)
    (doc,) = cord.read(folder, VOCAB)
    assert entities(doc) == [(0, 1, "menu.nm"), (2, 4, "menu.nm")]


class TestLabelStudio:
    def change(self, path, **changes):
        (task,) = json.loads(path.read_text("utf8"))
        corpora.put(path, [task | changes])
        return task

    def test_choices_are_classes_and_default_labels_no_entities(self, tmp_path):
        (doc,) = label_studio.read(corpora.label_studio(tmp_path, labels=("Text", "total")), VOCAB)
        assert doc.cats == {"receipt": 1.0}
        assert entities(doc) == [(2, 4, "total")]

    @pytest.mark.parametrize(
        "address",
        [
            "https://example.org/files/receipt.png?expires=1",
            "/data/local-files/?d=receipt.png",
            "s3://bucket/receipt.png",
            "receipt.png",
        ],
    )
    def test_pictures_are_found_in_the_folder_whatever_their_address(self, address, tmp_path):
        path = corpora.label_studio(tmp_path)
        self.change(path, data={"image": address})
        assert label_studio.check(path) == []

    def test_a_turned_region(self, tmp_path):
        """90 degrees clockwise about its upper left corner: what was wide is high."""
        path = corpora.label_studio(tmp_path)
        value = {"x": 50, "y": 25, "width": 30, "height": 5, "rotation": 90, "text": ["12.50"]}
        result = {"id": "a", "type": "textarea", "value": value}
        result |= {"original_width": 200, "original_height": 400}
        self.change(path, annotations=[{"result": [result]}])
        (doc,) = label_studio.read(path, VOCAB)
        # 60 x 20 pixels at (100, 100) become 20 x 60 that end at x = 100.
        assert doc[0]._.box == pytest.approx((400, 250, 500, 400), abs=1)

    def test_a_region_of_several_lines_is_one_entity(self, tmp_path):
        path = corpora.label_studio(tmp_path)
        place = {"x": 10, "y": 10, "width": 50, "height": 10}
        size = {"id": "a", "original_width": 200, "original_height": 400}
        results = [
            {
                "id": "a",
                "type": "rectanglelabels",
                "value": place | {"rectanglelabels": ["address"]},
            },
            {"id": "a", "type": "textarea", "value": place | {"text": ["1 High Street\nLondon"]}},
        ]
        self.change(path, annotations=[{"result": [item | size for item in results]}])
        (doc,) = label_studio.read(path, VOCAB)
        assert entities(doc) == [(0, 4, "address")]
        assert [span.text for span in doc.spans["lines"]] == ["1 High Street", "London"]
        assert doc[0]._.box[3] == doc[3]._.box[1] == 150

    def test_cancelled_annotations_do_not_count(self, tmp_path):
        path = corpora.label_studio(tmp_path)
        (task,) = json.loads(path.read_text("utf8"))
        self.change(path, annotations=[{"result": [], "was_cancelled": True}, *task["annotations"]])
        assert len(list(label_studio.read(path, VOCAB))) == 1


class TestJsonLines:
    def read(self, folder, *records, **settings):
        return list(jsonl.read(corpora.jsonl(folder, *records), VOCAB, **settings))

    def test_classes_and_answers(self, tmp_path):
        (doc,) = self.read(tmp_path)
        assert doc.cats == {"receipt": 1.0}
        assert doc._.answers == [
            Answer("What is the total?", "12.50", 1.0, 1, 3, 4, "gold"),
            Answer("What is the total?", "12.5", 1.0, None, None, None, "gold"),
            Answer("What is the tax?", "", 1.0, None, None, None, "gold"),
        ]

    def test_words_and_boxes_apart_in_thousandths(self, tmp_path):
        changed = corpora.record(words=WORDS, boxes=BOXES, unit="thousandth")
        (doc,) = self.read(tmp_path, changed)
        assert boxes(doc) == BOXES

    def test_without_entities_nobody_looked_for_them(self, tmp_path):
        asked, none = self.read(tmp_path, corpora.record(entities=...), corpora.record(entities=[]))
        assert not asked.has_annotation("ENT_IOB")
        assert none.has_annotation("ENT_IOB")

    def test_pixels_of_a_larger_scan(self, tmp_path):
        """The record counts in the pixels of the original; the picture here is half of it."""
        (doc,) = self.read(tmp_path, corpora.record(width=400, height=800))
        assert doc[0]._.box == (50, 50, 200, 75)

    def test_pages_in_several_files(self, tmp_path):
        corpora.picture(tmp_path / "back.png", (100, 100))
        words = corpora.record()["words"]
        words.append({"text": "Thanks", "box": [0, 0, 50, 10], "page": 2})
        pages = [{"image": "receipt.png"}, {"image": "back.png"}]
        (doc,) = self.read(tmp_path, corpora.record(image=..., pages=pages, words=words))
        assert [(page.number, page.image.size) for page in doc._.pages] == [
            (1, (200, 400)),
            (2, (100, 100)),
        ]
        assert (doc[4]._.page, doc[4]._.box) == (2, (0, 0, 500, 100))

    def test_a_pdf_has_its_own_pages(self, tmp_path, make_pdf):
        (tmp_path / "letter.pdf").write_bytes(make_pdf(["one"], ["two"]))
        words = [{"text": "two", "box": [10, 10, 20, 20], "page": 2}]
        simple = {"words": words, "unit": "thousandth"}
        whole, second = self.read(
            tmp_path,
            simple | {"image": "letter.pdf"},
            simple | {"pages": [{"image": "letter.pdf", "number": 2}]},
        )
        assert [page.number for page in whole._.pages] == [1, 2]
        assert [page.number for page in second._.pages] == [2]

    def test_without_pictures(self, tmp_path):
        bare = corpora.record(image=..., words=WORDS, boxes=BOXES, unit="thousandth")
        (doc,) = self.read(tmp_path, bare, images=False)
        assert boxes(doc) == BOXES

    def test_the_schema_in_the_documentation_is_this_one(self):
        file = Path(__file__).parents[2] / "docs" / "corpus.schema.json"
        assert json.loads(file.read_text("utf8")) == jsonl.json_schema()


@given(
    st.lists(st.tuples(*[st.floats(0, 5000)] * 4), min_size=1, max_size=5),
    st.integers(1, 5000),
    st.integers(1, 5000),
)
def test_boxes_on_the_page_stay_on_it(corners, width, height):
    inside = [(x0 % width, y0 % height, x1 % width, y1 % height) for x0, y0, x1, y1 in corners]
    doc = make_doc(
        VOCAB,
        words=["x"] * len(inside),
        boxes=thousandths(inside, width, height),
        pages=[Page(1, width, height, 0, "a.png", "")],
    )
    for x0, y0, x1, y1 in boxes(doc):
        assert 0 <= x0 <= x1 <= 1000
        assert 0 <= y0 <= y1 <= 1000


def test_every_format_has_read_and_check():
    for name in FORMATS:
        assert find_format(name).name == name
    with pytest.raises(ValueError, match="no format 'coco'; use one of cord"):
        find_format("coco")
