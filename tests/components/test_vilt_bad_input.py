"""What does not fit a ViLT model is named, with a way out."""

import pytest
import torch

from pageloom import models
from pageloom.errors import CheckpointError
from tests.tiny_vilt import inputs, tiny


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_ids": None}, "input_ids or inputs_embeds"),
        ({"pixel_values": None}, "pixel_values or image_embeds"),
        ({"input_ids": torch.ones(3, 17, dtype=torch.long)}, "17 tokens.*16.*truncation=True"),
        ({"input_ids": torch.ones(3, 0, dtype=torch.long)}, "there is no text"),
        ({"input_ids": torch.ones(2, 9, dtype=torch.long)}, "2 texts and 3 images"),
        ({"pixel_values": torch.ones(3, 1, 24, 24)}, r"\(batch, 3, height, width\)"),
        ({"pixel_values": torch.ones(3, 3, 24, 5)}, "5 x 24 pixels are smaller than one patch"),
        ({"pixel_mask": torch.zeros(3, 24, 24)}, "pixel_mask of image 0 is not a rectangle"),
        ({"pixel_mask": torch.eye(32, 40).expand(3, -1, -1)}, "not a rectangle"),
        ({"pixel_mask": torch.ones(2, 24, 24)}, "there are 3 images"),
        ({"image_token_type_idx": 3}, "image_token_type_idx is 3.*3 modalities"),
        (
            {"pixel_values": None, "image_embeds": torch.ones(3, 7, 24)},
            "7 tokens an image.*embed_images",
        ),
    ],
)
def test_wrong_inputs_are_named(change, message):
    model = tiny("ViltModel")
    batch = inputs() | change
    if "input_ids" in change:
        del batch["attention_mask"], batch["token_type_ids"]
    with pytest.raises(ValueError, match=message):
        model(**batch)


def test_wrong_numbers_of_images_are_named():
    model, batch = tiny("ViltForImagesAndTextClassification"), inputs()
    with pytest.raises(ValueError, match="1 images an example, and the model takes 2"):
        model(**batch)
    batch["pixel_values"] = torch.stack((batch["pixel_values"],) * 2, 1)
    with pytest.raises(ValueError, match="pixel_mask has the shape"):
        model(**batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_images": -1}, "num_images is -1"),
        ({"modality_type_vocab_size": 2}, "modality_type_vocab_size 2"),
        ({"hidden_size": 25}, "multiple of num_attention_heads"),
        ({"image_size": 4}, "smaller than patch_size"),
        ({"image_size": [24]}, "one number of pixels, or two"),
        ({"max_image_length": 0}, "from 1, or -1"),
        ({"hidden_act": "swish2"}, "swish2"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny("ViltForImagesAndTextClassification", **changes)


def test_a_checkpoint_of_another_architecture_is_named(tmp_path):
    tiny("ViltModel").save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"'vilt'.*LayoutLMv2Config"):
        models.LayoutLMv2ForTokenClassification.from_pretrained(tmp_path)
