"""Where a model runs, and in which number type."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

__all__ = ["resolve_device", "resolve_dtype"]

_DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}


def resolve_device(name: str) -> torch.device:
    """`auto` is the first GPU that this process may see (`CUDA_VISIBLE_DEVICES`), else the CPU.

    Raises `ValueError` for a device that torch does not know or that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device {name!r}: use auto, cpu, cuda or cuda:0") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {name!r}: torch sees {torch.cuda.device_count()} GPUs here; "
            "use auto to fall back to the CPU"
        )
    if device.type not in ("cpu", "cuda") and not (
        device.type == "mps" and torch.backends.mps.is_available()
    ):
        raise ValueError(f"device {name!r}: models run on auto, cpu, cuda or cuda:0")
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where the hardware multiplies it, else float32.

    On a CPU that is AVX512-BF16 or AMX. Raises `ValueError` for a type that is not known.
    """
    if name == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bf16()
        return torch.bfloat16 if fast else torch.float32
    try:
        return _DTYPES[name]
    except KeyError:
        raise ValueError(f"dtype {name!r}: use auto, float32, bfloat16 or float16") from None


@lru_cache(maxsize=1)
def _cpu_has_bf16() -> bool:
    flags = Path("/proc/cpuinfo")
    if not flags.is_file():
        return False
    for line in flags.read_text(encoding="utf8", errors="replace").splitlines():
        if line.startswith("flags"):
            return bool({"avx512_bf16", "amx_bf16"} & set(line.split()))
    return False
