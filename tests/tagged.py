"""Documents for the taggers' tests, and what every tagged document must be."""

import spacy
from PIL import Image
from spacy.tokens import Doc

from pageloom import Field, open_document
from pageloom.document.extensions import set_tokens

READER = {"nlp": {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}}
LABELS = {"company", "date", "address", "total"}
SMALL = {"max_length": 64, "stride": 16, "dtype": "float32"}
VOCAB = spacy.blank("en").vocab


def a_doc(words, pages=None, source=None, boxed=True):
    """A document as `ocr` leaves it, on blank pages."""
    pages = pages or [1] * len(words)
    images = [Image.new("RGB", (60, 80), (n, 200, 200)) for n in range(max(pages, default=1))]
    opened = open_document(images, VOCAB) if source is None else source
    doc = Doc(VOCAB, words=words, user_data=dict(opened.user_data))
    if not words:
        doc.spans["lines"] = []  # it was read, and holds nothing
    if boxed:
        boxes = [
            (10 * (i % 90), i % 900, 10 * (i % 90) + 50, i % 900 + 20) for i in range(len(words))
        ]
        set_tokens(doc, boxes, pages, [1.0] * len(words))
    return doc


def tags(doc, key="layoutlmv2_tagger"):
    group = doc.spans[key]
    return [
        (span.start, span.end, span.label_, round(score, 3))
        for span, score in zip(group, group.attrs["scores"], strict=True)
    ]


def assert_consistent(doc, key="layoutlmv2_tagger"):
    """Entities, spans and fields of a document tell the same."""
    found = tags(doc, key)
    assert [(start, end) for start, end, _, _ in found] == sorted(
        (start, end) for start, end, _, _ in found
    )
    fields = doc._.fields
    assert set(fields) == {label for _, _, label, _ in found} <= LABELS
    assert sum(map(len, fields.values())) == len(found)
    for label, values in fields.items():
        assert [field.score for field in values] == sorted(
            (field.score for field in values), reverse=True
        )
        for field in values:
            assert isinstance(field, Field)
            assert (field.start, field.end, label, round(field.score, 3)) in found
            span = doc[field.start : field.end]
            assert (field.text, field.page, field.box) == (span.text, span._.page, span._.box)
            assert 0 <= field.score <= 1
            assert {token._.page for token in span} == {field.page}
