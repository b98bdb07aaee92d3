"""WordPiece, the vocabulary of BERT and LayoutLMv2 (Wu et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from pageloom.errors import CheckpointError
from pageloom.processing.settings import TokenizerSettings
from pageloom.processing.vocabulary import Kind, add_tokens

__all__ = ["KIND", "WordPieceSettings"]


@dataclass(frozen=True, kw_only=True)
class WordPieceSettings(TokenizerSettings):
    """The settings of LayoutLMv2's tokenizer.

    `strip_accents=None` strips accents where `do_lower_case` is on.
    """

    tokenizer_class: ClassVar[str] = "LayoutLMv2Tokenizer"
    deciding: ClassVar[tuple[str, ...]] = (
        "do_lower_case",
        "strip_accents",
        "tokenize_chinese_chars",
        *TokenizerSettings.deciding,
    )

    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    unk_token: str = "[UNK]"
    sep_token: str = "[SEP]"
    pad_token: str = "[PAD]"
    cls_token: str = "[CLS]"
    mask_token: str = "[MASK]"


def _read(folder: Path, serialized: dict[str, Any]) -> dict[str, int]:
    if serialized:
        return {str(token): int(index) for token, index in serialized["model"]["vocab"].items()}
    path = folder / "vocab.txt"
    if not path.is_file():
        raise CheckpointError(
            f"{folder}: has neither tokenizer.json nor vocab.txt, so there is no tokenizer. Give a "
            "checkpoint's folder that has one, or write one there with save_pretrained"
        )
    try:
        vocab = models.WordPiece.read_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise CheckpointError(f"{path}: not a readable vocabulary ({error})") from None
    if not vocab:
        raise CheckpointError(f"{path}: the vocabulary is empty")
    return dict(vocab)


def _build(
    vocab: Mapping[str, int], settings: WordPieceSettings, added: Sequence[AddedToken]
) -> Tokenizer:
    backend = Tokenizer(models.WordPiece(vocab=dict(vocab), unk_token=settings.unk_token))
    backend.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.tokenize_chinese_chars,
        strip_accents=settings.strip_accents,
        lowercase=settings.do_lower_case,
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")
    add_tokens(backend, settings, added)
    cls, sep = settings.cls_token, settings.sep_token
    backend.post_processor = processors.TemplateProcessing(
        single=[f"{cls}:0", "$A:0", f"{sep}:0"],
        pair=[f"{cls}:0", "$A:0", f"{sep}:0", "$B:1", f"{sep}:1"],
        special_tokens=[(token, backend.token_to_id(token)) for token in dict.fromkeys((cls, sep))],
    )
    return backend


def _identity(backend: Tokenizer) -> dict[str, Any]:
    return {"vocab": sorted(backend.get_vocab(with_added_tokens=False).items())}


KIND = Kind("WordPiece", ("vocab.txt",), WordPieceSettings, _read, _build, _identity)
