"""The report: `pageloom.render` of documents with fields, with errors, and with hostile text.

That a browser shows it as it shows the server's page is in `test_viewer_page.py`.
"""

import base64
import io
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import pageloom
from pageloom import DocumentError
from pageloom.report.pictures import size_for
from pageloom.viewer import STATIC, document_view
from tests.viewed import HOSTILE, VOCAB, document, field, page, receipt, sheet


def opened(path):
    return pageloom.open_document(path, VOCAB)


def data(html):
    """What the page holds for its script."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1]
    )


def pictures(html):
    """The sizes of the page's pictures, by their names."""
    found = re.findall(r'id="picture-([^"]+)">data:image/webp;base64,([^<]+)<', html)
    return {name: Image.open(io.BytesIO(base64.b64decode(text))).size for name, text in found}


def test_a_report_holds_the_views_and_the_pictures_of_its_documents(tmp_path):
    doc = opened(sheet(tmp_path))
    doc._.fields = {"total": [field()]}
    html = pageloom.render([doc], style="html", title="Last week")
    assert "<title>Last week</title>" in html
    assert data(html)["title"] == "Last week"
    assert data(html)["documents"] == [document_view(doc)]
    assert pictures(html) == {f"{doc._.sha256}-1": (800, 1200)}


def test_one_document_needs_no_list(tmp_path):
    doc = receipt(tmp_path)
    assert pageloom.render(doc) == pageloom.render([doc])


def test_there_is_one_style():
    with pytest.raises(ValueError, match=r"style 'pdf' is not known; the only style is .html."):
        pageloom.render([], style="pdf")


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    html = pageloom.render([receipt(tmp_path)])
    addresses = re.findall(r'(?:src|href)="([^"]{0,20})', html)
    assert all(address.startswith(("data:", "#")) for address in addresses)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_module_of_the_front_end_is_in_it():
    html = pageloom.render([])
    for file in STATIC.glob("*.js"):
        assert f'modules["{file.name}"] = ' in html
    assert not re.search(r"^(import|export) ", html, re.MULTILINE)


@pytest.mark.parametrize("size", [(4000, 3000), (300, 5000), (1, 1)])
def test_a_picture_keeps_its_shape(tmp_path, size):
    (shape,) = pictures(pageloom.render([opened(sheet(tmp_path, size=size))])).values()
    assert shape[0] / shape[1] == pytest.approx(size[0] / size[1], rel=0.01)
    assert shape <= size


def test_a_page_without_its_source_says_why():
    html = pageloom.render([document(pages=[page("gone/receipt.png")])])
    assert pictures(html) == {}
    assert "gone/receipt.png" in data(html)["reasons"][f"{'ab' * 32}/1"]


def test_a_failed_document_has_its_errors():
    error = DocumentError("reader", "truncated", None, "a.pdf: its end is missing; fetch it again")
    (view,) = data(pageloom.render([document("in/a.pdf", errors=[error])]))["documents"]
    assert view["status"] == "failed"
    assert view["errors"][0]["message"] == "a.pdf: its end is missing; fetch it again"


def test_a_document_twice_is_shown_twice(tmp_path):
    doc = opened(sheet(tmp_path))
    html = pageloom.render([doc, doc])
    assert [view["id"] for view in data(html)["documents"]] == [doc._.sha256, f"{doc._.sha256}-2"]
    assert len(pictures(html)) == 2


def test_hostile_text_stays_text(tmp_path):
    doc = document(
        f"in/{HOSTILE}.pdf",
        pages=[page(sheet(tmp_path)), page(HOSTILE, 2)],
        fields={HOSTILE: [field(HOSTILE)]},
        errors=[DocumentError(HOSTILE, HOSTILE, 1, HOSTILE)],
        sha256=HOSTILE,
    )
    html = pageloom.render([doc], title=HOSTILE)
    plain = pageloom.render([document(pages=doc._.pages)])
    assert html.count("<script") == plain.count("<script")
    assert "<img src=x" not in html
    assert data(html)["documents"][0]["fields"][0]["text"] == HOSTILE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(exclude_categories=[])), label=st.text(min_size=1, max_size=9))
def test_any_text_can_be_shown_and_written(text, label, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    html = pageloom.render([document(text, fields={label: [field(text)]})], path, title=text)
    assert path.read_bytes() == html.encode()
    assert len(data(html)["documents"][0]["fields"]) == 1


def test_the_file_is_complete_or_not_there(tmp_path):
    path = tmp_path / "new" / "report.html"
    html = pageloom.render([document()], path)
    assert path.read_text(encoding="utf-8") == html
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    (tmp_path / "blocked.html").mkdir()
    with pytest.raises(OSError, match=r"blocked\.html"):
        pageloom.render([document()], tmp_path / "blocked.html")
    assert not list(tmp_path.glob(".blocked*"))


def test_of_a_long_document_the_pages_with_fields_have_pictures(tmp_path):
    source = sheet(tmp_path, size=(20, 30))
    frames = [Image.open(source)] * 40
    frames[0].save(tmp_path / "long.tif", save_all=True, append_images=frames[1:])
    doc = opened(tmp_path / "long.tif")
    doc._.fields = {"total": [field(number=37), field("8.00", number=21)]}
    html = pageloom.render([doc])
    shown = sorted(int(name.rpartition("-")[2]) for name in pictures(html))
    assert shown == [*range(1, 11), 21, 37]
    assert len(data(html)["documents"][0]["pages"]) == 40
    assert "12 pages" in data(html)["reasons"][f"{doc._.sha256}/40"]


def test_a_thousand_documents_fit_in_one_report(tmp_path):
    source = sheet(tmp_path, size=(20, 30))
    html = pageloom.render(opened(source) for _ in range(1000))
    assert len(data(html)["documents"]) == len(pictures(html)) == 1000
    assert size_for(1000).width < size_for(10).width
