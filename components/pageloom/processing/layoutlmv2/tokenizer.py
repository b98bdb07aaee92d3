"""Words and their boxes to LayoutLMv2's token ids, boxes and labels."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Encoding, Tokenizer

from pageloom.processing import wordpiece
from pageloom.processing.encoding import (
    BatchEncoding,
    EncodeOptions,
    Layout,
    as_tensor,
    tensor_kind,
)
from pageloom.processing.files import locate
from pageloom.processing.layoutlmv2.alignment import Alignment, first_offsets
from pageloom.processing.layoutlmv2.examples import Examples
from pageloom.processing.wordpiece import Box, WordPieceSettings

__all__ = ["LayoutLMv2Tokenizer"]

# The settings that change ids or boxes.
FINGERPRINTED = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "unk_token",
    "cls_token",
    "sep_token",
    "pad_token",
    "cls_token_box",
    "sep_token_box",
    "pad_token_box",
)
CLEAN_UP = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


class LayoutLMv2Tokenizer:
    """WordPiece over words with boxes (LayoutLMv2, arXiv:2012.14740, section 2.1).

    A sequence is `[CLS] words [SEP]`, or `[CLS] question [SEP] words [SEP]`; each subword carries
    its word's box on 0-1000, a question's subwords carry `pad_token_box`. Ids of special tokens
    come from the vocabulary. Safe to call from several threads.

    `vocab` maps subwords to ids; the other arguments are the fields of `WordPieceSettings`. Most
    tokenizers come from `from_pretrained`.

    Ids, boxes and all else equal those of `LayoutLMv2Tokenizer` of the `transformers` library, but:

    - a box outside 0-1000, or not of four integers, is refused here; there it fails in the model;
    - `only_label_first_subword` labels the first subword of every word; there a word that starts
      with a character the tokenizer drops (a zero-width space, a control character) loses its
      label, and a Hangul syllable that is split labels each of its parts;
    - with a question, `word_labels` leave the question's subwords at `pad_token_label`; there they
      get the labels of the first words;
    - a single question about a page without words gives `[CLS] question [SEP] [SEP]`; there only a
      batch does, and a single one fails;
    - sequences of unequal length with `return_tensors="np"` are an error, as with "pt"; there they
      make an array of objects;
    - a lone surrogate in a word is read as U+FFFD, which gives no subword; there it is an
      error.
    """

    model_input_names = ("input_ids", "bbox", "token_type_ids", "attention_mask")

    def __init__(
        self,
        vocab: Mapping[str, int],
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        self._set_up(vocab, WordPieceSettings(**settings), added_tokens)

    def _set_up(
        self, vocab: Mapping[str, int], settings: WordPieceSettings, added: Sequence[AddedToken]
    ) -> None:
        self.settings = settings
        self._restore(wordpiece.build(vocab, settings, added))

    def _restore(self, backend: Tokenizer) -> None:
        self._backend = backend
        # Truncation and padding are state of the backend, so calls take turns.
        self._turn = threading.Lock()
        self._fingerprint: str | None = None
        settings = self.settings
        self.unk_token_id = self._id(settings.unk_token)
        self.cls_token_id = self._id(settings.cls_token)
        self.sep_token_id = self._id(settings.sep_token)
        self.pad_token_id = self._id(settings.pad_token)
        self.mask_token_id = self._id(settings.mask_token)
        # Later entries win where a vocabulary has one token for two of these.
        self._special_boxes = {
            self.pad_token_id: settings.pad_token_box,
            self.sep_token_id: settings.sep_token_box,
            self.cls_token_id: settings.cls_token_box,
        }

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **overrides: Any
    ) -> LayoutLMv2Tokenizer:
        """Load from a folder, a packaged name or a hub id.

        Reads `tokenizer.json` or `vocab.txt`, with `tokenizer_config.json`; `overrides` replace its
        settings. Raises `CheckpointError`.
        """
        folder = locate(path_or_id, revision, wordpiece.TOKENIZER_FILES)
        tokenizer = cls.__new__(cls)
        tokenizer._set_up(*wordpiece.read(folder, overrides))
        return tokenizer

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `transformers` loads too."""
        wordpiece.write(Path(folder), self._backend, self.settings)

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

        The result has `input_ids`, `token_type_ids`, `attention_mask` of shape (sequences, length),
        `bbox` of shape (sequences, length, 4), and as asked `labels`, `special_tokens_mask`,
        `offset_mapping`, `length`, `overflow_to_sample_mapping`. A single example without
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
        data = _columns(encodings, settings)
        if settings.return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = [row.source for row in aligned]
        data["bbox"] = [
            row.boxes(examples.boxes[row.source], self._special_boxes, self.pad_token_box)
            for row in aligned
        ]
        if examples.labels is not None:
            only_first = self.settings.only_label_first_subword
            starts = [
                first_offsets(encoding, with_question=examples.questions is not None)
                for encoding in encoded
            ]
            data["labels"] = [
                row.labels(
                    examples.labels[row.source],
                    self.settings.pad_token_label,
                    starts[row.source] if only_first else None,
                )
                for row in aligned
            ]

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
                encoding = encode([_encodable(word) for word in words])
        ids = np.array(encoding.ids, dtype=np.int32)
        return ids, np.array(encoding.word_ids, dtype=np.int32)

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> Any:
        """The text of a sequence of ids; of a batch of sequences, a list of texts."""
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        if isinstance(ids, int):
            ids = [ids]
        if len(ids) and not isinstance(ids[0], int):
            return [
                self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids
            ]
        text: str = self._backend.decode(list(ids), skip_special_tokens=skip_special_tokens)
        clean = clean_up_tokenization_spaces
        if self.settings.clean_up_tokenization_spaces if clean is None else clean:
            for spaced in CLEAN_UP[:4]:
                text = text.replace(spaced, spaced[1:])
            text = text.replace(" ' ", "'")
            for spaced in CLEAN_UP[4:]:
                text = text.replace(spaced, spaced[1:])
        return text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """The texts of a batch of id sequences."""
        texts = self.decode(sequences, skip_special_tokens, clean_up_tokenization_spaces)
        return [texts] if isinstance(texts, str) else texts

    def tokenize(self, text: str, pair: str | None = None) -> list[str]:
        """The subwords of running text, as text."""
        source = text if pair is None else (text, pair)

        with self._turn:
            self._arrange(Layout(None, None, None), EncodeOptions())
            return list(self._backend.encode_batch([source], add_special_tokens=False)[0].tokens)

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> Any:
        """The id of a subword, or of each of several; unknown ones give `unk_token_id`."""
        if isinstance(tokens, str):
            index = self._backend.token_to_id(tokens)
            return self.unk_token_id if index is None else index
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: int | Iterable[int]) -> Any:
        """The subword of an id, or of each of several; None where there is no such id."""
        if isinstance(ids, int):
            return self._backend.id_to_token(ids)
        return [self._backend.id_to_token(int(index)) for index in ids]

    def get_vocab(self) -> dict[str, int]:
        """Every subword with its id, added tokens included."""
        return dict(self._backend.get_vocab(with_added_tokens=True))

    @property
    def vocab_size(self) -> int:
        """The number of subwords in the vocabulary, without tokens added to it (see `len`)."""
        return int(self._backend.get_vocab_size(with_added_tokens=False))

    def __len__(self) -> int:
        return int(self._backend.get_vocab_size(with_added_tokens=True))

    def __bool__(self) -> bool:
        return True

    @property
    def cls_token_box(self) -> Box:
        """The box of `[CLS]`."""
        return self.settings.cls_token_box

    @property
    def sep_token_box(self) -> Box:
        """The box of `[SEP]`."""
        return self.settings.sep_token_box

    @property
    def pad_token_box(self) -> Box:
        """The box of padding and of a question's subwords."""
        return self.settings.pad_token_box

    @property
    def model_max_length(self) -> int:
        """The longest sequence that the model takes, special tokens included."""
        return self.settings.model_max_length

    @property
    def fingerprint(self) -> str:
        """A hex string, equal for tokenizers that give equal ids and boxes.

        Encoded windows are stored under it, so it depends on the vocabulary, the added tokens and
        the settings that change ids or boxes, and not on versions of libraries.
        """
        if self._fingerprint is None:
            added = self._backend.get_added_tokens_decoder()
            config = self.settings.to_config()
            content = {
                "vocab": sorted(self._backend.get_vocab(with_added_tokens=False).items()),
                "added": [
                    [index, t.content, t.single_word, t.lstrip, t.rstrip, t.normalized, t.special]
                    for index, t in sorted(added.items())
                ],
                **{name: config[name] for name in FINGERPRINTED},
            }
            self._fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return self._fingerprint

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "backend": self._backend}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.settings = state["settings"]
        self._restore(state["backend"])

    def __repr__(self) -> str:
        return (
            f"LayoutLMv2Tokenizer(vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, "
            f"do_lower_case={self.settings.do_lower_case})"
        )

    def _id(self, token: str) -> int:
        # `build` adds every special token that the vocabulary lacks, so there always is an id.
        return cast(int, self._backend.token_to_id(token))

    def _encode(self, examples: Examples, options: EncodeOptions) -> list[Encoding]:
        layout = options.layout(self.model_max_length)

        def inputs(clean: Callable[[str], str]) -> list[Any]:
            words = [[clean(word) for word in row] for row in examples.words]
            if examples.questions is None:
                return words
            return [
                (clean(question).split(), row)
                for question, row in zip(examples.questions, words, strict=True)
            ]

        def encode(rows: list[Any]) -> list[Encoding]:
            special = options.add_special_tokens
            return self._backend.encode_batch(
                rows, is_pretokenized=True, add_special_tokens=special
            )

        try:
            with self._turn:
                self._arrange(layout, options)
                try:
                    return encode(inputs(str))
                except (TypeError, UnicodeEncodeError):
                    return encode(inputs(_encodable))
        except BaseException as error:
            # The library raises a bare Exception, or panics, which is no Exception at all.
            panics = type(error).__name__ == "PanicException"
            if not layout.truncation or not (panics or type(error) is Exception):
                raise
            raise ValueError(
                f"truncation={layout.truncation!r} cannot cut an example to "
                f"max_length={layout.max_length} with stride={options.stride}: {error}. Raise "
                "max_length, lower stride, or choose truncation='longest_first'"
            ) from None

    def _arrange(self, layout: Layout, options: EncodeOptions) -> None:
        backend = self._backend
        if layout.truncation is None or layout.max_length is None:
            backend.no_truncation()
        else:
            backend.enable_truncation(
                max_length=layout.max_length,
                stride=options.stride,
                strategy=layout.truncation,
                direction=self.settings.truncation_side,
            )
        if layout.padding is None:
            backend.no_padding()
        else:
            backend.enable_padding(
                length=layout.max_length if layout.padding == "max_length" else None,
                direction=options.padding_side or self.settings.padding_side,
                pad_id=self.pad_token_id,
                pad_token=self.settings.pad_token,
                pad_type_id=0,
                pad_to_multiple_of=options.pad_to_multiple_of,
            )


def _columns(encodings: list[Encoding], options: EncodeOptions) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"input_ids": [encoding.ids for encoding in encodings]}
    if options.return_token_type_ids is not False:
        columns["token_type_ids"] = [encoding.type_ids for encoding in encodings]
    if options.return_attention_mask is not False:
        columns["attention_mask"] = [encoding.attention_mask for encoding in encodings]
    if options.return_special_tokens_mask:
        columns["special_tokens_mask"] = [encoding.special_tokens_mask for encoding in encodings]
    if options.return_offsets_mapping:
        columns["offset_mapping"] = [encoding.offsets for encoding in encodings]
    if options.return_length:
        columns["length"] = [len(encoding.ids) for encoding in encodings]
    return columns


def _encodable(word: str) -> str:
    if not isinstance(word, str):
        raise ValueError(f"{word!r} is not a string: give words as strings")
    return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
