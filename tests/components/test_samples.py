"""The sample documents: they are what samples/README.md says, and what the generator makes."""

import json
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from recipes.fields_sm.sroie import normalise
from samples import make

FOLDER = Path(make.__file__).parent
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
FILES = {path.name: path for path in (FOLDER / "documents").iterdir()}


def test_every_document_has_its_truth_and_its_line_in_the_readme():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(TRUTH) == set(FILES)
    assert all(f"`{name}`" in readme for name in FILES)


def test_they_stay_small():
    assert sum(path.stat().st_size for path in FILES.values()) < 1_500_000


def test_the_generator_still_says_the_same():
    assert make.truth() == TRUTH


@pytest.mark.parametrize("name", ["invoice-toolmaker.pdf", "invoice-garden-supply.pdf"])
def test_the_true_fields_stand_in_the_text_layer(name):
    pdf = pypdfium2.PdfDocument(FILES[name])
    text = normalise(pdf[0].get_textpage().get_text_range())
    assert [key for key, value in TRUTH[name].items() if normalise(value) not in text] == []


def test_the_scan_has_three_pages_and_no_text():
    pdf = pypdfium2.PdfDocument(FILES["invoice-printer-scan.pdf"])
    assert [page.get_textpage().count_chars() for page in pdf] == [0, 0, 0]


def test_the_fax_has_two_pages():
    with Image.open(FILES["invoice-courier-fax.tif"]) as fax:
        assert (fax.n_frames, fax.mode) == (2, "1")


def test_the_sideways_receipt_says_how_to_turn_it():
    with Image.open(FILES["receipt-pharmacy-sideways.jpg"]) as image:
        assert image.width > image.height
        assert image.getexif()[0x0112] == 6


def test_the_truncated_invoice_cannot_be_opened():
    assert TRUTH["invoice-truncated.pdf"] is None
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(FILES["invoice-truncated.pdf"])
