"""Tiny LiLT checkpoints with random weights, with either of the tokenizers that LiLT comes with."""

import string

import torch
from tokenizers import pre_tokenizers

from pageloom.models import LiltConfig
from pageloom.processing import LayoutRobertaTokenizer, LayoutXLMTokenizer

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WORDS = ("total", "due", "shop", "street", "12.50")


def bpe():
    """Byte-level BPE that knows each byte, and so any script."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*SPECIAL, "<mask>", *alphabet]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    return LayoutRobertaTokenizer(vocab, [], model_max_length=64)


def unigram():
    """Unigram that knows each ASCII letter and a few words."""
    letters = [*string.ascii_letters, *string.digits, *string.punctuation, "▁"]
    words = [f"▁{word}" for word in WORDS]
    pieces = [(piece, 0.0) for piece in SPECIAL]
    pieces += [(word, -1.0) for word in words] + [(letter, -9.0) for letter in letters]
    return LayoutXLMTokenizer([*pieces, ("<mask>", 0.0)], model_max_length=64)


TOKENIZERS = {"bpe": bpe, "unigram": unigram}


def write_lilt(folder, head, labels, tokenizer="bpe", **settings):
    """A checkpoint of `head` in `folder`, which it returns; windows hold up to 64 subwords."""
    made = TOKENIZERS[tokenizer]()
    config = LiltConfig(
        vocab_size=len(made),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,  # two of them are never used: positions count from 2
        pad_token_id=1,
        id2label=dict(enumerate(labels)),
        # Far from zero, so that no two labels are ever nearly equal.
        **{"initializer_range": 0.5, **settings},
    )
    torch.manual_seed(5)
    head(config).initialise_all().save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
