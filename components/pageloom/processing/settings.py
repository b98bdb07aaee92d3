"""What `tokenizer_config.json` says of a tokenizer that knows boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

__all__ = ["Box", "RobertaSettings", "TokenizerSettings"]

Box = tuple[int, int, int, int]

BOXES = ("cls_token_box", "sep_token_box", "pad_token_box")


@dataclass(frozen=True, kw_only=True)
class TokenizerSettings:
    """The settings of every such tokenizer; the names are the file's keys.

    Boxes are on 0-1000. `extra` holds the keys that mean nothing here and are written back
    unchanged.
    """

    tokenizer_class: ClassVar[str]
    """The public library's class, which reads the file too."""
    special_names: ClassVar[tuple[str, ...]] = (
        "unk_token",
        "sep_token",
        "pad_token",
        "cls_token",
        "mask_token",
    )
    """In the order in which tokens that the vocabulary lacks get their ids."""
    deciding: ClassVar[tuple[str, ...]] = ("unk_token", "cls_token", "sep_token", "pad_token")
    """The settings that, beside boxes and vocabulary, change ids."""

    unk_token: str
    sep_token: str
    pad_token: str
    cls_token: str
    mask_token: str
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
        for name in BOXES:
            box = tuple(getattr(self, name))
            if len(box) != 4 or not all(isinstance(n, int) and 0 <= n <= 1000 for n in box):
                raise ValueError(f"{name} is {list(box)}; a box is four integers from 0 to 1000")
            object.__setattr__(self, name, box)
        for name in ("padding_side", "truncation_side"):
            if getattr(self, name) not in ("left", "right"):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it is 'left' or 'right'")
        object.__setattr__(self, "extra_special_tokens", tuple(self.extra_special_tokens))

    @property
    def special_tokens(self) -> list[str]:
        """The named special tokens, in the order of `special_names`."""
        return [getattr(self, name) for name in self.special_names]

    def to_config(self) -> dict[str, Any]:
        """The content of `tokenizer_config.json`."""
        config: dict[str, Any] = dict(self.extra)
        for item in fields(self):
            if item.name != "extra":
                value = getattr(self, item.name)
                config[item.name] = list(value) if isinstance(value, tuple) else value
        if not self.extra_special_tokens:
            del config["extra_special_tokens"]
        config["tokenizer_class"] = self.tokenizer_class
        config["backend"] = "tokenizers"
        return config

    def identity(self) -> dict[str, Any]:
        """The settings that change ids or boxes."""
        config = self.to_config()
        return {name: config[name] for name in (*self.deciding, *BOXES)}


@dataclass(frozen=True, kw_only=True)
class RobertaSettings(TokenizerSettings):
    """With the special tokens of RoBERTa and its kin.

    `add_prefix_space`: whether a word is encoded as after a space, as running text has it.
    """

    special_names: ClassVar[tuple[str, ...]] = (
        "bos_token",
        "eos_token",
        *TokenizerSettings.special_names,
    )
    deciding: ClassVar[tuple[str, ...]] = ("add_prefix_space", *TokenizerSettings.deciding)

    add_prefix_space: bool = True
    bos_token: str = "<s>"
    eos_token: str = "</s>"
    unk_token: str = "<unk>"
    sep_token: str = "</s>"
    pad_token: str = "<pad>"
    cls_token: str = "<s>"
    mask_token: str = "<mask>"
