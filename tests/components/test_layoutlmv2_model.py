"""LayoutLMv2 equals the reference: stored tensors of the real one, and the public library live."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from pageloom import models
from pageloom.errors import CheckpointError
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForQuestionAnswering,
    LayoutLMv2ForSequenceClassification,
    LayoutLMv2ForTokenClassification,
    LayoutLMv2Model,
    attention,
)
from pageloom.models.attention import relative_position_bucket
from tests import public_library

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(folder for folder in GOLDEN.glob("*/*") if folder.is_dir())
HEADS = [
    LayoutLMv2ForTokenClassification,
    LayoutLMv2ForSequenceClassification,
    LayoutLMv2ForQuestionAnswering,
]


def tiny_config(**changes):
    values = {
        "vocab_size": 99,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "max_position_embeddings": 64,
        "coordinate_size": 4,
        "shape_size": 4,
        "image_feature_pool_shape": [7, 7, 16],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "detectron2_config_args": {
            "MODEL.RESNETS.DEPTH": 50,
            "MODEL.RESNETS.STEM_OUT_CHANNELS": 8,
            "MODEL.RESNETS.RES2_OUT_CHANNELS": 8,
            "MODEL.RESNETS.WIDTH_PER_GROUP": 4,
            "MODEL.FPN.OUT_CHANNELS": 16,
            "MODEL.PIXEL_STD": [57.375, 57.12, 58.395],
        },
    }
    return LayoutLMv2Config(**{**values, **changes})


def inputs(batch=2, length=17, seed=0, padded=True):
    torch.manual_seed(seed)
    corner = torch.randint(0, 500, (batch, length, 2))
    mask = torch.ones(batch, length, dtype=torch.long)
    if padded and length > 3:
        mask[-1, length - 3 :] = 0
    return {
        "input_ids": torch.randint(1, 99, (batch, length)),
        "bbox": torch.cat((corner, corner + torch.randint(0, 400, corner.shape)), -1),
        "image": torch.randint(0, 256, (batch, 3, 224, 224)).float(),
        "attention_mask": mask,
        "token_type_ids": torch.randint(0, 2, (batch, length)),
    }


def kept(tensor, mask):
    """The rows of a text or a text-and-visual tensor that the attention mask keeps."""
    if tensor.dim() < 2 or tensor.shape[0] != mask.shape[0] or tensor.shape[1] < mask.shape[1]:
        return tensor
    visual = tensor.shape[1] - mask.shape[1]
    return tensor[torch.cat((mask, mask.new_ones(len(mask), visual)), 1).bool()]


def assert_close(ours, theirs, mask, atol=1e-4):
    torch.testing.assert_close(kept(ours, mask), kept(theirs, mask), atol=atol, rtol=0)


@pytest.mark.parametrize("folder", CASES, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_every_tensor_of_the_reference(folder):
    model = getattr(models, folder.name).from_pretrained(folder)
    given_ = load_file(folder / "inputs.safetensors")
    given_["image"] = given_["image"].float()
    with torch.no_grad():
        out = model(**given_, output_hidden_states=True)
        visual = getattr(model, "layoutlmv2", model).visual(given_["image"])
    expected = load_file(folder / "outputs.safetensors")
    assert expected
    for name, tensor in expected.items():
        if name == "visual_features":
            ours = visual
        elif name.startswith("hidden_states."):
            ours = out.hidden_states[int(name.rpartition(".")[2])]
        else:
            ours = getattr(out, name)
        assert_close(ours, tensor, given_["attention_mask"])


@pytest.mark.parametrize("folder", CASES, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_a_reference_checkpoint_is_written_back_tensor_for_tensor(folder, tmp_path):
    getattr(models, folder.name).from_pretrained(folder).save_pretrained(tmp_path)
    theirs, ours = (load_file(f / "model.safetensors") for f in (folder, tmp_path))
    ignored = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert ours.keys() - ignored == theirs.keys() - ignored
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs.keys() - ignored)


@pytest.fixture(scope="module")
def public():
    return public_library.layoutlmv2()


BACKBONES = {
    "frozen": {},
    "grouped": {"MODEL.RESNETS.NUM_GROUPS": 2, "MODEL.RESNETS.STRIDE_IN_1X1": False},
    "trained norms": {"MODEL.RESNETS.NORM": "BN"},
    "basic blocks": {
        "MODEL.RESNETS.DEPTH": 18,
        "MODEL.RESNETS.RES2_OUT_CHANNELS": 64,
        "MODEL.RESNETS.STEM_OUT_CHANNELS": 64,
    },
}


def backbone_config(name, **changes):
    args = tiny_config().detectron2_config_args | BACKBONES[name]
    return tiny_config(detectron2_config_args=args, **changes)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("head", [LayoutLMv2Model, *HEADS])
def test_checkpoints_go_both_ways(public, tmp_path, head, backbone):
    ours = head(backbone_config(backbone)).initialise_all().eval()
    ours.save_pretrained(tmp_path / "ours")
    theirs = getattr(public, head.__name__).from_pretrained(tmp_path / "ours").eval()
    theirs.save_pretrained(tmp_path / "theirs")
    again = head.from_pretrained(tmp_path / "theirs")
    batch = inputs()
    with torch.no_grad():
        expected = theirs(**batch, output_hidden_states=True)
        for model in (ours, again):
            out = model(**batch, output_hidden_states=True)
            for name in expected:
                pairs = (getattr(out, name), expected[name])
                if isinstance(pairs[1], torch.Tensor):
                    pairs = ((pairs[0],), (pairs[1],))
                for mine, reference in zip(*pairs, strict=True):
                    assert_close(mine, reference, batch["attention_mask"])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("biases", [True, False])
def test_attentions_and_gradients_equal_the_public_librarys(public, tmp_path, fused, biases):
    config = tiny_config(
        fast_qkv=fused, has_relative_attention_bias=biases, has_spatial_attention_bias=biases
    )
    ours = LayoutLMv2ForTokenClassification(config).initialise_all()
    ours.save_pretrained(tmp_path)
    theirs = public.LayoutLMv2ForTokenClassification.from_pretrained(
        tmp_path, attn_implementation="eager"
    )
    batch = inputs(padded=False)
    labels = torch.randint(0, 2, batch["input_ids"].shape)
    expected = theirs.train()(**batch, labels=labels, output_attentions=True)
    out = ours.train()(**batch, labels=labels, output_attentions=True)
    for mine, reference in zip(out.attentions, expected.attentions, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=0)
    out.loss.backward()
    expected.loss.backward()
    gradients = {k: p.grad for k, p in theirs.named_parameters() if p.grad is not None}
    compared = 0
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            reference = gradients[ours.checkpoint_key(name)]
            torch.testing.assert_close(parameter.grad, reference, atol=1e-3, rtol=1e-3)
            compared += 1
    assert compared > 80


@settings(max_examples=8, deadline=None)
@given(
    batch=st.integers(1, 3), length=st.integers(1, 30), seed=st.integers(0, 1000), data=st.data()
)
def test_padding_changes_nothing(batch, length, seed, data):
    """Packed rows give what each row gives alone, whatever the mask."""
    torch.manual_seed(0)
    model = LayoutLMv2Model(tiny_config()).initialise_all().eval()
    rows = inputs(batch, length, seed, padded=False)
    lengths = [data.draw(st.integers(1, length)) for _ in range(batch)]
    rows["attention_mask"] = (torch.arange(length) < torch.tensor(lengths)[:, None]).long()
    with torch.no_grad():
        together = model(**rows).last_hidden_state
        for row, kept_length in enumerate(lengths):
            alone = model(
                **{
                    name: tensor[row : row + 1, :kept_length] if name != "image" else tensor[[row]]
                    for name, tensor in rows.items()
                }
            ).last_hidden_state[0]
            torch.testing.assert_close(
                together[row, :kept_length], alone[:kept_length], atol=1e-5, rtol=0
            )
            torch.testing.assert_close(
                together[row, length:], alone[kept_length:], atol=1e-5, rtol=0
            )


@given(
    st.lists(st.integers(-2000, 2000), min_size=1),
    st.sampled_from([(32, 128), (64, 256), (8, 20)]),
)
def test_buckets_equal_the_reference(distances, sizes):
    public_library.install()
    from transformers.models.layoutlmv2.modeling_layoutlmv2 import (
        relative_position_bucket as reference,
    )

    distance = torch.tensor(distances)
    expected = reference(distance, num_buckets=sizes[0], max_distance=sizes[1])
    assert torch.equal(relative_position_bucket(distance, *sizes), expected)


def test_a_page_encoded_once_serves_many_windows():
    model = LayoutLMv2Model(tiny_config()).initialise_all().eval()
    batch = inputs()
    image = batch.pop("image")
    with torch.no_grad():
        features = model.visual(image)
        assert torch.equal(
            model(**batch, image=image).last_hidden_state,
            model(**batch, image_features=features).last_hidden_state,
        )


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("keep_padding", [True, False])
def test_attention_over_a_dense_batch_equals_attention_by_sequence(
    monkeypatch, biases, keep_padding
):
    """What an accelerator runs, here on the CPU."""
    config = tiny_config(has_relative_attention_bias=biases, has_spatial_attention_bias=biases)
    model = LayoutLMv2Model(config).initialise_all().eval()
    batch = inputs(batch=3)
    batch["attention_mask"][0, 5:9] = 0

    def run():
        with torch.no_grad():
            return model(**batch, keep_padding=keep_padding, output_attentions=True)

    expected = run()
    monkeypatch.setattr(attention, "BY_SEQUENCE", set())
    out = run()
    torch.testing.assert_close(out.last_hidden_state, expected.last_hidden_state)
    for mine, reference in zip(out.attentions, expected.attentions, strict=True):
        torch.testing.assert_close(mine, reference)


def test_folded_norms_give_the_same_features():
    torch.manual_seed(0)
    visual = LayoutLMv2Model(backbone_config("trained norms")).initialise_all().visual
    for name, buffer in visual.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    visual.eval()
    image = torch.randint(0, 256, (1, 3, 224, 224))
    with torch.no_grad():
        before = visual(image)
        visual.fold_batch_norm()
        torch.testing.assert_close(visual(image), before, atol=1e-4, rtol=1e-4)


def test_a_backbone_that_is_not_built_is_named():
    args = backbone_config("basic blocks").detectron2_config_args
    config = tiny_config(detectron2_config_args=args | {"MODEL.RESNETS.NUM_GROUPS": 2})
    with pytest.raises(ValueError, match=r"NUM_GROUPS must be 1 where MODEL\.RESNETS\.DEPTH"):
        LayoutLMv2Model(config)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"bbox": torch.full((2, 17, 4), 1024)}, "1024"),
        ({"bbox": torch.tensor([9, 9, 3, 9]).expand(2, 17, 4)}, "swapped"),
        ({"input_ids": None}, "input_ids"),
        ({"image": None}, "image"),
    ],
)
def test_wrong_inputs_are_named(change, named):
    model = LayoutLMv2Model(tiny_config()).initialise_all()
    with pytest.raises(ValueError, match=named):
        model(**{**inputs(), **change})


def test_more_tokens_than_positions_are_refused():
    model = LayoutLMv2Model(tiny_config()).initialise_all()
    with pytest.raises(ValueError, match="65 tokens in a window"):
        model(**inputs(length=65))


def test_losses_of_each_problem_type_equal_the_public_librarys(public, tmp_path):
    batch = inputs()
    for labels, count in (
        (torch.tensor([1, 0]), 3),
        (torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), 3),
        (torch.tensor([0.3, 0.7]), 1),
    ):
        ours = LayoutLMv2ForSequenceClassification(tiny_config(num_labels=count))
        ours.initialise_all().eval().save_pretrained(tmp_path)
        theirs = public.LayoutLMv2ForSequenceClassification.from_pretrained(tmp_path).eval()
        expected = theirs(**batch, labels=labels).loss
        torch.testing.assert_close(ours(**batch, labels=labels).loss, expected, atol=1e-4, rtol=0)


def test_batch_norm_is_synchronised_only_where_processes_are(tmp_path):
    model = LayoutLMv2Model(tiny_config()).initialise_all()
    with pytest.raises(RuntimeError, match="init_process_group"):
        model.visual.synchronize_batch_norm()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        before = model.state_dict().keys()
        model.visual.synchronize_batch_norm()
        norms = [m for m in model.modules() if isinstance(m, torch.nn.SyncBatchNorm)]
        assert len(norms) == 52  # stem, 16 blocks of 3, 3 shortcuts
        new = {name for name in model.state_dict() if name not in before}
        assert all(name.endswith("num_batches_tracked") for name in new)
    finally:
        torch.distributed.destroy_process_group()


def test_a_head_from_a_base_checkpoint_names_what_is_new(tmp_path, caplog):
    LayoutLMv2Model(tiny_config()).initialise_all().save_pretrained(tmp_path)
    model = LayoutLMv2ForTokenClassification.from_pretrained(tmp_path, num_labels=5)
    assert "classifier.weight, classifier.bias" in caplog.text
    assert model.classifier.weight.shape == (5, 24)
    assert model.config.id2label[4] == "LABEL_4"


def test_another_number_of_labels_needs_a_word(tmp_path):
    LayoutLMv2ForTokenClassification(tiny_config(num_labels=3)).initialise_all().save_pretrained(
        tmp_path
    )
    with pytest.raises(CheckpointError, match=r"classifier.weight.*ignore_mismatched"):
        LayoutLMv2ForTokenClassification.from_pretrained(tmp_path, num_labels=5)
    model = LayoutLMv2ForTokenClassification.from_pretrained(
        tmp_path, num_labels=5, ignore_mismatched_sizes=True
    )
    assert model.classifier.bias.tolist() == [0.0] * 5


def test_position_biases_learn_after_an_inference_in_the_same_process():
    model = LayoutLMv2Model(tiny_config(max_rel_pos=37)).initialise_all()
    inputs = {
        "input_ids": torch.tensor([[5, 6, 7]]),
        "bbox": torch.tensor([[[1, 2, 30, 40], [50, 2, 90, 40], [1, 60, 30, 90]]]),
        "image": torch.zeros(1, 3, 224, 224),
    }
    with torch.inference_mode():
        model.eval()(**inputs)
    model.encoder.learn_position_biases = True
    model(**inputs).last_hidden_state.sum().backward()
    assert model.encoder.rel_pos_bias.weight.grad.abs().sum() > 0
