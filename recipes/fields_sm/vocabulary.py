"""The subwords that the model knows: a part of the small BERT's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pageloom.processing import LayoutLMv2Tokenizer
from recipes.docqa_sm.model import FIRST_WORD, is_character, piece_counts
from recipes.fields_sm.model import bert_folder
from recipes.fields_sm.pages import Store
from recipes.fields_sm.sroie import Scan

__all__ = ["PIECES", "counted", "pruned"]

PIECES = 5_500
ENGLISH = 3_000
"""The most frequent English subwords, kept whether or not the texts have them."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def counted(scans: Iterable[Scan], store: Store, most: int = 2000) -> Mapping[str, int]:
    """How often each subword stands in receipts and in up to `most` generated pages."""

    def texts() -> Iterator[Sequence[str]]:
        for scan in scans:
            yield " ".join(line.text for line in scan.lines).split()
        for number in range(min(most, len(store))):
            yield [word.text for word in store[number].words]

    return piece_counts(texts())


def pruned(counts: Mapping[str, int], pieces: int = PIECES) -> LayoutLMv2Tokenizer:
    """The small BERT's tokenizer with `pieces` subwords.

    Its special tokens, and every sign and letter of the scripts that `recipes.docqa_sm` keeps, at
    a word's beginning and within, so that any word in these still has subwords; the `ENGLISH` most
    frequent ones; those that are counted, the most frequent first; and more English ones where
    there is room.
    """
    vocab = LayoutLMv2Tokenizer.from_pretrained(bert_folder()).get_vocab()
    by_number = sorted(vocab, key=vocab.__getitem__)
    letters = [piece for piece in by_number if is_character(piece)]
    # From here on BERT's subwords come in the order of their frequency in English.
    english = by_number[FIRST_WORD:]
    often = sorted(counts, key=lambda piece: (-counts[piece], vocab[piece]))
    order = dict.fromkeys([*SPECIAL, *letters, *english[:ENGLISH], *often, *english])
    kept = sorted(list(order)[:pieces], key=vocab.__getitem__)
    return LayoutLMv2Tokenizer({piece: number for number, piece in enumerate(kept)})
