import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from spacy.util import registry

from pageloom import EngineError, open_document
from pageloom.ocr import ENGINES, RapidOcr, Tesseract, Tesserocr, Word, make_engine, text_layer
from pageloom.ocr.engines import chosen
from pageloom.ocr.rapidocr import line_words
from pageloom.ocr.reading_order import arrange
from pageloom.ocr.tesseract import read_tsv
from pageloom.ocr.word import clean, split_glued, split_line

VOCAB = spacy.blank("en").vocab


def has_tesserocr():
    try:
        import tesserocr  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.fixture(
    params=[
        "tesseract",
        "rapidocr",
        pytest.param(
            "tesserocr",
            marks=pytest.mark.skipif(not has_tesserocr(), reason="tesserocr is not installed"),
        ),
    ]
)
def engine(request):
    return make_engine(request.param)


class TestEveryEngine:
    def test_words_lines_and_boxes(self, engine, draw_page):
        words = engine.read(draw_page("Invoice number 12345", "Total 99.50"))
        assert [word.text for word in words] == ["Invoice", "number", "12345", "Total", "99.50"]
        assert [word.line for word in words] == [0, 0, 0, 1, 1]
        assert all(0.5 < word.confidence <= 1 for word in words)
        for word in words:
            x0, y0, x1, y1 = word.box
            assert 35 <= x0 < x1 <= 500
            assert y0 <= 90 + 70 * word.line
            assert y1 >= 35 + 70 * word.line
        # Left to right without overlap worth the name.
        for left, right in pairwise(words[:3]):
            assert left.box[2] <= right.box[0] + 4

    def test_a_blank_page_has_no_words(self, engine):
        assert engine.read(Image.new("RGB", (400, 300), "white")) == []

    @pytest.mark.parametrize("size", [(1, 1), (3, 300), (300, 3), (30, 20)])
    def test_tiny_pages(self, engine, size):
        assert isinstance(engine.read(Image.new("RGB", size, "white")), list)

    def test_several_threads(self, engine, draw_page):
        texts = ["alpha", "bravo", "charlie", "delta"]
        with ThreadPoolExecutor(3) as pool:
            read = list(pool.map(engine.read, [draw_page(text) for text in texts]))
        assert [words[0].text for words in read] == texts

    def test_pickle(self, engine, draw_page):
        engine.read(draw_page("before"))
        copy = pickle.loads(pickle.dumps(engine))
        assert [word.text for word in copy.read(draw_page("after"))] == ["after"]


class TestTesseract:
    def test_the_picture_is_left_as_it_was(self, draw_page):
        image = draw_page("hello")
        before = image.tobytes(), image.format
        Tesseract().read(image, dpi=200)
        assert (image.tobytes(), image.format) == before

    def test_one_thread_in_the_child_and_none_taken_from_this_process(
        self, tmp_path, monkeypatch, draw_page
    ):
        import os

        import pytesseract

        real = Tesseract()
        real.check()
        log = tmp_path / "environment"
        program = tmp_path / "tesseract"
        program.write_text(f'#!/bin/sh\nenv > "{log}"\nexec tesseract "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))
        monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
        monkeypatch.setenv("PAGELOOM_TEST", "seen by the child")
        assert real.read(draw_page("hello"))[0].text == "hello"
        assert "OMP_THREAD_LIMIT=1\n" in log.read_text()
        assert "PAGELOOM_TEST=seen by the child\n" in log.read_text()
        assert "OMP_THREAD_LIMIT" not in os.environ

    def test_a_missing_program_is_named_with_its_package(self, monkeypatch, draw_page):
        import pytesseract

        monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", "no-such-tesseract")
        with pytest.raises(EngineError, match=r"no-such-tesseract.*apt-get install tesseract-ocr"):
            Tesseract().read(draw_page("hello"))

    @pytest.mark.parametrize(
        ("lang", "package"),
        [
            ("eng+tlh", "tesseract-ocr-tlh"),
            ("qqq_sim", "tesseract-ocr-qqq-sim"),
        ],
    )
    def test_a_missing_language_is_named_with_its_package(self, draw_page, lang, package):
        with pytest.raises(EngineError, match=f"installed: .*eng.*apt-get install {package}$"):
            Tesseract(lang).read(draw_page("hello"))

    @pytest.mark.parametrize("lang", ["", "-c x=y", "eng;ls", "eng+", "../eng", "eng deu"])
    def test_lang_is_a_list_of_languages(self, lang):
        with pytest.raises(EngineError, match="no list of Tesseract languages"):
            Tesseract(lang)

    @pytest.mark.parametrize("psm", [-1, 0, 2, 14])
    def test_psm_reads_text(self, psm):
        with pytest.raises(EngineError, match="psm="):
            Tesseract(psm=psm)

    def test_psm_is_passed_on(self, draw_page):
        page = draw_page("one", "two", "three")
        assert len({word.line for word in Tesseract(psm=6).read(page)}) == 3
        assert len({word.line for word in Tesseract(psm=7).read(page)}) <= 1

    def test_reading_tsv(self):
        rows = [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
            "1\t1\t0\t0\t0\t0\t0\t0\t99\t99\t-1\t",
            "5\t1\t1\t1\t1\t1\t10\t20\t30\t40\t96.5\tTotal",
            "5\t1\t1\t2\t1\t1\t1\t2\t3\t4\t-1\t",
            "5\t1\t2\t1\t1\t1\t1\t2\t3\t4\t0\t\ufb01n",
            "5\t1\t2\t1\t1\t2\t1\t2\t3\t4\t101\t\u200b",
        ]
        assert read_tsv("\n".join(rows)) == [
            Word("Total", (10, 20, 40, 60), 0.965, 0, 0),
            Word("fin", (1, 2, 4, 6), 0.0, 1, 1),
        ]
        assert read_tsv("") == []


@pytest.mark.skipif(has_tesserocr(), reason="tesserocr is installed")
def test_tesserocr_names_its_package(draw_page):
    with pytest.raises(EngineError, match="pip install tesserocr"):
        Tesserocr().read(draw_page("hello"))


class TestRapidOcr:
    def test_it_is_silent(self, draw_page, capfd):
        reader = RapidOcr()
        reader.read(draw_page("hello"))
        reader.read(Image.new("RGB", (300, 300), "white"))
        assert capfd.readouterr() == ("", "")

    def test_parts_become_words(self):
        corners = [[0, 0], [9, 0], [9, 9], [0, 9]]
        after = [[10, 0], [19, 0], [19, 9], [10, 9]]
        items = [("ab", 0.9, corners), ("c", 0.8, after)]
        assert line_words("abc", (0, 0, 19, 9), 0.5, items) == [("abc", (0, 0, 19, 9), 0.8)]
        assert [word for word, *_ in line_words("ab c", (0, 0, 19, 9), 0.5, items)] == ["ab", "c"]

    @given(st.text("ab c", max_size=20), st.lists(st.sampled_from(["a", "b", "ab", "x"])))
    def test_parts_that_do_not_add_up_cost_no_word(self, text, parts):
        items = [(part, 0.9, [[0, 0], [1, 0], [1, 1], [0, 1]]) for part in parts]
        words = line_words(text, (0.0, 0.0, 100.0, 10.0), 0.5, items)
        assert [word for word, *_ in words] == text.split()


class TestRegistry:
    def test_names(self):
        assert set(ENGINES) == {"tesseract", "tesserocr", "rapidocr"}
        assert isinstance(make_engine("pageloom.Tesseract.v1", lang="eng", psm=6), Tesseract)

    def test_ones_own(self):
        class Mine:
            def read(self, image, dpi=None):
                return []

        registry.misc("test_ocr_engines.Mine.v1", func=lambda lang, psm: Mine())
        assert isinstance(make_engine("test_ocr_engines.Mine.v1"), Mine)
        registry.misc("test_ocr_engines.NoEngine.v1", func=lambda lang, psm: 3)
        with pytest.raises(EngineError, match="no method read"):
            make_engine("test_ocr_engines.NoEngine.v1")

    @pytest.mark.parametrize(
        ("lang", "missing", "expected"),
        [
            ("eng", None, "rapidocr"),
            ("deu", None, "tesseract"),
            ("eng+deu", None, "tesseract"),
            ("eng", "rapidocr", "tesseract"),
            ("eng", "onnxruntime", "tesseract"),
        ],
    )
    def test_auto(self, lang, missing, expected, monkeypatch):
        monkeypatch.setattr(
            "pageloom.ocr.engines.find_spec", lambda name: None if name == missing else object()
        )
        assert chosen("auto", lang) == expected
        kinds = {"rapidocr": RapidOcr, "tesseract": Tesseract}
        assert isinstance(make_engine("auto", lang=lang), kinds[expected])

    def test_any_other_name_stands_for_itself(self):
        assert chosen("tesserocr", "eng") == "tesserocr"

    def test_unknown(self):
        with pytest.raises(EngineError, match=r"engine='omniocr'.*'tesseract'"):
            make_engine("omniocr")


class TestCleaning:
    @given(st.text())
    def test_what_is_left_is_a_token(self, text):
        cleaned = clean(text)
        assert not any(character.isspace() for character in cleaned)
        cleaned.encode("utf-8")
        assert clean(cleaned) == cleaned

    def test_ligatures_and_marks(self):
        assert clean("\ufb03ce") == "ffice"
        assert clean("a\u00adb\u200bc\x00\ud800") == "abc"

    @given(st.text("aiWm. ", max_size=30), st.floats(0, 500), st.floats(0, 500))
    def test_a_line_is_split_within_its_box(self, text, x0, width):
        words = list(split_line(text, (x0, 0, x0 + width, 10)))
        assert [word for word, _ in words] == text.split()
        edges = [x for _, box in words for x in (box[0], box[2])]
        assert edges == sorted(edges)
        assert all(x0 - 1e-6 <= edge <= x0 + width + 1e-6 for edge in edges)


class TestGluedWords:
    @pytest.mark.parametrize(
        "words",
        [
            "DATE: 14/03/2018",
            "DATE: 14/03/2018 18:05",
            "14/03/2018 5:57:07PM",
            "14-03-18 18:05",
            "14-Mar-2018 18:05",
            "07/04/2018 -18.10:59",
            "2018-04-07 T18:10:59Z",
            "Tel: 03-7832",
            "No.: UDA-C818-01713",
            "Zwischensumme: 12,50",
        ],
    )
    def test_captions_and_times_come_apart(self, words):
        words = words.split()
        pieces = split_glued("".join(words), (0, 0, 100, 10))
        assert [text for text, _ in pieces] == words
        assert [box[0] for _, box in pieces[1:]] >= [box[2] for _, box in pieces[:-1]]

    @pytest.mark.parametrize(
        "text",
        [
            "Total:",
            "18:05",
            "12:30-14:00",
            "Cash:RM",
            "http://10.0.0.1/a",
            "a:b",
            ":",
            "1:2",
            "x1:2",
        ],
    )
    def test_other_words_stay_whole(self, text):
        assert split_glued(text, (0, 0, 100, 10)) == [(text, (0, 0, 100, 10))]

    @given(st.from_regex(r"[A-Za-z:/0-9. -]{1,20}", fullmatch=True).map(clean).filter(bool))
    def test_no_character_is_lost(self, text):
        pieces = split_glued(text, (0, 0, 100, 10))
        assert "".join(piece for piece, _ in pieces) == text
        assert all(0 <= box[0] <= box[2] <= 100 + 1e-6 for _, box in pieces)


def row(y, *columns, height=10):
    """Boxes of words of 40 pixels, in columns that start at given places: (x, how many)."""
    return [
        (x + 45 * n, y, x + 45 * n + 40, y + height) for x, count in columns for n in range(count)
    ]


class TestReadingOrder:
    @given(
        st.lists(
            st.tuples(*[st.floats(0, 1000)] * 2, st.floats(0, 300), st.floats(0, 60)), max_size=40
        )
    )
    def test_each_word_once_in_runs_of_lines_and_blocks(self, sizes):
        order = arrange([(x, y, x + w, y + h) for x, y, w, h in sizes])
        assert sorted(at for at, _, _ in order) == list(range(len(sizes)))
        assert [line for _, line, _ in order] == sorted(line for _, line, _ in order)
        assert [block for _, _, block in order] == sorted(block for _, _, block in order)

    def test_label_and_value_at_the_other_margin_are_one_line(self):
        boxes = row(0, (0, 1), (800, 1)) + row(20, (0, 1), (800, 1))
        assert [line for _, line, _ in arrange(boxes[::-1])] == [0, 0, 1, 1]

    def test_running_text_is_read_column_by_column(self):
        header = row(0, (0, 12))
        left = [box for n in range(6) for box in row(40 + 14 * n, (0, 5))]
        right = [box for n in range(6) for box in row(40 + 14 * n, (300, 5))]
        mixed = header + [box for pair in zip(left, right, strict=True) for box in pair]
        order = [mixed[at] for at, _, _ in arrange(mixed)]
        assert order == header + left + right

    def test_paragraphs_side_by_side_stay_in_their_columns(self):
        lines = [40, 54, 68, 120, 134, 148]  # the gap is at the same height in both columns
        left = [box for y in lines for box in row(y, (0, 5))]
        right = [box for y in lines for box in row(y, (300, 5))]
        boxes = [box for pair in zip(left, right, strict=True) for box in pair]
        assert [boxes[at] for at, _, _ in arrange(boxes)] == left + right

    def test_a_table_is_read_row_by_row(self):
        rows = [row(30 * n, (0, 2), (400, 1), (700, 1)) for n in range(8)]
        boxes = [box for one in rows for box in one]
        assert [boxes[at] for at, _, _ in arrange(boxes[::-1][::-1])] == boxes

    def test_twenty_thousand_words(self):
        boxes = [box for n in range(1000) for box in row(12 * n, (0, 20))]
        assert [at for at, _, _ in arrange(boxes)] == list(range(20_000))


def layer(data, **options):
    doc = open_document(data, VOCAB, **options)
    return [text_layer(page) for page in doc._.pages]


class TestTextLayer:
    def test_words_and_boxes(self, make_pdf):
        (words,) = layer(make_pdf(["Total due 12.50", "Thank you"]), dpi=144)
        assert [word.text for word in words] == ["Total", "due", "12.50", "Thank", "you"]
        assert [word.line for word in words] == [0, 0, 0, 1, 1]
        assert {word.confidence for word in words} == {1.0}
        x0, y0, x1, y1 = words[0].box  # drawn at 72 points from the left and the top
        assert (x0, y1) == (pytest.approx(144, abs=4), pytest.approx(144, abs=4))
        assert 50 < x1 - x0 < 70
        assert 14 < y1 - y0 < 24

    @pytest.mark.parametrize("angle", [0, 90, 180, 270])
    def test_boxes_lie_on_the_ink_of_a_rotated_page(self, make_pdf, angle):
        doc = open_document(make_pdf(["Rotated words here"], rotate=angle), VOCAB, dpi=100)
        (page,) = doc._.pages
        words = text_layer(page)
        assert sorted(word.text for word in words) == ["Rotated", "here", "words"]
        for word in words:
            x0, y0, x1, y1 = (round(value) for value in word.box)
            black = np.asarray(page.image.convert("L")) < 128
            ink = black[y0:y1, x0:x1].sum()
            assert ink > 20
            assert black[y0 - 2 : y1 + 2, x0 - 2 : x1 + 2].sum() <= 1.3 * ink

    def test_cropped_page(self, make_pdf, write):
        document = pypdfium2.PdfDocument(make_pdf(["inside", *[""] * 20, "outside"]))
        page = document[0]
        page.set_cropbox(50, 500, 400, 800)
        path = write("cropped.pdf", b"")
        document.save(path)
        document.close()
        (page,) = open_document(path, VOCAB, dpi=72)._.pages
        assert (page.width, page.height) == (350, 300)
        (word,) = text_layer(page)
        assert word.text == "inside"
        assert word.box[0] == pytest.approx(22, abs=2)

    def test_pages_without_a_usable_layer(self, make_pdf, draw_page, encode):
        scan = draw_page("scanned")
        assert layer(make_pdf(scan, [])) == [None, None]
        assert layer(encode(scan, "PNG")) == [None]

    def test_reading_order_is_that_of_the_page_and_not_of_the_file(self, write):
        from reportlab.pdfgen import canvas

        path = write("order.pdf", b"")
        paper = canvas.Canvas(str(path))
        for text, x, y in [("third", 72, 600), ("second", 300, 700), ("first", 72, 700)]:
            paper.drawString(x, y, text)
        paper.save()
        (words,) = layer(path)
        assert [(word.text, word.line) for word in words] == [
            ("first", 0),
            ("second", 0),
            ("third", 1),
        ]

    def test_hyphen_at_the_end_of_a_line_stays(self, make_pdf):
        (words,) = layer(make_pdf(["an exam-", "ple of it"]))
        assert [word.text for word in words] == ["an", "exam-", "ple", "of", "it"]

    def test_a_scan_with_a_stamp_is_left_to_ocr(self, write, draw_page):
        from reportlab.lib.utils import ImageReader
        from reportlab.pdfgen import canvas

        path = write("stamped.pdf", b"")
        paper = canvas.Canvas(str(path))
        paper.drawImage(ImageReader(draw_page("scan")), 0, 0, 595, 842)
        paper.drawString(72, 20, "Scanned by Scanner")
        paper.save()
        assert layer(path) == [None]

    def test_font_that_does_not_say_its_letters(self, write):
        path = write("garbage.pdf", GARBAGE_PDF)
        assert layer(path) == [None]


# Type 3 font whose glyphs are drawn, without a ToUnicode table.
GARBAGE_PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 37>>stream
BT /F 20 Tf 20 200 Td <010203> Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type3/FontBBox[0 0 750 750]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 1/LastChar 3/Widths[800 800 800]/CharProcs<</a 6 0 R>>/Encoding<</Type/Encoding/Differences[1/a/a/a]>>/Resources<<>>>>endobj
6 0 obj<</Length 34>>stream
800 0 0 0 750 750 d1 0 0 750 750 re f
endstream endobj
trailer<</Root 1 0 R>>
%%EOF
"""  # noqa: E501


def receipts():
    folder = Path(__file__).parents[2] / ".." / "shared" / "data" / "sroie" / "img"
    return sorted(folder.glob("*.jpg"))[:1]


@pytest.mark.skipif(not receipts(), reason="the receipts of ../shared/data/sroie are not here")
@pytest.mark.parametrize("name", ["tesseract", "rapidocr"])
def test_a_real_receipt(name):
    (path,) = receipts()
    (page,) = open_document(path, VOCAB)._.pages
    words = make_engine(name).read(page.image)
    assert len(words) > 30
    assert any("total" in word.text.lower() for word in words)
