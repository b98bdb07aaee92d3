"""A text encoder and a layout flow, trained apart, joined into one LiLT (Wang et al. 2022)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pageloom.errors import CheckpointError
from pageloom.models.checkpoint import read_tensors
from pageloom.models.hub import resolve
from pageloom.models.lilt.config import LiltConfig
from pageloom.models.lilt.model import LiltModel
from pageloom.models.shapes import shapes_only

__all__ = ["combine"]

# Whose positions count from the padding token's id, as the layout flow's do.
TEXT_MODELS = ("roberta", "xlm-roberta", "camembert")
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
BOX_POSITIONS = "layout_embeddings.box_position_embeddings.weight"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
)


def combine(
    text_checkpoint: str | Path,
    lilt_checkpoint: str | Path,
    out: str | Path,
    *,
    text_revision: str | None = None,
    lilt_revision: str | None = None,
) -> LiltConfig:
    """Join a text encoder and a layout flow into one checkpoint, for fine-tuning.

    Args:
        text_checkpoint: a RoBERTa, XLM-RoBERTa or CamemBERT model of any language, with or without
            a head, which is left out: a folder or hub id.
        lilt_checkpoint: a layout flow alone, or a whole LiLT, whose text flow is left out.
        out: the folder to write `config.json`, `model.safetensors` and the text encoder's tokenizer
            files into.
        text_revision, lilt_revision: on the hub.

    Returns the new config. Where the two have positions for windows of different lengths, the
    shorter is kept. A text encoder without a pooler gets a new one. Raises `CheckpointError` if a
    part is missing, or the two do not fit together.
    """
    text_folder = resolve(text_checkpoint, text_revision)
    lilt_folder = resolve(lilt_checkpoint, lilt_revision)
    text, layout = _text_tensors(text_folder), _layout_tensors(lilt_folder)
    config = _config(text_folder, lilt_folder, text, layout)
    for key, tensors in ((POSITIONS, text), (BOX_POSITIONS, layout)):
        tensors[key] = tensors[key][: config.max_position_embeddings]
    with shapes_only():
        model = LiltModel(config)
    missing = model.place({**text, **layout}, f"{text_folder} and {lilt_folder}")
    lacking = [name for name in missing if not name.startswith("pooler.")]
    if lacking:
        keys = ", ".join(model.checkpoint_key(name) for name in lacking[:4])
        raise CheckpointError(
            f"{text_folder} and {lilt_folder} together lack {len(lacking)} tensors of a LiLT, such "
            f"as {keys}"
        )
    model.save_pretrained(out)
    for name in TOKENIZER_FILES:
        if (text_folder / name).is_file():
            shutil.copyfile(text_folder / name, Path(out) / name)
    return config


def _text_tensors(folder: Path) -> dict[str, Tensor]:
    tensors = read_tensors(folder)
    keys = [key for key in tensors if key.endswith(WORDS) and "layout" not in key]
    if len(keys) != 1:
        raise CheckpointError(
            f"{folder}: has {len(keys)} tensors {WORDS}; give the checkpoint of a text encoder"
        )
    prefix = keys[0].removesuffix(WORDS)
    parts = ("embeddings.", "encoder.", "pooler.")
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix) and key.removeprefix(prefix).startswith(parts)
    }


def _layout_tensors(folder: Path) -> dict[str, Tensor]:
    tensors = read_tensors(folder)
    found = {
        key.removeprefix("lilt."): tensor for key, tensor in tensors.items() if "layout_" in key
    }
    if BOX_POSITIONS not in found:
        raise CheckpointError(
            f"{folder}: has no {BOX_POSITIONS}; give a LiLT checkpoint, or a layout flow alone"
        )
    return found


def _config(
    text_folder: Path,
    lilt_folder: Path,
    text: Mapping[str, Tensor],
    layout: Mapping[str, Tensor],
) -> LiltConfig:
    """The text encoder's settings, and those that the layout flow's tensors show."""
    values = _settings(text_folder)
    kind = values.pop("model_type", None)
    if kind not in TEXT_MODELS:
        raise CheckpointError(
            f"{text_folder}: is a {kind} model; a layout flow joins {', '.join(TEXT_MODELS)}"
        )
    hidden, width = text[WORDS].shape[1], layout[BOX_POSITIONS].shape[1]
    layers = [_layers(tensors) for tensors in (text, layout)]
    if hidden % width or layers[0] != layers[1]:
        raise CheckpointError(
            f"{text_folder} has {layers[0]} layers of size {hidden}, and {lilt_folder} "
            f"{layers[1]} of size {width}; the layers must be as many, and the sizes multiples"
        )
    own = _settings(lilt_folder) if (lilt_folder / "config.json").is_file() else {}
    for key in ("num_attention_heads", "pad_token_id"):
        ours, theirs = values.get(key), own.get(key, values.get(key))
        if ours != theirs:
            raise CheckpointError(
                f"{text_folder} has {key} {ours}, and {lilt_folder} {theirs}; they must be equal"
            )
    kept = {key: value for key, value in values.items() if key in LiltConfig.model_fields}
    kept |= {
        "channel_shrink_ratio": hidden // width,
        "max_2d_position_embeddings": len(layout["layout_embeddings.x_position_embeddings.weight"]),
        "max_position_embeddings": min(len(text[POSITIONS]), len(layout[BOX_POSITIONS])),
    }
    for key in ("architectures", "id2label", "label2id", "problem_type"):
        kept.pop(key, None)  # of a head that is left out
    try:
        return LiltConfig(**kept)
    except ValueError as error:
        raise CheckpointError(f"{text_folder / 'config.json'}: {error}") from None


def _settings(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        values = json.loads(file.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: not a readable config ({error})") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{file}: holds a {type(values).__name__}, not a JSON object")
    return values


def _layers(tensors: Mapping[str, Tensor]) -> int:
    return len({key.split(".")[2] for key in tensors if key.startswith("encoder.layer.")})
