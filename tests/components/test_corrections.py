"""What a person says of fields: where it stands in a document, and what a training learns."""

import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from typer import Typer
from typer.testing import CliRunner

from pageloom import Field
from pageloom.corpus import docbin
from pageloom.corpus.corrections import collect, gold
from pageloom.corpus.corrections_command import corrections
from pageloom.corpus.reviewing import correct, find_value, places, reviews_of
from pageloom.fields import FieldValues, Hints
from tests.tagged import VOCAB, a_doc

ANNA = {"by": "Anna", "by_id": "7", "at": "2026-03-31T12:00:00+00:00"}
WORDS = "ACME Ltd. 12 High St Subtotal 90.00 Tax 10.00 Total RM 100.00 Cash 100.00 31/03/2024"


def found(doc, label, start, end, score=0.5, value=None):
    span = doc[start:end]
    field = Field(span.text, score, span._.page, span._.box, start, end, value)
    doc._.fields.setdefault(label, []).append(field)


def a_read_doc(words=WORDS):
    """A receipt whose total was mistaken for its subtotal."""
    doc = a_doc(words.split())
    found(doc, "company", 0, 1)
    found(doc, "total", 6, 7)
    found(doc, "total", 8, 9, 0.2)
    found(doc, "address", 2, 5)
    return doc


def words_of(doc, label):
    field = doc._.fields[label][0]
    return doc[field.start : field.end].text


def test_a_correction_is_found_as_it_stands_or_by_what_it_means():
    doc = a_read_doc()
    values = {"total": "100.00", "company": "acme ltd", "date": "2024-03-31"}
    correct(doc, values, **ANNA)
    # The total nearest to the place where it was read, and not the cash.
    assert doc._.fields["total"][0].start == 11
    assert words_of(doc, "company") == "ACME Ltd."
    assert words_of(doc, "date") == "31/03/2024"
    assert [doc._.fields[label][0].value for label in ("total", "date")] == ["100.00", "2024-03-31"]
    assert {fields[0].score for label, fields in doc._.fields.items() if label in values} == {1.0}


def test_words_that_were_read_badly_are_still_those_of_the_correction():
    doc = a_read_doc(WORDS.replace("High", "H1qh"))
    correct(doc, {"address": "12 High St"}, **ANNA)
    field = doc._.fields["address"][0]
    assert (field.text, words_of(doc, "address")) == ("12 High St", "12 H1qh St")


def test_a_value_that_no_words_say_has_no_place():
    doc = a_read_doc()
    review = correct(doc, {"company": "Globex"}, **ANNA)
    field = doc._.fields["company"][0]
    assert (field.text, field.page, field.box, field.start, field.end) == (
        "Globex",
        None,
        None,
        0,
        0,
    )
    assert [each.found for each in review.fields] == [False]


def test_checks_are_made_anew():
    doc = a_doc(WORDS.split())
    for label, start in (("net", 6), ("tax", 8), ("total", 8)):
        found(doc, label, start, start + 1, value=doc[start].text)
    correct(doc, {"net": "90.00"}, **ANNA)
    assert [(check.name, check.passed) for check in doc._.checks] == [
        ("net_tax_total", False),
        ("review", True),
    ]
    correct(doc, {"total": "100.00"}, **ANNA)
    assert ("net_tax_total", True) in [(check.name, check.passed) for check in doc._.checks]
    assert doc._.fields["total"][0].checked is True


def test_settings_of_the_tagger_say_how_values_are_read():
    doc = a_read_doc(WORDS.replace("31/03", "04/03"))
    correct(doc, {"date": "04/03/2024"}, settings=FieldValues(day_first=False), **ANNA)
    assert doc._.fields["date"][0].value == "2024-04-03"


def test_reviews_stay_with_the_document():
    doc = a_read_doc()
    correct(doc, {"total": "100.00"}, **ANNA)
    correct(doc, {"company": None}, by="Bo", at="2026-04-01T08:00:00+00:00")
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    [again] = DocBin(store_user_data=True).from_bytes(stored).get_docs(VOCAB)
    first, second = reviews_of(again)
    assert (first.by, first.by_id, first.at) == tuple(ANNA.values())
    assert (first.fields[0].read, first.fields[0].value) == ("90.00", "100.00")
    assert (second.fields[0].corrected, second.fields[0].value) == (True, None)
    assert "company" not in again._.fields
    assert [check.message for check in again._.checks if check.name == "review"] == [
        "Anna, 2026-03-31T12:00:00+00:00: total 90.00 -> 100.00",
        "Bo, 2026-04-01T08:00:00+00:00: company ACME -> none",
    ]


def test_what_was_not_reviewed_is_missing_and_what_was_wrong_is_no_entity():
    doc = a_read_doc()
    correct(doc, {"total": "100.00", "company": "ACME Ltd."}, **ANNA)
    golden = gold(doc)
    assert [(ent.text, ent.label_) for ent in golden.ents] == [
        ("ACME Ltd.", "company"),
        ("100.00", "total"),
    ]
    unknown = {token.i for token in golden if token.ent_iob == 0}
    # The address was not shown, 10.00 may be another total, and 100.00 stands once more.
    assert unknown == {2, 3, 4, 8, 13}
    assert golden[6].ent_iob_ == "O"  # it was read as the total
    assert golden[11]._.box == doc[11]._.box
    assert golden._.fields == {}


def test_words_of_a_correction_that_is_nowhere_are_missing():
    doc = a_read_doc()
    correct(doc, {"company": "Globex"}, **ANNA)
    assert [token.ent_iob for token in gold(doc)][:2] == [0, 2]


def test_a_value_lies_on_one_page():
    doc = a_doc(["ACME", "Ltd", "ACME", "Ltd"], pages=[1, 2, 2, 2])
    assert places(doc, "acme ltd") == [(2, 4)]


@given(st.lists(st.text("ab1. ,", min_size=1).filter(str.strip), min_size=1), st.data())
def test_every_run_of_words_is_found(words, data):
    doc = Doc(VOCAB, words=words)
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    said = doc[start:end].text
    if any(sign.isalnum() for sign in said):
        place = find_value(doc, said)
        assert place is not None
        assert places(doc, said)[0] == place
        assert place[0] < place[1] <= len(doc)


@given(st.text(), st.sampled_from(["text", "amount", "date", "iban"]))
def test_any_text_may_be_looked_for(text, kind):
    doc = a_read_doc()
    place = find_value(doc, text, kind, Hints(), doc._.fields["total"][0])
    assert place is None or 0 <= place[0] < place[1] <= len(doc)


def write(path, *docs):
    path.parent.mkdir(exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def reviewed(value, at, sha256="ab"):
    doc = a_read_doc()
    doc._.sha256, doc._.source = sha256, f"{sha256}.png"
    correct(doc, {"total": value, "company": "ACME"}, by="Anna", at=at)
    return doc


def test_the_command_makes_a_corpus_of_the_last_reviews(tmp_path):
    kept = tmp_path / "corrections"
    write(kept / "1.spacy", reviewed("100.00", "2026-04-02T08:00:00+00:00"))
    write(kept / "2.spacy", reviewed("10.00", "2026-04-01T08:00:00+00:00"))
    write(kept / "3.spacy", reviewed("7.77", "2026-04-01T08:00:00+00:00", "cd"), a_read_doc())
    app = Typer()
    app.command()(corrections)
    ran = CliRunner().invoke(app, [str(kept), "--output", str(tmp_path / "corpus.spacy")])
    assert ran.exit_code == 0, ran.output
    assert "2 values corrected, 2 confirmed" in ran.output
    assert "corpus.spacy: 2 documents" in ran.output
    assert "not among the document's words: cd.png: total '7.77'" in ran.output
    assert "nobody has reviewed it" in ran.output
    docs = docbin.read(tmp_path / "corpus.spacy", spacy.blank("xx").vocab, images=False)
    assert [[(ent.start, ent.label_) for ent in doc.ents] for doc in docs] == [
        [(0, "company"), (11, "total")],
        [(0, "company")],
    ]


def test_a_corpus_can_be_divided(tmp_path):
    docs = [
        reviewed("100.00", "2026-04-02T08:00:00+00:00", sha256=f"{number:02}")
        for number in range(4)
    ]
    write(tmp_path / "all.spacy", *docs)
    done = collect([str(tmp_path)], tmp_path / "corpus.spacy", [0.5, 0.5])
    # Documents with the same words stay together.
    assert sorted(done.written.values()) == [0, 4]
    assert (done.confirmed, done.corrected) == (4, 4)


def test_what_is_no_correction_is_told(tmp_path):
    app = Typer()
    app.command()(corrections)
    (tmp_path / "bad.spacy").write_bytes(b"not a DocBin")
    for given_, code, message in (
        ([str(tmp_path)], 1, "is no DocBin"),
        ([str(tmp_path / "none")], 2, "there is no such file or folder"),
        ([str(tmp_path), "--split", "0.5"], 2, "give two or three shares"),
    ):
        ran = CliRunner().invoke(app, [*given_, "-o", str(tmp_path / "corpus.spacy")])
        assert (ran.exit_code, message in ran.output) == (code, True), ran.output
    assert not (tmp_path / "corpus.spacy").exists()
