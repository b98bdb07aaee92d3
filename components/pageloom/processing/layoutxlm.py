"""Words and their boxes to the token ids, boxes and labels of LayoutXLM, and of LiLT with XLM-R."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tokenizers import AddedToken

from pageloom.processing import unigram
from pageloom.processing.boxes import BoxTokenizer
from pageloom.processing.unigram import Unigram, UnigramSettings

__all__ = ["LayoutXLMTokenizer"]


class LayoutXLMTokenizer(BoxTokenizer):
    """Unigram over words with boxes, for LayoutXLM (arXiv:2104.08836) and LiLT with XLM-R.

    A sequence is `<s> words </s>`, or `<s> question </s></s> words </s>`; separators have the box
    (1000, 1000, 1000, 1000).

    `pieces` are subwords with their log-probabilities, in the order of their ids; `unknown` is the
    id of the unknown token, by default the place of `unk_token`. The other arguments are the fields
    of `UnigramSettings`. Most tokenizers come from `from_pretrained`, which reads `tokenizer.json`.

    Ids, boxes and all else equal those of `LayoutXLMTokenizer` of the `transformers` library, but
    for what `LayoutLMv2Tokenizer` refuses and mends for boxes, questions, tensors and lone
    surrogates (the latter read as U+FFFD), and these:

    - `only_label_first_subword` labels each word once; there a word whose first subword is the mark
      of a space alone is labelled twice;
    - the table of characters that a vocabulary was trained with (full-width forms, ligatures) is
      applied where `tokenizer.json` has it; version 5 of the library drops it, and reads these
      characters as unknown.
    """

    kind: ClassVar = unigram.KIND

    settings: UnigramSettings

    def __init__(
        self,
        pieces: Sequence[tuple[str, float]],
        unknown: int | None = None,
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        self._set_up(Unigram(pieces, unknown), UnigramSettings(**settings), added_tokens)
