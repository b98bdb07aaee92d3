"""Words and their boxes to ids, boxes and labels: what all tokenizers for layout models share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from pageloom.processing.alignment import Alignment, first_offsets
from pageloom.processing.encoding import (
    BatchEncoding,
    EncodeOptions,
    Layout,
    as_tensor,
    columns,
    tensor_kind,
)
from pageloom.processing.examples import Examples
from pageloom.processing.settings import Box
from pageloom.processing.subwords import SubwordTokenizer, encodable

__all__ = ["BoxTokenizer"]


class BoxTokenizer(SubwordTokenizer):
    """Subwords of words with boxes.

    A sequence is words, or a question and words, framed by special tokens; each subword carries its
    word's box on 0-1000, a question's subwords carry `pad_token_box`.

    Made as one of its three kinds: `LayoutLMv2Tokenizer`, `LayoutRobertaTokenizer`,
    `LayoutXLMTokenizer`. These differ in `kind`, the vocabulary; in `model_input_names`, what a
    call returns unless told otherwise; in `pair_separators`, how many separators stand between
    question and words, and `pair_segment`, the segment (token type) of the words then; and in
    `relabels`, whether a word that a window cuts has its label in both windows.
    """

    model_input_names: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask", "bbox")
    pair_separators: ClassVar[int] = 2
    pair_segment: ClassVar[int] = 0
    relabels: ClassVar[bool] = False

    def _restore(self, backend: Tokenizer) -> None:
        super()._restore(backend)
        settings = self.settings
        # Later entries win where a vocabulary has one token for two of these.
        self._special_boxes = {
            self.pad_token_id: settings.pad_token_box,
            self.sep_token_id: settings.sep_token_box,
            self.cls_token_id: settings.cls_token_box,
        }

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]],
        text_pair: Sequence[str] | Sequence[Sequence[str]] | None = None,
        boxes: Any = None,
        word_labels: Any = None,
        **options: Any,
    ) -> BatchEncoding:
        """Encode words, or questions and words.

        `text` holds the words (a list, or a list of lists for a batch); with `text_pair`, `text`
        holds the question (or a list of them) and `text_pair` the words. `boxes` has one
        (x0, y0, x1, y1) on 0-1000 per word, `word_labels` one integer per word. `options` are the
        fields of `EncodeOptions`.

        The result has `input_ids`, `attention_mask` and, for LayoutLMv2, `token_type_ids` of shape
        (sequences, length), `bbox` of shape (sequences, length, 4), and as asked `labels`,
        `special_tokens_mask`, `offset_mapping`, `length`, `overflow_to_sample_mapping` and what the
        tokenizer does not return of itself. A single example without
        `return_tensors` and windows loses the first axis. With `return_overflowing_tokens` one
        example may give several sequences (windows). Raises `ValueError` for input that does not
        fit together, naming the index or count.
        """
        settings = EncodeOptions(**options)
        kind = tensor_kind(settings.return_tensors)
        examples = Examples.of(text, text_pair, boxes, word_labels)
        encoded = self._encode(examples, settings)

        aligned = [
            Alignment.of(encoding, source, with_question=examples.questions is not None)
            for source, whole in enumerate(encoded)
            for encoding in (
                whole,
                *(whole.overflowing if settings.return_overflowing_tokens else ()),
            )
        ]
        encodings = [row.encoding for row in aligned]
        data = columns(encodings, settings, self.model_input_names)
        if settings.return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = [row.source for row in aligned]
        data["bbox"] = [
            row.boxes(examples.boxes[row.source], self._special_boxes, self.pad_token_box)
            for row in aligned
        ]
        if examples.labels is not None:
            data["labels"] = self._labels(aligned, encoded, examples)

        if kind is not None:
            tensors = {name: as_tensor(name, rows, kind) for name, rows in data.items()}
            return BatchEncoding(tensors, encodings)
        for name in ("bbox", "labels"):
            if name in data:
                data[name] = [row.tolist() for row in data[name]]
        if not examples.batched and not settings.return_overflowing_tokens:
            data = {k: v[0] if v and isinstance(v[0], list) else v for k, v in data.items()}
        return BatchEncoding(data, encodings)

    def subwords(self, words: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The ids of `words` without special tokens, and for each id the index of its word.

        Both of shape (n,). A word that gives no subword (an empty string, a control character)
        occurs in neither.
        """
        if not len(words):
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)

        def encode(row: list[str]) -> Encoding:
            self._arrange(Layout(None, None, None), EncodeOptions())
            return self._backend.encode(row, is_pretokenized=True, add_special_tokens=False)

        with self._turn:
            try:
                encoding = encode(list(words))
            except (TypeError, UnicodeEncodeError):
                encoding = encode([encodable(word) for word in words])
        ids = np.array(encoding.ids, dtype=np.int32)
        return ids, np.array(encoding.word_ids, dtype=np.int32)

    @property
    def cls_token_box(self) -> Box:
        """The box of the token before a sequence."""
        return self.settings.cls_token_box

    @property
    def sep_token_box(self) -> Box:
        """The box of a separator."""
        return self.settings.sep_token_box

    @property
    def pad_token_box(self) -> Box:
        """The box of padding and of a question's subwords."""
        return self.settings.pad_token_box

    def _encode(self, examples: Examples, options: EncodeOptions) -> list[Encoding]:
        def rows(clean: Callable[[str], str]) -> list[Any]:
            words = [[clean(word) for word in row] for row in examples.words]
            if examples.questions is None:
                return words
            return [
                (clean(question).split(), row)
                for question, row in zip(examples.questions, words, strict=True)
            ]

        return self._encode_batch(rows, options)

    def _labels(
        self, rows: list[Alignment], encoded: list[Encoding], examples: Examples
    ) -> list[NDArray[np.int64]]:
        assert examples.labels is not None
        paired = examples.questions is not None
        starts: list[dict[int, int] | None] = [None] * len(encoded)
        if not self.relabels:
            starts = [first_offsets(encoding, with_question=paired) for encoding in encoded]
        return [
            row.labels(
                examples.labels[row.source],
                self.settings.pad_token_label,
                row.firsts(starts[row.source]) if self.settings.only_label_first_subword else None,
            )
            for row in rows
        ]
