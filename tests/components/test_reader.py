import gc
import pickle
import threading
import warnings
from io import BytesIO
from pathlib import Path

import fsspec
import numpy as np
import pypdfium2
import pytest
import spacy
from PIL import Image
from spacy.tokens import Doc, DocBin

import pageloom
from pageloom import DocumentOpenError, DocumentReader, embed_images, open_document
from pageloom.document import images, source

VOCAB = spacy.blank("en").vocab
READER = {"nlp": {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}}


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def pixels(image):
    return np.asarray(image)


@pytest.fixture(autouse=True)
def _no_cached_pages():
    images.CACHE.clear()


class TestKinds:
    def test_pdf_pages_have_pixels_at_the_dpi(self, make_pdf, write):
        path = write("three.pdf", make_pdf(["one"], ["two"], ["three"]))
        doc = open_document(path, VOCAB, dpi=100)
        assert len(doc) == 0
        assert [page.number for page in doc._.pages] == [1, 2, 3]
        assert (doc._.pages[0].width, doc._.pages[0].height, doc._.pages[0].dpi) == (827, 1170, 100)
        assert doc._.pages[2].image.size == (827, 1170)
        assert doc._.pages[2].image.mode == "RGB"
        assert doc._.status == "ok"
        assert doc._.source == str(path)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000"])
    @pytest.mark.parametrize("as_bytes", [True, False])
    def test_image_files(self, draw_page, encode, write, kind, as_bytes):
        data = encode(draw_page("hello"), kind)
        doc = open_document(data if as_bytes else write("picture.bin", data), VOCAB)
        (page,) = doc._.pages
        assert (page.width, page.height) == page.image.size == (900, 400)

    def test_tiff_has_pages_and_they_differ(self, draw_page, encode, write):
        pages = [draw_page(text, size=(300 + 50 * i, 200)) for i, text in enumerate("abc")]
        data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:], dpi=(150, 150))
        doc = open_document(write("fax.tif", data), VOCAB)
        assert [(page.width, page.dpi) for page in doc._.pages] == [
            (300, 150),
            (350, 150),
            (400, 150),
        ]
        for page, original in zip(doc._.pages, pages, strict=True):
            assert (pixels(page.image) == pixels(original)).all()

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "PNG"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, encode, kind, orientation):
        corner = Image.new("RGB", (60, 40), "white")
        corner.paste((255, 0, 0), (0, 0, 20, 20))
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"exif": exif.tobytes()} if kind != "TIFF" else {"tiffinfo": {274: orientation}}
        (page,) = open_document(encode(corner, kind, **options), VOCAB)._.pages
        assert (page.width, page.height) == page.image.size
        assert page.image.size == ((60, 40) if orientation < 5 else (40, 60))
        red = pixels(page.image)[..., 1] < 100
        at = (bool(red[:10].any()), bool(red[:, :10].any()))  # at the top, at the left
        # Where the file's first row and column lie, by the EXIF standard's table.
        assert at == {
            1: (True, True), 2: (True, False), 3: (False, False), 4: (False, True),
            5: (True, True), 6: (True, False), 7: (False, False), 8: (False, True),
        }[orientation]  # fmt: skip

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
    def test_every_mode_becomes_rgb_on_white(self, mode):
        image = Image.new(mode, (20, 10), 65535 if mode == "I;16" else 1 if mode == "1" else 0)
        if mode in ("L", "P", "CMYK"):
            image = Image.new("RGB", (20, 10), "white").convert(mode)
        (page,) = open_document(image, VOCAB)._.pages
        assert page.image.mode == "RGB"
        assert pixels(page.image).min() > 250

    def test_pictures_from_memory(self, draw_page):
        doc = open_document([draw_page("a"), draw_page("b", size=(100, 50))], VOCAB)
        assert [page.image.size for page in doc._.pages] == [(900, 400), (100, 50)]
        assert doc._.source.startswith("image:")
        assert doc._.sha256 != open_document(draw_page("a"), VOCAB)._.sha256

    def test_content_decides_and_not_the_name(self, draw_page, make_pdf, encode, write):
        assert len(open_document(write("a.jpg", make_pdf(["x"], ["y"])), VOCAB)._.pages) == 2
        assert len(open_document(write("a.pdf", encode(draw_page("x"), "PNG")), VOCAB)._.pages) == 1

    @pytest.mark.parametrize("rotate", [0, 90, 180, 270])
    def test_rotated_pdf_page(self, make_pdf, rotate):
        (page,) = open_document(make_pdf(["up"], rotate=rotate), VOCAB, dpi=50)._.pages
        assert page.image.size == (page.width, page.height)
        assert (page.width > page.height) == (rotate in (90, 270))

    def test_chosen_pages(self, make_pdf):
        doc = open_document(make_pdf(["1"], ["2"], ["3"]), VOCAB, pages=[3, 1])
        assert [page.number for page in doc._.pages] == [3, 1]
        with pytest.raises(DocumentOpenError, match=r"has 3 page\(s\).*page 4"):
            open_document(make_pdf(["1"], ["2"], ["3"]), VOCAB, pages=[4])


class TestSources:
    def test_fsspec_uris(self, make_pdf, tmp_path):
        data = make_pdf(["hello"])
        fsspec.filesystem("memory").pipe("/bucket/a.pdf", data)
        doc = open_document("memory://bucket/a.pdf", VOCAB, dpi=50)
        assert doc._.pages[0].source == "memory://bucket/a.pdf"
        assert doc._.pages[0].image.size == (414, 585)
        path = tmp_path / "with space.pdf"
        path.write_bytes(data)
        for uri in (f"file://{path}", path.as_uri()):
            assert open_document(uri, VOCAB)._.sha256 == doc._.sha256

    def test_a_remote_document_is_fetched_anew_when_opened(self, make_pdf):
        memory = fsspec.filesystem("memory")
        memory.pipe("/bucket/b.pdf", make_pdf(["one"]))
        first = open_document("memory://bucket/b.pdf", VOCAB)
        memory.pipe("/bucket/b.pdf", make_pdf(["one"], ["two"]))
        assert len(open_document("memory://bucket/b.pdf", VOCAB)._.pages) == 2
        with pytest.raises(DocumentOpenError, match="has changed"):
            _ = first._.pages[0].image

    def test_local_copies_are_bounded(self, make_pdf, monkeypatch):
        monkeypatch.setattr(source, "COPIES_BYTES", 1)
        memory = fsspec.filesystem("memory")
        docs = []
        for name in "abc":
            memory.pipe(f"/few/{name}.pdf", make_pdf([name]))
            docs.append(open_document(f"memory://few/{name}.pdf", VOCAB, dpi=40))
        folder = source.local_path("memory://few/c.pdf").parent
        assert len(list(folder.iterdir())) == 1
        assert docs[0]._.pages[0].image.size == (331, 468)

    def test_relative_path_is_found_from_another_folder(self, make_pdf, write, monkeypatch):
        path = write("here.pdf", make_pdf(["x"]))
        monkeypatch.chdir(path.parent)
        doc = open_document("here.pdf", VOCAB, dpi=40)
        monkeypatch.chdir("/")
        assert doc._.source == "here.pdf"
        assert doc._.pages[0].image.size == (331, 468)


class TestPasswords:
    def test_password(self, make_pdf, write):
        path = write("secret.pdf", make_pdf(["secret"], password="sesame"))
        with pytest.raises(DocumentOpenError, match=r"secret.pdf.*encrypted.*password=") as error:
            open_document(path, VOCAB)
        assert error.value.category == "encrypted"
        with pytest.raises(DocumentOpenError, match="right password"):
            open_document(path, VOCAB, password="wrong")
        doc = open_document(path, VOCAB, password="sesame", dpi=50)
        assert doc._.pages[0].image.size == (414, 585)

    def test_no_written_doc_holds_the_password(self, make_pdf):
        doc = open_document(make_pdf(["x"], password="sesame"), VOCAB, password="sesame")
        assert b"sesame" not in doc.to_bytes()
        assert b"sesame" not in embed_images(doc).to_bytes()

    def test_an_embedded_page_needs_no_password(self, make_pdf, write, monkeypatch):
        path = write("secret.pdf", make_pdf(["secret"], ["too"], password="sesame"))
        doc = open_document(path, VOCAB, password="sesame", dpi=50)
        before = [pixels(page.image) for page in doc._.pages]
        data = embed_images(doc).to_bytes()
        path.unlink()
        monkeypatch.setattr("pageloom.document.pdf._PASSWORDS", {})
        images.CACHE.clear()
        after = Doc(VOCAB).from_bytes(data)._.pages
        for page, picture in zip(after, before, strict=True):
            assert (pixels(page.image) == picture).all()


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "data", "category", "words"),
        [
            ("empty.pdf", b"", "empty", "is empty"),
            ("notes.pdf", b"just some text", "unsupported", "named as a PDF file.*text"),
            ("letter.png", b"PK\x03\x04" + bytes(99), "unsupported", "named as a PNG.*ZIP archive"),
            ("blob", bytes(range(256)), "unsupported", "of no kind known here"),
            ("junk.pdf", b"%PDF-1.7\n" + b"junk " * 99, "truncated", "truncated"),
            ("junk.png", b"\x89PNG\r\n\x1a\n" + b"junk" * 99, "truncated", "PNG image is trunc"),
            ("photo.pdf", b"\xff\xd8\xff\xe0" + bytes(99), "truncated", "named as a PDF.*JPEG"),
        ],
    )
    def test_error_names_file_cause_and_way_out(self, write, name, data, category, words):
        path = write(name, data)
        with pytest.raises(DocumentOpenError, match=f"(?s){name}.*{words}") as error:
            open_document(path, VOCAB)
        assert error.value.category == category
        assert pickle.loads(pickle.dumps(error.value)).category == category

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
    def test_truncated_images_never_give_pixels(self, encode, write, kind, share):
        noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
        data = encode(Image.fromarray(noise), kind)
        path = write(f"cut.{kind.lower()}", data[: int(len(data) * share)])
        with pytest.raises(DocumentOpenError, match="cut") as error:
            _ = open_document(path, VOCAB)._.pages[0].image
        assert error.value.category in ("truncated", "unreadable")

    def test_truncated_pdf(self, make_pdf, draw_page, write):
        data = make_pdf(draw_page("scan"))
        with pytest.raises(DocumentOpenError, match="truncated") as error:
            open_document(write("cut.pdf", data[:900]), VOCAB)
        assert error.value.category == "truncated"

    def test_missing_file_folder_and_protocol(self, tmp_path):
        cases = {
            str(tmp_path / "no.pdf"): "missing",
            "memory://no/such.pdf": "missing",
            "": "missing",
            "nul\x00": "missing",
            str(tmp_path): "unsupported",
            "/dev/zero": "unsupported",
            "nosuchprotocol://a/b.pdf": "unsupported",
        }
        for name, category in cases.items():
            with pytest.raises(DocumentOpenError) as error:
                open_document(name, VOCAB)
            assert error.value.category == category, name

    @pytest.mark.parametrize("thing", [None, 3, {}, [1], ["a.pdf"]])
    def test_things_that_are_no_documents(self, thing):
        with pytest.raises(DocumentOpenError, match="is no document"):
            open_document(thing, VOCAB)
        with pytest.raises(DocumentOpenError, match="is empty"):
            open_document([], VOCAB)

    def test_enormous_pages_are_refused_before_they_are_decoded(self, make_pdf, encode):
        with pytest.raises(DocumentOpenError, match=r"200.*more than.*give dpi=\d+ or less") as e:
            open_document(make_pdf(["x"], size=(9000, 9000)), VOCAB)
        assert e.value.category == "too_large"
        fits = int(str(e.value).split("give dpi=")[1].split()[0])
        assert len(open_document(make_pdf(["x"], size=(9000, 9000)), VOCAB, dpi=fits)._.pages) == 1
        bomb = encode(Image.new("1", (20_000, 10_000)), "PNG")
        with pytest.raises(DocumentOpenError) as e:
            open_document(bomb, VOCAB)
        assert e.value.category == "too_large"
        with pytest.raises(DocumentOpenError, match=r"scale the image down.*max_pixels"):
            open_document(Image.new("1", (100, 100)), VOCAB, max_pixels=99)

    def test_one_enormous_page_does_not_cost_its_neighbours(self, make_pdf):
        whole = pypdfium2.PdfDocument.new()
        whole.new_page(595, 842)
        whole.new_page(14_000, 14_000)
        target = BytesIO()
        whole.save(target)
        whole.close()
        doc = open_document(target.getvalue(), VOCAB)
        assert [page.number for page in doc._.pages] == [1]
        assert doc._.status == "partial"
        assert "page 2" in doc._.errors[0].message

    def test_source_gone_or_changed(self, make_pdf, write):
        path = write("moving.pdf", make_pdf(["x"]))
        page = open_document(path, VOCAB)._.pages[0]
        path.write_bytes(make_pdf(["something else"], ["and more"]))
        with pytest.raises(DocumentOpenError, match=r"moving.pdf.*has changed"):
            _ = page.image
        path.unlink()
        with pytest.raises(DocumentOpenError, match=r"moving.pdf.*no such file"):
            _ = page.image


class TestResources:
    def test_nothing_stays_open(self, make_pdf, draw_page, encode, write):
        paths = [
            write("a.pdf", make_pdf(["x"], ["y"])),
            write("b.png", encode(draw_page("x"), "PNG")),
            write(
                "c.tif",
                encode(draw_page("x"), "TIFF", save_all=True, append_images=[draw_page("y")]),
            ),
            write("d.jpg", b"\xff\xd8\xffbroken"),
        ]

        def use():
            for path in paths:
                doc = DocumentReader(VOCAB, dpi=50)(str(path))
                for page in doc._.pages:
                    assert page.image.size
            images.CACHE.clear()

        use()
        gc.collect()
        before = open_files()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            use()
            gc.collect()
        assert open_files() == before

    def test_a_thousand_pages_in_bounded_memory(self, make_pdf, write, monkeypatch):
        monkeypatch.setattr(images, "CACHE_BYTES", 2 << 20)
        path = write("long.pdf", make_pdf(*([f"page {n}"] for n in range(1000))))
        doc = open_document(path, VOCAB, dpi=60)
        assert len(doc._.pages) == 1000
        for page in doc._.pages[::50]:
            assert page.image.size == (497, 702)
            assert images.CACHE.bytes <= 2 << 20
        assert len(doc.to_bytes()) < 500_000

    def test_a_page_is_decoded_once(self, make_pdf):
        page = open_document(make_pdf(["x"]), VOCAB, dpi=50)._.pages[0]
        assert page.image is page.image

    def test_pages_from_several_threads(self, make_pdf):
        pages = open_document(make_pdf(*([str(n)] for n in range(12))), VOCAB, dpi=40)._.pages
        expected = [pixels(page.image) for page in pages]
        images.CACHE.clear()
        found = {}

        def work(numbers):
            for n in numbers:
                found[n] = pixels(pages[n].image)

        threads = [threading.Thread(target=work, args=(range(at, 12, 4),)) for at in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all((found[n] == expected[n]).all() for n in range(12))


class TestEmbed:
    @pytest.mark.parametrize("kind", ["pdf", "tiff", "jpeg"])
    def test_survives_writing_and_the_loss_of_the_source(
        self, make_pdf, draw_page, encode, write, kind
    ):
        data = {
            "pdf": lambda: make_pdf(["one"], ["two"]),
            "tiff": lambda: encode(
                draw_page("a"), "TIFF", save_all=True, append_images=[draw_page("b")]
            ),
            "jpeg": lambda: encode(draw_page("a"), "JPEG"),
        }[kind]()
        path = write(f"doc.{kind}", data)
        doc = open_document(path, VOCAB, dpi=60)
        before = [pixels(page.image) for page in doc._.pages]
        embed_images(doc)
        path.unlink()
        written = DocBin(docs=[doc], store_user_data=True).to_bytes()
        copies = [
            Doc(VOCAB).from_bytes(doc.to_bytes()),
            pickle.loads(pickle.dumps(doc)),
            next(DocBin().from_bytes(written).get_docs(VOCAB)),
        ]
        assert len(written) < 1.5 * len(data) + 3000
        for copy in copies:
            images.CACHE.clear()
            assert len(copy._.pages) == len(before)
            for page, picture in zip(copy._.pages, before, strict=True):
                assert (pixels(page.image) == picture).all()

    def test_a_few_pages_of_many(self, make_pdf, write):
        path = write("long.pdf", make_pdf(*([str(n)] for n in range(9))))
        doc = embed_images(open_document(path, VOCAB, dpi=50, pages=[7]))
        path.unlink()
        assert Doc(VOCAB).from_bytes(doc.to_bytes())._.pages[0].image.size == (414, 585)

    def test_documents_from_memory_need_no_embedding(self, draw_page, make_pdf):
        for source_ in (draw_page("x"), make_pdf(["x"])):
            copy = Doc(VOCAB).from_bytes(open_document(source_, VOCAB).to_bytes())
            assert copy._.pages[0].image.size == (copy._.pages[0].width, copy._.pages[0].height)

    def test_a_doc_without_its_bytes_says_so(self, make_pdf):
        doc = open_document(make_pdf(["x"]), VOCAB)
        copy = Doc(VOCAB).from_bytes(doc.to_bytes())
        del copy.user_data["pageloom.contents"]
        with pytest.raises(DocumentOpenError, match="read from memory"):
            _ = copy._.pages[0].image


class TestDocumentReader:
    def test_it_never_raises(self, make_pdf, write):
        nlp = spacy.blank("en", config=READER)
        good = str(write("good.pdf", make_pdf(["x"])))
        bad = [str(write("empty.pdf", b"")), "/no/such/file.pdf", "memory://none", "", "x" * 5000]
        docs = list(nlp.pipe([good, *bad, good]))
        assert [doc._.status for doc in docs] == ["ok", *["failed"] * len(bad), "ok"]
        for doc, name in zip(docs[1:-1], bad, strict=True):
            (error,) = doc._.errors
            assert error.component == "reader"
            assert doc._.source == name
            assert len(doc) == 0

    def test_pipeline_on_disk_bytes_and_pickle(self, make_pdf, write, tmp_path):
        path = str(write("a.pdf", make_pdf(["x"])))
        settings = {"@tokenizers": "pageloom.DocumentReader.v1", "dpi": 72}
        nlp = spacy.blank("en", config={"nlp": {"tokenizer": settings}})
        nlp.to_disk(tmp_path / "model")
        assert spacy.load(tmp_path / "model")(path)._.pages[0].width == 596
        other = spacy.blank("en", config=READER).from_bytes(nlp.to_bytes())
        assert other(path)._.pages[0].width == 596
        assert pickle.loads(pickle.dumps(nlp))(path)._.pages[0].width == 596
        override = {"nlp": {"tokenizer": {"dpi": 36}}}
        assert spacy.load(tmp_path / "model", config=override)(path)._.pages[0].width == 298

    def test_several_processes_and_contexts(self, make_pdf, write):
        paths = [str(write(f"{n}.pdf", make_pdf(*[["x"]] * n))) for n in (1, 2, 3)]
        nlp = spacy.blank("en", config=READER)
        docs = nlp.pipe([(path, n) for n, path in enumerate(paths)], as_tuples=True, n_process=2)
        for n, (doc, context) in enumerate(docs):
            assert context == n
            assert len(doc._.pages) == n + 1
            assert doc._.pages[0].image.mode == "RGB"

    def test_password_of_the_reader_serves_a_doc_from_elsewhere(self, make_pdf, write, monkeypatch):
        monkeypatch.setattr("pageloom.document.pdf._PASSWORDS", {})
        path = str(write("secret.pdf", make_pdf(["x"], password="sesame")))
        data = DocumentReader(VOCAB, dpi=40, password="sesame")(path).to_bytes()
        monkeypatch.setattr("pageloom.document.pdf._PASSWORDS", {})
        copy = Doc(VOCAB).from_bytes(data)
        with pytest.raises(DocumentOpenError, match="password"):
            _ = copy._.pages[0].image
        DocumentReader(VOCAB, password="sesame")
        assert copy._.pages[0].image.size == (331, 468)


def test_importing_pageloom_is_light():
    import subprocess
    import sys

    code = (
        "import sys, pageloom, spacy; spacy.blank('en'); pageloom.DocumentReader; "
        "bad = {'PIL', 'pypdfium2', 'fsspec', 'pageloom.models'} & set(sys.modules); "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names():
    assert Path(pageloom.__file__).name == "__init__.py"
    assert {"open_document", "DocumentReader", "embed_images", "Page"} <= set(pageloom.__all__)
