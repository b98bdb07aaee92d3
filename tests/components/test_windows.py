"""Windows: a document of any length is cut up, and comes back as one row a word."""

from itertools import groupby, pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

import pageloom  # noqa: F401 - registers the extensions
from pageloom.processing.windows import (
    LayoutTokens,
    check_window,
    encode_words,
    first_subwords,
    frame_windows,
    window_bounds,
)


class Letters:
    """A tokenizer whose subwords are a word's letters, so a word may have many, or none."""

    fingerprint = "letters"
    cls_token_id, sep_token_id, pad_token_id = 1, 2, 0
    cls_token_box, sep_token_box, pad_token_box = (0, 0, 0, 0), (1000,) * 4, (7, 7, 7, 7)

    def subwords(self, words):
        pairs = [(ord(letter), index) for index, word in enumerate(words) for letter in word]
        ids, index = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
        return ids, index


@st.composite
def capacity_and_overlap(draw):
    capacity = draw(st.integers(1, 40))
    return capacity, draw(st.integers(0, capacity - 1))


@st.composite
def documents(draw, most=60):
    """Words, boxes (some missing, some far outside) and ascending pages."""
    words = draw(st.lists(st.text("abc", max_size=5), max_size=most))
    n = len(words)
    corner = st.integers(-3000, 3000)
    boxes = draw(
        st.lists(st.none() | st.tuples(corner, corner, corner, corner), min_size=n, max_size=n)
    )
    pages = sorted(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))
    return words, boxes, pages


@st.composite
def encoded(draw):
    words, boxes, pages = draw(documents())
    max_length = draw(st.integers(3, 20))
    stride = draw(st.integers(0, max_length - 3))
    tokens = encode_words(Letters(), words, boxes, pages, max_length=max_length, stride=stride)
    return tokens, words, boxes, pages, max_length, stride


def fewest(length, capacity, overlap):
    """Greedy: each window starts as late as the overlap allows, so no cover has fewer."""
    count, reached = 0, 0
    while reached < length:
        reached = (reached - overlap if count else 0) + capacity
        count += 1
    return count


class TestWindowBounds:
    @given(st.integers(0, 500), capacity_and_overlap())
    def test_they_cover_everything_with_the_fewest_windows_of_even_size(self, length, sizes):
        capacity, overlap = sizes
        bounds = list(window_bounds(length, capacity, overlap))
        if not length:
            assert bounds == []
            return
        assert bounds[0][0] == 0
        assert bounds[-1][1] == length
        for (_, end), (start, _) in pairwise(bounds):
            assert end - start >= overlap
        spans = [end - start for start, end in bounds]
        assert max(spans) <= capacity
        assert max(spans) - min(spans) <= 1
        assert len(bounds) == fewest(length, capacity, overlap)

    @pytest.mark.parametrize(("capacity", "overlap"), [(4, 4), (4, -1), (0, 0)])
    def test_an_overlap_that_never_moves_on_is_refused(self, capacity, overlap):
        with pytest.raises(ValueError, match="stride"):
            list(window_bounds(9, capacity, overlap))

    def test_the_error_says_what_a_window_has_room_for(self):
        assert check_window(512, 128) == 510
        with pytest.raises(ValueError, match=r"max_length 64 leaves 62 .*stride 62"):
            check_window(64, 62)


class TestEncodeWords:
    @given(encoded())
    def test_every_subword_keeps_its_word_and_box(self, given_):
        tokens, words, boxes, _, _, _ = given_
        assert tokens.words == len(words)
        assert "".join(map(chr, tokens.input_ids)) == "".join(words)
        assert [words[index] for index, _ in groupby(tokens.word_index)] == [w for w in words if w]
        for row, index in zip(tokens.boxes.tolist(), tokens.word_index, strict=True):
            x0, y0, x1, y1 = row
            assert 0 <= x0 <= x1 <= 1000
            assert 0 <= y0 <= y1 <= 1000
            if boxes[index] is None:
                assert row == [0, 0, 0, 0]
            elif all(0 <= corner <= 1000 for corner in boxes[index]):
                assert row[:2] == list(boxes[index][:2])

    @given(encoded())
    def test_windows_cover_each_page_and_straddle_none(self, given_):
        tokens, _, _, pages, max_length, stride = given_
        page_of = np.array(pages, dtype=int)[tokens.word_index]
        seen = np.zeros(len(tokens.input_ids), dtype=bool)
        for window in tokens.windows:
            assert 0 < window.end - window.start <= max_length - 2
            assert set(page_of[window.start : window.end]) == {window.page}
            seen[window.start : window.end] = True
        assert seen.all()
        for one, two in pairwise(tokens.windows):
            if one.page == two.page:
                assert one.end - two.start >= stride

    @given(encoded())
    def test_each_subword_is_decided_by_the_window_with_most_context(self, given_):
        tokens = given_[0]
        deciding = tokens.deciding_windows()
        assert deciding.shape == tokens.input_ids.shape
        of_page = {page: list(rows) for page, rows in groupby(tokens.windows, lambda w: w.page)}

        def context(window, place):
            on_page = of_page[window.page]
            left, right = place - window.start, window.end - 1 - place
            # Nothing lies beyond a page's edge, so nothing is missing there.
            left = np.inf if window.start == on_page[0].start else left
            right = np.inf if window.end == on_page[-1].end else right
            return min(left, right)

        for place, number in enumerate(deciding.tolist()):
            around = [w for w in tokens.windows if w.start <= place < w.end]
            assert tokens.windows[number] in around
            assert context(tokens.windows[number], place) == max(context(w, place) for w in around)

    def test_pages_that_come_back_are_cut_apart(self):
        tokens = encode_words(Letters(), ["aa", "bb", "cc"], [None] * 3, [1, 2, 1])
        assert [(w.start, w.end, w.page) for w in tokens.windows] == [
            (0, 2, 1),
            (2, 4, 2),
            (4, 6, 1),
        ]
        assert tokens.deciding_windows().tolist() == [0, 0, 1, 1, 2, 2]

    def test_no_words_are_no_windows(self):
        tokens = encode_words(Letters(), [], [], [])
        assert (tokens.words, tokens.windows, tokens.longest) == (0, [], 0)
        assert tokens.boxes.shape == (0, 4)
        assert tokens.deciding_windows().shape == first_subwords(tokens.word_index).shape == (0,)

    def test_words_boxes_and_pages_must_be_as_many(self):
        with pytest.raises(ValueError, match="2 words, 1 boxes and 2 pages"):
            encode_words(Letters(), ["a", "b"], [None], [1, 1])

    @given(encoded())
    def test_the_first_subword_of_each_word(self, given_):
        tokens, words, *_ = given_
        firsts = first_subwords(tokens.word_index)
        assert firsts.sum() == sum(map(bool, words))
        assert tokens.word_index[firsts].tolist() == [i for i, word in enumerate(words) if word]


class TestFrameWindows:
    @given(encoded())
    def test_special_tokens_around_and_padding_after(self, given_):
        tokens, _, _, _, max_length, _ = given_
        if not tokens.windows:
            return
        batch = frame_windows(Letters(), [(tokens, window) for window in tokens.windows])
        ids, boxes, mask = batch["input_ids"], batch["bbox"], batch["attention_mask"]
        assert ids.shape == mask.shape == boxes.shape[:2]
        assert ids.shape[1] == tokens.longest + 2 <= max_length
        for row, window in enumerate(tokens.windows):
            end = window.end - window.start + 1
            assert mask[row].tolist() == [1] * (end + 1) + [0] * (ids.shape[1] - end - 1)
            assert ids[row, 0] == 1
            assert ids[row, end] == 2
            assert (ids[row, 1:end] == tokens.input_ids[window.start : window.end]).all()
            assert (boxes[row, 1:end] == tokens.boxes[window.start : window.end]).all()
            assert boxes[row, 0].tolist() == [0, 0, 0, 0]
            assert boxes[row, end].tolist() == [1000] * 4
            assert (ids[row, end + 1 :] == 0).all()
            assert (boxes[row, end + 1 :] == 7).all()


class TestOnTheDoc:
    @given(encoded())
    def test_they_travel_with_it(self, given_):
        tokens = given_[0]
        vocab = spacy.blank("en").vocab
        doc = Doc(vocab)
        doc._.layout_tokens["letters"] = tokens.to_dict()
        read = Doc(vocab).from_bytes(doc.to_bytes())
        back = LayoutTokens.from_dict(read._.layout_tokens["letters"])
        assert vars(back).keys() == vars(tokens).keys()
        for name, value in vars(tokens).items():
            other = getattr(back, name)
            if isinstance(value, np.ndarray):
                assert value.dtype == other.dtype
                assert value.shape == other.shape
                assert (value == other).all()
            else:
                assert value == other
        assert (back.deciding_windows() == tokens.deciding_windows()).all()

    def test_something_else_is_told_apart(self):
        with pytest.raises(ValueError, match="not encoded windows"):
            LayoutTokens.from_dict({"words": 3})
