"""Any RoBERTa-style text encoder and a LiLT layout flow make one LiLT."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from typer.testing import CliRunner

from pageloom.cli import app
from pageloom.errors import CheckpointError
from pageloom.models import LiltConfig, LiltForTokenClassification, LiltModel
from pageloom.models.lilt import combine

SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
TEXTS = {
    "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
    "xlm-roberta with a head": (transformers.XLMRobertaConfig, transformers.XLMRobertaForMaskedLM),
    "camembert": (
        transformers.CamembertConfig,
        transformers.CamembertForTokenClassification,
    ),
}


def text_encoder(folder, name="roberta", **changes):
    config, model = TEXTS[name]
    settings = {"vocab_size": 57, "max_position_embeddings": 40, "type_vocab_size": 1} | SIZES
    torch.manual_seed(1)
    model(config(**{**settings, **changes})).eval().save_pretrained(folder)
    Tokenizer(models.BPE()).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def layout_flow(tmp_path):
    """A whole LiLT, of which only the layout flow is wanted."""
    config = LiltConfig(
        vocab_size=99,
        max_position_embeddings=36,
        channel_shrink_ratio=2,
        max_2d_position_embeddings=1001,
        initializer_range=0.2,
        **SIZES,
    )
    torch.manual_seed(2)
    LiltModel(config).initialise_all().save_pretrained(tmp_path / "lilt")
    return tmp_path / "lilt"


@pytest.mark.parametrize("name", TEXTS)
def test_the_parts_are_those_of_the_two(tmp_path, layout_flow, name):
    text = text_encoder(tmp_path / "text", name)
    config = combine(text, layout_flow, tmp_path / "out")
    joined = load_file(tmp_path / "out" / "model.safetensors")
    flow, words = (
        load_file(layout_flow / "model.safetensors"),
        load_file(text / "model.safetensors"),
    )
    layout = {key for key in joined if "layout_" in key}
    assert layout == {key for key in flow if "layout_" in key}
    assert all(torch.equal(joined[key], flow[key]) for key in layout)
    encoder = {key for key in joined if key.startswith("encoder.")} - layout
    words = {key.removeprefix("roberta."): tensor for key, tensor in words.items()}
    assert all(torch.equal(joined[key], words[key]) for key in encoder)
    assert len(encoder) == 32
    # Positions for the shorter windows of the two.
    assert config.max_position_embeddings == 36
    assert (config.vocab_size, config.channel_shrink_ratio, config.max_window) == (57, 2, 34)
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_both_libraries_read_the_result(tmp_path, layout_flow):
    combine(text_encoder(tmp_path / "text"), layout_flow, tmp_path / "out")
    ours = LiltModel.from_pretrained(tmp_path / "out")
    theirs = transformers.LiltModel.from_pretrained(tmp_path / "out").eval()
    ids, boxes = torch.randint(2, 57, (2, 9)), torch.randint(0, 500, (2, 9, 1)).expand(2, 9, 4)
    with torch.no_grad():
        expected = theirs(ids, boxes).last_hidden_state
        torch.testing.assert_close(ours(ids, boxes).last_hidden_state, expected)
    tagger = LiltForTokenClassification.from_pretrained(tmp_path / "out", num_labels=5)
    assert tagger(ids, boxes).logits.shape == (2, 9, 5)


def test_without_layout_the_result_is_the_text_encoder(tmp_path, layout_flow):
    """A layout flow whose queries are zero adds nothing to the attention scores."""
    flow = load_file(layout_flow / "model.safetensors")
    silent = {k: torch.zeros_like(v) if "layout_query" in k else v for k, v in flow.items()}
    save_file(silent, layout_flow / "model.safetensors")
    text = text_encoder(tmp_path / "text")
    combine(text, layout_flow, tmp_path / "out")
    ids = torch.randint(2, 57, (2, 9))
    with torch.no_grad():
        expected = transformers.RobertaModel.from_pretrained(text).eval()(ids)
        found = LiltModel.from_pretrained(tmp_path / "out")(ids)
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state)
    torch.testing.assert_close(found.pooler_output, expected.pooler_output)


def test_a_layout_flow_alone_without_config(tmp_path, layout_flow):
    """As the authors publish it: prefixed keys in a .bin file and nothing else."""
    flow = load_file(layout_flow / "model.safetensors")
    alone = tmp_path / "alone"
    alone.mkdir()
    tensors = {f"lilt.{key}": tensor for key, tensor in flow.items() if "layout_" in key}
    torch.save(tensors, alone / "pytorch_model.bin")
    text = text_encoder(tmp_path / "text")
    combine(text, layout_flow, tmp_path / "one")
    combine(text, alone, tmp_path / "two")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_hidden_layers": 3}, "3 layers of size 24.*2 of size 12"),
        ({"hidden_size": 20}, "layers of size 20"),
        ({"num_attention_heads": 4}, "num_attention_heads 4"),
        ({"pad_token_id": 0}, "pad_token_id 0"),
    ],
)
def test_parts_that_do_not_fit_are_named(tmp_path, layout_flow, changes, named):
    text = text_encoder(tmp_path / "text", **changes)
    with pytest.raises(CheckpointError, match=named):
        combine(text, layout_flow, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_models_are_refused(tmp_path, layout_flow):
    config = transformers.BertConfig(vocab_size=9, hidden_size=24, num_attention_heads=2)
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(CheckpointError, match="is a bert model"):
        combine(tmp_path / "bert", layout_flow, tmp_path / "out")
    text = text_encoder(tmp_path / "text")
    with pytest.raises(CheckpointError, match="layout flow alone"):
        combine(text, text, tmp_path / "out")


def test_the_command(tmp_path, layout_flow):
    text, out = text_encoder(tmp_path / "text"), tmp_path / "out"
    result = CliRunner().invoke(app, ["combine-lilt", str(text), str(layout_flow), str(out)])
    assert result.exit_code == 0, result.output
    assert LiltModel.from_pretrained(out).config.vocab_size == 57
    result = CliRunner().invoke(app, ["combine-lilt", str(text), str(text), str(out)])
    assert result.exit_code == 2
    assert "layout flow alone" in result.output
