"""Checkpoint files: `model.safetensors`, sharded safetensors, `pytorch_model.bin`."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pageloom.errors import CheckpointError

__all__ = ["has_tensors", "read_tensors", "write_tensors"]

# In the order in which they are looked for.
_NAMES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def has_tensors(folder: Path) -> bool:
    """Whether there are weights in `folder`."""
    return any((folder / name).is_file() for name in _NAMES)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of the checkpoint in `folder`, by the keys in the file, on the CPU.

    Safetensors are mapped into memory, so a tensor that is not used is not read. Raises
    `CheckpointError` if there is no checkpoint, or a file of it is missing or damaged.
    """
    for name in _NAMES:
        file = folder / name
        if not file.is_file():
            continue
        if name.endswith(".index.json"):
            tensors: dict[str, Tensor] = {}
            for shard in _shards(file):
                tensors.update(_read(shard))
            return tensors
        return _read(file)
    raise CheckpointError(f"{folder}: no checkpoint here; looked for {', '.join(_NAMES)}")


def write_tensors(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Write `model.safetensors` into `folder`: aside first, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".model.safetensors.{os.getpid()}"
    try:
        save_file(
            {key: tensor.detach().contiguous().cpu() for key, tensor in tensors.items()},
            aside,
            metadata={"format": "pt"},
        )
        # save_file makes the file readable by its owner alone.
        aside.chmod(0o666 & ~_umask())
        aside.replace(folder / "model.safetensors")
    finally:
        aside.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _shards(index: Path) -> list[Path]:
    try:
        names = set(json.loads(index.read_text(encoding="utf8"))["weight_map"].values())
        shards = [index.parent / Path(name).name for name in sorted(names)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{index}: not a checkpoint's index ({type(error).__name__}: {error}); fetch it again"
        ) from None
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise CheckpointError(f"{index}: these files are missing: {', '.join(missing)}")
    return shards


def _read(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        # Only the newer of torch's two formats, a zip archive, can be mapped into memory.
        mapped = zipfile.is_zipfile(file)
        values = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{file}: holds more than tensors, or is no checkpoint; it is not read, since it could "
            "run code. Save it as safetensors where you trust it"
        ) from None
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise CheckpointError(
            f"{file}: truncated or not a checkpoint ({error}); fetch or copy it again"
        ) from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{file}: holds a {type(values).__name__}, not named tensors")
    return {key: value for key, value in values.items() if isinstance(value, Tensor)}
