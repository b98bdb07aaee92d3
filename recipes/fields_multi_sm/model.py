"""The model and the vocabulary that this recipe trains, both from nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pageloom.models import LiltConfig
from pageloom.processing import LayoutXLMTokenizer
from recipes.documents.content import Content
from recipes.documents.dataset import draw
from recipes.documents.layout import LANGUAGES, Layout, layout_numbers

__all__ = ["FIELDS", "TAGS", "new_config", "new_tokenizer"]

FIELDS = (
    "seller", "seller_address", "tax_id", "buyer", "buyer_address", "invoice_number",
    "order_number", "invoice_date", "due_date", "currency", "net", "tax", "total", "iban",
    "item_description", "item_quantity", "item_unit_price", "item_amount",
)  # fmt: skip
TAGS = ("O", *(f"{prefix}-{field}" for field in FIELDS for prefix in "BI"))
VOCABULARY_KINDS = ("invoice", "invoice", "receipt", "form", "bank statement")
"""Whose words make the vocabulary, together with everyday words; `doctype-sm` shares it."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
SPACE = "▁"


def new_config(tokenizer: LayoutXLMTokenizer, **changes: object) -> LiltConfig:
    """Six layers of 192, with a layout flow of 48."""
    settings: dict[str, object] = {
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": 192,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "intermediate_size": 768,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        # Pages are drawn anew all the time, so nothing is learnt by heart, and dropout only costs.
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "channel_shrink_ratio": 4,
        "max_2d_position_embeddings": 1024,
    }
    return LiltConfig(**{**settings, **changes})  # type: ignore[arg-type]


def _lines(documents: int, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    for number in range(documents):
        kind = chance.choice(VOCABULARY_KINDS)
        layout = Layout(kind, chance.choice(layout_numbers("train")), chance.choice(LANGUAGES))
        sheet = draw(kind, layout, 10_000_000 + number)
        yield " ".join(word.text for word in sheet.words)
        yield Content(layout, number).text(3)


def new_tokenizer(size: int = 8000, documents: int = 4000, seed: int = 1) -> LayoutXLMTokenizer:
    """A Unigram vocabulary, trained on documents of training layouts in all languages."""
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    alphabet = [chr(c) for c in range(0x21, 0x7F)] + list("ÄÖÜäöüßÀÂÇÉÈÊËÎÏÔÙÛàâçéèêëîïôùûœŒ")
    alphabet += list("ÁÍÑÓÚáíñóúÌÒìòº°ª€£¥§·•–—„“”‚‘’«»…×©®™½²³±№")
    trainer = trainers.UnigramTrainer(
        vocab_size=size - len(SPECIAL),
        special_tokens=["<unk>"],
        unk_token="<unk>",
        initial_alphabet=alphabet,
        max_piece_length=12,
        show_progress=False,
    )
    trained.train_from_iterator(_lines(documents, seed), trainer)
    pieces = json.loads(trained.to_str())["model"]["vocab"]
    known = [(piece, score) for piece, score in pieces if piece not in SPECIAL]
    seen = {piece for piece, _ in known}
    low = min(score for _, score in known) - 1
    known += [(letter, low) for letter in [SPACE, *alphabet] if letter not in seen]
    vocabulary = [*((name, 0.0) for name in SPECIAL), *known, ("<mask>", 0.0)]
    return LayoutXLMTokenizer(vocabulary, SPECIAL.index("<unk>"))
