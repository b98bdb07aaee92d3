"""The report: `pageloom.render` of documents with fields, with errors, and with hostile text."""

import base64
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from spacy.tokens import Doc

import pageloom
from pageloom import DocumentError, Field, Page
from pageloom.report.pictures import size_for

VOCAB = spacy.blank("en").vocab
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def sheet(folder: Path, size=(800, 1200), name="sheet.png") -> str:
    Image.new("RGB", size, "white").save(folder / name)
    return str(folder / name)


def document(source="gone/receipt.png", *, pages=(), fields=None, errors=(), words=()) -> Doc:
    doc = Doc(VOCAB, words=list(words))
    doc._.source = source
    doc._.sha256 = "ab" * 32
    doc._.pages = list(pages)
    doc._.fields = fields or {}
    doc._.errors = list(errors)
    return doc


def page(source: str, number=1, width=800, height=1200) -> Page:
    return Page(number, width, height, 200, source, "ab" * 32)


def opened(path: str) -> Doc:
    return pageloom.open_document(path, VOCAB)


def field(text="9.00", score=0.97, number=1, box=(100, 500, 300, 600)) -> Field:
    return Field(text, score, number, box, 0, 1)


def rectangles(html: str) -> list[tuple[float, ...]]:
    found = re.findall(
        r'<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"', html
    )
    return [tuple(map(float, numbers)) for numbers in found]


def test_a_document_shows_its_page_and_its_fields(tmp_path):
    doc = opened(sheet(tmp_path))
    doc._.fields = {"total": [field()]}
    html = pageloom.render([doc], title="Last week")
    assert "<h1>Last week</h1>" in html
    assert "sheet.png" in html
    assert re.search(r'<td class="value"><bdi>9\.00</bdi>', html)
    assert ">97%</td>" in html
    uri = re.search(r'src="data:image/webp;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(uri[1]))) as picture:
        assert picture.size == (800, 1200)


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    doc = opened(sheet(tmp_path))
    html = pageloom.render([doc])
    addresses = re.findall(r'(?:src|href)="([^"]{0,20})', html)
    assert all(a.startswith(("data:", "#")) for a in addresses)
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


@pytest.mark.parametrize("size", [(800, 1200), (4000, 3000), (300, 5000), (1, 1)])
def test_boxes_are_scaled_to_the_picture(tmp_path, size):
    doc = opened(sheet(tmp_path, size))
    doc._.fields = {"total": [field(box=(100, 500, 300, 600))]}
    html = pageloom.render([doc])
    width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', html).groups())
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
    pad = round(width * 0.003, 1)
    (got,) = rectangles(html)
    wanted = (width * 0.1 - pad, height * 0.5 - pad, width * 0.2 + 2 * pad, height * 0.1 + 2 * pad)
    assert got == pytest.approx(wanted, abs=0.25)


def test_boxes_lie_on_their_own_page(tmp_path):
    sources = [sheet(tmp_path, name=f"{n}.png") for n in (1, 2)]
    fields = {"company": [field("Acme", number=1)], "total": [field(number=2), field(number=9)]}
    pages = [page(source, n) for n, source in enumerate(sources, start=1)]
    html = pageloom.render([document(pages=pages, fields=fields)])
    first, second = html.split("<figure")[1:]
    assert ["company:" in first, "total:" in first] == [True, False]
    assert ["company:" in second, "total:" in second] == [False, True]


def test_equal_texts_share_a_row(tmp_path):
    source = sheet(tmp_path)
    places = [field("ACME Ltd", box=(0, 0, 9, 9)), field("Acme  Ltd", 0.5), field("Bcme", 0.4)]
    html = pageloom.render([document(pages=[page(source)], fields={"company": places})])
    assert html.count("<tr id=") == 2
    assert len(rectangles(html)) == 3


def test_a_page_without_its_source_says_why():
    html = pageloom.render(
        [document(pages=[page("gone/receipt.png")], fields={"total": [field()]})]
    )
    assert "No picture of page 1" in html
    assert re.search(r"<figcaption>.*gone/receipt\.png", html)
    assert len(rectangles(html)) == 1


def test_a_failed_document_shows_its_errors():
    error = DocumentError("reader", "truncated", None, "a.pdf: its end is missing; fetch it again")
    html = pageloom.render([document("in/a.pdf", errors=[error])])
    assert 'data-status="failed"' in html
    assert "its end is missing" in html
    assert "<figure" not in html


def test_no_documents_and_no_fields(tmp_path):
    assert "There are no documents" in pageloom.render([])
    assert "No fields were found" in pageloom.render([opened(sheet(tmp_path))])


def test_scores_that_are_no_shares():
    scores = [float("nan"), float("inf"), -1.0, 7.0, 0.999]
    fields = {f"f{n}": [field(score=score, box=None)] for n, score in enumerate(scores)}
    html = pageloom.render([document(fields=fields)])
    assert re.findall(r"(\d+)%</td>", html) == ["0", "0", "0", "100", "99"]


HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


def test_hostile_text_stays_text(tmp_path):
    doc = document(
        f"in/{HOSTILE}.pdf",
        pages=[page(sheet(tmp_path))],
        fields={HOSTILE: [field(HOSTILE)]},
        errors=[DocumentError(HOSTILE, HOSTILE, 1, HOSTILE)],
    )
    html = pageloom.render([doc], title=HOSTILE)
    assert html.count("<script") == 1
    assert "<img src=x" not in html
    assert "49" not in re.sub(r"base64,[^\"]+", "", html.split("</style>")[1].split("<script")[0])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(exclude_categories=[])), label=st.text(min_size=1, max_size=9))
def test_any_text_can_be_shown_and_written(text, label, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    html = pageloom.render([document(text, fields={label: [field(text)]})], path)
    assert path.read_text(encoding="utf-8") == html
    assert html.count("<tr id=") == 1


def test_the_file_is_complete_or_not_there(tmp_path):
    path = tmp_path / "new" / "report.html"
    html = pageloom.render([document()], path)
    assert path.read_text(encoding="utf-8") == html
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    (tmp_path / "blocked.html").mkdir()
    with pytest.raises(OSError, match=r"blocked\.html"):
        pageloom.render([document()], tmp_path / "blocked.html")
    assert not list(tmp_path.glob(".blocked*"))


def test_of_a_long_document_the_pages_with_fields_are_shown():
    pages = [page("gone.pdf", number) for number in range(1, 101)]
    html = pageloom.render([document(pages=pages, fields={"total": [field(number=77)]})])
    assert html.count("<figure") == 12
    assert 'class="page current" data-page="77"' in html
    assert "88 more not shown" in html


def test_a_thousand_documents_fit_in_one_report(tmp_path):
    source = sheet(tmp_path, (200, 300))
    docs = [opened(source) for _ in range(1000)]
    for doc in docs:
        doc._.fields = {"total": [field()]}
    html = pageloom.render(docs)
    assert html.count("<article") == html.count("<figure") == 1000
    assert size_for(1000).width < size_for(10).width


def dom(folder: Path, html: str) -> str:
    (folder / "report.html").write_text(html, encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile")
    command = [CHROMIUM, *flags, "--dump-dom", (folder / "report.html").as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser_a_field_lights_its_box_and_a_box_its_field(tmp_path):
    doc = opened(sheet(tmp_path))
    doc._.fields = {"company": [field("Acme")], "total": [field(box=(1, 1, 9, 9))]}
    html = pageloom.render([doc])
    # The page's own script is let in by its hash alone; the test's is let in by lifting the rule.
    assert '<html lang="en" class="scripted">' in dom(tmp_path, html)
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)

    def hovered(selector: str) -> str:
        event = "new PointerEvent('pointerover', {bubbles: true})"
        script = f"<script>document.querySelector({selector!r}).dispatchEvent({event})</script>"
        return dom(tmp_path, free.replace("</body>", f"{script}</body>"))

    for selector in ("#d1f1", ".mark[data-field=d1f1] rect"):
        seen = hovered(selector)
        assert re.search(r'<tr id="d1f1" class="[^"]*\blit\b', seen)
        assert re.findall(r'class="mark lit" data-field="(\w+)"', seen) == ["d1f1"]
