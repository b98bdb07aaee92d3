"""What the fields of a document say about each other, its positions, and what scores are worth."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from pageloom import Check, CheckpointError, Field
from pageloom.fields import Calibration, FieldValues, Graded, complete, grade
from pageloom.fields.calibration import isotonic
from pageloom.fields.line_items import group_rows
from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
from tests.tagged import SMALL, a_doc

VOCAB = spacy.blank("en").vocab


def completed(*fields, calibration=None, settings=None, scores=None):
    """A document whose text is its fields, (label, text[, box]), as a tagger leaves it."""
    doc = Doc(VOCAB, words=[text for _, text, *_ in fields])
    for at, (label, text, *box) in enumerate(fields):
        score = 0.5 if scores is None else scores[at]
        doc._.fields.setdefault(label, []).append(
            Field(text, score, 1, box[0] if box else None, at, at + 1)
        )
    complete(doc, list(doc._.fields), FieldValues(**(settings or {})), calibration)
    return doc


def results(doc):
    return {check.name: check.passed for check in doc._.checks}


def best(doc, label):
    return doc._.fields[label][0]


def test_fields_get_values_and_keep_their_text():
    doc = completed(
        ("invoice_date", "31.03.2024"), ("total", "1.234,50 €"), ("seller", "Maria's Café")
    )
    assert best(doc, "invoice_date").value == "2024-03-31"
    total = best(doc, "total")
    assert (total.text, total.value, total.currency) == ("1.234,50 €", "1234.50", "EUR")
    assert best(doc, "seller").value is None


def test_kinds_of_own_labels():
    doc = completed(
        ("paid_on", "31.03.2024"), ("total", "5.00"),
        settings={"kinds": {"paid_on": "date", "total": "text"}},
    )  # fmt: skip
    assert best(doc, "paid_on").value == "2024-03-31"
    assert best(doc, "total").value is None


def test_net_and_tax_make_the_total():
    doc = completed(("net", "100.00"), ("tax", "19.00"), ("total", "119.00"), ("seller", "A"))
    assert doc._.checks == [
        Check("net_tax_total", True, ("net", "tax", "total"), "100.00 + 19.00 = 119.00")
    ]
    assert [best(doc, label).checked for label in ("net", "tax", "total", "seller")] == [
        True, True, True, None,
    ]  # fmt: skip


def test_a_misread_total_is_found():
    doc = completed(("net", "100.00"), ("tax", "19.00"), ("total", "179.00"))
    [check] = doc._.checks
    assert not check.passed
    assert check.message == "100.00 + 19.00 = 119.00, not 179.00"
    assert best(doc, "total").checked is False


def test_several_rates_of_tax():
    doc = completed(
        ("net", "100.00"), ("net", "50.00"), ("tax", "19.00"), ("tax", "3.50"), ("total", "172.50")
    )
    assert results(doc) == {"net_tax_total": True}
    assert all(field.checked for field in doc._.fields["net"])


@pytest.mark.parametrize(
    ("fields", "name", "passed"),
    [
        ([("invoice_date", "01.03.2024"), ("due_date", "15.03.2024")], "due_date", True),
        ([("invoice_date", "01.03.2024"), ("due_date", "15.02.2024")], "due_date", False),
        ([("net", "EUR 5.00"), ("total", "6.00 EUR")], "currency", True),
        ([("net", "USD 5.00"), ("total", "6.00 EUR")], "currency", False),
        ([("currency", "EUR"), ("total", "6.00 CHF")], "currency", False),
        ([("iban", "DE89 3704 0044 0532 0130 00")], "iban", True),
        ([("iban", "DE89 3704 0044 0532 0130 01")], "iban", False),
        ([("tax_id", "DE136695976")], "tax_id", True),
        ([("tax_id", "DE136695977")], "tax_id", False),
    ],
)
def test_checks(fields, name, passed):
    doc = completed(*fields)
    assert results(doc) == {name: passed}
    told = best(doc, fields[0][0]).checked
    # Dates in order and one currency are too common to confirm anything.
    assert told is (None if passed and name in ("due_date", "currency") else passed)


def test_what_is_missing_is_not_checked():
    assert completed(("net", "100.00"), ("total", "119.00"))._.checks == []
    assert completed(("net", "none"), ("tax", "19.00"), ("total", "119.00"))._.checks == []
    assert completed()._.checks == []


def row(y, *cells, height=10):
    """Cells (label, text) of a table's row at height `y`."""
    return [
        (label, text, (90 * x, y, 90 * x + 80, y + height)) for x, (label, text) in enumerate(cells)
    ]


def texts(doc):
    return [{label: field.text for label, field in row.items()} for row in doc._.line_items]


def invoice(total="22.50"):
    return completed(
        *row(100, ("item_description", "Tea"), ("item_quantity", "2"),
             ("item_unit_price", "5.00"), ("item_amount", "10.00")),
        *row(130, ("item_description", "Cake"), ("item_quantity", "5"),
             ("item_unit_price", "2.50"), ("item_amount", "12.50")),
        ("total", total, (800, 300, 900, 310)),
    )  # fmt: skip


def test_line_items_and_their_sums():
    doc = invoice()
    assert texts(doc) == [
        {"item_description": "Tea", "item_quantity": "2", "item_unit_price": "5.00",
         "item_amount": "10.00"},
        {"item_description": "Cake", "item_quantity": "5", "item_unit_price": "2.50",
         "item_amount": "12.50"},
    ]  # fmt: skip
    assert doc._.line_items[1]["item_amount"].value == "12.50"
    assert [(check.name, check.passed) for check in doc._.checks] == [
        ("items_total", True), ("item_amount", True), ("item_amount", True),
    ]  # fmt: skip
    assert results(invoice("25.50"))["items_total"] is False


def test_a_description_on_the_line_above_belongs_to_its_amounts():
    doc = completed(
        *row(100, ("item_description", "Tea")),
        *row(112, ("item_quantity", "2"), ("item_amount", "10.00")),
        *row(124, ("item_description", "Cake")),
        *row(136, ("item_quantity", "5"), ("item_amount", "12.50")),
    )
    assert [found["item_description"] for found in texts(doc)] == ["Tea", "Cake"]
    assert [found["item_amount"] for found in texts(doc)] == ["10.00", "12.50"]


def test_a_description_of_three_lines_is_one_cell():
    doc = completed(
        *row(100, ("item_description", "Tea green loose"), height=34),
        ("item_amount", "10.00", (800, 100, 880, 110)),
        *row(140, ("item_description", "Cake")),
        ("item_amount", "12.50", (800, 140, 880, 150)),
    )
    assert [found["item_amount"] for found in texts(doc)] == ["10.00", "12.50"]


def test_rows_without_boxes_go_by_the_order_of_words():
    doc = completed(
        ("item_description", "Tea"), ("item_amount", "10.00"),
        ("item_description", "Cake"), ("item_amount", "12.50"),
    )  # fmt: skip
    assert [list(found.values()) for found in texts(doc)] == [["Tea", "10.00"], ["Cake", "12.50"]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["item_description", "item_amount", "total"]),
            st.integers(1, 3),
            st.integers(0, 900),
            st.integers(0, 100),
        ),
        max_size=12,
    )
)
def test_every_field_of_a_position_is_in_one_row(cells):
    fields = {}
    for at, (label, page, y, height) in enumerate(cells):
        found = Field(str(at), 0.5, page, (0, y, 10, y + height), at, at + 1)
        fields.setdefault(label, []).append(found)
    rows = group_rows(fields)
    placed = [field.start for found in rows for field in found.values()]
    assert sorted(placed) == [at for at, cell in enumerate(cells) if cell[0] != "total"]
    assert all(len({field.page for field in found.values()}) == 1 for found in rows)
    assert [min(f.page for f in found.values()) for found in rows] == sorted(
        min(f.page for f in found.values()) for found in rows
    )


def test_values_and_checks_survive_writing():
    doc = invoice()
    written = DocBin(docs=[doc], store_user_data=True).to_bytes()
    [through_doc_bin] = DocBin().from_bytes(written).get_docs(VOCAB)
    for copy in (Doc(VOCAB).from_bytes(doc.to_bytes()), through_doc_bin):
        assert copy._.fields == doc._.fields
        assert copy._.checks == doc._.checks
        assert copy._.line_items == doc._.line_items


def test_fields_written_before_there_were_values_can_be_read():
    from pageloom.document.types import TAG, decode

    old = {
        TAG: "Field",
        "text": "5",
        "score": 0.5,
        "page": 1,
        "box": [1, 2, 3, 4],
        "start": 0,
        "end": 1,
    }
    assert decode(old) == Field("5", 0.5, 1, (1, 2, 3, 4), 0, 1, None, None, None)


# -- calibration -------------------------------------------------------------------------------


def overconfident(rng, count, label="total", worth=0.7):
    """Fields whose softmax says more than they are worth: right with `worth * score ** 2`."""
    scores = rng.beta(8, 1, count)
    return [Graded(label, "none", s, bool(rng.random() < worth * s * s)) for s in scores]


def test_calibrated_scores_hold_on_other_documents():
    rng = np.random.default_rng(0)
    sure = [Graded("date", "none", s, bool(rng.random() < 0.98)) for s in rng.random(600)]
    calibration = Calibration.fit([*overconfident(rng, 600), *sure])
    others = [
        *overconfident(rng, 2000),
        *(replace(field, right=rng.random() < 0.98) for field in sure),
    ]
    told = [(calibration(f.label, f.evidence, f.score), f.right) for f in others]
    high = [right for score, right in told if score >= 0.9]
    assert len(high) > 500
    assert np.mean(high) >= 0.9
    before = [field.right for field in others if field.score >= 0.9]
    assert np.mean(before) < 0.9
    assert np.mean([score for score, _ in told]) == pytest.approx(
        np.mean([right for _, right in told]), abs=0.03
    )


def test_evidence_raises_and_lowers():
    graded = [
        Graded("total", evidence, 0.8, at % 10 < good)
        for evidence, good in (("confirmed", 10), ("none", 7), ("contradicted", 3))
        for at in range(100)
    ]
    calibration = Calibration.fit(graded)
    assert calibration("total", "confirmed", 0.8) > 0.95
    assert calibration("total", "none", 0.8) == pytest.approx(0.7, abs=0.02)
    assert calibration("total", "contradicted", 0.8) == pytest.approx(0.3, abs=0.02)
    # A label that was never seen goes by its evidence.
    assert calibration("net", "contradicted", 0.8) == pytest.approx(0.3, abs=0.02)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200), st.floats(0, 1)
)
def test_a_curve_rises_and_is_never_sure(pairs, score):
    curve = isotonic([score for score, _ in pairs], [right for _, right in pairs])
    assert list(curve.right) == sorted(curve.right)
    assert list(curve.scores) == sorted(set(curve.scores))
    assert 0 < curve(score) < 1


def read_with(confidence, right, count=100):
    """Fields of which OCR's misreadings left `right` in 10 right."""
    return [Graded("total", "none", 0.9, at % 10 < right, confidence) for at in range(count)]


def test_what_ocr_read_is_worth_what_its_confidence_is():
    exact = [Graded("total", "none", 0.9, at % 10 < 9) for at in range(100)]
    calibration = Calibration.fit([*exact, *read_with(0.5, 4), *read_with(0.99, 9)])
    assert calibration("total", "none", 0.9) == pytest.approx(0.9, abs=0.02)
    assert calibration("total", "none", 0.9, 0.99) == pytest.approx(0.9, abs=0.03)
    assert calibration("total", "none", 0.9, 0.5) == pytest.approx(0.4, abs=0.03)
    assert 0.4 < calibration("total", "none", 0.9, 0.8) < 0.9
    # Where hardly any is exact, those that OCR read say what scores are worth, and nothing more.
    for few in ([], exact[:2]):
        alone = Calibration.fit([*few, *read_with(0.5, 4), *read_with(0.99, 9)])
        assert alone.reading is None
        assert alone("total", "none", 0.9, 0.5) == pytest.approx(0.65, abs=0.02)


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 2, st.booleans()), min_size=1, max_size=100),
    st.floats(0, 1),
)
def test_a_share_of_what_was_expected_is_at_most_one(fields, confidence):
    confidences, expected, right = zip(*fields, strict=True)
    curve = isotonic(confidences, right, expected)
    assert list(curve.right) == sorted(curve.right)
    assert 0 < curve(confidence) <= 1


def test_too_few_fields_change_nothing():
    assert Calibration.fit([Graded("total", "none", 0.9, False)] * 5)("total", "none", 0.9) == 0.9


def test_calibration_beside_a_checkpoint(tmp_path):
    assert Calibration.load(tmp_path) is None
    calibration = Calibration.fit(overconfident(np.random.default_rng(0), 200))
    calibration.save(tmp_path)
    assert Calibration.load(tmp_path) == calibration
    (tmp_path / "calibration.json").write_text(json.dumps({"curves": {"total": {"scores": "x"}}}))
    with pytest.raises(CheckpointError, match=r"calibration\.json: curves\.total\.scores"):
        Calibration.load(tmp_path)


def flat(worth):
    """A calibration by evidence alone."""
    return Calibration.model_validate(
        {"curves": {f"* {name}": {"scores": [0.5], "right": [w]} for name, w in worth.items()}}
    )


def test_the_tagger_s_scores_become_what_they_are_worth():
    calibration = flat({"confirmed": 0.99, "contradicted": 0.2, "repeated": 0.8, "none": 0.6})
    doc = completed(
        ("net", "100.00"), ("tax", "19.00"), ("total", "119.00"),
        ("seller", "Tea Ltd"), ("seller", "TEA LTD."), ("buyer", "Cake"),
        calibration=calibration,
    )  # fmt: skip
    assert best(doc, "total").score == 0.99
    assert [field.score for field in doc._.fields["seller"]] == [0.8, 0.8]
    assert best(doc, "buyer").score == 0.6


def test_a_confirmed_field_comes_before_a_surer_one():
    doc = completed(
        ("iban", "DE00 3704 0044 0532 0130 00"), ("iban", "DE89 3704 0044 0532 0130 00"),
        calibration=flat({"confirmed": 0.99, "contradicted": 0.2}), scores=[0.9, 0.6],
    )  # fmt: skip
    assert [field.value for field in doc._.fields["iban"]] == ["DE89370400440532013000", None]


def test_fields_are_graded_by_text_and_by_value():
    doc = completed(
        ("total", "RM 9.00"), ("total", "9.00"), ("total", "8.00"), ("date", "1.2.2024")
    )
    spans = [
        Span(doc, at, at + 1, label=label) for at, label in enumerate(["total"] * 3 + ["date"])
    ]
    doc.spans["tagger"] = SpanGroup(doc, spans=spans, attrs={"scores": [0.9, 0.8, 0.7, 0.6]})
    graded = grade(doc, {"total": ["RM9.00"], "company": ["A"], "date": ["2024-02-01"]}, "tagger")
    assert graded == [
        Graded("total", "repeated", 0.9, True),
        Graded("total", "repeated", 0.8, True),
        Graded("total", "none", 0.7, False),
        Graded("date", "none", 0.6, True),
    ]


def test_fields_are_graded_with_the_confidence_that_they_were_read_with():
    doc = completed(("total", "9.00"), ("date", "3/2018"), ("company", "Tea Ltd"), ("net", "n/a"))
    for token, confidence in zip(doc, [0.8, 0.9, 0.7, 1.0], strict=True):
        token._.confidence = confidence
    spans = [
        Span(doc, at, at + 1, label=label)
        for at, label in enumerate(["total", "date", "company", "net"])
    ]
    doc.spans["tagger"] = SpanGroup(doc, spans=spans, attrs={"scores": [0.9] * 4})
    right = {"total": ["9.00"], "date": ["03/2018"], "company": ["Tea Ltd"], "net": ["8.00"]}
    graded = {field.label: field for field in grade(doc, right, "tagger")}
    # What OCR read and is no date was misread; the document's own words were not.
    expected = {"total": 0.8, "date": 0.0, "company": 0.7, "net": 1.0}
    assert {label: field.confidence for label, field in graded.items()} == expected


def test_a_checkpoint_s_calibration_is_applied_and_written(tiny_tagger, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_tagger, folder)
    plain = LayoutLMv2Tagger(model=str(folder), **SMALL)(a_doc(["total", "12.50"] * 4))
    flat({"none": 0.25, "repeated": 0.25, "confirmed": 0.25, "contradicted": 0.25}).save(folder)
    calibrated = LayoutLMv2Tagger(model=str(folder), **SMALL)
    calibrated.to_disk(tmp_path / "copy")
    from_disk = LayoutLMv2Tagger(model="nowhere", **SMALL).from_disk(tmp_path / "copy")
    from_bytes = LayoutLMv2Tagger(model="nowhere", **SMALL).from_bytes(calibrated.to_bytes())
    for tagger in (calibrated, from_disk, from_bytes):
        doc = tagger(a_doc(["total", "12.50"] * 4))
        assert {field.score for found in doc._.fields.values() for field in found} == {0.25}
        key = tagger.spans_key
        assert doc.spans[key].attrs["scores"] == plain.spans[key].attrs["scores"]


def test_a_tagger_reads_values_as_its_settings_say(tiny_tagger):
    nlp = spacy.blank("en")
    kinds = dict.fromkeys(("company", "date", "address", "total"), "amount")
    settings = {"field_values": {"kinds": kinds, "country": "US"}}
    nlp.add_pipe("layoutlmv2_tagger", config={"model": str(tiny_tagger), **SMALL, **settings})
    doc = nlp(a_doc(["$12.50"] * 4))
    fields = [field for found in doc._.fields.values() for field in found]
    assert fields
    assert {(field.value, field.currency) for field in fields} == {("12.50", "USD")}
