"""Running text to BERT's token ids, as ViLT reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tokenizers import AddedToken

from pageloom.processing import wordpiece
from pageloom.processing.encoding import (
    BatchEncoding,
    EncodeOptions,
    as_tensor,
    columns,
    tensor_kind,
)
from pageloom.processing.subwords import SubwordTokenizer
from pageloom.processing.wordpiece import WordPieceSettings

__all__ = ["BertSettings", "BertTokenizer"]

# Settings of boxes and word labels, which running text has none of.
NOT_OURS = (
    "cls_token_box",
    "sep_token_box",
    "pad_token_box",
    "pad_token_label",
    "only_label_first_subword",
)


@dataclass(frozen=True, kw_only=True)
class BertSettings(WordPieceSettings):
    """The settings of BERT's tokenizer: those of LayoutLMv2's without boxes and labels."""

    tokenizer_class: ClassVar[str] = "BertTokenizer"

    def to_config(self) -> dict[str, Any]:
        """The content of `tokenizer_config.json`."""
        return {key: value for key, value in super().to_config().items() if key not in NOT_OURS}

    def identity(self) -> dict[str, Any]:
        """The settings that change ids."""
        return {name: getattr(self, name) for name in self.deciding}


class BertTokenizer(SubwordTokenizer):
    """WordPiece over running text (Devlin et al. 2019).

    A sequence is `[CLS] text [SEP]`, or with a second text `[CLS] text [SEP] pair [SEP]`.

    `vocab` maps subwords to ids; the other arguments are the fields of `BertSettings`. Most
    tokenizers come from `from_pretrained`, which reads `tokenizer.json` or `vocab.txt`.

    Ids and all else equal those of `BertTokenizer` of the `transformers` library, but an empty
    batch is an error that says so, a lone surrogate is read as U+FFFD, and sequences of unequal
    length with `return_tensors="np"` are an error, as with "pt".
    """

    kind: ClassVar = replace(wordpiece.KIND, settings=BertSettings)
    model_input_names: ClassVar[tuple[str, ...]] = (
        "input_ids",
        "token_type_ids",
        "attention_mask",
    )

    def __init__(
        self,
        vocab: Mapping[str, int],
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        self._set_up(vocab, BertSettings(**settings), added_tokens)

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]],
        text_pair: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        is_split_into_words: bool = False,
        **options: Any,
    ) -> BatchEncoding:
        """Encode one text or a list of them, each perhaps with a second text.

        With `is_split_into_words` a text is a list of words. `options` are the fields of
        `EncodeOptions`.

        The result has `input_ids`, `token_type_ids` and `attention_mask` of shape (texts, length),
        and as asked `special_tokens_mask`, `offset_mapping`, `length`; a single text without
        `return_tensors` loses the first axis. With `return_overflowing_tokens` one text may give
        several sequences, and `overflow_to_sample_mapping` says which one gave which. Raises
        `ValueError`.
        """
        settings = EncodeOptions(**options)
        kind = tensor_kind(settings.return_tensors)
        split, windows = is_split_into_words, settings.return_overflowing_tokens
        batched = not isinstance(text, str)
        if batched and split:
            batched = len(text) > 0 and not isinstance(text[0], str)
        texts = _checked("text", text, batched, split)
        pairs = None if text_pair is None else _checked("text_pair", text_pair, batched, split)
        if pairs is not None and len(pairs) != len(texts):
            raise ValueError(f"{len(texts)} texts and {len(pairs)} second texts: give one each")

        def rows(clean: Callable[[str], str]) -> list[Any]:
            sides = [texts] if pairs is None else [texts, pairs]
            cleaned = [
                [[clean(word) for word in row] if split else clean(row) for row in side]
                for side in sides
            ]
            return cleaned[0] if pairs is None else list(zip(*cleaned, strict=True))

        encoded = [
            (source, encoding)
            for source, whole in enumerate(self._encode_batch(rows, settings, split))
            for encoding in (whole, *(whole.overflowing if windows else ()))
        ]
        encodings = [encoding for _, encoding in encoded]
        data = columns(encodings, settings, self.model_input_names)
        if windows:
            data["overflow_to_sample_mapping"] = [source for source, _ in encoded]
        if kind is not None:
            tensors = {name: as_tensor(name, column, kind) for name, column in data.items()}
            return BatchEncoding(tensors, encodings)
        if not batched and not windows:
            data = {k: v[0] if isinstance(v[0], list) else v for k, v in data.items()}
        return BatchEncoding(data, encodings)


def _checked(name: str, given: Any, batched: bool, split: bool) -> list[Any]:
    """The texts of a batch, or the one there is; a text is a string, or its words."""
    if batched and isinstance(given, str):
        raise ValueError(f"{name} is one string, and text is a list of them: give one each")
    texts = list(given) if batched else [given]
    if not texts:
        raise ValueError(f"{name} is an empty list: give at least one text")
    for index, row in enumerate(texts):
        where = f"{name} {index}" if batched else name
        if split and isinstance(row, str):
            raise ValueError(f"{where} is a string; with is_split_into_words it is a list of words")
        if not split and not isinstance(row, str):
            raise ValueError(
                f"{where} is a {type(row).__name__}, not a string; lists of words need "
                "is_split_into_words=True"
            )
    return texts
