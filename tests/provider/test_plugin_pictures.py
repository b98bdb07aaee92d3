"""Pictures of pages on the API server: from which folders, how large, and at what cost."""

import hashlib
import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pageloom_provider.plugin import pictures, renderer, sources
from pageloom_provider.plugin.caching import ByteCache
from pageloom_provider.plugin.pictures import PictureError, Renderer, page_picture
from pageloom_provider.plugin.sources import SourceError, document, place
from tests.provider.conftest import write_pdf


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    return image.convert("RGB")


@pytest.fixture(scope="module")
def making():
    made = Renderer()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(pictures, "_pictures", ByteCache(1 << 20))
    monkeypatch.setattr(sources, "_documents", ByteCache(1 << 20))


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """A function that sets the folders that may be opened."""

    def set_roots(*folders):
        monkeypatch.setenv("AIRFLOW__PAGELOOM__ROOTS", ", ".join(map(str, folders)))

    (tmp_path / "inbox").mkdir()
    set_roots(tmp_path / "inbox")
    return set_roots


@pytest.mark.parametrize("width", pictures.WIDTHS)
def test_a_page_of_a_pdf(making, tmp_path, width):
    data = write_pdf(tmp_path / "a.pdf", "ACME Ltd").read_bytes()
    picture = decoded(making.picture(data, 1, width))
    assert picture.width == width
    assert picture.height == pytest.approx(width * 842 / 595, abs=2)
    assert picture.getextrema()[0][0] < 128 < picture.getextrema()[0][1]


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"], ids=lambda kind: kind.lower()
)
def test_a_page_of_a_picture(making, kind):
    image = Image.new("RGB", (480, 640), "red")
    red, green, blue = decoded(making.picture(encoded(image, kind), 1, 240)).getpixel((120, 160))
    assert red > 240
    assert max(green, blue) < 20


def test_pages_of_a_tiff_are_apart(making):
    pages = [Image.new("L", (300, 400), grey) for grey in (0, 255)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert [decoded(making.picture(data, n, 240)).getpixel((9, 9))[0] for n in (1, 2)] == [0, 255]
    with pytest.raises(PictureError, match="no such page"):
        making.picture(data, 3, 240)


def test_a_photo_is_turned_as_the_camera_says_and_never_made_larger(making):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encoded(Image.new("RGB", (200, 100)), "JPEG", exif=exif.tobytes())
    assert decoded(making.picture(photo, 1, 1600)).size == (100, 200)


def test_transparent_parts_are_paper_and_16_bits_are_scaled(making):
    clear = encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)))
    assert decoded(making.picture(clear, 1, 240)).getpixel((9, 9)) == (255, 255, 255)
    half = encoded(Image.new("I;16", (50, 50), 32768))
    assert decoded(making.picture(half, 1, 240)).getpixel((9, 9))[0] == pytest.approx(128, abs=3)


@given(st.integers(1, 1200), st.integers(1, 1200))
def test_no_page_makes_a_large_picture(width, height):
    data = encoded(Image.new("1", (width, height)))
    picture = decoded(renderer.picture(data, 1, 240))
    assert 1 <= picture.width <= 240
    assert 1 <= picture.height <= 240 * renderer.MAX_ASPECT


@given(
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.lists(st.integers(0, 1000), min_size=2, max_size=2).map(sorted),
    st.lists(st.integers(0, 1000), min_size=2, max_size=2).map(sorted),
)
def test_what_is_around_a_box_is_a_part_of_the_page(size, across, down):
    data = encoded(Image.new("1", size))
    page = decoded(renderer.picture(data, 1, 240))
    part = decoded(renderer.picture(data, 1, 240, [across[0], down[0], across[1], down[1]]))
    assert 1 <= part.width <= page.width
    assert 1 <= part.height <= page.height
    assert part.width >= min(page.width, page.width * (across[1] - across[0]) // 1000)


def test_a_till_roll_is_shrunk(making, tmp_path):
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(tmp_path / "roll.pdf"), pagesize=(20, 14400))
    canvas.showPage()
    canvas.save()
    data = (tmp_path / "roll.pdf").read_bytes()
    assert decoded(making.picture(data, 1, 1600)).height == 1600 * renderer.MAX_ASPECT


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7 and then nothing", b"GIF89a", b"<svg/>", os.urandom(2000)]
)
def test_what_is_no_document_is_told(making, data):
    with pytest.raises(PictureError, match="cannot be shown"):
        making.picture(data, 1, 240)


def test_a_bomb_is_refused(making, monkeypatch):
    """A small file that would take gigabytes."""
    data = encoded(Image.new("1", (20000, 20000)))
    assert len(data) < 200_000
    with pytest.raises(PictureError, match="pixels"):
        making.picture(data, 1, 240)
    assert making.picture(encoded(Image.new("1", (9, 9))), 1, 240)


def program(tmp_path, monkeypatch, code):
    path = tmp_path / "program.py"
    path.write_text(code)
    monkeypatch.setattr(pictures, "PROGRAM", path)


def test_a_document_that_takes_for_ever_costs_its_own_picture(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        program(tmp_path, patch, "import sys, time\nsys.stdin.readline()\ntime.sleep(600)\n")
        made = Renderer(seconds=1)
        with pytest.raises(PictureError, match=r"in 1 s"):
            made.picture(b"x", 1, 240)
    assert made.picture(encoded(Image.new("1", (9, 9))), 1, 240)
    made.close()


def test_a_document_that_ends_the_process_costs_its_own_picture(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        program(tmp_path, patch, "import os\nos.abort()\n")
        made = Renderer()
        with pytest.raises(PictureError, match="bounded memory"):
            made.picture(b"x" * 1_000_000, 1, 240)
    assert made.picture(encoded(Image.new("1", (9, 9))), 1, 240)
    made.close()


def test_a_process_that_was_idle_is_started_again():
    made = Renderer()
    page = encoded(Image.new("1", (9, 9)))
    made.picture(page, 1, 240)
    first = made._process
    first.stdin.close()  # as when it ends for want of work
    first.wait(20)
    assert first.returncode == 0
    assert made.picture(page, 1, 240)
    assert made._process is not first
    made.close()


def test_the_process_has_no_secrets_and_none_of_this_package(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", "secret")
    out = tmp_path / "seen"
    with monkeypatch.context() as patch:
        code = (
            f"import os, sys\nopen({str(out)!r}, 'w').write(repr((dict(os.environ), sys.path)))\n"
        )
        program(tmp_path, patch, code)
        made = Renderer()
        with pytest.raises(PictureError):
            made.picture(b"", 1, 240)
    seen = out.read_text()
    assert "AIRFLOW" not in seen
    assert f"'{tmp_path}'" not in seen  # its own folder is not searched for modules


def test_a_picture_is_made_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        pictures._renderer, "picture", lambda *arguments: asked.append(arguments) or b"webp"
    )
    for _ in range(3):
        assert page_picture(b"data", "a" * 64, 1, 240) == b"webp"
    page_picture(b"data", "a" * 64, 2, 240)
    for _ in range(2):
        page_picture(b"data", "a" * 64, 2, 240, (1, 2, 3, 4))
    assert [arguments[1:] for arguments in asked] == [
        (1, 240, None), (2, 240, None), (2, 240, (1, 2, 3, 4))
    ]  # fmt: skip


def test_without_the_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    with pytest.raises(PictureError, match=r"airflow-provider-pageloom\[viewer\]"):
        page_picture(b"data", "a" * 64, 1, 240)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=12)), max_size=40))
def test_a_cache_never_holds_more_than_its_bound(contents):
    cache = ByteCache(20)
    for name, content in contents:
        cache.put(name, content)
        assert cache.get(name) == content
        held = [cache.get(each) for each in "abcdef"]
        assert sum(len(each) for each in held if each is not None) == cache.size <= 20


def test_the_least_recently_used_goes_first():
    cache = ByteCache(20)
    for name in "abc":
        cache.put(name, bytes(9))
        cache.get("a")
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]
    cache.put("large", bytes(21))
    assert cache.get("large") is None
    assert cache.read("a", lambda: b"never asked") == bytes(9)


def put(path, data=b"%PDF-"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_document_in_a_root_is_read(tmp_path, roots):
    path = put(tmp_path / "inbox" / "2026" / "a b.pdf", b"content")
    identity = hashlib.sha256(b"content").hexdigest()
    assert document(identity, [str(path)]) == b"content"
    path.unlink()
    assert document(identity, [f"file://{path}"]) == b"content"  # kept a while


@pytest.mark.parametrize(
    "uri",
    [
        "TMP/secret.pdf",
        "file://TMP/secret.pdf",
        "TMP/inbox/../secret.pdf",
        "TMP/inbox/link.pdf",
        "TMP/inbox/folder/secret.pdf",
        "TMP/inbox-of-others/a.pdf",
        "TMP/inbox",
        "TMP/inbox/loop",
        "TMP/inbox/a\0.pdf",
        "/etc/passwd",
        "secret.pdf",
        "bytes:0123456789abcdef",
        "s3://bucket/a.pdf",
        "https://example.org/a.pdf",
        "no-such-protocol://x/y",
        "",
    ],
)
def test_nothing_outside_of_the_roots_is_opened(tmp_path, roots, uri, monkeypatch):
    data = b"secret"
    put(tmp_path / "secret.pdf", data)
    put(tmp_path / "inbox-of-others" / "a.pdf", data)
    (tmp_path / "inbox" / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    (tmp_path / "inbox" / "folder").symlink_to(tmp_path)
    (tmp_path / "inbox" / "loop").symlink_to(tmp_path / "inbox" / "loop")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="cannot be shown"):
        document(hashlib.sha256(data).hexdigest(), [uri.replace("TMP", str(tmp_path))])


@pytest.mark.parametrize(
    ("uri", "inside"),
    [
        ("s3://other@bucket/inbox/a.pdf", True),
        ("s3://bucket/inbox/2026/a.pdf", True),
        ("s3://bucket/inbox/../secret.pdf", False),
        ("s3://bucket/inbox/./a.pdf", False),
        ("s3://bucket/inbox-of-others/a.pdf", False),
        ("s3://bucket/inbox", False),
        ("s3://another/inbox/a.pdf", False),
        ("gs://bucket/inbox/a.pdf", False),
        ("/bucket/inbox/a.pdf", False),
    ],
)
def test_of_object_storage_only_what_lies_below_a_root(roots, monkeypatch, uri, inside):
    """And by the root's connection: a document names none to the API server."""
    monkeypatch.setenv("AIRFLOW_CONN_ARCHIVE", '{"conn_type": "aws"}')
    roots("s3://archive@bucket/inbox/")
    found = place(uri)
    assert (found is not None) is inside
    if found is not None:
        assert found.path.startswith("bucket/inbox/")
        assert (getattr(found, "conn_id", None) or found.storage_options["conn_id"]) == "archive"


def test_work_and_quarantine_are_roots(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__PAGELOOM__WORK", str(tmp_path / "work"))
    monkeypatch.setenv("AIRFLOW__PAGELOOM__QUARANTINE", str(tmp_path / "bad"))
    for name in ("work/quarantine/a.pdf", "bad/a.pdf"):
        assert place(str(put(tmp_path / name))) is not None
    assert place(str(put(tmp_path / "other.pdf"))) is None


def test_another_documents_content_is_not_shown(tmp_path, roots, monkeypatch):
    path = put(tmp_path / "inbox" / "a.pdf", b"first")
    identity = hashlib.sha256(b"first").hexdigest()
    path.write_bytes(b"second")
    with pytest.raises(SourceError, match="it has changed"):
        document(identity, [str(path)])
    copy = put(tmp_path / "inbox" / "copy.pdf", b"first")
    assert document(identity, [str(path), str(copy)]) == b"first"
    monkeypatch.setattr(sources, "MAX_BYTES", 3)
    monkeypatch.setattr(sources, "_documents", ByteCache(3))
    with pytest.raises(SourceError, match="larger than"):
        document(identity, [str(copy)])


def test_a_document_that_is_gone_is_told(tmp_path, roots):
    with pytest.raises(SourceError, match="no longer where it was read"):
        document("0" * 64, [str(tmp_path / "inbox" / "gone.pdf")])


def test_the_program_ends_when_nobody_asks():
    """It has no parent to ask, or has lost it: no process stays behind."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-P", str(pictures.PROGRAM)], stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0
