"""ViltImageProcessor: pixels and masks equal to the public library's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import ViltImageProcessor as ReferenceImages

from pageloom.processing import ViltImageProcessor
from tests.tiny_vilt import assert_same, noise, picture

MODES = ["RGB", "L", "RGBA", "LA", "P", "CMYK", "YCbCr", "HSV", "1"]
RESAMPLES = [Image.Resampling(n) for n in (0, 1, 2, 3)]
SMALL = {"size": {"shortest_edge": 64}}  # for speed


def test_an_image_becomes_pixels_around_zero():
    out = ViltImageProcessor()(Image.new("RGB", (800, 400), (255, 0, 0)), return_tensors="np")
    assert out.pixel_values.shape == (1, 3, 320, 608)  # 639 limits the longer edge
    assert out.pixel_values[0, :, 9, 9].tolist() == [1.0, -1.0, -1.0]
    assert out.pixel_mask.all()


@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    edge=st.sampled_from([32, 64, 100]),
    divisor=st.sampled_from([1, 7, 32]),
    resample=st.sampled_from(RESAMPLES),
    mode=st.sampled_from(MODES),
    seed=st.integers(0, 999),
)
def test_pixels_equal_the_reference(height, width, edge, divisor, resample, mode, seed):
    image = picture(seed, width, height, mode)
    options = {"size": {"shortest_edge": edge}, "size_divisor": divisor, "resample": resample}
    ours = ViltImageProcessor(**options)(image, return_tensors="pt")
    try:
        theirs = ReferenceImages(**options)(image, return_tensors="pt", do_convert_rgb=True)
    except ValueError:  # the narrow images that it refuses
        assert min(ours.pixel_values.shape[2:]) == divisor
        return
    assert_same(ours, theirs)


@given(height=st.integers(1, 30000), width=st.integers(1, 30000))
def test_sizes_are_those_of_the_paper(height, width):
    rows, columns = ViltImageProcessor().scaled_size(height, width)
    assert rows % 32 == 0
    assert columns % 32 == 0
    assert 32 <= min(rows, columns) <= 384
    assert max(rows, columns) <= 639


@given(
    sizes=st.lists(st.tuples(st.integers(100, 300), st.integers(100, 300)), min_size=2, max_size=4),
    seed=st.integers(0, 999),
)
def test_a_batch_of_different_sizes_equals_the_reference(sizes, seed):
    images = [picture(seed + index, *size) for index, size in enumerate(sizes)]
    assert_same(
        ViltImageProcessor(**SMALL)(images, return_tensors="pt"),
        ReferenceImages(**SMALL)(images, return_tensors="pt"),
    )


def test_pages_of_the_real_size_equal_the_reference():
    images = [picture(0, 1654, 2339), picture(1, 900, 400)]
    assert_same(
        ViltImageProcessor()(images, return_tensors="pt"),
        ReferenceImages()(images, return_tensors="pt"),
    )


def test_every_mode_in_one_batch_equals_the_reference():
    """The reference mixes them only when told to convert."""
    images = [picture(n, 90 + 10 * n, 120, mode) for n, mode in enumerate(MODES)]
    assert_same(
        ViltImageProcessor(**SMALL)(images, return_tensors="pt"),
        ReferenceImages(**SMALL)(images, return_tensors="pt", do_convert_rgb=True),
    )


@pytest.mark.parametrize(
    "array",
    [
        noise(1, 90, 70, 3),
        noise(2, 3, 90, 70),
        torch.from_numpy(noise(4, 3, 90, 70)),
        noise(7, 90, 70, 3, dtype=np.float32),
        noise(8, 90, 70, 3, dtype=np.int64),
        noise(9, 2, 3, 90, 70),
    ],
    ids=lambda array: f"{type(array).__name__}-{tuple(array.shape)}-{array.dtype}",
)
def test_arrays_and_tensors_equal_the_reference(array):
    assert_same(
        ViltImageProcessor(**SMALL)(array, return_tensors="pt"),
        ReferenceImages(**SMALL)(array, return_tensors="pt"),
    )


@pytest.mark.parametrize(
    "options",
    [
        {"do_resize": False},
        {"do_rescale": False},
        {"do_normalize": False},
        {"do_rescale": False, "do_normalize": False},
        {"do_pad": False},
        {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
        {"image_mean": 0.1, "image_std": 0.3, "rescale_factor": 1 / 127},
        {"size_divisor": 64, "size": 128},
    ],
    ids=str,
)
def test_settings_equal_the_reference(options):
    image = picture(3, 90, 130)
    expected = ReferenceImages(**{**SMALL, **options})(image, return_tensors="pt")
    assert_same(ViltImageProcessor(**{**SMALL, **options})(image, return_tensors="pt"), expected)
    once = ViltImageProcessor(**SMALL)(image, return_tensors="pt", **options)
    assert_same(once, expected)


def test_kinds_of_result():
    images = [picture(0, 90, 130), picture(1, 200, 90)]
    processor = ViltImageProcessor(**SMALL)
    tensors, arrays, lists = (processor(images, return_tensors=kind) for kind in ("pt", "np", None))
    for name in ("pixel_values", "pixel_mask"):
        assert np.array_equal(tensors[name].numpy(), arrays[name])
        assert np.array_equal(np.stack(lists[name]), arrays[name])
    plain = processor(images, do_pad=False)
    assert [array.shape for array in plain.pixel_values] == [(3, 64, 64), (3, 32, 96)]
    with pytest.raises(ValueError, match=r"different shapes.*do_pad=True"):
        processor(images, do_pad=False, return_tensors="pt")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (20000, 2000)])
def test_tiny_narrow_and_huge_images_are_read(width, height):
    out = ViltImageProcessor()(Image.new("L", (width, height), 255), return_tensors="np")
    assert min(out.pixel_values.shape[2:]) >= 32
    assert (out.pixel_values == 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "shorter edge in pixels, from 1"),
        ({"size": {"height": 3, "width": 4}}, "shorter edge"),
        ({"size_divisor": 0}, "size_divisor is 0"),
        ({"resample": 9}, "resample is 9"),
        ({"image_mean": [0.5]}, "image_mean is"),
        ({"image_std": 0}, "divided by zero"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        ViltImageProcessor(**settings)


def test_unknown_settings_are_named():
    with pytest.raises(TypeError, match="do_normalise"):
        ViltImageProcessor()(picture(0, 9, 9), do_normalise=True)
