"""LiLT equals the public library's, live: outputs, losses, gradients, checkpoints."""

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from pageloom.errors import CheckpointError
from pageloom.models import (
    LiltConfig,
    LiltForQuestionAnswering,
    LiltForSequenceClassification,
    LiltForTokenClassification,
    LiltModel,
    attention,
)
from tests.parity import assert_gradients_equal, assert_outputs_equal, both_ways

HEADS = [LiltForTokenClassification, LiltForSequenceClassification, LiltForQuestionAnswering]


def tiny_config(**changes):
    values = {
        "vocab_size": 99,
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 70,
        "max_position_embeddings": 40,
        "max_2d_position_embeddings": 1001,
        "channel_shrink_ratio": 3,
        "type_vocab_size": 2,
        "pad_token_id": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        # Far from zero, so that attention weights differ and an error shows.
        "initializer_range": 0.2,
    }
    return LiltConfig(**{**values, **changes})


CONFIGS = {
    "as RoBERTa": {},
    "as wide as the text": {"channel_shrink_ratio": 1, "hidden_act": "relu"},
    "narrow": {"channel_shrink_ratio": 12, "hidden_act": "gelu_new", "type_vocab_size": 1},
    "padded with 0": {"pad_token_id": 0, "layer_norm_eps": 1e-5, "classifier_dropout": 0.0},
}


def inputs(batch=3, length=17, seed=0, padded=True, vocab=99, pad=1, segments=2):
    """Words, boxes and segments; of the last rows some padding, and a pad token inside."""
    torch.manual_seed(seed)
    corner = torch.randint(0, 500, (batch, length, 2))
    mask = torch.ones(batch, length, dtype=torch.long)
    ids = torch.randint(2, vocab, (batch, length))
    if padded and length > 6:
        mask[-1, length - 5 :] = 0
        mask[-2, length - 2 :] = 0
        ids[~mask.bool()] = pad
        ids[0, 4] = pad
    return {
        "input_ids": ids,
        "bbox": torch.cat((corner, corner + torch.randint(0, 500, corner.shape)), -1),
        "attention_mask": mask,
        "token_type_ids": torch.randint(0, segments, (batch, length)),
    }


def targets(head, batch):
    """What the head learns from."""
    count, length = batch["input_ids"].shape
    if head is LiltForQuestionAnswering:
        places = {"start_positions": torch.randint(0, length + 3, (count,))}
        return {**places, "end_positions": torch.randint(0, length, (count, 1))}
    if head is LiltForSequenceClassification:
        return {"labels": torch.randint(0, 2, (count,))}
    labels = torch.randint(0, 2, (count, length))
    return {"labels": labels.masked_fill(batch["attention_mask"] == 0, -100)}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("head", [LiltModel, *HEADS])
def test_every_output_and_both_checkpoints(tmp_path, head, name):
    changes = CONFIGS[name]
    ours = head(tiny_config(**changes)).initialise_all()
    theirs, again = both_ways(ours, getattr(transformers, head.__name__), tmp_path)
    batch = inputs(pad=ours.config.pad_token_id, segments=ours.config.type_vocab_size)
    asked = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        expected = theirs(**batch, **asked)
        for model in (ours, again):
            out = model(**batch, **asked)
            compared = assert_outputs_equal(out, expected, kept=batch["attention_mask"])
            assert {"hidden_states", "attentions"} < set(compared)
    files = (load_file(tmp_path / who / "model.safetensors") for who in ("ours", "theirs"))
    mine, reference = files
    assert mine.keys() == reference.keys()
    assert all(torch.equal(mine[key], reference[key]) for key in mine)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_losses_and_gradients(tmp_path, head, padded):
    ours = head(tiny_config()).initialise_all()
    theirs, _ = both_ways(ours, getattr(transformers, head.__name__), tmp_path)
    batch = inputs(padded=padded)
    batch |= targets(head, batch)
    out, expected = ours.train()(**batch), theirs.train()(**batch)
    assert_outputs_equal(out, expected, kept=batch["attention_mask"])
    out.loss.backward()
    expected.loss.backward()
    assert assert_gradients_equal(ours, theirs) > 90


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        (torch.tensor([1, 0, 2]), 3),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 2),
        (torch.tensor([0.3, 0.7, -1.0]), 1),
    ],
)
def test_losses_of_each_problem_type(tmp_path, labels, count):
    ours = LiltForSequenceClassification(tiny_config(num_labels=count)).initialise_all()
    theirs, _ = both_ways(ours, transformers.LiltForSequenceClassification, tmp_path)
    batch = inputs()
    expected = theirs(**batch, labels=labels)
    assert_outputs_equal(ours(**batch, labels=labels), expected)


def test_embeddings_and_positions_of_the_callers_own(tmp_path):
    ours = LiltModel(tiny_config()).initialise_all()
    theirs, _ = both_ways(ours, transformers.LiltModel, tmp_path)
    batch = inputs(padded=False)
    ids = batch.pop("input_ids")
    embeds = ours.embeddings.word_embeddings(ids)
    positions = torch.arange(30, 13, -1).expand(3, -1)
    for more in ({}, {"position_ids": positions}, {"bbox": None, "token_type_ids": None}):
        call = {**batch, "inputs_embeds": embeds, **more}
        assert_outputs_equal(ours(**call), theirs(**call))
        call = {**batch, "input_ids": ids, **more}
        assert_outputs_equal(ours(**call), theirs(**call))


def test_the_full_size(tmp_path):
    """The size of the published base models, which have RoBERTa's vocabulary."""
    config = LiltConfig(
        vocab_size=50265,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        layer_norm_eps=1e-5,
    )
    torch.manual_seed(0)
    ours = LiltForTokenClassification(config).initialise_all()
    theirs, _ = both_ways(ours, transformers.LiltForTokenClassification, tmp_path)
    batch = inputs(batch=2, length=120, vocab=50265, segments=1)
    with torch.no_grad():
        expected = theirs(**batch, output_hidden_states=True)
        out = ours(**batch, output_hidden_states=True)
    assert_outputs_equal(out, expected, kept=batch["attention_mask"])


@settings(max_examples=12, deadline=None)
@given(
    batch=st.integers(1, 3), length=st.integers(1, 30), seed=st.integers(0, 1000), data=st.data()
)
def test_padding_changes_nothing(batch, length, seed, data):
    """Packed rows give what each row gives alone, whatever the mask."""
    torch.manual_seed(0)
    model = LiltModel(tiny_config()).initialise_all().eval()
    rows = inputs(batch, length, seed, padded=False)
    lengths = [data.draw(st.integers(1, length)) for _ in range(batch)]
    rows["attention_mask"] = (torch.arange(length) < torch.tensor(lengths)[:, None]).long()
    with torch.no_grad():
        together = model(**rows).last_hidden_state
        for row, kept in enumerate(lengths):
            alone = model(**{name: tensor[row : row + 1, :kept] for name, tensor in rows.items()})
            torch.testing.assert_close(
                together[row, :kept], alone.last_hidden_state[0], atol=1e-5, rtol=0
            )
            assert not together[row, kept:].any()


@pytest.mark.parametrize("keep_padding", [True, False])
def test_attention_over_a_dense_batch_equals_attention_by_sequence(monkeypatch, keep_padding):
    """What an accelerator runs, here on the CPU."""
    model = LiltModel(tiny_config()).initialise_all().eval()
    batch = inputs()
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


def test_dropout_drops_in_training_alone():
    model = LiltModel(
        tiny_config(attention_probs_dropout_prob=0.5, hidden_dropout_prob=0.1)
    ).initialise_all()
    batch = inputs()
    with torch.no_grad():
        first, second = (model.train()(**batch).last_hidden_state for _ in range(2))
        assert not torch.equal(first, second)
        first, second = (model.eval()(**batch).last_hidden_state for _ in range(2))
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"bbox": torch.full((3, 17, 4), 1001)}, "from 1001 to 1001"),
        ({"bbox": torch.tensor([9, 9, 3, 9]).expand(3, 17, 4)}, "swapped"),
        ({"input_ids": None}, "input_ids"),
        ({"inputs_embeds": torch.zeros(3, 17, 48)}, "either input_ids or inputs_embeds"),
        ({"position_ids": torch.full((3, 17), 40)}, "position 39 of the 38"),
    ],
)
def test_wrong_inputs_are_named(change, named):
    model = LiltModel(tiny_config()).initialise_all()
    with pytest.raises(ValueError, match=named):
        model(**{**inputs(), **change})


def test_more_tokens_than_positions_are_refused():
    model = LiltModel(tiny_config()).initialise_all()
    model(**inputs(length=model.config.max_window, padded=False))
    with pytest.raises(ValueError, match="position 39 of the 38"):
        model(**inputs(length=39, padded=False))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"channel_shrink_ratio": 5}, "channel_shrink_ratio 5"),
        ({"hidden_size": 32, "channel_shrink_ratio": 4}, "multiple of 6"),
        ({"model_type": "roberta"}, "LiltConfig reads 'lilt'"),
        ({"hidden_size": "48"}, "hidden_size"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes, named):
    with pytest.raises(ValueError, match=named):
        tiny_config(**changes)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    config = transformers.RobertaConfig(
        vocab_size=9, hidden_size=12, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.RobertaModel(config).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="model_type is 'roberta'"):
        LiltModel.from_pretrained(tmp_path)
