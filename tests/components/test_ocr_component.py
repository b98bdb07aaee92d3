import pickle
import threading
import time
from pathlib import Path

import pytest
import spacy
from PIL import Image
from spacy.tokens import Doc, DocBin
from spacy.util import registry

from pageloom import EngineError, open_document
from pageloom.ocr import Word
from pageloom.pipes.ocr import SUREST, Ocr

READER = {"nlp": {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}}
VOCAB = spacy.blank("en").vocab


def pipeline(**settings):
    nlp = spacy.blank("en", config=READER)
    nlp.add_pipe("ocr", config=settings)
    return nlp


class Scripted:
    """An engine of one's own, as a user registers it: it reads a page's width as its word."""

    def __init__(self):
        self.lock = threading.Lock()
        self.now = self.most = self.calls = 0

    def read(self, image, dpi=None):
        with self.lock:
            self.calls += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(0.002 * (image.width % 5))
            if image.width == 13:
                raise KeyError("thirteen")
            if image.width == 14:
                raise MemoryError
            return [Word(f"w{image.width}", (0, 0, image.width, 1), 0.5, 0, 0)]
        finally:
            with self.lock:
                self.now -= 1


SCRIPTED = Scripted()
registry.misc("test_ocr_component.Scripted.v1", func=lambda lang, psm: SCRIPTED)
MINE = {"engine": "test_ocr_component.Scripted.v1"}


def pictures(*widths):
    return open_document([Image.new("RGB", (width, 10), "white") for width in widths], VOCAB)


class TestRealDocuments:
    def test_a_scan(self, draw_page, encode, write):
        path = write("receipt.png", encode(draw_page("Total due 12.50", "Thank you"), "PNG"))
        doc = pipeline()(str(path))
        assert doc.text == "Total due 12.50 Thank you"
        assert [span.text for span in doc.spans["lines"]] == ["Total due 12.50", "Thank you"]
        assert {span.label_ for span in doc.spans["layout"]} == {"text"}
        assert "".join(span.text_with_ws for span in doc.spans["layout"]) == doc.text
        assert doc._.status == "ok"
        assert doc._.source == str(path)
        x0, y0, x1, y1 = doc[0]._.box
        assert 40 <= x0 < x1 <= 170  # drawn at 40 of 900 pixels
        assert 90 <= y0 < y1 <= 250  # and at 40 of 400
        assert doc[0]._.page == 1
        assert 0.5 < doc[0]._.confidence <= 1
        assert doc[0:3]._.box[0] == x0
        assert all(isinstance(value, int) for value in doc[0]._.box)

    @pytest.mark.parametrize(
        ("mode", "words"),
        [("auto", ["layer", "scan"]), ("force", ["layer", "scan"]), ("skip", ["layer"])],
    )
    def test_modes_on_a_mixed_pdf(self, make_pdf, draw_page, write, mode, words):
        path = write("mixed.pdf", make_pdf(["layer"], draw_page("scan", size=(827, 1170))))
        doc = pipeline(mode=mode)(str(path))
        assert [token.text for token in doc] == words
        exact = [token._.confidence == 1.0 for token in doc if token.text == "layer"]
        assert exact == [mode != "force"]
        assert doc._.status == "ok"

    def test_text_layer_and_ocr_agree_on_boxes(self, make_pdf):
        nlp = spacy.blank("en")
        doc = open_document(make_pdf(["Invoice 2024", "Total 99"]), nlp.vocab)
        layer, read = Ocr(nlp.vocab)(doc), Ocr(nlp.vocab, mode="force")(doc)
        assert [token.text for token in layer] == [token.text for token in read]
        for left, right in zip(layer, read, strict=True):
            assert all(abs(a - b) <= 6 for a, b in zip(left._.box, right._.box, strict=True))

    def test_a_caption_without_a_blank_is_a_token_of_its_own(self, make_pdf, write):
        doc = pipeline()(str(write("invoice.pdf", make_pdf(["Date:14/03/2018 ok"]))))
        assert doc.text == "Date:14/03/2018 ok"
        assert [token.text for token in doc] == ["Date:", "14/03/2018", "ok"]
        caption, day, after = (token._.box for token in doc)
        assert caption[2] <= day[0] < day[2] <= after[0]
        assert [span.text for span in doc.spans["lines"]] == [doc.text]

    def test_rapidocr(self, draw_page, encode, write):
        path = write("receipt.jpg", encode(draw_page("Total due 12.50"), "JPEG"))
        assert pipeline(engine="rapidocr")(str(path)).text == "Total due 12.50"

    def test_blank_page_is_an_empty_valid_result(self, encode, write, draw_page):
        doc = pipeline()(str(write("blank.png", encode(draw_page(), "PNG"))))
        assert (len(doc), doc._.status, len(doc.spans["lines"])) == (0, "ok", 0)
        assert len(doc._.pages) == 1

    def test_twenty_thousand_words_on_a_page(self, write):
        from reportlab.pdfgen import canvas

        path = write("dense.pdf", b"")
        paper = canvas.Canvas(str(path), pagesize=(2000, 2000))
        paper.setFont("Helvetica", 4)
        for line in range(400):
            paper.drawString(20, 1980 - 4.9 * line, " ".join(f"w{line}x{n}" for n in range(50)))
        paper.save()
        doc = pipeline()(str(path))
        assert len(doc) == 20_000
        assert len(doc.spans["lines"]) == 400
        assert doc[19_999].text == "w399x49"
        assert doc[19_999]._.box[1] > 950
        copy = Doc(doc.vocab).from_bytes(doc.to_bytes())
        assert copy[777]._.box == doc[777]._.box

    def test_a_batch_with_bad_documents_loses_nothing_else(
        self, make_pdf, draw_page, encode, write
    ):
        broken = bytearray(encode(Image.effect_noise((300, 200), 90), "PNG"))
        broken[900:1200] = bytes(300)  # its ends are in order: it opens, and fails when decoded
        paths = [
            write("good.pdf", make_pdf(["good"])),
            write("empty.pdf", b""),
            write("broken.png", bytes(broken)),
            write("secret.pdf", make_pdf(["x"], password="sesame")),
            Path("/no/such.pdf"),
            write("fine.png", encode(draw_page("fine"), "PNG")),
        ]
        docs = list(pipeline().pipe(str(path) for path in paths))
        assert [doc.text for doc in docs] == ["good", "", "", "", "", "fine"]
        assert [doc._.status for doc in docs] == ["ok", *["failed"] * 4, "ok"]
        for doc, path in zip(docs[1:5], paths[1:5], strict=True):
            assert path.name in doc._.errors[0].message

    def test_a_missing_language_is_in_the_record(self, make_pdf, draw_page, write):
        path = write("two.pdf", make_pdf(["layer"], draw_page("scan")))
        doc = pipeline(lang="tlh")(str(path))
        assert doc.text == "layer"
        assert doc._.status == "partial"
        (error,) = doc._.errors
        assert (error.component, error.category, error.page) == ("ocr", "engine", 2)
        assert "apt-get install tesseract-ocr-tlh" in error.message
        assert "two.pdf" in error.message

    def test_a_source_lost_between_reading_and_ocr(self, make_pdf, write):
        path = write("gone.pdf", make_pdf(["x"]))
        doc = open_document(path, VOCAB)
        path.unlink()
        (error,) = Ocr(VOCAB)(doc)._.errors
        assert error.category == "missing"


class TestBatches:
    def test_order_is_kept_and_pages_are_side_by_side(self):
        SCRIPTED.most = 0
        docs = [pictures(*range(n + 1, n + 4)) for n in range(20, 44)]
        read = list(Ocr(VOCAB, workers=4, **MINE).pipe(docs))
        assert [doc.text for doc in read] == [f"w{n + 1} w{n + 2} w{n + 3}" for n in range(20, 44)]
        assert [[t._.page for t in doc] for doc in read] == [[1, 2, 3]] * 24
        assert 1 < SCRIPTED.most <= 4

    def test_it_runs_ahead_but_not_far(self):
        pulled = 0

        def stream():
            nonlocal pulled
            for n in range(500):
                pulled += 1
                yield pictures(20 + n % 7)

        docs = Ocr(VOCAB, workers=2, **MINE).pipe(stream())
        next(docs)
        assert 2 < pulled <= 12
        docs.close()
        assert pulled <= 12

    def test_documents_that_need_no_ocr_do_not_pile_up(self):
        pulled = 0

        def stream():
            nonlocal pulled
            for _ in range(1000):
                pulled += 1
                yield Doc(VOCAB, words=["has", "words"])

        next(Ocr(VOCAB, workers=1, **MINE).pipe(stream()))
        assert pulled <= 8

    def test_a_failing_page_costs_no_other(self):
        doc = Ocr(VOCAB, **MINE)(pictures(11, 13, 12, 14))
        assert doc.text == "w11 w12"
        assert [(error.page, error.category) for error in doc._.errors] == [
            (2, "unexpected"),
            (4, "unexpected"),
        ]
        assert "KeyError" in doc._.errors[0].message
        assert doc._.status == "partial"
        assert Ocr(VOCAB, **MINE)(pictures(13))._.status == "failed"

    def test_an_error_in_the_stream_is_not_swallowed(self):
        def stream():
            yield pictures(20)
            raise RuntimeError("upstream")

        with pytest.raises(RuntimeError, match="upstream"):
            list(Ocr(VOCAB, **MINE).pipe(stream()))

    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_no_documents(self, workers):
        assert list(Ocr(VOCAB, workers=workers, **MINE).pipe([])) == []

    def test_leaving_early_stops_the_workers(self):
        docs = Ocr(VOCAB, workers=2, **MINE).pipe(pictures(23, 24, 25) for _ in range(99))
        next(docs)
        docs.close()
        assert not [t for t in threading.enumerate() if t.name.startswith("pageloom-ocr")]


class TestTheDoc:
    def test_what_the_old_one_had_is_in_the_new_one(self):
        doc = pictures(20)
        doc._context = {"id": 7}
        doc._.questions = ["total?"]
        doc.user_data["mine"] = 1
        doc.cats = {"invoice": 0.5}
        read = Ocr(VOCAB, **MINE)(doc)
        assert read is not doc
        assert read._context == {"id": 7}
        assert (read._.questions, read.user_data["mine"]) == (["total?"], 1)
        assert read.cats == {"invoice": 0.5}
        assert read._.pages == doc._.pages
        assert read.vocab is doc.vocab

    def test_a_doc_with_tokens_or_without_pages_passes_through(self):
        ocr = Ocr(VOCAB, mode="force", **MINE)
        for doc in (Doc(VOCAB, words=["mine"]), Doc(VOCAB)):
            assert ocr(doc) is doc
        twice = ocr(pictures(20))
        assert ocr(twice) is twice

    @pytest.mark.parametrize(
        ("word", "box"),
        [
            (Word("in", (5, 5, 10, 10), 1, 0, 0), (250, 500, 500, 1000)),
            (Word("out", (-5, -5, 99, 99), 1, 0, 0), (0, 0, 1000, 1000)),
            (Word("odd", (10, 10, 5, 5), 1, 0, 0), (250, 500, 500, 1000)),
            (Word("third", (6.667, 0, 13.333, 10), 1, 0, 0), (333, 0, 666, 1000)),
        ],
    )
    def test_boxes_are_cut_and_clamped(self, word, box):
        class One:
            def read(self, image, dpi=None):
                return [word]

        registry.misc("test_ocr_component.One.v1", func=lambda lang, psm: One())
        doc = Ocr(VOCAB, engine="test_ocr_component.One.v1")(pictures(20))
        assert doc[0]._.box == box

    def test_words_that_are_no_words_are_left_out(self):
        class Odd:
            def read(self, image, dpi=None):
                texts = ["", " ", "\u200b", "\ud800", "two words", "low"]
                scores = [1, 1, 1, 1, 7, 0.2]
                return [
                    Word(text, (0, 0, 1, 1), score, at, at)
                    for at, (text, score) in enumerate(zip(texts, scores, strict=True))
                ]

        registry.misc("test_ocr_component.Odd.v1", func=lambda lang, psm: Odd())
        doc = Ocr(VOCAB, engine="test_ocr_component.Odd.v1", min_confidence=0.5)(pictures(20))
        assert [token.text for token in doc] == ["twowords"]
        # 1 is for the words of a text layer, which nobody had to read.
        assert doc[0]._.confidence == SUREST

    def test_boxes_that_are_no_numbers_fail_their_page_only(self):
        class Broken:
            def read(self, image, dpi=None):
                return [
                    Word(
                        "x", (float("nan"), 0, 1, 1) if image.width == 9 else (0, 0, 1, 1), 1, 0, 0
                    )
                ]

        registry.misc("test_ocr_component.Broken.v1", func=lambda lang, psm: Broken())
        doc = Ocr(VOCAB, engine="test_ocr_component.Broken.v1")(pictures(9, 10))
        assert doc.text == "x"
        assert doc._.errors[0].page == 1


class TestSerialisation:
    def test_disk_with_settings_of_the_config(self, tmp_path, make_pdf, write):
        path = str(write("a.pdf", make_pdf(["hello"])))
        nlp = pipeline(psm=6, workers=3)
        nlp.to_disk(tmp_path / "model")
        loaded = spacy.load(tmp_path / "model")
        assert (loaded.get_pipe("ocr").psm, loaded.get_pipe("ocr").workers) == (6, 3)
        assert loaded(path).text == "hello"
        other = spacy.load(tmp_path / "model", config={"components": {"ocr": {"workers": 1}}})
        assert other.get_pipe("ocr").workers == 1

    def test_bytes_and_pickle(self):
        ocr = Ocr(VOCAB, psm=6, mode="skip", min_confidence=0.25)
        for copy in (Ocr(VOCAB).from_bytes(ocr.to_bytes()), pickle.loads(pickle.dumps(ocr))):
            assert (copy.psm, copy.mode, copy.min_confidence) == (6, "skip", 0.25)
        assert pipeline().from_bytes(pipeline(psm=4).to_bytes()).get_pipe("ocr").psm == 4

    def test_two_processes_and_contexts(self, draw_page, encode, write):
        names = ["alpha", "bravo", "charlie", "delta"]
        paths = [write(f"{name}.png", encode(draw_page(name), "PNG")) for name in names]
        nlp = pipeline(workers=1)
        tuples = [(str(path), name) for path, name in zip(paths, names, strict=True)]
        for docs in (
            nlp.pipe(tuples, as_tuples=True),
            nlp.pipe(tuples, as_tuples=True, n_process=2, batch_size=2),
        ):
            read = [(doc.text, context, doc._.pages[0].width) for doc, context in docs]
            assert read == [(name, name, 900) for name in names]

    def test_doc_bin(self, draw_page, encode, write):
        doc = pipeline()(str(write("a.png", encode(draw_page("Total 12.50"), "PNG"))))
        data = DocBin(docs=[doc], store_user_data=True).to_bytes()
        copy = next(DocBin().from_bytes(data).get_docs(VOCAB))
        assert [span.text for span in copy.spans["lines"]] == ["Total 12.50"]
        assert [token._.box for token in copy] == [token._.box for token in doc]
        assert copy._.pages[0].image.size == (900, 400)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "always"}, "mode='always'.*auto"),
        ({"workers": -1}, "workers=-1"),
        ({"min_confidence": 2}, "min_confidence=2"),
        ({"engine": "none"}, "engine='none'"),
        ({"psm": 99}, "psm=99"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    with pytest.raises((ValueError, EngineError), match=words):
        Ocr(VOCAB, **settings)
