"""What a tokenizer or processor returns, and the settings that its call takes."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from tokenizers import Encoding

__all__ = [
    "BatchEncoding",
    "EncodeOptions",
    "Layout",
    "TensorKind",
    "as_tensor",
    "columns",
    "tensor_kind",
]

TensorKind = Literal["np", "pt"] | None

# Above this a tokenizer's `model_max_length` stands for "no limit" in published configs.
NO_LIMIT = 10**20
PADDING: dict[object, str | None] = {
    False: None,
    True: "longest",
    "do_not_pad": None,
    "longest": "longest",
    "max_length": "max_length",
}
TRUNCATION: dict[object, str | None] = {
    None: None,
    False: None,
    True: "longest_first",
    "do_not_truncate": None,
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How long the sequences become: the strategies that `EncodeOptions` work out to."""

    padding: str | None
    truncation: str | None
    max_length: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """How words become sequences; names, meanings and defaults as in the reference documentation.

    - `padding`: False, True or "longest" (to the longest of the batch), "max_length".
    - `truncation`: None, False, True or "longest_first", "only_first", "only_second". None with a
      `max_length` and no padding truncates the longest first.
    - `max_length`: subwords, special tokens included; the tokenizer's `model_max_length` where a
      strategy needs one and none is given.
    - `stride`: subwords that neighbouring windows share (with `return_overflowing_tokens`).
    - `return_tensors`: None (lists), "np" or "pt".
    - `verbose` is accepted and without effect: nothing is logged here.
    """

    add_special_tokens: bool = True
    padding: bool | str = False
    truncation: bool | str | None = None
    max_length: int | None = None
    stride: int = 0
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    return_tensors: str | None = None
    return_token_type_ids: bool | None = None
    return_attention_mask: bool | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True

    def layout(self, model_max_length: int) -> Layout:
        """The strategies to apply. Raises `ValueError` for settings that are unknown or at odds."""
        padding = _choice("padding", PADDING, self.padding)
        truncation = _choice("truncation", TRUNCATION, self.truncation)
        max_length = self.max_length
        if max_length is None:
            if model_max_length <= NO_LIMIT:
                if padding == "max_length" or truncation:
                    max_length = model_max_length
            else:
                padding = None if padding == "max_length" else padding
                truncation = None
        elif max_length < 0:
            raise ValueError(f"max_length is {max_length}; it counts subwords, so it starts at 0")
        elif self.padding is False and self.truncation is None:
            truncation = "longest_first"
        if self.stride < 0:
            raise ValueError(f"stride is {self.stride}; it counts subwords, so it starts at 0")
        multiple = self.pad_to_multiple_of
        if truncation and padding and multiple and max_length and max_length % multiple:
            raise ValueError(
                f"max_length={max_length} is not a multiple of pad_to_multiple_of={multiple}, so a "
                "sequence cannot be cut to the one and padded to the other: change one of them"
            )
        if self.padding_side not in (None, "left", "right"):
            raise ValueError(f"padding_side is {self.padding_side!r}; it is 'left' or 'right'")
        return Layout(padding, truncation, max_length)


def _choice(name: str, table: dict[object, str | None], value: object) -> str | None:
    # Other libraries pass their own str enums here; a str enum's value is its plain word.
    value = getattr(value, "value", value)
    try:
        return table[value]
    except (KeyError, TypeError):
        known = ", ".join(repr(choice) for choice in table)
        raise ValueError(f"{name}={value!r} is not known; choose one of {known}") from None


def columns(
    encodings: Sequence[Encoding], options: EncodeOptions, unasked: Sequence[str]
) -> dict[str, list[Any]]:
    """The lists that `options` ask for; those of `unasked` are there unless refused."""
    values: dict[str, list[Any]] = {"input_ids": [encoding.ids for encoding in encodings]}
    for name, asked, read in (
        ("token_type_ids", options.return_token_type_ids, lambda e: e.type_ids),
        ("attention_mask", options.return_attention_mask, lambda e: e.attention_mask),
        (
            "special_tokens_mask",
            options.return_special_tokens_mask,
            lambda e: e.special_tokens_mask,
        ),
        ("offset_mapping", options.return_offsets_mapping, lambda e: e.offsets),
        ("length", options.return_length, lambda e: len(e.ids)),
    ):
        if asked or (asked is None and name in unasked):
            values[name] = [read(encoding) for encoding in encodings]
    return values


def tensor_kind(value: object) -> TensorKind:
    """Check a `return_tensors` setting. Raises `ValueError`."""
    value = getattr(value, "value", value)
    if value is None or value == "np" or value == "pt":
        return value
    raise ValueError(f"return_tensors={value!r} is not known; choose None, 'np' or 'pt'")


def as_tensor(name: str, rows: Sequence[Any], kind: Literal["np", "pt"]) -> Any:
    """`rows` as one int64 array or tensor. Raises `ValueError` where the rows differ in length."""
    lengths = {len(row) for row in rows if not isinstance(row, int)}
    if len(lengths) > 1:
        raise ValueError(
            f"the {len(rows)} sequences of {name!r} have lengths from {min(lengths)} to "
            f"{max(lengths)}, so they make no rectangular tensor: set padding=True, and "
            "truncation=True where they are longer than the model takes"
        )
    array = np.asarray(rows, dtype=np.int64)
    if kind == "np":
        return array
    import torch

    return torch.from_numpy(array)


class BatchEncoding(UserDict[str, Any]):
    """Named lists, arrays or tensors of a batch, read as `batch["bbox"]` or `batch.bbox`.

    An integer key gives the `tokenizers.Encoding` of that sequence, a slice the same range of every
    value. `**batch` hands the values to a model.
    """

    def __init__(
        self, data: dict[str, Any] | None = None, encodings: Sequence[Encoding] | None = None
    ) -> None:
        super().__init__(data)
        self._encodings = None if encodings is None else list(encodings)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            return self._encoding(key)
        if isinstance(key, slice):
            return {name: value[key] for name, value in self.data.items()}
        return self.data[key]

    def __getattr__(self, name: str) -> Any:
        # Guards unpickling and copying, which look attributes up before `data` is there.
        if name.startswith("_") or name == "data":
            raise AttributeError(name)
        try:
            return self.data[name]
        except KeyError:
            known = ", ".join(self.data)
            raise AttributeError(f"no {name!r} in this batch; it has {known}") from None

    @property
    def encodings(self) -> list[Encoding] | None:
        """One `tokenizers.Encoding` a sequence; None where nothing was tokenized."""
        return self._encodings

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The index of the word each subword comes from; None at special tokens and padding."""
        return list(self._encoding(batch_index).word_ids)

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """0 or 1 for each subword's sequence (question 0, words 1); None at special tokens."""
        return list(self._encoding(batch_index).sequence_ids)

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The subwords as text."""
        return list(self._encoding(batch_index).tokens)

    def to(self, device: Any, *, non_blocking: bool = False) -> BatchEncoding:
        """Move every torch tensor to `device`, in place; lists and arrays stay as they are."""
        for name, value in self.data.items():
            if hasattr(value, "to"):
                self.data[name] = value.to(device=device, non_blocking=non_blocking)
        return self

    def _encoding(self, index: int) -> Encoding:
        if self._encodings is None:
            raise ValueError("this batch comes from images alone: it holds no tokens")
        return self._encodings[index]
