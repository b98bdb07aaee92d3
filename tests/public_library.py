"""The public library's LayoutLMv2, for parity tests and benchmarks.

It wants detectron2 for its backbone, which no package registry carries. This module stands in for
the few names that it takes from there: a plain feature pyramid written from detectron2's
documentation, with its parameter names, all levels computed as detectron2 does. It shares no code
with pageloom's backbone, so agreement between the two means something.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class FrozenBatchNorm2d(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_features, self.eps = num_features, eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features) - eps)

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, eps=self.eps
        )


class NormedConv(nn.Conv2d):
    def __init__(self, *sizes: int, norm: nn.Module | None = None, **options: Any) -> None:
        super().__init__(*sizes, bias=norm is None, **options)
        if norm is not None:
            self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return self.norm(x) if hasattr(self, "norm") else x


class Block(nn.Module):
    def __init__(self, cfg: Any, inputs: int, inner: int, outputs: int, stride: int) -> None:
        super().__init__()
        norm = FrozenBatchNorm2d if cfg.NORM == "FrozenBN" else nn.BatchNorm2d
        if inputs != outputs:
            self.shortcut = NormedConv(inputs, outputs, 1, stride=stride, norm=norm(outputs))
        if cfg.DEPTH < 50:
            self.conv1 = NormedConv(
                inputs, outputs, 3, stride=stride, padding=1, norm=norm(outputs)
            )
            self.conv2 = NormedConv(outputs, outputs, 3, padding=1, norm=norm(outputs))
            return
        first, second = (stride, 1) if cfg.STRIDE_IN_1X1 else (1, stride)
        self.conv1 = NormedConv(inputs, inner, 1, stride=first, norm=norm(inner))
        self.conv2 = NormedConv(
            inner, inner, 3, stride=second, padding=1, groups=cfg.NUM_GROUPS, norm=norm(inner)
        )
        self.conv3 = NormedConv(inner, outputs, 1, norm=norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        if hasattr(self, "conv3"):
            out = self.conv3(F.relu(out))
        return F.relu(out + (self.shortcut(x) if hasattr(self, "shortcut") else x))


class BottomUp(nn.Module):
    def __init__(self, cfg: Any) -> None:
        super().__init__()
        norm = FrozenBatchNorm2d if cfg.NORM == "FrozenBN" else nn.BatchNorm2d
        channels = cfg.STEM_OUT_CHANNELS
        self.stem = nn.Module()
        self.stem.conv1 = NormedConv(3, channels, 7, stride=2, padding=3, norm=norm(channels))
        inner, outputs = cfg.NUM_GROUPS * cfg.WIDTH_PER_GROUP, cfg.RES2_OUT_CHANNELS
        for stage, blocks in enumerate(BLOCKS[cfg.DEPTH], start=2):
            rows = []
            for index in range(blocks):
                rows.append(
                    Block(cfg, channels, inner, outputs, 2 if stage > 2 and not index else 1)
                )
                channels = outputs
            self.add_module(f"res{stage}", nn.Sequential(*rows))
            inner, outputs = 2 * inner, 2 * outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(F.relu(self.stem.conv1(x)), 3, stride=2, padding=1)
        levels = []
        for stage in range(2, 6):
            x = getattr(self, f"res{stage}")(x)
            levels.append(x)
        return levels


class FPN(nn.Module):
    def __init__(self, cfg: Any) -> None:
        super().__init__()
        self.channels = cfg.FPN.OUT_CHANNELS
        self.bottom_up = BottomUp(cfg.RESNETS)
        for stage in range(2, 6):
            inputs = cfg.RESNETS.RES2_OUT_CHANNELS * 2 ** (stage - 2)
            self.add_module(f"fpn_lateral{stage}", NormedConv(inputs, self.channels, 1))
            self.add_module(
                f"fpn_output{stage}", NormedConv(self.channels, self.channels, 3, padding=1)
            )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        levels = self.bottom_up(x)
        features, top = {}, None
        for stage in range(5, 1, -1):
            lateral = getattr(self, f"fpn_lateral{stage}")(levels[stage - 2])
            if top is not None:
                lateral = lateral + F.interpolate(top, scale_factor=2.0, mode="nearest")
            top = lateral
            features[f"p{stage}"] = getattr(self, f"fpn_output{stage}")(top)
        features["p6"] = F.max_pool2d(features["p5"], 1, stride=2)
        return features

    def output_shape(self) -> dict[str, SimpleNamespace]:
        return {f"p{n}": SimpleNamespace(channels=self.channels, stride=2**n) for n in range(2, 7)}


class Settings(SimpleNamespace):
    """detectron2's settings: any name may be set, and those read here have its defaults."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        child = Settings()
        setattr(self, name, child)
        return child


def get_cfg() -> Settings:
    cfg = Settings()
    cfg.MODEL.META_ARCHITECTURE = "GeneralizedRCNN"
    cfg.MODEL.PIXEL_MEAN = [103.530, 116.280, 123.675]
    cfg.MODEL.PIXEL_STD = [1.0, 1.0, 1.0]
    cfg.MODEL.FPN.OUT_CHANNELS = 256
    defaults = {
        "DEPTH": 50,
        "NORM": "FrozenBN",
        "NUM_GROUPS": 1,
        "WIDTH_PER_GROUP": 64,
        "STRIDE_IN_1X1": True,
        "STEM_OUT_CHANNELS": 64,
        "RES2_OUT_CHANNELS": 256,
    }
    for name, value in defaults.items():
        setattr(cfg.MODEL.RESNETS, name, value)
    return cfg


def install() -> None:
    """Let `import detectron2` find the stand-in, unless the real one is installed."""
    try:
        import detectron2  # noqa: F401
    except ImportError:
        pass
    else:
        return

    def module(name: str, **contents: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(contents)
        sys.modules[name] = made
        return made

    norms = module("detectron2.layers.batch_norm", FrozenBatchNorm2d=FrozenBatchNorm2d)
    layers = module("detectron2.layers", batch_norm=norms, FrozenBatchNorm2d=FrozenBatchNorm2d)
    registry = {"GeneralizedRCNN": lambda cfg: SimpleNamespace(backbone=FPN(cfg.MODEL))}
    backbone = module("detectron2.modeling.backbone", FPN=FPN)
    modeling = module("detectron2.modeling", META_ARCH_REGISTRY=registry, backbone=backbone)
    config = module("detectron2.config", get_cfg=get_cfg)
    module("detectron2", layers=layers, modeling=modeling, config=config)


def layoutlmv2() -> ModuleType:
    """The public library, whose LayoutLMv2 classes then work."""
    install()
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers
