"""A tokenizer's files: the vocabulary, the tokens added to it and its settings, read and written.

The pieces of a working tokenizer (normalizer, pre-tokenizer, model, special tokens around a
sequence) are put together from the vocabulary and `tokenizer_config.json`, as the reference library
does: where `tokenizer.json` says otherwise, the config, or the defaults of its class, win.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenizers import AddedToken, Tokenizer

from pageloom.errors import CheckpointError
from pageloom.processing.files import read_json, write_json, write_text
from pageloom.processing.settings import TokenizerSettings

__all__ = ["Kind", "add_tokens", "model_of", "read", "write"]

# Which the library may hold beside the vocabulary, whatever its kind.
COMMON_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# What a config file carries about itself or about the machine that wrote it.
NOT_KEPT = frozenset(
    {
        "added_tokens_decoder",
        "additional_special_tokens",
        "files_loaded",
        "is_local",
        "local_files_only",
        "merges_file",
        "name_or_path",
        "special_tokens_map_file",
        "tokenizer_class",
        "tokenizer_file",
        "vocab_file",
    }
)
ADDED_TOKEN = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class Kind:
    """One kind of vocabulary: WordPiece, byte-level BPE, Unigram.

    `model` is its name in `tokenizer.json`, `files` those it may have instead. `read(folder,
    tokenizer.json's content)` gives the vocabulary, `build(vocabulary, settings, added tokens)` the
    working tokenizer, `identity(tokenizer)` what of the vocabulary decides ids.
    """

    model: str
    files: tuple[str, ...]
    settings: type[TokenizerSettings]
    read: Callable[[Path, dict[str, Any]], Any]
    build: Callable[[Any, Any, Sequence[AddedToken]], Tokenizer]
    identity: Callable[[Tokenizer], dict[str, Any]]

    @property
    def all_files(self) -> tuple[str, ...]:
        """The names of all files that a tokenizer of this kind may have."""
        return COMMON_FILES + self.files


def read(
    kind: Kind, folder: Path, overrides: Mapping[str, Any]
) -> tuple[Any, Any, list[AddedToken]]:
    """A checkpoint's vocabulary, settings and added tokens (in the order of their ids).

    `overrides` replace settings of the files. Raises `CheckpointError` where the files are missing,
    unreadable or of another kind of tokenizer.
    """
    serialized = read_json(folder / "tokenizer.json")
    if serialized and model_of(serialized) != kind.model:
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: holds a {model_of(serialized)} tokenizer; "
            f"{kind.settings.tokenizer_class} reads {kind.model}. Let load_tokenizer choose the "
            "class"
        )
    try:
        vocabulary = kind.read(folder, serialized)
    except CheckpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / 'tokenizer.json'}: not a tokenizer ({type(error).__name__}: {error}); "
            "fetch or copy it again"
        ) from None
    config = read_json(folder / "tokenizer_config.json")
    written_by = str(config.get("tokenizer_class") or kind.settings.tokenizer_class)
    if written_by.removesuffix("Fast") != kind.settings.tokenizer_class:
        # A class for running text finds the spaces between words in the text itself.
        config.pop("add_prefix_space", None)
    added = _added_tokens(kind.settings, folder, serialized, config)
    config |= overrides
    padding, truncation = serialized.get("padding") or {}, serialized.get("truncation") or {}
    config.setdefault("padding_side", str(padding.get("direction", "right")).lower())
    config.setdefault("truncation_side", str(truncation.get("direction", "right")).lower())
    extras = config.get("extra_special_tokens") or config.get("additional_special_tokens") or ()
    if isinstance(extras, dict):
        extras = extras.values()
    config["extra_special_tokens"] = [_content(token) for token in extras]

    known = {item.name for item in fields(kind.settings)} - {"extra"}
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
        return vocabulary, kind.settings(**values, extra=extra), added
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'tokenizer_config.json'}: {error}") from None


def write(folder: Path, backend: Tokenizer, settings: TokenizerSettings) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, which the public library reads too."""
    folder.mkdir(parents=True, exist_ok=True)
    # Truncation and padding belong to a call: they stay out of the file.
    plain = {**json.loads(backend.to_str()), "truncation": None, "padding": None}
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    write_text(folder / "tokenizer.json", text)
    write_json(folder / "tokenizer_config.json", settings.to_config())


def model_of(serialized: Mapping[str, Any]) -> str:
    """The kind of vocabulary that the content of a `tokenizer.json` holds."""
    model = serialized.get("model") or {}
    if "type" in model:
        return str(model["type"])
    # Files of old library versions leave the type out.
    if isinstance(model.get("vocab"), list):
        return "Unigram"
    return "BPE" if "merges" in model else "WordPiece"


def add_tokens(
    backend: Tokenizer,
    settings: TokenizerSettings,
    added: Sequence[AddedToken],
    forms: Mapping[str, AddedToken] = MappingProxyType({}),
) -> None:
    """Add to `backend` the tokens of its files, then special ones that these lack.

    `forms` has those of the latter that are no plain tokens.
    """
    tokens = list(added)
    present = {token.content for token in tokens}
    named = settings.special_tokens
    for content in (*named, *settings.extra_special_tokens):
        if content not in present:
            tokens.append(forms.get(content) or AddedToken(content, special=True))
            present.add(content)
    for token in tokens:
        if token.content in named:
            token.special = True
    backend.add_tokens(tokens)


def _added_tokens(
    settings: type[TokenizerSettings],
    folder: Path,
    serialized: dict[str, Any],
    config: dict[str, Any],
) -> list[AddedToken]:
    """Tokens beside the vocabulary; `config` gains the special tokens that older files name."""
    by_id: dict[int, AddedToken] = {}
    if "added_tokens_decoder" in config:
        for index, token in config["added_tokens_decoder"].items():
            by_id[int(index)] = AddedToken(**token)
    else:
        for name, token in read_json(folder / "special_tokens_map.json").items():
            config[name] = token
        special = {_content(config[name]) for name in settings.special_names if config.get(name)}
        for content, index in read_json(folder / "added_tokens.json").items():
            is_special = content in special
            by_id[int(index)] = AddedToken(content, normalized=not is_special, special=is_special)
        for token in serialized.get("added_tokens") or ():
            by_id[int(token["id"])] = _added_token(token)
    tokens = [by_id[index] for index in sorted(by_id)]
    present = {token.content for token in tokens}
    # A special token may be spelt out, with how it takes the spaces beside it.
    spelt = [config.get(name) for name in settings.special_names]
    return tokens + [
        _added_token(token)
        for token in spelt
        if isinstance(token, dict) and _content(token) not in present
    ]


def _added_token(token: dict[str, Any]) -> AddedToken:
    return AddedToken(**{key: token[key] for key in ADDED_TOKEN if key in token})


def _content(token: object) -> str:
    if isinstance(token, dict):
        return str(token.get("content", ""))
    return str(token)
