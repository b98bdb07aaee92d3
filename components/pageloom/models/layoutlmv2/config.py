"""The settings of LayoutLMv2 and of its visual backbone."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import model_validator

from pageloom.models.config import ModelConfig

__all__ = ["LayoutLMv2Config"]

# The backbone of the published checkpoints: ResNeXt-101 32x8d with a feature pyramid
# (Xu et al. 2021, section 3.2). Keys and meanings are detectron2's.
BASE_BACKBONE: dict[str, Any] = {
    "MODEL.MASK_ON": True,
    "MODEL.PIXEL_STD": [57.375, 57.120, 58.395],
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.FPN.IN_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256], [512]],
    "MODEL.RPN.IN_FEATURES": ["p2", "p3", "p4", "p5", "p6"],
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN": 2000,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.POST_NMS_TOPK_TRAIN": 1000,
    "MODEL.POST_NMS_TOPK_TEST": 1000,
    "MODEL.ROI_HEADS.NAME": "StandardROIHeads",
    "MODEL.ROI_HEADS.NUM_CLASSES": 5,
    "MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p3", "p4", "p5"],
    "MODEL.ROI_BOX_HEAD.NAME": "FastRCNNConvFCHead",
    "MODEL.ROI_BOX_HEAD.NUM_FC": 2,
    "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": 14,
    "MODEL.ROI_MASK_HEAD.NAME": "MaskRCNNConvUpsampleHead",
    "MODEL.ROI_MASK_HEAD.NUM_CONV": 4,
    "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": 7,
    "MODEL.RESNETS.DEPTH": 101,
    "MODEL.RESNETS.SIZES": [[32], [64], [128], [256], [512]],
    "MODEL.RESNETS.ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
    "MODEL.RESNETS.OUT_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.RESNETS.NUM_GROUPS": 32,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 8,
    "MODEL.RESNETS.STRIDE_IN_1X1": False,
}


class LayoutLMv2Config(ModelConfig):
    """The settings of a LayoutLMv2 model; the defaults are those of the base size.

    `detectron2_config_args` describes the visual backbone, in detectron2's own keys.
    `image_feature_pool_shape` is (rows, columns, channels) of the pooled page picture.
    """

    model_type: ClassVar[str] = "layoutlmv2"
    # The published checkpoints of LayoutXLM say layoutlmv2; newer libraries may write this.
    also_reads: ClassVar[tuple[str, ...]] = ("layoutxlm",)

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    max_2d_position_embeddings: int = 1024
    max_rel_pos: int = 128
    rel_pos_bins: int = 32
    fast_qkv: bool = True
    max_rel_2d_pos: int = 256
    rel_2d_pos_bins: int = 64
    convert_sync_batchnorm: bool = True
    image_feature_pool_shape: list[int] | tuple[int, ...] = [7, 7, 256]
    coordinate_size: int = 128
    shape_size: int = 128
    has_relative_attention_bias: bool = True
    has_spatial_attention_bias: bool = True
    has_visual_segment_embedding: bool = False
    detectron2_config_args: dict[str, Any] = BASE_BACKBONE

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        spatial = 4 * self.coordinate_size + 2 * self.shape_size
        if spatial != self.hidden_size:
            raise ValueError(
                f"4 * coordinate_size + 2 * shape_size is {spatial}, "
                f"and must be hidden_size {self.hidden_size}"
            )
        return self

    @property
    def max_window(self) -> int:
        """The longest sequence of text that has positions, special tokens included."""
        return self.max_position_embeddings

    @property
    def visual_tokens(self) -> int:
        """How many tokens the page picture becomes."""
        return self.image_feature_pool_shape[0] * self.image_feature_pool_shape[1]
