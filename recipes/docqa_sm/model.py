"""The model that this recipe trains: a small LiLT whose text side starts from a small BERT."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from pageloom.models import LiltConfig, LiltForQuestionAnswering
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import LayoutLMv2Tokenizer
from recipes.fields_sm.model import bert_folder

__all__ = [
    "LAYERS",
    "PIECES",
    "bert_tokenizer",
    "is_character",
    "new_model",
    "new_tokenizer",
    "piece_counts",
]

PIECES = 4_950
"""Subwords that the model knows: with these it takes 20 MB in half precision. Pages then have 2 %
more subwords than with 8,000."""
ENGLISH = 1_200
"""The most frequent English subwords, which are kept whether or not generated pages have them."""
LAYERS = (0, 1, 3, 5)
"""The layers of the small BERT that are kept, of its six: with them, sentences are nearly as
like each other as with all six (correlation 0.82 before any training; 0, 1, 2, 3: 0.55)."""
WINDOW = 512
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
"""Letters of these scripts are all kept; a word in another one is the unknown token."""
FIRST_WORD = 1996
"""From here on BERT's subwords come in the order of their frequency in English."""


def bert_tokenizer() -> LayoutLMv2Tokenizer:
    """The small BERT's own tokenizer, with LayoutLMv2's box conventions."""
    return LayoutLMv2Tokenizer.from_pretrained(bert_folder())


def piece_counts(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """How often each of the small BERT's subwords stands in texts, which are lists of words."""
    tokenizer = bert_tokenizer()
    counts: Counter[int] = Counter()
    for words in texts:
        counts.update(tokenizer.subwords(words)[0].tolist())
    names = {number: piece for piece, number in tokenizer.get_vocab().items()}
    return Counter({names[number]: count for number, count in counts.items()})


def new_tokenizer(counts: Mapping[str, int], pieces: int = PIECES) -> LayoutLMv2Tokenizer:
    """The small BERT's tokenizer with fewer subwords: its special tokens, every character of the
    `SCRIPTS` and every sign, the `ENGLISH` most frequent ones, those that are counted most often,
    and more English ones where there is room. Any word in these scripts still has subwords.
    """
    vocab = bert_tokenizer().get_vocab()
    by_number = sorted(vocab, key=vocab.__getitem__)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [piece for piece in by_number if is_character(piece)]
    counted = sorted(counts, key=lambda piece: (-counts[piece], vocab[piece]))
    often = [piece for piece in counted if counts[piece] >= 3]
    english = [piece for piece in by_number[FIRST_WORD:] if piece not in special]
    kept = list(dict.fromkeys([*special, *letters, *english[:ENGLISH], *often, *english]))[:pieces]
    kept = [piece for piece in kept if piece in vocab]
    kept.sort(key=vocab.__getitem__)
    return LayoutLMv2Tokenizer({piece: number for number, piece in enumerate(kept)})


def is_character(piece: str) -> bool:
    """Whether a subword is a sign, or a letter of the `SCRIPTS`, at a word's start or within."""
    character = piece.removeprefix("##") if len(piece) > 1 else piece
    if len(character) != 1:
        return False
    if not character.isalpha():
        return True
    return unicodedata.name(character, "").startswith(SCRIPTS)


def new_model(
    tokenizer: LayoutLMv2Tokenizer, layers: Sequence[int] = LAYERS, dropout: float = 0.0
) -> LiltForQuestionAnswering:
    """Text weights from the small BERT, the layout flow and the head at their initial values.

    LiLT counts positions from the padding's number on, so the small BERT's first position is the
    second row here.
    """
    config = LiltConfig(
        vocab_size=len(tokenizer),
        hidden_size=384,
        num_hidden_layers=len(layers),
        num_attention_heads=12,
        intermediate_size=1536,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=WINDOW + 1 + tokenizer.pad_token_id,
        pad_token_id=tokenizer.pad_token_id,
        channel_shrink_ratio=4,
        max_2d_position_embeddings=1024,
        num_labels=2,
    )
    model = LiltForQuestionAnswering(config).initialise_all()
    model.lilt.place(_start(tokenizer, layers), "the small BERT")
    return model


def _start(tokenizer: LayoutLMv2Tokenizer, layers: Sequence[int]) -> dict[str, Tensor]:
    """The small BERT's tensors for these subwords and layers, by LiLT's keys."""
    bert = {key: tensor.float() for key, tensor in read_tensors(bert_folder()).items()}
    vocab = bert_tokenizer().get_vocab()
    found: dict[str, Tensor] = {}
    for key, tensor in bert.items():
        part = key.split(".")
        if part[0] == "embeddings" and part[1] != "position_ids":
            found[key] = tensor
        elif part[:2] == ["encoder", "layer"] and int(part[2]) in layers:
            part[2] = str(layers.index(int(part[2])))
            found[".".join(part)] = tensor
    words = found["embeddings.word_embeddings.weight"]
    own = tokenizer.get_vocab()
    ours = sorted(own, key=own.__getitem__)
    rows = words[[vocab[piece] for piece in ours]].clone()
    rows[tokenizer.pad_token_id] = 0.0
    found["embeddings.word_embeddings.weight"] = rows
    positions = found["embeddings.position_embeddings.weight"][:WINDOW]
    before = torch.zeros(1 + tokenizer.pad_token_id, positions.shape[1])
    found["embeddings.position_embeddings.weight"] = torch.cat((before, positions))
    return found
