"""WordPiece: settings and vocabulary from a checkpoint's files, and back.

The pieces (normalizer, pre-tokenizer, model, template of special tokens) are put together from the
vocabulary and `tokenizer_config.json`, as the reference library does: where `tokenizer.json` names
other normalizer settings, the config, or the defaults below, win.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

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
from pageloom.processing.files import read_json, write_json, write_text

__all__ = ["TOKENIZER_FILES", "WordPieceSettings", "build", "read", "write"]

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)
# The order in which tokens that the vocabulary lacks get their ids.
SPECIAL_TOKENS = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# What a config file carries about itself or about the machine that wrote it.
NOT_KEPT = frozenset(
    {
        "added_tokens_decoder",
        "additional_special_tokens",
        "files_loaded",
        "is_local",
        "local_files_only",
        "name_or_path",
        "special_tokens_map_file",
        "tokenizer_class",
        "tokenizer_file",
        "vocab_file",
    }
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class WordPieceSettings:
    """What `tokenizer_config.json` says; the names are its keys, the defaults LayoutLMv2's.

    Boxes are on 0-1000. `strip_accents=None` strips them where `do_lower_case` is on. `extra` holds
    the keys that mean nothing here and are written back unchanged.
    """

    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    unk_token: str = "[UNK]"
    sep_token: str = "[SEP]"
    pad_token: str = "[PAD]"
    cls_token: str = "[CLS]"
    mask_token: str = "[MASK]"
    extra_special_tokens: tuple[str, ...] = ()
    cls_token_box: Box = (0, 0, 0, 0)
    sep_token_box: Box = (1000, 1000, 1000, 1000)
    pad_token_box: Box = (0, 0, 0, 0)
    pad_token_label: int = -100
    only_label_first_subword: bool = True
    model_max_length: int = 512
    padding_side: str = "right"
    truncation_side: str = "right"
    clean_up_tokenization_spaces: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("cls_token_box", "sep_token_box", "pad_token_box"):
            box = tuple(getattr(self, name))
            if len(box) != 4 or not all(isinstance(n, int) and 0 <= n <= 1000 for n in box):
                raise ValueError(f"{name} is {list(box)}; a box is four integers from 0 to 1000")
            object.__setattr__(self, name, box)
        for name in ("padding_side", "truncation_side"):
            if getattr(self, name) not in ("left", "right"):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it is 'left' or 'right'")
        object.__setattr__(self, "extra_special_tokens", tuple(self.extra_special_tokens))

    def to_config(self) -> dict[str, Any]:
        """The content of `tokenizer_config.json`."""
        config: dict[str, Any] = dict(self.extra)
        for item in fields(self):
            if item.name != "extra":
                value = getattr(self, item.name)
                config[item.name] = list(value) if isinstance(value, tuple) else value
        if not self.extra_special_tokens:
            del config["extra_special_tokens"]
        config["tokenizer_class"] = "LayoutLMv2Tokenizer"
        config["backend"] = "tokenizers"
        return config


def read(
    folder: Path, overrides: Mapping[str, Any]
) -> tuple[dict[str, int], WordPieceSettings, list[AddedToken]]:
    """A checkpoint's vocabulary, settings and added tokens (in the order of their ids).

    `overrides` replace settings of the files. Raises `CheckpointError` where the files are missing,
    unreadable or of another kind of tokenizer.
    """
    serialized = read_json(folder / "tokenizer.json")
    vocab = _vocabulary(folder, serialized)
    config = read_json(folder / "tokenizer_config.json")
    added = _added_tokens(folder, serialized, config)
    config |= overrides
    padding, truncation = serialized.get("padding") or {}, serialized.get("truncation") or {}
    config.setdefault("padding_side", str(padding.get("direction", "right")).lower())
    config.setdefault("truncation_side", str(truncation.get("direction", "right")).lower())
    extras = config.get("extra_special_tokens") or config.get("additional_special_tokens") or ()
    if isinstance(extras, dict):
        extras = extras.values()
    config["extra_special_tokens"] = [_content(token) for token in extras]

    known = {item.name for item in fields(WordPieceSettings)} - {"extra"}
    values: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in config.items():
        if key not in known:
            if key not in NOT_KEPT:
                extra[key] = value
        elif key.endswith("_token"):
            if value is not None:
                values[key] = _content(value)
        elif value is not None or key == "strip_accents":
            values[key] = value
    try:
        return vocab, WordPieceSettings(**values, extra=extra), added
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'tokenizer_config.json'}: {error}") from None


def build(
    vocab: Mapping[str, int], settings: WordPieceSettings, added: Sequence[AddedToken] = ()
) -> Tokenizer:
    """The working tokenizer, without truncation and padding."""
    backend = Tokenizer(models.WordPiece(vocab=dict(vocab), unk_token=settings.unk_token))
    backend.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.tokenize_chinese_chars,
        strip_accents=settings.strip_accents,
        lowercase=settings.do_lower_case,
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")

    tokens = list(added)
    present = {token.content for token in tokens}
    named = [getattr(settings, name) for name in SPECIAL_TOKENS]
    for content in (*named, *settings.extra_special_tokens):
        if content not in present:
            tokens.append(AddedToken(content, special=True))
            present.add(content)
    for token in tokens:
        if token.content in named:
            token.special = True
    backend.add_tokens(tokens)

    cls, sep = settings.cls_token, settings.sep_token
    backend.post_processor = processors.TemplateProcessing(
        single=[f"{cls}:0", "$A:0", f"{sep}:0"],
        pair=[f"{cls}:0", "$A:0", f"{sep}:0", "$B:1", f"{sep}:1"],
        special_tokens=[(token, backend.token_to_id(token)) for token in dict.fromkeys((cls, sep))],
    )
    return backend


def write(folder: Path, backend: Tokenizer, settings: WordPieceSettings) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, which the public library reads too."""
    folder.mkdir(parents=True, exist_ok=True)
    # Truncation and padding belong to a call: they stay out of the file.
    plain = {**json.loads(backend.to_str()), "truncation": None, "padding": None}
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    write_text(folder / "tokenizer.json", text)
    write_json(folder / "tokenizer_config.json", settings.to_config())


def _vocabulary(folder: Path, serialized: dict[str, Any]) -> dict[str, int]:
    if serialized:
        model = serialized.get("model") or {}
        vocab = model.get("vocab")
        # Files of old library versions leave the type out: only a WordPiece model has a word limit.
        if model.get("type", "WordPiece") != "WordPiece" or not isinstance(vocab, dict):
            raise CheckpointError(
                f"{folder / 'tokenizer.json'}: holds a {model.get('type', 'nameless')} tokenizer; "
                "LayoutLMv2 reads WordPiece. Give a LayoutLMv2 checkpoint's folder"
            )
        return {str(token): int(index) for token, index in vocab.items()}
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


def _added_tokens(
    folder: Path, serialized: dict[str, Any], config: dict[str, Any]
) -> list[AddedToken]:
    """Tokens beside the vocabulary; `config` gains the special tokens that older files name."""
    by_id: dict[int, AddedToken] = {}
    if "added_tokens_decoder" in config:
        for index, token in config["added_tokens_decoder"].items():
            by_id[int(index)] = AddedToken(**token)
    else:
        for name, token in read_json(folder / "special_tokens_map.json").items():
            config[name] = token
        special = {_content(config[name]) for name in SPECIAL_TOKENS if config.get(name)}
        for content, index in read_json(folder / "added_tokens.json").items():
            is_special = content in special
            by_id[int(index)] = AddedToken(content, normalized=not is_special, special=is_special)
        for token in serialized.get("added_tokens") or ():
            arguments = {key: value for key, value in token.items() if key != "id"}
            by_id[int(token["id"])] = AddedToken(**arguments)
    return [by_id[index] for index in sorted(by_id)]


def _content(token: object) -> str:
    if isinstance(token, dict):
        return str(token.get("content", ""))
    return str(token)
