"""Pages that an engine reads at once."""

import stat
import threading
from itertools import islice

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from spacy.tokens import Doc
from spacy.util import registry

from pageloom import EngineError, open_document
from pageloom.ocr import PagesEngine, Tesseract, Word, make_engine
from pageloom.ocr.tesseract import read_tsv, split_pages
from pageloom.pipes.ocr import GROUP_PAGES, GROUP_PIXELS, PAGES_AHEAD, Ocr

READER = {"nlp": {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}}
VOCAB = spacy.blank("en").vocab


def pictures(*widths):
    return open_document([Image.new("RGB", (width, 10), "white") for width in widths], VOCAB)


class OneByOne:
    """An engine that reads a page's width as its word."""

    def read(self, image, dpi=None):
        return [Word(f"w{image.width}", (0, 0, 1, 1), 0.5, 0, 0)]


registry.misc("test_ocr_pages_together.OneByOne.v1", func=lambda lang, psm: OneByOne())


class Grouped:
    """An engine that reads several pages at once, and a page of 13 pixels not at all."""

    def __init__(self):
        self.groups, self.dpis, self.alone = [], [], []

    def read(self, image, dpi=None):
        self.alone.append(image.width)
        if image.width == 13:
            raise KeyError("thirteen")
        return [Word(f"w{image.width}", (0, 0, 1, 1), 0.5, 0, 0)]

    def read_all(self, images, dpi=None):
        self.groups.append([image.width for image in images])
        self.dpis.append(dpi)
        if any(image.width == 13 for image in images):
            raise EngineError("one of them")
        return [[Word(f"w{image.width}", (0, 0, 1, 1), 0.5, 0, 0)] for image in images]


def grouped(workers, engine=None):
    engine = engine or Grouped()
    registry.misc("test_ocr_pages_together.Grouped.v1", func=lambda lang, psm: engine)
    return Ocr(VOCAB, engine="test_ocr_pages_together.Grouped.v1", workers=workers), engine


class TestPagesTogether:
    @given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 4))
    def test_words_and_order_are_those_of_page_by_page(self, counts, workers):
        widths = iter(range(20, 400))
        docs = [pictures(*islice(widths, count)) if count else Doc(VOCAB) for count in counts]
        ocr, engine = grouped(workers)
        words = [[(t.text, t._.page) for t in doc] for doc in ocr.pipe(docs)]
        alone = [
            [(t.text, t._.page) for t in doc]
            for doc in Ocr(VOCAB, engine="test_ocr_pages_together.OneByOne.v1").pipe(docs)
        ]
        assert words == alone
        assert all(2 <= len(group) <= GROUP_PAGES for group in engine.groups)
        read = [width for group in engine.groups for width in group] + engine.alone
        assert sorted(read) == list(range(20, 20 + sum(counts)))

    @pytest.mark.parametrize(
        ("pages", "workers", "sizes"),
        [
            (1, 1, []),
            (1, 4, []),
            (4, 1, [4]),
            (5, 1, [4]),
            (4, 2, [2]),
            (10, 2, [4, 3, 2]),
            (4, 4, []),
        ],
    )
    def test_each_worker_takes_its_share_of_what_waits(self, pages, workers, sizes):
        assert pages <= PAGES_AHEAD * workers
        ocr, engine = grouped(workers)
        ocr(pictures(*range(20, 20 + pages)))
        assert sorted(map(len, engine.groups), reverse=True) == sizes
        assert len(engine.alone) == pages - sum(sizes)

    def test_four_pages_keep_two_workers_busy(self):
        met = threading.Event()
        both = threading.Barrier(2, action=met.set, timeout=30)

        class Meeting(Grouped):
            def read_all(self, images, dpi=None):
                both.wait()
                return super().read_all(images, dpi)

            def read(self, image, dpi=None):
                if not met.is_set():
                    both.wait()
                return super().read(image, dpi)

        ocr, _ = grouped(2, Meeting())
        doc = ocr(pictures(20, 21, 22, 23))
        assert (doc.text, doc._.status) == ("w20 w21 w22 w23", "ok")
        assert met.is_set()

    def test_a_page_that_fails_leaves_its_group_their_words(self):
        ocr, engine = grouped(1)
        doc = ocr(pictures(11, 12, 13, 14))
        assert doc.text == "w11 w12 w14"
        assert [(error.page, error.category) for error in doc._.errors] == [(3, "unexpected")]
        assert engine.groups == [[11, 12, 13, 14]]
        assert engine.alone == [11, 12, 13, 14]

    def test_a_page_that_cannot_be_decoded_leaves_its_group_their_words(
        self, draw_page, encode, write
    ):
        broken = bytearray(encode(Image.effect_noise((300, 200), 90), "PNG"))
        broken[900:1200] = bytes(300)
        files = {name: encode(draw_page(name), "PNG") for name in ("alpha", "bravo", "delta")}
        files["broken"] = bytes(broken)
        paths = [
            write(f"{name}.png", files[name]) for name in ("alpha", "broken", "bravo", "delta")
        ]
        nlp = spacy.blank("en", config=READER)
        nlp.add_pipe("ocr", config={"workers": 1})
        docs = list(nlp.pipe(str(path) for path in paths))
        assert [doc.text for doc in docs] == ["alpha", "", "bravo", "delta"]
        assert [doc._.status for doc in docs] == ["ok", "failed", "ok", "ok"]
        assert "broken.png" in docs[1]._.errors[0].message

    def test_pages_of_one_resolution_together(self, encode, write):
        def scan(name, width, dpi):
            image = Image.new("RGB", (width, 10), "white")
            path = write(name, b"")
            image.save(path, dpi=(dpi, dpi))
            return open_document(path, VOCAB)

        docs = [scan(f"{n}.png", 20 + n, 300 if n < 3 else 150) for n in range(5)]
        ocr, engine = grouped(1)
        assert [doc.text for doc in ocr.pipe(docs)] == [f"w{20 + n}" for n in range(5)]
        of = {20: 300, 21: 300, 22: 300, 23: 150, 24: 150}
        for group, dpi in zip(engine.groups, engine.dpis, strict=True):
            assert {of[width] for width in group} == {dpi}

    def test_large_pages_are_read_one_by_one(self):
        ocr, engine = grouped(1)
        doc = ocr(pictures(20, GROUP_PIXELS // 10, 21, 22, 23))
        assert len(doc) == 5
        assert engine.alone == [20, GROUP_PIXELS // 10]
        assert engine.groups == [[21, 22, 23]]

    def test_the_text_layer_comes_first(self, make_pdf, draw_page, write):
        scan = draw_page("scan", size=(827, 1170))
        path = write("mixed.pdf", make_pdf(["layer"], scan, ["more"], scan))
        engine = Grouped()
        ocr, _ = grouped(1, engine)
        doc = ocr(open_document(path, VOCAB, dpi=100))
        assert [token._.page for token in doc] == [1, 2, 3, 4]
        assert [len(group) for group in engine.groups] == [2]
        assert engine.alone == []

    def test_too_few_answers_of_an_engine_are_not_taken(self):
        class Short(Grouped):
            def read_all(self, images, dpi=None):
                return super().read_all(images, dpi)[1:]

        ocr, engine = grouped(1, Short())
        assert ocr(pictures(20, 21, 22)).text == "w20 w21 w22"
        assert engine.alone == [20, 21, 22]

    def test_leaving_early_stops_the_workers(self):
        ocr, engine = grouped(2)
        docs = ocr.pipe(pictures(20, 21, 22) for _ in range(99))
        next(docs)
        docs.close()
        assert not [t for t in threading.enumerate() if t.name.startswith("pageloom-ocr")]
        assert len(engine.alone) + sum(map(len, engine.groups)) <= PAGES_AHEAD * 2 + 3

    def test_an_exit_within_a_group_leaves_nobody_waiting(self):
        class Leaving(Grouped):
            def read_all(self, images, dpi=None):
                raise SystemExit(3)

        ocr, _ = grouped(1, Leaving())
        with pytest.raises(SystemExit):
            ocr(pictures(20, 21, 22))


def wrap_tesseract(folder, monkeypatch, first):
    """Have the real program run after shell command `first`; its thread limit goes to a log."""
    import pytesseract

    log, program = folder / "log", folder / "tesseract"
    limit = "OMP_THREAD_LIMIT=$OMP_THREAD_LIMIT"
    program.write_text(f'#!/bin/sh\necho "{limit}" >> "{log}"\n{first}\nexec tesseract "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))
    return log


class TestTesseract:
    @pytest.mark.parametrize("psm", [3, 11])
    @pytest.mark.parametrize("dpi", [None, 150])
    def test_pages_together_are_what_each_is_alone(self, draw_page, psm, dpi):
        pages = [
            draw_page("Invoice number 12345", "Total 99.50"),
            Image.new("RGB", (500, 300), "white"),
            ImageOps.colorize(draw_page("Thank you").convert("L"), "navy", "ivory"),
            draw_page("Date 2024-03-01", "Cash 100.00", "Change 0.50", size=(700, 500)),
            Image.new("RGB", (1, 1), "white"),
        ]
        before = [(page.tobytes(), page.format) for page in pages]
        engine = Tesseract(psm=psm)
        alone = [engine.read(page, dpi) for page in pages]
        assert [len(words) > 0 for words in alone] == [True, False, True, True, False]
        assert engine.read_all(pages, dpi) == alone
        assert [(page.tobytes(), page.format) for page in pages] == before

    def test_no_pages_and_one_page(self, draw_page):
        page = draw_page("hello")
        assert Tesseract().read_all([]) == []
        assert Tesseract().read_all([page]) == [Tesseract().read(page)]

    def test_pages_together_take_one_process(self, tmp_path, monkeypatch, draw_page):
        real = Tesseract()
        real.check()
        log = wrap_tesseract(tmp_path, monkeypatch, "")
        words = real.read_all([draw_page("one"), draw_page("two"), draw_page("six")])
        assert [[word.text for word in page] for page in words] == [["one"], ["two"], ["six"]]
        (environment,) = log.read_text().splitlines()
        assert environment == "OMP_THREAD_LIMIT=1"

    def test_a_page_that_ends_the_process_is_no_silent_loss(self, tmp_path, monkeypatch, draw_page):
        real = Tesseract()
        real.check()
        # The program stops at the first file that it cannot decode.
        wrap_tesseract(tmp_path, monkeypatch, 'echo broken > "${1%/*}/2.ppm"')
        with pytest.raises(EngineError, match="failed on 3 pages"):
            real.read_all([draw_page(text) for text in ("one", "two", "six")])

    def test_fewer_pages_than_given_are_an_error(self, tmp_path, monkeypatch, draw_page):
        real = Tesseract()
        real.check()
        wrap_tesseract(tmp_path, monkeypatch, 'echo "${1%/*}/1.ppm" > "$1"')
        with pytest.raises(EngineError, match="read 1 of 2 pages"):
            real.read_all([draw_page("one"), draw_page("two")])

    def test_pages_together_with_nothing_installed(self, monkeypatch, draw_page):
        with pytest.raises(EngineError, match="apt-get install tesseract-ocr-tlh"):
            Tesseract("tlh").read_all([draw_page("one"), draw_page("two")])

    def test_nothing_is_left_in_the_temporary_folder(self, tmp_path, monkeypatch, draw_page):
        import tempfile

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        Tesseract().read_all([draw_page("one"), draw_page("two")])
        assert list(tmp_path.iterdir()) == []

    @given(st.lists(st.integers(0, 3), max_size=12))
    def test_splitting_tsv(self, counts):
        rows = ["level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight"]
        for page, count in enumerate(counts, 1):
            rows.append(f"1\t{page}\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t")
            rows += [f"5\t{page}\t1\t1\t1\t{n}\t0\t0\t9\t9\t90\tw{n}" for n in range(count)]
        pages = [read_tsv(page) for page in split_pages("\n".join([*rows, ""]))]
        assert [[word.text for word in page] for page in pages] == [
            [f"w{n}" for n in range(count)] for count in counts
        ]

    def test_who_reads_several_pages_at_once(self):
        assert isinstance(make_engine("tesseract"), PagesEngine)
        assert not isinstance(make_engine("rapidocr"), PagesEngine)
