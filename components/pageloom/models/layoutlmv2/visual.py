"""The visual backbone: a ResNet or ResNeXt with a feature pyramid, of which only `p2` is computed.

`checkpoint_key` gives the keys that checkpoints use, which are detectron2's. Sources: Lin et al.
2017 (feature pyramids), Xie et al. 2017 (ResNeXt), and detectron2's configuration reference for the
meaning of the settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pageloom.models.layoutlmv2.config import LayoutLMv2Config
from pageloom.models.layoutlmv2.residual import FrozenBatchNorm2d, ResidualBlock
from pageloom.models.shapes import shapes_only

__all__ = ["BackboneSettings", "VisualBackbone", "checkpoint_key"]

# detectron2's defaults for what `detectron2_config_args` may leave out.
_DEFAULTS: dict[str, Any] = {
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.BACKBONE.FREEZE_AT": 2,
    "MODEL.PIXEL_MEAN": [103.530, 116.280, 123.675],
    "MODEL.PIXEL_STD": [1.0, 1.0, 1.0],
    "MODEL.RESNETS.DEPTH": 50,
    "MODEL.RESNETS.NUM_GROUPS": 1,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 64,
    "MODEL.RESNETS.STEM_OUT_CHANNELS": 64,
    "MODEL.RESNETS.RES2_OUT_CHANNELS": 256,
    "MODEL.RESNETS.STRIDE_IN_1X1": True,
    "MODEL.RESNETS.NORM": "FrozenBN",
    "MODEL.FPN.OUT_CHANNELS": 256,
}
# Settings that change what `p2` is, and the only value of each that is built here.
_ONLY: dict[str, Any] = {
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.FPN.IN_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.FPN.NORM": "",
    "MODEL.FPN.FUSE_TYPE": "sum",
    "MODEL.RESNETS.RES5_DILATION": 1,
    "MODEL.RESNETS.DEFORM_ON_PER_STAGE": [False, False, False, False],
}
_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "FrozenBN": FrozenBatchNorm2d,
    "BN": nn.BatchNorm2d,
    "SyncBN": nn.SyncBatchNorm,
}


@dataclass(frozen=True)
class BackboneSettings:
    """What of detectron2's configuration decides how `p2` is computed."""

    depth: int
    groups: int
    width_per_group: int
    stem_channels: int
    res2_channels: int
    stride_in_1x1: bool
    norm: str
    fpn_channels: int
    freeze_at: int
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]

    @classmethod
    def from_args(cls, args: dict[str, Any]) -> BackboneSettings:
        """From `detectron2_config_args`. Raises `ValueError` for what is not built here."""
        for key, only in _ONLY.items():
            if args.get(key, only) != only:
                raise ValueError(
                    f"detectron2_config_args: {key} is {args[key]!r}; built here is {only!r} alone"
                )
        value = {key: args.get(key, default) for key, default in _DEFAULTS.items()}
        for key, known in (("MODEL.RESNETS.DEPTH", _BLOCKS), ("MODEL.RESNETS.NORM", _NORMS)):
            if value[key] not in known:
                raise ValueError(
                    f"detectron2_config_args: {key} is {value[key]!r}; "
                    f"there are {', '.join(map(str, known))}"
                )
        if value["MODEL.RESNETS.DEPTH"] < 50 and value["MODEL.RESNETS.NUM_GROUPS"] != 1:
            raise ValueError(
                "detectron2_config_args: MODEL.RESNETS.NUM_GROUPS must be 1 where "
                "MODEL.RESNETS.DEPTH is below 50"
            )
        return cls(
            depth=value["MODEL.RESNETS.DEPTH"],
            groups=value["MODEL.RESNETS.NUM_GROUPS"],
            width_per_group=value["MODEL.RESNETS.WIDTH_PER_GROUP"],
            stem_channels=value["MODEL.RESNETS.STEM_OUT_CHANNELS"],
            res2_channels=value["MODEL.RESNETS.RES2_OUT_CHANNELS"],
            stride_in_1x1=value["MODEL.RESNETS.STRIDE_IN_1X1"],
            norm=value["MODEL.RESNETS.NORM"],
            fpn_channels=value["MODEL.FPN.OUT_CHANNELS"],
            freeze_at=value["MODEL.BACKBONE.FREEZE_AT"],
            pixel_mean=tuple(value["MODEL.PIXEL_MEAN"]),
            pixel_std=tuple(value["MODEL.PIXEL_STD"]),
        )


def _stage(
    settings: BackboneSettings, number: int, inputs: int, norm: Callable[[int], nn.Module]
) -> nn.Sequential:
    """Stage res{number}, 2 to 5, for `inputs` channels."""
    scale = 2 ** (number - 2)
    outputs = settings.res2_channels * scale
    blocks = []
    for index in range(_BLOCKS[settings.depth][number - 2]):
        stride = 2 if index == 0 and number > 2 else 1
        if settings.depth < 50:
            convs = [(outputs, 3, stride), (outputs, 3, 1)]
        else:
            width = settings.groups * settings.width_per_group * scale
            first, second = (stride, 1) if settings.stride_in_1x1 else (1, stride)
            convs = [(width, 1, first), (width, 3, second), (outputs, 1, 1)]
        blocks.append(ResidualBlock(inputs, convs, settings.groups, norm))
        inputs = outputs
    return nn.Sequential(*blocks)


class VisualBackbone(nn.Module):
    """Page pictures (batch, 3, height, width), BGR, 0-255, to features.

    Features (batch, rows * columns, channels) are the finest pyramid level `p2`, average-pooled to
    `image_feature_pool_shape`.
    """

    def __init__(self, config: LayoutLMv2Config) -> None:
        super().__init__()
        settings = self.settings = BackboneSettings.from_args(config.detectron2_config_args)
        norm = _NORMS[settings.norm]
        self.pool = (config.image_feature_pool_shape[0], config.image_feature_pool_shape[1])
        shape = config.image_feature_pool_shape
        if len(shape) > 2 and shape[2] != settings.fpn_channels:
            raise ValueError(
                f"image_feature_pool_shape has {shape[2]} channels, and MODEL.FPN.OUT_CHANNELS is "
                f"{settings.fpn_channels}; they must be equal"
            )
        self.stem = nn.Sequential(
            nn.Conv2d(3, settings.stem_channels, 7, stride=2, padding=3, bias=False),
            norm(settings.stem_channels),
        )
        channels = [settings.res2_channels * scale for scale in (1, 2, 4, 8)]
        inputs = [settings.stem_channels, *channels]
        for number in range(2, 6):
            stage = _stage(settings, number, inputs[number - 2], norm)
            self.add_module(f"res{number}", stage)
            width = settings.fpn_channels
            self.add_module(f"lateral{number}", nn.Conv2d(channels[number - 2], width, 1))
            # Of these only output2 is ever computed; the others complete the checkpoint.
            self.add_module(f"output{number}", nn.Conv2d(width, width, 3, padding=1))
        self._freeze()

    def _freeze(self) -> None:
        frozen = [f"output{number}" for number in range(3, 6)]
        # detectron2's FREEZE_AT: 1 is the stem, 2 the stem and res2, and so on.
        frozen += ["stem", "res2", "res3", "res4", "res5"][: self.settings.freeze_at]
        for name in frozen:
            self.get_submodule(name).requires_grad_(False)
        self.frozen_norms = [
            module
            for name in frozen
            for module in self.get_submodule(name).modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]
        self.train(self.training)

    def train(self, mode: bool = True) -> VisualBackbone:
        """As `nn.Module.train`; frozen norms keep their statistics."""
        super().train(mode)
        for norm in getattr(self, "frozen_norms", ()):
            norm.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 3, height, width), any number type -> (batch, rows * columns, channels)."""
        weight = next(self.parameters())
        mean = torch.tensor(self.settings.pixel_mean, device=weight.device).view(-1, 1, 1)
        std = torch.tensor(self.settings.pixel_std, device=weight.device).view(-1, 1, 1)
        x = ((image.to(weight.device).float() - mean) / std).to(weight.dtype)
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2, padding=1)
        stages = []
        for number in range(2, 6):
            x = self.get_submodule(f"res{number}")(x)
            stages.append(x)
        top: Tensor = self.get_submodule("lateral5")(stages[3])
        for number in (4, 3, 2):
            lateral = self.get_submodule(f"lateral{number}")(stages[number - 2])
            top = lateral + F.interpolate(top, scale_factor=2.0, mode="nearest")
        return self._pooled_output(top).flatten(2).transpose(1, 2)

    def _pooled_output(self, x: Tensor) -> Tensor:
        """`output2` followed by the average pool.

        Both are linear, so where the pool's cells are equal the mean is taken first, once for each
        of the nine taps of the 3x3 kernel: 64 times fewer multiplications on a 56x56 map.
        """
        output2 = self.get_submodule("output2")
        assert isinstance(output2, nn.Conv2d)
        (height, width), (rows, columns) = x.shape[2:], self.pool
        if height % rows or width % columns:
            return F.adaptive_avg_pool2d(output2(x), self.pool)
        cell = (height // rows, width // columns)
        edged = F.pad(x, (1, 1, 1, 1))
        taps = [
            F.avg_pool2d(edged[:, :, top : top + height, left : left + width], cell)
            for top in range(3)
            for left in range(3)
        ]
        kernel = output2.weight.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]
        return F.conv2d(torch.cat(taps, 1), kernel, output2.bias)

    def synchronize_batch_norm(self, process_group: Any = None) -> None:
        """Make every batch norm, frozen or not, share its statistics over the training processes.

        By default over the processes of one node, as the reference does. Raises `RuntimeError`
        unless `torch.distributed` is set up.
        """
        distributed = torch.distributed
        if not (distributed.is_available() and distributed.is_initialized()):
            raise RuntimeError(
                "synchronize_batch_norm needs torch.distributed.init_process_group first"
            )
        if process_group is None:
            world, node = distributed.get_world_size(), max(torch.cuda.device_count(), 1)
            node = world if torch.cuda.device_count() == 0 else node
            if world % node:
                raise RuntimeError(
                    f"{world} processes cannot be divided over nodes of {node} devices each"
                )
            groups = [
                distributed.new_group(list(range(first, first + node)))
                for first in range(0, world, node)
            ]
            process_group = groups[distributed.get_rank() // node]
        _synchronize(self, process_group)
        self._freeze()

    def fold_batch_norm(self) -> None:
        """Fold each norm into the convolution before it: the same numbers in evaluation mode, with
        fewer passes over memory. The result cannot be trained or saved.
        """
        for module in list(self.modules()):
            if isinstance(module, nn.Sequential) and len(module) == 2:
                if isinstance(module[0], nn.Conv2d):
                    module[0], module[1] = _folded(module[0], module[1]), nn.Identity()
            elif isinstance(module, ResidualBlock):
                for number in range(1, module.depth + 1):
                    conv, norm = getattr(module, f"conv{number}"), getattr(module, f"bn{number}")
                    setattr(module, f"conv{number}", _folded(conv, norm))
                    setattr(module, f"bn{number}", nn.Identity())


@torch.no_grad()
def _folded(conv: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()  # type: ignore[operator]
    bias = norm.bias - norm.running_mean * scale  # type: ignore[operator]
    with shapes_only():
        folded = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            groups=conv.groups,
        )
    folded.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1), requires_grad=False)
    folded.bias = nn.Parameter(bias, requires_grad=False)
    return folded


def _synchronize(module: nn.Module, group: Any) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, FrozenBatchNorm2d | nn.modules.batchnorm._BatchNorm):
            norm = nn.SyncBatchNorm(len(child.weight), eps=child.eps, process_group=group)
            norm.weight = nn.Parameter(child.weight.detach())
            norm.bias = nn.Parameter(child.bias.detach())
            norm.running_mean = child.running_mean
            norm.running_var = child.running_var
            norm.train(child.training)
            module._modules[name] = norm.to(child.weight.device)
        else:
            _synchronize(child, group)


# Our names under `visual.` -> detectron2's keys, tried in order.
_KEYS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(ours), theirs)
    for ours, theirs in (
        (r"^stem\.0\.", "backbone.bottom_up.stem.conv1."),
        (r"^stem\.1\.", "backbone.bottom_up.stem.conv1.norm."),
        (r"^(res\d\.\d+)\.downsample\.0\.", r"backbone.bottom_up.\1.shortcut."),
        (r"^(res\d\.\d+)\.downsample\.1\.", r"backbone.bottom_up.\1.shortcut.norm."),
        (r"^(res\d\.\d+)\.conv(\d)\.", r"backbone.bottom_up.\1.conv\2."),
        (r"^(res\d\.\d+)\.bn(\d)\.", r"backbone.bottom_up.\1.conv\2.norm."),
        (r"^lateral(\d)\.", r"backbone.fpn_lateral\1."),
        (r"^output(\d)\.", r"backbone.fpn_output\1."),
    )
)


def checkpoint_key(name: str) -> str:
    """The key, under `visual.`, of the parameter that is called `name` in `VisualBackbone`."""
    for pattern, theirs in _KEYS:
        key, found = pattern.subn(theirs, name)
        if found:
            return key
    return name
