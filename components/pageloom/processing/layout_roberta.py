"""Words and their boxes to the token ids, boxes and labels of LiLT with RoBERTa's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tokenizers import AddedToken

from pageloom.processing import byte_bpe
from pageloom.processing.boxes import BoxTokenizer
from pageloom.processing.byte_bpe import ByteBpe, ByteBpeSettings

__all__ = ["LayoutRobertaTokenizer"]


class LayoutRobertaTokenizer(BoxTokenizer):
    """Byte-level BPE over words with boxes, for LiLT and others with RoBERTa's vocabulary.

    A sequence is `<s> words </s>`, or `<s> question </s></s> words </s>`; every special token has
    the box (0, 0, 0, 0).

    `vocab` maps subwords to ids, `merges` are the pairs to merge, the most urgent first; the other
    arguments are the fields of `ByteBpeSettings`. Most tokenizers come from `from_pretrained`,
    which reads `tokenizer.json`, or `vocab.json` and `merges.txt`.

    Ids, boxes and all else equal those of `LayoutLMv3Tokenizer` of the `transformers` library, but
    for what `LayoutLMv2Tokenizer` refuses and mends for boxes, questions, tensors and lone
    surrogates (the latter read as U+FFFD), and this:

    - files that a class for running text wrote (`RobertaTokenizer`) give words with a space before
      them, as that class finds them in text; there `add_prefix_space` is taken from the file, where
      it is off, and every word is read as the end of another.
    """

    kind: ClassVar = byte_bpe.KIND
    relabels: ClassVar[bool] = True

    settings: ByteBpeSettings

    def __init__(
        self,
        vocab: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        self._set_up(ByteBpe(vocab, merges), ByteBpeSettings(**settings), added_tokens)
