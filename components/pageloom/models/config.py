"""What every model's `config.json` has in common: labels, the problem type, reading and writing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pageloom.errors import CheckpointError
from pageloom.models.hub import resolve

__all__ = ["ModelConfig"]


class ModelConfig(BaseModel):
    """A model's settings, as its checkpoint's `config.json` holds them.

    Keys that this class does not know are kept and written back; a value of a wrong type raises
    `CheckpointError` that names the key (`pydantic.ValidationError` when built from arguments).
    `num_labels=n` is short for labels `LABEL_0` to `LABEL_{n-1}`.
    """

    model_config = ConfigDict(extra="allow", strict=True, validate_assignment=True)

    model_type: ClassVar[str]
    also_reads: ClassVar[tuple[str, ...]] = ()
    """Other model types of the same architecture."""

    architectures: list[str] | None = None
    id2label: dict[int, str] = {0: "LABEL_0", 1: "LABEL_1"}
    label2id: dict[str, int] = {"LABEL_0": 0, "LABEL_1": 1}
    problem_type: (
        Literal["regression", "single_label_classification", "multi_label_classification"] | None
    ) = None

    @model_validator(mode="before")
    @classmethod
    def _complete_labels(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        kind = values.pop("model_type", cls.model_type)
        if kind not in (cls.model_type, *cls.also_reads):
            raise ValueError(f"model_type is {kind!r}, and {cls.__name__} reads {cls.model_type!r}")
        count = values.pop("num_labels", None)
        names = values.get("id2label")
        if isinstance(names, dict):
            # JSON has no integer keys.
            numbers = [int(key) if str(key).isdecimal() else -1 for key in names]
            if sorted(numbers) != list(range(len(names))) or not names:
                raise ValueError(f"id2label must number its labels from 0; it has {list(names)}")
            values["id2label"] = names = dict(zip(numbers, names.values(), strict=True))
        if count is not None and (type(count) is not int or count < 1):
            raise ValueError(f"num_labels is {count!r}, and must be a whole number from 1")
        if count is not None and (names is None or len(names) != count):
            values["id2label"] = names = {index: f"LABEL_{index}" for index in range(count)}
            values.pop("label2id", None)
        if names is not None and not values.get("label2id"):
            values["label2id"] = {name: index for index, name in names.items()}
        return values

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        size, heads = getattr(self, "hidden_size", 0), getattr(self, "num_attention_heads", 1)
        if heads < 1 or size % heads:
            raise ValueError(f"hidden_size {size} is not a multiple of num_attention_heads {heads}")
        return self

    @property
    def num_labels(self) -> int:
        """How many labels a classifying head tells apart."""
        return len(self.id2label)

    @classmethod
    def from_pretrained(
        cls, path_or_id: str | Path, revision: str | None = None, **changes: Any
    ) -> Self:
        """Read `config.json` of a folder, packaged model or hub id; `changes` replace values."""
        file = resolve(path_or_id, revision, files=["config.json"]) / "config.json"
        return cls.from_file(file, **changes)

    @classmethod
    def from_file(cls, file: Path, **changes: Any) -> Self:
        """Read one `config.json`. Raises `CheckpointError` that names the file and the key."""
        try:
            values = json.loads(file.read_text(encoding="utf8"))
        except FileNotFoundError:
            raise CheckpointError(
                f"{file.parent}: there is no config.json. Give the folder of a checkpoint, "
                "a packaged model or a hub id"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{file}: not valid JSON ({error})") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{file}: expected a JSON object, got {type(values).__name__}")
        if {"num_labels", "id2label"} & changes.keys():
            values = {k: v for k, v in values.items() if k not in ("id2label", "label2id")}
        try:
            return cls(**{**values, **changes})
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'config'}: {item['msg']}"
                for item in error.errors()
            )
            raise CheckpointError(f"{file}: {problems}") from None

    def to_dict(self) -> dict[str, Any]:
        """The values of `config.json`, unknown keys included."""
        values = self.model_dump(mode="json")
        for key, field in type(self).model_fields.items():
            if values[key] is None and field.default is None:
                del values[key]
        return {"model_type": self.model_type, **values}

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` into `folder`, which is made if it is missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"
        aside = folder / f".config.json.{os.getpid()}"
        try:
            aside.write_text(text, encoding="utf8")
            aside.replace(folder / "config.json")
        finally:
            aside.unlink(missing_ok=True)
