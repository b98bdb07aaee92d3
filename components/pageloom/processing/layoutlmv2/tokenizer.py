"""Words and their boxes to LayoutLMv2's token ids, boxes and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tokenizers import AddedToken

from pageloom.processing import wordpiece
from pageloom.processing.boxes import BoxTokenizer
from pageloom.processing.wordpiece import WordPieceSettings

__all__ = ["LayoutLMv2Tokenizer"]


class LayoutLMv2Tokenizer(BoxTokenizer):
    """WordPiece over words with boxes (LayoutLMv2, arXiv:2012.14740, section 2.1).

    A sequence is `[CLS] words [SEP]`, or `[CLS] question [SEP] words [SEP]`.

    `vocab` maps subwords to ids; the other arguments are the fields of `WordPieceSettings`. Most
    tokenizers come from `from_pretrained`, which reads `tokenizer.json` or `vocab.txt`.

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

    kind: ClassVar = wordpiece.KIND
    model_input_names: ClassVar[tuple[str, ...]] = (
        "input_ids",
        "bbox",
        "token_type_ids",
        "attention_mask",
    )
    pair_separators: ClassVar[int] = 1
    pair_segment: ClassVar[int] = 1

    settings: WordPieceSettings

    def __init__(
        self,
        vocab: Mapping[str, int],
        *,
        added_tokens: Sequence[AddedToken] = (),
        **settings: Any,
    ) -> None:
        self._set_up(vocab, WordPieceSettings(**settings), added_tokens)
