"""What the packaged models find in documents that no recipe made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy

import pageloom_weights
from pageloom_weights import names, path

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
TRUTH = json.loads((SAMPLES / "truth.json").read_text(encoding="utf8"))
VECTOR = ("invoice-toolmaker.pdf", "invoice-garden-supply.pdf")
"""Invoices with a text layer, so that what reads words needs no OCR engine."""


def pipeline(*components, **settings):
    reader = {"@tokenizers": "pageloom.DocumentReader.v1"}
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": reader}})
    nlp.add_pipe("ocr", config={"mode": "skip"})
    for name in components:
        nlp.add_pipe(name, config=settings)
    return nlp


def sample(name):
    return str(SAMPLES / "documents" / name)


def plain(text):
    return "".join(c for c in text.lower() if c.isalnum())


def test_each_model_has_its_card_and_licence():
    for name in names():
        card = (path(name) / "README.md").read_text(encoding="utf8")
        assert card.startswith("---\nlicense: ")
        for heading in ("## Data", "## Scores", "## Limits"):
            assert heading in card, f"{name}: no {heading}"


def test_all_weights_together_stay_small():
    folder = Path(pageloom_weights.__file__).parent
    assert sum(file.stat().st_size for file in folder.rglob("*.safetensors")) < 95_000_000


@pytest.mark.parametrize("name", VECTOR)
def test_lilt_tagger_reads_invoices(name):
    doc = pipeline("lilt_tagger")(sample(name))
    found = {label: plain(fields[0].text) for label, fields in doc._.fields.items()}
    for label, ours in (
        ("company", "seller"),
        ("date", "invoice_date"),
        ("address", "seller_address"),
    ):
        assert found[ours] == plain(TRUTH[name][label])
    # The currency may or may not belong to the amount.
    assert found["total"] in plain(TRUTH[name]["total"])
    assert found["total"].isdigit()
    assert len(doc._.fields["item_amount"]) >= 4


@pytest.mark.parametrize("name", VECTOR)
def test_layoutlmv2_tagger_reads_invoices(name):
    doc = pipeline("layoutlmv2_tagger")(sample(name))
    found = {label: plain(fields[0].text) for label, fields in doc._.fields.items()}
    for label in ("company", "date"):
        assert found[label] == plain(TRUTH[name][label])
    # The currency may or may not belong to the amount.
    assert found["total"] in plain(TRUTH[name]["total"])
    assert found["total"].isdigit()
    numbers = {"invoice-toolmaker.pdf": "re202410733", "invoice-garden-supply.pdf": "20871"}
    assert found["invoice_number"] == numbers[name]
    assert len(doc._.fields["item_amount"]) >= 4


@pytest.mark.parametrize("name", VECTOR)
def test_document_classifier_knows_an_invoice(name):
    doc = pipeline("document_classifier")(sample(name))
    assert sorted(doc.cats) == ["bank statement", "form", "invoice", "letter", "other", "receipt",
                                "report", "resume"]  # fmt: skip
    assert max(doc.cats, key=doc.cats.__getitem__) == "invoice"


@pytest.mark.parametrize("component", ["lilt_qa", "layoutlmv2_qa"])
@pytest.mark.parametrize("name", VECTOR)
def test_questions_are_answered_by_words(name, component):
    asked = ["What is the invoice number?", "What is the invoice date?", "Who is the seller?"]
    doc = pipeline(component, questions=asked)(sample(name))
    number, date, seller = doc._.answers
    expected = {"invoice-toolmaker.pdf": "RE-2024-10733", "invoice-garden-supply.pdf": "20871"}
    assert number.text == expected[name]
    assert plain(date.text) == plain(TRUTH[name]["date"])
    company = plain(TRUTH[name]["company"])
    if component == "lilt_qa":
        assert plain(seller.text) == company
    else:  # may stop short of the name's end
        assert seller.text
        assert company.startswith(plain(seller.text))


@pytest.mark.parametrize(
    ("name", "kind", "table"),
    [
        ("invoice-toolmaker.pdf", "invoice", "yes"),
        ("invoice-garden-supply.pdf", "invoice", "yes"),
        ("receipt-hardware.jpg", "receipt", "no"),
        ("receipt-minimarket.webp", "receipt", "no"),
    ],
)
def test_vilt_vqa_looks_at_the_page(name, kind, table):
    asked = ["What kind of document is this?", "Is there a table?", "Is there a barcode?"]
    doc = pipeline("vilt_vqa", questions=asked)(sample(name))
    assert [answer.text for answer in doc._.answers] == [kind, table, "no"]


def test_vilt_matcher_prefers_the_statement_that_fits():
    statements = ["an invoice with a table", "a letter with a signature", "a receipt"]
    for name, best in (("invoice-toolmaker.pdf", 0), ("receipt-hardware.jpg", 2)):
        doc = pipeline("vilt_matcher", statements=statements)(sample(name))
        first = max(doc._.answers, key=lambda answer: answer.score)
        assert first.question == statements[best]
