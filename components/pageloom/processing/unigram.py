"""Unigram, the vocabulary of XLM-R (Kudo 2018), which SentencePiece trains."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from pageloom.errors import CheckpointError
from pageloom.processing.settings import RobertaSettings
from pageloom.processing.vocabulary import Kind, add_tokens

__all__ = ["KIND", "Unigram", "UnigramSettings"]

SPACE = "▁"


@dataclass(frozen=True)
class Unigram:
    """Subwords with their log-probabilities, in the order of their ids.

    `unknown` is the id of the unknown token; `characters` SentencePiece's compiled table of
    replacements (ligatures, full-width forms ...), where the vocabulary was trained with one.
    """

    pieces: Sequence[tuple[str, float]]
    unknown: int | None = None
    characters: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class UnigramSettings(RobertaSettings):
    """The settings of LayoutXLM's tokenizer."""

    tokenizer_class: ClassVar[str] = "LayoutXLMTokenizer"


def _read(folder: Path, serialized: dict[str, Any]) -> Unigram:
    if not serialized:
        hint = (
            " It has sentencepiece.bpe.model, of which the public library makes a tokenizer.json"
            if (folder / "sentencepiece.bpe.model").is_file()
            else ""
        )
        raise CheckpointError(
            f"{folder}: has no tokenizer.json, so there is no tokenizer.{hint}. Give a "
            "checkpoint's folder that has one, or write one there with save_pretrained"
        )
    model = serialized["model"]
    tables = [
        step["precompiled_charsmap"]
        for step in _steps(serialized.get("normalizer"))
        if step.get("type") == "Precompiled"
    ]
    return Unigram(
        [(str(piece), float(score)) for piece, score in model["vocab"]],
        model.get("unk_id"),
        base64.b64decode(tables[0]) if tables else None,
    )


def _steps(normalizer: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    if normalizer:
        yield normalizer
        for step in normalizer.get("normalizers", ()):
            yield from _steps(step)


def _build(
    vocabulary: Unigram, settings: UnigramSettings, added: Sequence[AddedToken]
) -> Tokenizer:
    pieces = [(piece, score) for piece, score in vocabulary.pieces]
    unknown = vocabulary.unknown
    if unknown is None:
        unknown = next((i for i, (p, _) in enumerate(pieces) if p == settings.unk_token), None)
    backend = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
    table = vocabulary.characters
    backend.normalizer = normalizers.Sequence(
        [
            *([normalizers.Precompiled(table)] if table is not None else []),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), SPACE),
        ]
    )
    scheme = "always" if settings.add_prefix_space else "never"
    backend.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, scheme)
    backend.decoder = decoders.Metaspace(SPACE, scheme)
    # The mask stands for a word, and takes the space before it.
    mask = AddedToken(settings.mask_token, lstrip=True)
    add_tokens(backend, settings, added, {settings.mask_token: mask})
    cls, sep = settings.cls_token, settings.sep_token
    backend.post_processor = processors.TemplateProcessing(
        single=[f"{cls}:0", "$A:0", f"{sep}:0"],
        pair=[f"{cls}:0", "$A:0", f"{sep}:0", f"{sep}:0", "$B:0", f"{sep}:0"],
        special_tokens=[(token, backend.token_to_id(token)) for token in dict.fromkeys((cls, sep))],
    )
    return backend


def _identity(backend: Tokenizer) -> dict[str, Any]:
    content = json.loads(backend.to_str())
    return {key: content["model"][key] for key in ("vocab", "unk_id")} | {
        "characters": [
            step["precompiled_charsmap"]
            for step in _steps(content["normalizer"])
            if step["type"] == "Precompiled"
        ]
    }


KIND = Kind("Unigram", (), UnigramSettings, _read, _build, _identity)
