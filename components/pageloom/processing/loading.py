"""From a folder to the tokenizer that fits its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pageloom.errors import CheckpointError
from pageloom.processing.boxes import BoxTokenizer
from pageloom.processing.files import locate, read_json
from pageloom.processing.layout_roberta import LayoutRobertaTokenizer
from pageloom.processing.layoutlmv2.tokenizer import LayoutLMv2Tokenizer
from pageloom.processing.layoutxlm import LayoutXLMTokenizer
from pageloom.processing.vocabulary import model_of

__all__ = ["load_tokenizer"]

CLASSES: tuple[type[BoxTokenizer], ...] = (
    LayoutLMv2Tokenizer,
    LayoutRobertaTokenizer,
    LayoutXLMTokenizer,
)


def load_tokenizer(
    path_or_id: str | Path, revision: str | None = None, **overrides: Any
) -> BoxTokenizer:
    """The tokenizer of a folder, a packaged name or a hub id, of the class that its vocabulary has.

    WordPiece gives a `LayoutLMv2Tokenizer`, byte-level BPE a `LayoutRobertaTokenizer`, Unigram a
    `LayoutXLMTokenizer`. `overrides` replace settings of `tokenizer_config.json`. Raises
    `CheckpointError`.
    """
    wanted = dict.fromkeys(name for each in CLASSES for name in each.kind.all_files)
    folder = locate(path_or_id, revision, tuple(wanted))
    return _class_for(folder).from_pretrained(folder, **overrides)


def _class_for(folder: Path) -> type[BoxTokenizer]:
    serialized = read_json(folder / "tokenizer.json")
    for each in CLASSES:
        if serialized:
            if each.kind.model == model_of(serialized):
                return each
        elif each.kind.files and all((folder / name).is_file() for name in each.kind.files):
            return each
    if serialized:
        known = ", ".join(each.kind.model for each in CLASSES)
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: holds a {model_of(serialized)} tokenizer; there are "
            f"{known}"
        )
    hint = (
        " sentencepiece.bpe.model alone is not enough: the public library makes a tokenizer.json "
        "of it."
        if (folder / "sentencepiece.bpe.model").is_file()
        else ""
    )
    raise CheckpointError(
        f"{folder}: has no tokenizer: neither tokenizer.json, nor vocab.txt, nor vocab.json with "
        f"merges.txt.{hint} Give a checkpoint's folder that has one, or write one there with "
        "save_pretrained"
    )
