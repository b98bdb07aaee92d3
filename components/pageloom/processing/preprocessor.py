"""An image processor's settings: its file beside a checkpoint, and changes for one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pageloom.errors import CheckpointError
from pageloom.processing.files import locate, read_json, write_json

__all__ = ["CONFIG", "SHARED_CONFIG", "changed", "read_processor", "write_processor"]

CONFIG = "preprocessor_config.json"
# Where newer versions of the public library keep the same settings, and look first.
SHARED_CONFIG = "processor_config.json"
# What a file says about itself.
NOT_SETTINGS = ("image_processor_type", "feature_extractor_type", "processor_class")

Made = TypeVar("Made")


def read_processor(
    make: Callable[..., Made],
    path_or_id: str | Path,
    revision: str | None,
    overrides: Mapping[str, Any],
    may_be_none: Sequence[str] = (),
) -> Made:
    """`make(**settings)` with the settings in a folder, a packaged name or a hub id.

    `overrides` replace settings; those that are null count as not given, but for `may_be_none`.
    Raises `CheckpointError` where there are none, or they are not valid.
    """
    folder = locate(path_or_id, revision, (CONFIG, SHARED_CONFIG))
    config = read_json(folder / SHARED_CONFIG).get("image_processor")
    path = folder / (CONFIG if config is None else SHARED_CONFIG)
    if config is None:
        config = read_json(path)
    if not config:
        name = getattr(make, "__name__", "the image processor")
        raise CheckpointError(
            f"{folder}: has no {CONFIG}. Write one there with {name}().save_pretrained, or make "
            "the image processor yourself"
        )
    settings = {
        key: value
        for key, value in config.items()
        if key not in NOT_SETTINGS and (value is not None or key in may_be_none)
    }
    try:
        return make(**{**settings, **overrides})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def write_processor(folder: str | Path, config: dict[str, Any]) -> None:
    """Write `config` into `folder`, also where newer versions of the public library look for it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, config)
    shared = read_json(folder / SHARED_CONFIG)
    if "image_processor" in shared:
        write_json(folder / SHARED_CONFIG, {**shared, "image_processor": config})


def changed(processor: Made, names: Sequence[str], overrides: Mapping[str, Any]) -> Made:
    """A processor of the same kind, `overrides` in place of some of its settings `names`.

    Raises `TypeError` for a setting that there is not.
    """
    unknown = sorted(set(overrides) - set(names))
    if unknown:
        raise TypeError(f"unknown settings {', '.join(unknown)}; there are {', '.join(names)}")
    own = {name: getattr(processor, name) for name in names}
    return type(processor)(**{**own, **overrides})
