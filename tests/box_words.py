"""Words, boxes and settings that every tokenizer with boxes must encode as its reference does."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TRICKY = [
    "",
    " ",
    "Total:",
    "RM12.50",
    "naïve",
    "Ångström",
    "İstanbul",
    "中文字",
    "日本語テキスト",
    "한국어",
    "emoji🙂👩‍👩‍👧",
    "\u200bhidden",
    "\x00",
    "\x07bell",
    "\ufffd",
    "soft\xadhyphen",
    "two words",
    "[SEP]",
    "[CLS]word",
    "[PAD]",
    "x" * 120,
    "antidisestablishmentarianism",
    "...---...",
    "ﬁ½²",
    "العربية",
    "हिन्दी",
]
a_word = st.one_of(
    st.sampled_from(TRICKY),
    st.text(alphabet="abcdefgHIJK0123456789.,:/-", min_size=1, max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
a_coordinate = st.integers(0, 1000)
a_box = st.lists(a_coordinate, min_size=4, max_size=4)
a_question = st.lists(a_word, max_size=8).map(" ".join)


@st.composite
def pages(draw, max_size=30):
    words = draw(st.lists(a_word, max_size=max_size))
    n = len(words)
    boxes = draw(st.lists(a_box, min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    return words, boxes, labels


@st.composite
def call_options(draw, truncations):
    """Settings that go together: windows need room for a few subwords beside the overlap."""
    options = {"truncation": draw(st.sampled_from(truncations))}
    options["padding"] = draw(st.sampled_from([False, True, "longest", "max_length"]))
    if draw(st.booleans()):
        options["max_length"] = draw(st.sampled_from([16, 24, 32, 64]))
        options["stride"] = draw(st.integers(0, 4))
    if draw(st.booleans()):
        options["pad_to_multiple_of"] = 8
    if draw(st.booleans()):
        options["padding_side"] = draw(st.sampled_from(["left", "right"]))
    for name in (
        "return_overflowing_tokens",
        "return_special_tokens_mask",
        "return_offsets_mapping",
        "return_length",
    ):
        options[name] = draw(st.booleans())
    for name in ("return_attention_mask", "return_token_type_ids"):
        options[name] = draw(st.sampled_from([None, True, False]))
    options["add_special_tokens"] = draw(st.sampled_from([True, True, False]))
    return options


def assert_same(ours, theirs):
    assert list(ours.keys()) == list(theirs.keys())
    for name in theirs:
        assert ours[name] == theirs[name], name
    for index in range(len(theirs.encodings)):
        assert ours.word_ids(index) == theirs.word_ids(index)
        assert ours.sequence_ids(index) == theirs.sequence_ids(index)
        assert ours.tokens(index) == theirs.tokens(index)


def labelled_once(reference: Any, page: Any) -> list[Any]:
    """The rows (word, box, label) of a page whose word has one subword that starts with it.

    Of the others, references that go by offsets label no subword, or several.
    """

    def starts(word: str) -> list[int]:
        encode = reference.backend_tokenizer.encode
        encoding = encode([word], is_pretokenized=True, add_special_tokens=False)
        return [start for start, _ in encoding.offsets]

    return [row for row in zip(*page, strict=True) if starts(row[0]).count(0) == 1]
