import pickle

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from pageloom import Answer, DocumentError, DocumentOpenError, EngineError, Field, Page

NLP = spacy.blank("en")

numbers = st.integers(1, 10**6)
scores = st.floats(0, 1)
boxes = st.none() | st.tuples(*[st.integers(0, 1000)] * 4)
pages = st.builds(Page, numbers, numbers, numbers, st.integers(0, 2400), st.text(), st.text())
fields = st.builds(Field, st.text(), scores, st.none() | numbers, boxes, numbers, numbers)
answers = st.builds(
    Answer,
    st.text(), st.text(), scores, *[st.none() | numbers] * 3, component=st.text(),
)  # fmt: skip
errors = st.builds(DocumentError, st.text(), st.text(), st.none() | numbers, st.text())


@st.composite
def documents(draw):
    words = draw(st.lists(st.text("abc€é", min_size=1, max_size=5), max_size=6))
    doc = Doc(NLP.vocab, words=words, spaces=draw(st.tuples(*[st.booleans() for _ in words])))
    doc._.pages = draw(st.lists(pages, max_size=3))
    doc._.fields = draw(st.dictionaries(st.text(), st.lists(fields, max_size=2), max_size=2))
    doc._.answers = draw(st.lists(answers, max_size=2))
    doc._.questions = draw(st.lists(st.text(), max_size=2))
    doc._.errors = draw(st.lists(errors, max_size=2))
    doc._.source, doc._.sha256 = draw(st.text()), draw(st.text())
    for token in doc:
        token._.box = draw(boxes)
        token._.page = draw(st.none() | numbers)
        token._.confidence = draw(st.none() | scores)
    return doc


def content(doc):
    """All that the extensions hold, types included: tuples stay tuples and lists stay lists."""
    return (
        [token.text_with_ws for token in doc],
        doc._.pages,
        doc._.fields,
        doc._.answers,
        doc._.questions,
        doc._.errors,
        doc._.source,
        doc._.sha256,
        doc._.status,
        [(token._.box, token._.page, token._.confidence) for token in doc],
    )


def through_bytes(doc):
    return Doc(NLP.vocab).from_bytes(doc.to_bytes())


def through_doc_bin(doc):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(NLP.vocab))


def through_pickle(doc):
    return pickle.loads(pickle.dumps(doc))


@pytest.mark.parametrize("through", [through_bytes, through_doc_bin, through_pickle])
@given(documents())
def test_round_trip(through, doc):
    assert content(through(doc)) == content(doc)


@Language.component("test_document_types_filler")
def fill(doc):
    doc._.pages = [Page(1, 10, 20, 72, "a.pdf", "ff")]
    doc._.fields = {"total": [Field("1.00", 0.5, 1, (1, 2, 3, 4), 0, 1)]}
    doc._.answers = [Answer("total?", "1.00", 0.5, 1, 0, 1, "qa")]
    doc._.errors = [DocumentError("ocr", "engine", 1, "no Tesseract")]
    doc[0]._.box, doc[0]._.page, doc[0]._.confidence = (1, 2, 3, 4), 1, 0.25
    return doc


def test_round_trip_through_two_processes():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_document_types_filler")
    docs = list(nlp.pipe(["1.00 euro"] * 4, n_process=2))
    assert [content(doc) for doc in docs] == [content(nlp("1.00 euro"))] * 4


@given(pages | fields | answers | errors)
def test_pickle_of_each_type(thing):
    copy = pickle.loads(pickle.dumps(thing))
    assert copy == thing
    assert hash(copy) == hash(thing)


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (DocumentOpenError("a.pdf: is empty", category="empty"), "empty"),
        (EngineError("no Tesseract"), "engine"),
        (KeyError("x"), "unexpected"),
        (MemoryError(), "unexpected"),
    ],
)
def test_errors_become_records(error, category):
    record = DocumentError.of(error, "ocr", page=2, source="a.pdf")
    assert (record.component, record.category, record.page) == ("ocr", category, 2)
    assert "a.pdf" in record.message
