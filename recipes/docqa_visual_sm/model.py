"""The model that this recipe trains: a small LayoutLMv2 that starts from two packaged models.

Words and layers are those of `pageloom/docqa-sm`, which knows what a question asks; the eyes and
all that says where a word stands are those of `pageloom/fields-sm`. Both began as the same small
BERT.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pageloom.models import LayoutLMv2Config, LayoutLMv2ForQuestionAnswering
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import LayoutLMv2Tokenizer
from recipes.fields_sm.model import BACKBONE

__all__ = ["LAYERS", "WORDS_FROM", "new_model", "new_tokenizer"]

WEIGHTS = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights"
WORDS_FROM = WEIGHTS / "docqa-sm"
EYES_FROM = WEIGHTS / "fields-sm"
LAYERS = (0, 1, 3)
"""The layers of docqa-sm that are kept, of its four: three leave room for the eyes."""


def new_tokenizer() -> LayoutLMv2Tokenizer:
    """That of docqa-sm."""
    return LayoutLMv2Tokenizer.from_pretrained(WORDS_FROM)


def new_model(layers: Sequence[int] = LAYERS) -> LayoutLMv2ForQuestionAnswering:
    """A model to train; only its projection of the picture into 384 dimensions is not new to it."""
    text = {key: tensor.float() for key, tensor in read_tensors(WORDS_FROM).items()}
    config = LayoutLMv2Config(
        vocab_size=len(text["lilt.embeddings.word_embeddings.weight"]),
        hidden_size=384,
        num_hidden_layers=len(layers),
        num_attention_heads=12,
        intermediate_size=1536,
        coordinate_size=64,
        shape_size=64,
        fast_qkv=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        image_feature_pool_shape=[7, 7, 64],
        detectron2_config_args=BACKBONE,
        num_labels=2,
    )
    model = LayoutLMv2ForQuestionAnswering(config).initialise_all()
    tensors = {key: tensor.float() for key, tensor in _eyes().items()}
    tensors |= _words(text, layers)
    model.place(tensors, "docqa-sm and fields-sm")
    return model


def _eyes() -> dict[str, Tensor]:
    """Of fields-sm, what is not its words, its layers or its head."""
    return {
        key: tensor
        for key, tensor in read_tensors(EYES_FROM).items()
        if not key.startswith(("classifier", "layoutlmv2.encoder.layer", "layoutlmv2.pooler"))
        and ".word_embeddings." not in key
    }


def _words(text: dict[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Of docqa-sm, the text's flow and the head, by LayoutLMv2's keys.

    LiLT counts positions from the padding's number on, LayoutLMv2 from zero.
    """
    found: dict[str, Tensor] = {}
    for key, tensor in text.items():
        part = key.split(".")
        if part[0] == "qa_outputs":
            found[key] = tensor
        elif part[:2] == ["lilt", "embeddings"] and part[2] in (
            "word_embeddings",
            "token_type_embeddings",
            "position_embeddings",
            "LayerNorm",
        ):
            found[".".join(["layoutlmv2", *part[1:]])] = tensor
        elif part[:3] == ["lilt", "encoder", "layer"] and int(part[3]) in layers:
            part[0], part[3] = "layoutlmv2", str(layers.index(int(part[3])))
            found[".".join(part)] = tensor
    key = "layoutlmv2.embeddings.position_embeddings.weight"
    found[key] = found[key][-512:].clone()
    return {key: tensor for key, tensor in found.items() if "layout_" not in key}
