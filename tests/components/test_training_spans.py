"""What is right for a window, and the loss of it: the inverse of reading answers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pageloom.inference.answers import SpanLogits, best_spans, span_targets
from pageloom.models.losses import span_loss
from pageloom.pipes.extractive_training import span_losses


class TestSpans:
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 9), st.data())
    def test_what_is_right_is_read_back_as_the_same_answer(self, subwords, size, data):
        """Words of any number of subwords, windows and strides of any size, answers anywhere."""
        word_index = np.repeat(np.arange(len(subwords)), subwords)
        if not len(word_index):
            return
        stride = data.draw(st.integers(0, size - 1))
        starts = range(0, max(1, len(word_index) - stride), size - stride)
        windows = [(start, min(start + size, len(word_index))) for start in starts]
        start = data.draw(st.integers(0, len(subwords) - 1))
        end = data.draw(st.integers(start + 1, len(subwords)))
        targets = span_targets(word_index, windows, [(start, end)])

        logits = []
        for (a, b), target in zip(windows, targets, strict=True):
            first, last = np.zeros((2, b - a), dtype=np.float32)
            for one, other in target.spans:
                first[one], last[other] = 9, 9
            null = 0.0 if target.spans else 18.0
            logits.append(SpanLogits(1, word_index[a:b], first, last, null))
        found = best_spans(logits, max_words=99)[0]
        inside = [word for word in range(start, end) if subwords[word]]
        places = np.flatnonzero((word_index >= start) & (word_index < end))
        whole = [len(places) > 0 and a <= places[0] and places[-1] < b for a, b in windows]
        assert [bool(target.spans) for target in targets] == whole
        if any(whole):
            assert (found.start, found.end) == (inside[0], inside[-1] + 1)
            others = [target.weight for target in targets if not target.spans]
            assert sum(others) <= sum(whole) + 1e-9
            assert all(0 < weight <= 1 for weight in others)
        else:
            assert not any(target.weight for target in targets)

    def test_without_an_answer_every_window_says_so(self):
        targets = span_targets(np.arange(9), [(0, 4), (3, 7), (6, 9)], [])
        assert [(target.spans, target.weight) for target in targets] == [((), 1.0)] * 3

    def test_the_windows_without_an_answer_weigh_as_much_as_those_with_it(self):
        targets = span_targets(np.arange(20), [(n, n + 4) for n in range(0, 20, 4)], [(5, 7)])
        assert [target.weight for target in targets] == [0.25, 1, 0.25, 0.25, 0.25]

    def test_the_loss_of_one_answer_is_the_references(self):
        torch.manual_seed(0)
        start, end = torch.randn(2, 3, 7)
        columns = [(0, 0), (2, 5), (4, 4)]
        losses = span_losses(start, end, [[each] for each in columns])
        at = torch.tensor(columns)
        expected = span_loss(start, end, at[:, 0], at[:, 1])
        torch.testing.assert_close(losses.mean(), expected)

    def test_any_of_several_answers_is_right(self):
        """Of four equal columns a place has a probability of 1/16; two places have 1/8."""
        losses = span_losses(torch.zeros(1, 4), torch.zeros(1, 4), [[(1, 2), (3, 3)]])
        assert losses.item() == pytest.approx(np.log(8) / 2)
