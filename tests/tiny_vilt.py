"""Small random ViLT models, random inputs and pictures."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from pageloom import models
from pageloom.models import ViltConfig


def tiny_config(**changes):
    values = {
        "vocab_size": 99,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "max_position_embeddings": 16,
        "modality_type_vocab_size": 3,
        "image_size": 24,
        "patch_size": 8,
        "num_labels": 5,
        "num_images": 2,
        "initializer_range": 0.3,  # far from zero, so that a difference shows
    }
    return ViltConfig(**{**values, **changes})


def tiny(name, **changes):
    torch.manual_seed(0)
    return getattr(models, name)(tiny_config(**changes)).initialise_all().eval()


def inputs(name="ViltModel", sizes=((24, 40), (32, 16), (8, 8)), length=9, seed=0, padded=True):
    """Images of different sizes (height, width), each with a text; both padded to one size."""
    generator = torch.Generator().manual_seed(seed)

    def ints(*shape, low=0, high=99):
        return torch.randint(low, high, shape, generator=generator)

    batch = len(sizes)
    shape = [max(side) for side in zip(*sizes, strict=True)]
    mask = torch.ones(batch, length, dtype=torch.long)
    pixel_mask = torch.zeros(batch, *shape, dtype=torch.long)
    for row, (height, width) in enumerate(sizes):
        pixel_mask[row, :height, :width] = 1
        if padded:
            mask[row, max(1, length - row) :] = 0
    pixels = torch.randn(batch, 3, *shape, generator=generator) * pixel_mask[:, None]
    if name == "ViltForImagesAndTextClassification":
        pixels = torch.stack((pixels, pixels.roll(1, 0)), 1)
        pixel_mask = torch.stack((pixel_mask, pixel_mask.roll(1, 0)), 1)
    return {
        "input_ids": ints(batch, length),
        "attention_mask": mask,
        "token_type_ids": ints(batch, length, high=2),
        "pixel_values": pixels,
        "pixel_mask": pixel_mask,
    }


def noise(seed, *shape, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def picture(seed, width, height, mode="RGB"):
    image = Image.fromarray(noise(seed, height, width, 3)).convert(mode)
    if "A" in image.getbands():
        image.putalpha(Image.fromarray(noise(seed + 1, height, width)))
    return image


def assert_same(ours, theirs):
    assert list(ours.keys()) == list(theirs.keys())
    for name, value in theirs.items():
        mine = ours[name]
        if isinstance(value, list) and not isinstance(value[0], int | list | tuple):
            assert all(np.array_equal(a, b) for a, b in zip(mine, value, strict=True)), name
        elif isinstance(value, list):
            assert mine == value, name
        else:
            assert type(mine) is type(value), name
            assert mine.dtype == value.dtype, name
            assert mine.shape == value.shape, name
            assert (mine == value).all(), name
