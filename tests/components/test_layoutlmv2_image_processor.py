"""LayoutLMv2ImageProcessor: page images to pixels and words, equal to the public library's."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from transformers import LayoutLMv2ImageProcessor as Reference

from pageloom.errors import CheckpointError, EngineError
from pageloom.processing import LayoutLMv2ImageProcessor

QUICK = settings(max_examples=40, deadline=None)
RESAMPLES = [Image.Resampling(n) for n in (0, 1, 2, 3)]


def a_page(lines=("INVOICE 2041", "Total due: 118.40"), mode="RGB", size=(640, 200)) -> Image.Image:
    page = Image.new("RGB", size, "white")
    font = ImageFont.load_default(36)
    for row, line in enumerate(lines):
        ImageDraw.Draw(page).text((30, 20 + 70 * row), line, fill=(20, 20, 90), font=font)
    return page.convert(mode)


def noise(seed, *shape, dtype=np.uint8):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    return values.astype(dtype)


def expected_pixels(image, **options):
    return Reference(apply_ocr=False)(image, return_tensors="np", **options)["pixel_values"]


def test_a_page_becomes_bgr_pixels():
    red = Image.new("RGB", (30, 60), (255, 0, 0))
    pixels = LayoutLMv2ImageProcessor().pixels(red)
    assert pixels.shape == (3, 224, 224)
    assert pixels.dtype == np.uint8
    assert pixels[:, 100, 100].tolist() == [0, 0, 255]


@QUICK
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    size=st.sampled_from([(224, 224), (96, 160), (2, 1)]),
    resample=st.sampled_from(RESAMPLES),
    seed=st.integers(0, 999),
)
def test_pixels_equal_the_reference(height, width, size, resample, seed):
    image = Image.fromarray(noise(seed, height, width, 3))
    options = {"size": {"height": size[0], "width": size[1]}, "resample": resample}
    ours = LayoutLMv2ImageProcessor(apply_ocr=False, **options)
    expected = expected_pixels(image, **options)
    assert np.array_equal(ours(image, return_tensors="np").pixel_values, expected)
    assert np.array_equal(ours.pixels(image), expected[0])


def test_a_whole_page_equals_the_reference():
    image = Image.fromarray(noise(0, 2339, 1654, 3))
    ours = LayoutLMv2ImageProcessor().pixels(image)
    assert np.array_equal(ours, expected_pixels(image)[0])


@pytest.mark.parametrize(
    "array",
    [
        noise(1, 90, 70, 3),
        noise(2, 3, 90, 70),
        noise(3, 3, 90, 3),
        torch.from_numpy(noise(4, 3, 90, 70)),
        torch.from_numpy(noise(5, 90, 70, 3)),
        noise(6, 90, 70, 3) / 255.0,
        noise(7, 90, 70, 3, dtype=np.float32),
        noise(8, 90, 70, 3, dtype=np.int64),
        noise(9, 2, 3, 90, 70),
        noise(10, 90, 70, 3)[::-1, ::2],
    ],
    ids=lambda array: f"{type(array).__name__}-{tuple(array.shape)}-{array.dtype}",
)
def test_arrays_and_tensors_equal_the_reference(array):
    if isinstance(array, np.ndarray) and array.strides[0] < 0:
        expected = expected_pixels(np.ascontiguousarray(array))  # the reference refuses the view
    else:
        expected = expected_pixels(array)
    ours = LayoutLMv2ImageProcessor(apply_ocr=False)(array, return_tensors="np").pixel_values
    assert ours.dtype == expected.dtype
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "CMYK", "YCbCr", "HSV", "1"])
def test_every_mode_gives_three_channels(mode):
    """The reference gives what the model can take only when told to convert."""
    image = a_page(mode=mode)
    if "A" in image.getbands():
        image.putalpha(Image.fromarray(noise(3, *image.size[::-1])))
    expected = expected_pixels(image, do_convert_rgb=True)
    assert np.array_equal(LayoutLMv2ImageProcessor().pixels(image), expected[0])


@pytest.mark.parametrize("mode", ["La", "RGBa", "I", "F", "I;16", "I;16B", "PA"])
def test_rare_modes_give_three_channels(mode):
    """Modes that the reference cannot convert, or converts by cutting values off at 255."""
    grey = Image.fromarray(noise(1, 40, 50))
    if mode.startswith("I;16"):
        order = ">u2" if mode == "I;16B" else "<u2"
        deep = (np.asarray(grey).astype(order) * 256).astype(order)
        image = Image.frombytes(mode, grey.size, deep.tobytes())
    elif mode in ("I", "F"):
        image = grey.convert(mode)
    else:
        image = grey.convert("RGBA" if mode == "RGBa" else "LA").convert(mode)
    processor = LayoutLMv2ImageProcessor(tesseract_config="--psm 6")
    assert image.mode == mode
    assert np.array_equal(processor.pixels(image), processor.pixels(grey))
    assert len(processor(image).words) == 1


def test_a_transparent_palette_lies_on_white():
    page = Image.new("P", (60, 40), 0)
    page.putpalette([200, 0, 0, 0, 0, 200])
    page.info["transparency"] = 0
    page.paste(1, (30, 0, 60, 40))
    pixels = LayoutLMv2ImageProcessor(do_resize=False).pixels(page)
    assert pixels[:, 5, 5].tolist() == [255, 255, 255]
    assert pixels[:, 5, 50].tolist() == [200, 0, 0]


def test_grey_arrays_and_deep_grey_pages():
    processor = LayoutLMv2ImageProcessor(apply_ocr=False)
    grey = noise(1, 50, 60)
    expected = processor.pixels(Image.fromarray(grey))
    for same in (grey, grey[None], grey[..., None], torch.from_numpy(grey)):
        assert np.array_equal(processor(same).pixel_values[0], expected)
    deep = Image.fromarray(grey.astype(np.uint16) * 256)
    assert deep.mode.startswith("I;16")
    assert np.array_equal(processor.pixels(deep), expected)


def test_transparent_arrays_lie_on_white():
    rgba = noise(1, 50, 60, 4)
    processor = LayoutLMv2ImageProcessor(apply_ocr=False)
    expected = processor.pixels(Image.fromarray(rgba, "RGBA"))
    assert np.array_equal(processor(rgba).pixel_values[0], expected)
    clear = np.zeros((4, 5, 6), dtype=np.float32)
    assert (processor(clear).pixel_values[0] == 1).all()


def test_kinds_of_result():
    images = [a_page(), a_page(size=(300, 400))]
    processor = LayoutLMv2ImageProcessor(apply_ocr=False)
    plain = processor(images).pixel_values
    assert [type(array) for array in plain] == [np.ndarray] * 2
    assert np.array_equal(np.stack(plain), processor(images, return_tensors="np").pixel_values)
    tensor = processor(images, return_tensors="pt").pixel_values
    assert torch.equal(tensor, Reference(apply_ocr=False)(images, return_tensors="pt").pixel_values)
    nested = processor([[images[0]], [images[1]]], return_tensors="pt").pixel_values
    assert torch.equal(nested, tensor)


def test_images_as_large_as_they_are():
    processor = LayoutLMv2ImageProcessor(apply_ocr=False, do_resize=False)
    images = [a_page(size=(30, 40)), a_page(size=(50, 60))]
    assert [array.shape for array in processor(images).pixel_values] == [(3, 40, 30), (3, 60, 50)]
    with pytest.raises(ValueError, match=r"different shapes.*do_resize=True"):
        processor(images, return_tensors="pt")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_words_and_boxes_equal_the_reference(mode):
    image = a_page(mode=mode)
    ours, theirs = LayoutLMv2ImageProcessor()(image), Reference()(image)
    assert ours.words == theirs["words"]
    assert ours.boxes == theirs["boxes"]
    assert "118.40" in ours.words[0]


def test_words_of_arrays_equal_the_reference():
    page = np.array(a_page())
    for array in (page, page.transpose(2, 0, 1), page / 255.0, page.astype(np.float32)):
        ours, theirs = LayoutLMv2ImageProcessor()(array), Reference()(array)
        assert ours.words == theirs["words"]
        assert ours.boxes == theirs["boxes"]


def test_pages_read_side_by_side_keep_their_order():
    pages = [a_page([f"page number {n}"]) for n in (11, 22, 33)]
    ours, theirs = LayoutLMv2ImageProcessor()(pages), Reference()(pages)
    assert ours.words == theirs["words"]
    assert ours.boxes == theirs["boxes"]
    assert [words[-1] for words in ours.words] == ["11", "22", "33"]


def test_a_blank_page_has_no_words():
    ours = LayoutLMv2ImageProcessor()(Image.new("RGB", (300, 200), "white"))
    assert ours.words == [[]]
    assert ours.boxes == [[]]


def test_tesseract_settings_reach_tesseract():
    image = a_page(["left      right", "one       two"])
    for config in ("--psm 6", "--psm 11", "-c tessedit_char_whitelist=0123456789"):
        ours = LayoutLMv2ImageProcessor(tesseract_config=config, ocr_lang="eng")(image)
        theirs = Reference(tesseract_config=config, ocr_lang="eng")(image)
        assert (ours.words, ours.boxes) == (theirs["words"], theirs["boxes"])


def test_a_file_format_does_not_change_the_words(tmp_path):
    a_page().save(tmp_path / "page.jpg", quality=40, dpi=(300, 300))
    with Image.open(tmp_path / "page.jpg") as opened:
        ours, theirs = LayoutLMv2ImageProcessor()(opened), Reference()(opened)
    assert (ours.words, ours.boxes) == (theirs["words"], theirs["boxes"])


def test_reading_leaves_the_environment_alone():
    before = dict(os.environ)
    LayoutLMv2ImageProcessor()(a_page())
    assert dict(os.environ) == before


def test_settings_for_one_call():
    processor = LayoutLMv2ImageProcessor()
    once = processor(a_page(), apply_ocr=False, size={"height": 8, "width": 9})
    assert list(once.keys()) == ["pixel_values"]
    assert once.pixel_values[0].shape == (3, 8, 9)
    assert processor.apply_ocr
    with pytest.raises(TypeError, match="do_normalise"):
        processor(a_page(), do_normalise=True)


def test_a_missing_language_is_named():
    with pytest.raises(EngineError, match=r"'tlh'.*--list-langs"):
        LayoutLMv2ImageProcessor(ocr_lang="tlh")(a_page())
    with pytest.raises(EngineError, match=r"'eng\+tlh'"):
        LayoutLMv2ImageProcessor(ocr_lang="eng+tlh")(a_page())


def test_a_missing_tesseract_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"Install it.*apt-get install tesseract-ocr"):
        LayoutLMv2ImageProcessor()(a_page())


def test_a_wrong_tesseract_setting_is_named():
    with pytest.raises(EngineError, match=r"640 x 200 pixels.*--psm 99"):
        LayoutLMv2ImageProcessor(tesseract_config="--psm 99")(a_page())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("page.png", "images is a str.*open_document"),
        ([], "no images"),
        ([a_page(), "page.png"], "image 1 is a str"),
        (np.zeros((5, 6, 7)), r"shape \(5, 6, 7\).*channels"),
        (np.zeros((0, 6, 3), dtype=np.uint8), "no pixels"),
        (np.full((5, 6, 3), 0.5) - 1, "from -0.5 to -0.5"),
        (np.full((5, 6, 3), 300), "from 300 to 300"),
    ],
)
def test_what_is_no_image_is_named(images, message):
    with pytest.raises(ValueError, match=message):
        LayoutLMv2ImageProcessor()(images)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"apply_ocr": False, "size": {"height": 96, "width": 128}},
        {"do_resize": False, "ocr_lang": "eng", "tesseract_config": "--psm 6"},
        {"resample": Image.Resampling.BICUBIC},
    ],
)
def test_settings_go_both_ways(tmp_path, settings):
    Reference(**settings).save_pretrained(tmp_path / "theirs")
    ours = LayoutLMv2ImageProcessor.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    back = Reference.from_pretrained(tmp_path / "ours")
    for name in ("do_resize", "apply_ocr", "ocr_lang", "tesseract_config"):
        assert getattr(back, name) == getattr(ours, name) == getattr(Reference(**settings), name)
    assert dict(back.size) == ours.size
    assert int(back.resample) == int(ours.resample)


def test_settings_of_older_checkpoints(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(
        '{"feature_extractor_type": "LayoutLMv2FeatureExtractor", "size": 224, "resample": 2,'
        ' "do_resize": true, "apply_ocr": true}'
    )
    assert LayoutLMv2ImageProcessor.from_pretrained(tmp_path).size == {"height": 224, "width": 224}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no preprocessor_config.json"),
        ("[]", "holds a list"),
        ('{"size": {"shortest_edge": 3}}', "preprocessor_config.json: size is"),
        ('{"size": 0}', "at least 1 pixel"),
    ],
)
def test_a_broken_checkpoint_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        LayoutLMv2ImageProcessor.from_pretrained(tmp_path)


def test_a_picture_costs_neither_torchvision_nor_an_ocr_engine():
    check = (
        "import sys; from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Processor;"
        "from PIL import Image;"
        "LayoutLMv2ImageProcessor()(Image.new('L', (300, 200), 255));"
        "print([m for m in ('torchvision', 'transformers', 'pytesseract') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
