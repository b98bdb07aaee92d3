import subprocess
import sys

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from pageloom import DocumentError, Page
from pageloom.document.extensions import clamp_box, register, set_tokens, union

VOCAB = spacy.blank("en").vocab


def two_pages():
    doc = Doc(VOCAB, words=["a", "b", "c", "d"])
    set_tokens(
        doc,
        [(10, 10, 20, 20), (30, 5, 40, 25), (0, 0, 5, 5), (6, 0, 9, 5)],
        [1, 1, 2, 2],
        [0.5, 0.6, 0.7, 0.8],
    )
    return doc


def test_token_values():
    doc = two_pages()
    assert doc[1]._.box == (30, 5, 40, 25)
    assert [token._.page for token in doc] == [1, 1, 2, 2]
    assert doc[3]._.confidence == 0.8
    assert Doc(VOCAB, words=["x"])[0]._.box is None


def test_a_span_has_the_union_of_its_boxes_on_one_page():
    doc = two_pages()
    assert doc[0:2]._.box == (10, 5, 40, 25)
    assert doc[1:4]._.page == 1
    assert doc[1:4]._.box == (30, 5, 40, 25)
    bare = Doc(VOCAB, words=["x", "y"])
    assert bare[0:2]._.box is None
    assert bare[0:2]._.page is None


def test_values_follow_the_tokens_into_other_docs():
    doc = two_pages()
    part = doc[1:3].as_doc(copy_user_data=True)
    assert [token._.box for token in part] == [(30, 5, 40, 25), (0, 0, 5, 5)]
    both = Doc.from_docs([doc, two_pages()])
    assert [token._.page for token in both] == [1, 1, 2, 2, 1, 1, 2, 2]


def test_lists_that_were_never_set_can_be_added_to():
    doc = Doc(VOCAB)
    doc._.errors.append(DocumentError("x", "unexpected", None, "failed"))
    doc._.fields.setdefault("total", []).append(1)
    doc._.layout_tokens["key"] = [1]
    assert len(doc._.errors) == 1
    assert doc._.fields == {"total": [1]}
    assert doc._.layout_tokens == {"key": [1]}
    assert Doc(VOCAB)._.errors == []


def error(page):
    return DocumentError("ocr", "engine", page, "failed")


@pytest.mark.parametrize(
    ("words", "pages", "errors", "status"),
    [
        ([], 0, [], "ok"),
        (["a"], 1, [], "ok"),
        ([], 0, [None], "failed"),
        ([], 1, [1], "failed"),
        ([], 2, [1], "partial"),  # the other page may be blank
        ([], 2, [1, 2], "failed"),
        ([], 2, [None], "failed"),
        (["a"], 2, [2], "partial"),
        (["a"], 1, [None], "partial"),
    ],
)
def test_status(words, pages, errors, status):
    doc = Doc(VOCAB, words=words)
    doc._.pages = [Page(n + 1, 1, 1, 0, "a", "b") for n in range(pages)]
    doc._.errors = [error(page) for page in errors]
    assert doc._.status == status


@given(st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4))
def test_boxes_are_clamped_and_in_order(values):
    x0, y0, x1, y1 = clamp_box(values)
    assert 0 <= x0 <= x1 <= 1000
    assert 0 <= y0 <= y1 <= 1000


@pytest.mark.parametrize("box", [(1, 2, 3), (), (1, 2, 3, 4, 5)])
def test_a_box_has_four_numbers(box):
    with pytest.raises(ValueError, match="four numbers"):
        Doc(VOCAB, words=["a"])[0]._.box = box


def test_union_of_nothing():
    assert union([]) is None


def test_setting_many_tokens_writes_what_the_extensions_write():
    words = [f"w{n}" for n in range(20_000)]
    boxes = [(n % 1000, 0, 1000, 1000) for n in range(len(words))]
    bulk, single = Doc(VOCAB, words=words), Doc(VOCAB, words=words)
    set_tokens(bulk, boxes, [1] * len(words), [0.5] * len(words))
    for token, box in zip(single, boxes, strict=True):
        token._.box, token._.page, token._.confidence = box, 1, 0.5
    assert bulk.user_data == single.user_data


def test_registering_again_changes_nothing():
    before = Doc.get_extension("pages"), Span.get_extension("box")
    register()
    assert (Doc.get_extension("pages"), Span.get_extension("box")) == before


def test_an_extension_of_another_package_is_replaced_with_a_warning():
    code = (
        "import warnings; from spacy.tokens import Doc; Doc.set_extension('fields', default=1);\n"
        "with warnings.catch_warnings(record=True) as found:\n"
        "    warnings.simplefilter('always'); import pageloom\n"
        "assert any('Doc._.fields' in str(w.message) for w in found), found\n"
        "import spacy; assert Doc(spacy.blank('en').vocab)._.fields == {}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_doc_bin_is_read_without_a_pipeline(tmp_path):
    path = tmp_path / "docs.spacy"
    DocBin(docs=[two_pages()], store_user_data=True).to_disk(path)
    code = (
        "import sys, pageloom, spacy; from spacy.tokens import DocBin;"
        "doc = next(DocBin().from_disk(sys.argv[1]).get_docs(spacy.blank('en').vocab));"
        "assert doc[1]._.box == (30, 5, 40, 25), doc[1]._.box"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
