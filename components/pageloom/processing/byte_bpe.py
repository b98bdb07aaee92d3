"""Byte-level BPE, the vocabulary of RoBERTa (Radford et al. 2019, section 2.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from pageloom.errors import CheckpointError
from pageloom.processing.settings import Box, RobertaSettings
from pageloom.processing.vocabulary import Kind, add_tokens

__all__ = ["KIND", "ByteBpe", "ByteBpeSettings"]


@dataclass(frozen=True)
class ByteBpe:
    """Ids of the subwords, and the pairs to merge, the most urgent first."""

    vocab: Mapping[str, int]
    merges: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ByteBpeSettings(RobertaSettings):
    """The settings of LayoutLMv3's tokenizer, which LiLT checkpoints come with."""

    tokenizer_class: ClassVar[str] = "LayoutLMv3Tokenizer"

    sep_token_box: Box = (0, 0, 0, 0)


def _read(folder: Path, serialized: dict[str, Any]) -> ByteBpe:
    if serialized:
        model, before = serialized["model"], json.dumps(serialized.get("pre_tokenizer"))
        if '"ByteLevel"' not in before:
            raise CheckpointError(
                f"{folder / 'tokenizer.json'}: holds a BPE tokenizer that does not work on bytes; "
                "RoBERTa's does. Give the folder of a checkpoint with RoBERTa's kind of vocabulary"
            )
        return ByteBpe(
            {str(token): int(index) for token, index in model["vocab"].items()}, _merges(model)
        )
    vocab, merges = folder / "vocab.json", folder / "merges.txt"
    missing = [path.name for path in (vocab, merges) if not path.is_file()]
    if missing:
        raise CheckpointError(
            f"{folder}: has no tokenizer.json, and of vocab.json and merges.txt it lacks "
            f"{' and '.join(missing)}. Give a checkpoint's folder that has a tokenizer, or write "
            "one there with save_pretrained"
        )
    try:
        return ByteBpe(*models.BPE.read_file(str(vocab), str(merges)))
    except Exception as error:  # the library raises a bare Exception
        raise CheckpointError(f"{folder}: vocab.json and merges.txt: {error}") from None


def _merges(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    # One string with a space between, or since 2024 a list of two.
    pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
    return [(first, second) for first, second in pairs]


def _build(
    vocabulary: ByteBpe, settings: ByteBpeSettings, added: Sequence[AddedToken]
) -> Tokenizer:
    spaced = settings.add_prefix_space
    model = models.BPE(
        vocab=dict(vocabulary.vocab),
        merges=list(vocabulary.merges),
        continuing_subword_prefix="",
        end_of_word_suffix="",
        fuse_unk=False,
    )
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    backend.decoder = decoders.ByteLevel()
    add_tokens(backend, settings, added)
    ids = backend.get_vocab(with_added_tokens=True)
    cls, sep = ((token, ids[token]) for token in (settings.cls_token, settings.sep_token))
    backend.post_processor = processors.RobertaProcessing(
        sep, cls, trim_offsets=True, add_prefix_space=spaced
    )
    return backend


def _identity(backend: Tokenizer) -> dict[str, Any]:
    model = json.loads(backend.to_str())["model"]
    return {"vocab": sorted(model["vocab"].items()), "merges": _merges(model)}


KIND = Kind("BPE", ("vocab.json", "merges.txt"), ByteBpeSettings, _read, _build, _identity)
