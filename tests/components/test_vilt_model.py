"""ViLT equals the public library's, and encodes an image the same way each time."""

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pageloom.models import ViltConfig, ViltForMaskedLM, ViltForQuestionAnswering, ViltModel
from pageloom.models import attention as attention_module
from pageloom.models.vilt.embeddings import spread
from tests.parity import assert_gradients_equal, assert_outputs_equal, both_ways
from tests.tiny_vilt import inputs, tiny, tiny_config

transformers.logging.set_verbosity_error()

HEADS = [
    "ViltModel",
    "ViltForMaskedLM",
    "ViltForQuestionAnswering",
    "ViltForImagesAndTextClassification",
    "ViltForImageAndTextRetrieval",
    "ViltForTokenClassification",
]


def pair(ours, folder):
    """The public library's model with our weights."""
    return both_ways(ours, getattr(transformers, type(ours).__name__), folder)[0]


def labels_for(name, batch):
    rows, length = batch["input_ids"].shape
    generator = torch.Generator().manual_seed(1)
    if name == "ViltForQuestionAnswering":
        return torch.rand(rows, 5, generator=generator)
    if name == "ViltForImagesAndTextClassification":
        return torch.randint(0, 5, (rows,), generator=generator)
    most = 99 if name == "ViltForMaskedLM" else 5
    labels = torch.randint(0, most, (rows, length), generator=generator)
    labels[:, ::3] = -100
    return labels


def in_order(monkeypatch):
    """Let the public library take the patches as they come, and not in random order."""
    draw = lambda weights, count, replacement=False: torch.arange(int(count))  # noqa: E731
    monkeypatch.setattr(torch, "multinomial", draw)


def kept(batch, image=None):
    """The places of a sequence that are no padding: bool (batch, text + 1 + patches)."""
    masks = batch["pixel_mask"] if image is None else batch["pixel_mask"][:, image]
    counts = masks[:, ::8, ::8].flatten(1).sum(1)
    patches = torch.arange(int(counts.max()) + 1) <= counts[:, None]
    return torch.cat((batch["attention_mask"].bool(), patches), 1)


def assert_close(mine, reference, atol=1e-4):
    torch.testing.assert_close(mine, reference, atol=atol, rtol=0)


TRACES = ("hidden_states", "attentions")


@pytest.mark.parametrize("name", HEADS)
def test_every_output_equals_the_public_librarys(name, tmp_path, monkeypatch):
    ours = tiny(name)
    theirs = pair(ours, tmp_path)
    in_order(monkeypatch)
    batch = inputs(name)
    asked = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        out, expected = ours(**batch, **asked), theirs(**batch, **asked)
    if name == "ViltModel":
        compared = assert_outputs_equal(out, expected, kept(batch))
        assert compared == ["last_hidden_state", "pooler_output", *TRACES]
        return
    compared = assert_outputs_equal(out, expected, batch["attention_mask"], leave_out=TRACES)
    assert compared == ["logits"]
    if name != "ViltForImagesAndTextClassification":
        compared = assert_outputs_equal(out, expected, kept(batch), leave_out=("logits",))
        assert compared == list(TRACES)
        return
    for image in range(2):
        mine, reference = (
            transformers.utils.ModelOutput({trace: result[trace][image] for trace in TRACES})
            for result in (vars(out), expected)
        )
        assert assert_outputs_equal(mine, reference, kept(batch, image)) == list(TRACES)


@pytest.mark.parametrize("name", HEADS)
def test_the_random_order_of_the_public_library_changes_no_result(name, tmp_path):
    ours = tiny(name)
    theirs, batch = pair(ours, tmp_path), inputs(name)
    with torch.no_grad():
        out, expected = ours(**batch), theirs(**batch)
    if name == "ViltModel":
        assert_close(out.pooler_output, expected.pooler_output)
        out.logits, expected.logits = (x.last_hidden_state[:, :9] for x in (out, expected))
    places = batch["attention_mask"].bool()
    three = out.logits.dim() == 3
    assert_close(*(x.logits[places] if three else x.logits for x in (out, expected)))


@pytest.mark.parametrize("name", [name for name in HEADS if name != "ViltForImageAndTextRetrieval"])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_losses_and_gradients_equal_the_public_librarys(name, qkv_bias, tmp_path):
    ours = tiny(name, qkv_bias=qkv_bias)
    theirs, batch = pair(ours, tmp_path), inputs(name)
    if name == "ViltModel":
        losses = [model(**batch).pooler_output.square().sum() for model in (ours, theirs)]
    else:
        batch["labels"] = labels_for(name, batch)
        losses = [model.train()(**batch).loss for model in (ours, theirs)]
    assert_close(*losses)
    for loss in losses:
        loss.backward()
    assert assert_gradients_equal(ours, theirs) >= 41 - 6 * (not qkv_bias)


def test_a_text_that_begins_with_padding_equals_the_public_librarys(tmp_path):
    ours = tiny("ViltModel")
    theirs, batch = pair(ours, tmp_path), inputs()
    batch["attention_mask"] = batch["attention_mask"].flip(1)
    with torch.no_grad():
        out, expected = ours(**batch), theirs(**batch)
    assert_close(out.pooler_output, expected.pooler_output)
    assert_close(out.last_hidden_state[:, :9], expected.last_hidden_state[:, :9])


@pytest.mark.parametrize("name", HEADS)
def test_checkpoints_go_both_ways(name, tmp_path, caplog):
    ours = tiny(name)
    _, again = both_ways(ours, getattr(transformers, name), tmp_path)
    files = [load_file(tmp_path / side / "model.safetensors") for side in ("ours", "theirs")]
    assert files[0].keys() == files[1].keys()
    settings_kept = again.config.to_dict()
    for key, value in tiny_config().to_dict().items():
        assert settings_kept[key] == value
    for key, tensor in ours.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
    assert [record.name for record in caplog.records if record.name.startswith("pageloom")] == []


@pytest.mark.parametrize("held", ["mlm_score.decoder.weight", "both"])
def test_tied_weights_under_either_name(held, tmp_path, caplog):
    """Older checkpoints hold the word embeddings as the decoder's weight too, or only there."""
    ours = tiny("ViltForMaskedLM")
    ours.save_pretrained(tmp_path)
    file, words = tmp_path / "model.safetensors", "vilt.embeddings.text_embeddings.word_embeddings"
    tensors = load_file(file)
    tensors["mlm_score.decoder.weight"] = tensors[f"{words}.weight"].clone()
    tensors["mlm_score.bias"] = tensors.pop("mlm_score.decoder.bias")
    if held != "both":
        del tensors[f"{words}.weight"]
    save_file(tensors, file)
    again = ViltForMaskedLM.from_pretrained(tmp_path)
    assert [record.name for record in caplog.records if record.name.startswith("pageloom")] == []
    batch = inputs()
    with torch.no_grad():
        assert torch.equal(again(**batch).logits, ours(**batch).logits)
        base = ViltModel.from_pretrained(tmp_path)
        assert torch.equal(base(**batch).pooler_output, ours.vilt(**batch).pooler_output)


def test_the_base_size_equals_the_public_librarys(tmp_path):
    torch.manual_seed(0)
    ours = ViltForQuestionAnswering(ViltConfig(num_labels=3129)).initialise_all().eval()
    theirs = pair(ours, tmp_path)
    batch = inputs(sizes=((384, 512), (384, 384)), length=12)
    with torch.no_grad():
        out, expected = ours(**batch, output_attentions=True), theirs(**batch)
    assert_close(out.logits, expected.logits)


@settings(max_examples=10)
@given(
    grids=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=1, max_size=3),
    length=st.integers(1, 16),
    seed=st.integers(0, 999),
)
def test_each_example_is_encoded_as_if_alone(grids, length, seed):
    model = tiny("ViltModel")
    sizes = [(8 * rows, 8 * columns) for rows, columns in grids]
    batch = inputs(sizes=sizes, length=length, seed=seed)
    with torch.no_grad():
        together = model(**batch)
        for row, (height, width) in enumerate(sizes):
            tokens = int(batch["attention_mask"][row].sum())
            alone = model(
                input_ids=batch["input_ids"][[row], :tokens],
                token_type_ids=batch["token_type_ids"][[row], :tokens],
                pixel_values=batch["pixel_values"][[row], :, :height, :width],
            )
            assert_close(together.pooler_output[row], alone.pooler_output[0], 1e-5)


@settings(max_examples=10)
@given(
    sizes=st.lists(st.tuples(st.integers(8, 60), st.integers(8, 60)), min_size=1, max_size=3),
    length=st.integers(1, 16),
    seed=st.integers(0, 999),
)
def test_any_size_equals_the_public_librarys(sizes, length, seed, tmp_path_factory):
    ours = tiny("ViltForQuestionAnswering")
    theirs = pair(ours, tmp_path_factory.mktemp("any-size"))
    batch = inputs(sizes=sizes, length=length, seed=seed)
    with torch.no_grad():
        assert_close(ours(**batch).logits, theirs(**batch).logits)


def test_attention_over_a_dense_batch_equals_attention_by_sequence(monkeypatch):
    """What an accelerator runs, here on the CPU."""
    model, batch = tiny("ViltModel"), inputs()
    batch["attention_mask"][0, 3:5] = 0

    def run(keep):
        with torch.no_grad():
            return model(**batch, keep_padding=keep, output_attentions=True)

    expected = [run(keep) for keep in (False, True)]
    monkeypatch.setattr(attention_module, "BY_SEQUENCE", set())
    for keep, reference in enumerate(expected):
        out = run(bool(keep))
        assert_close(out.last_hidden_state, reference.last_hidden_state, 1e-5)
        for mine, other in zip(out.attentions, reference.attentions, strict=True):
            assert_close(mine, other, 1e-5)


def test_one_image_serves_several_questions():
    model = tiny("ViltForQuestionAnswering")
    batch = inputs(sizes=((24, 40),) * 3)
    batch["pixel_values"][1:] = batch["pixel_values"][0]
    with torch.no_grad():
        expected = model(**batch).logits
        tokens, mask = model.vilt.embed_images(batch.pop("pixel_values")[:1])
        del batch["pixel_mask"]
        shared = model(
            **batch, image_embeds=tokens.expand(3, -1, -1), pixel_mask=mask.expand(3, -1)
        )
        assert_close(shared.logits, expected, 1e-6)
        assert_close(model(**batch, image_embeds=tokens.expand(3, -1, -1)).logits, expected, 1e-6)


def test_embedded_words_stand_in_for_their_ids():
    model, batch = tiny("ViltModel"), inputs()
    with torch.no_grad():
        expected = model(**batch).pooler_output
        words = model.embeddings.text_embeddings.word_embeddings(batch.pop("input_ids"))
        assert torch.equal(model(**batch, inputs_embeds=words).pooler_output, expected)


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_fewer_patches_are_spread_evenly_and_always_the_same(limit, tmp_path, monkeypatch):
    ours, batch = tiny("ViltModel", max_image_length=limit), inputs()
    theirs = pair(ours, tmp_path)
    patches = batch["pixel_mask"][:, ::8, ::8].bool()
    counts = patches.flatten(1).sum(1).tolist()
    taken = {
        count: spread(patches, limit)[row][patches[row]].nonzero()[:, 0]
        for row, count in enumerate(counts)
    }
    assert len(taken) == len(counts)  # so that the number of patches tells which image it is

    def draw(weights, count, replacement=False):
        """Let the public library draw the patches that are taken here."""
        return torch.arange(int(count)) if replacement else taken[len(weights)]

    monkeypatch.setattr(torch, "multinomial", draw)
    with torch.no_grad():
        out, again, expected = ours(**batch), ours(**batch), theirs(**batch)
    assert out.last_hidden_state.shape == (3, 9 + 1 + limit, 24)
    assert torch.equal(out.last_hidden_state, again.last_hidden_state)
    assert_close(out.pooler_output, expected.pooler_output)
    places = out.last_hidden_state.any(-1)
    assert_close(out.last_hidden_state[places], expected.last_hidden_state[places])


@given(rows=st.integers(1, 30), columns=st.integers(1, 30), data=st.data())
def test_what_is_kept_covers_the_grid(rows, columns, data):
    most = data.draw(st.integers(1, rows * columns))
    whole = torch.ones(1, rows, columns, dtype=torch.bool)
    kept_places = spread(whole, most)
    assert int(kept_places.sum()) == most
    assert not (spread(whole, max(1, most - 1)) & ~kept_places).any()
    # No half of the grid gets far more than its share.
    half = kept_places[:, : (rows + 1) // 2].float().mean() if rows > 1 else most / columns
    assert abs(float(half) - most / (rows * columns)) < 0.2 + 4 / (rows * columns) ** 0.5


def test_a_statement_fits_an_image_or_not():
    """The reference has no loss for retrieval; here it learns to tell pairs apart."""
    model, batch = tiny("ViltForImageAndTextRetrieval").train(), inputs()
    labels = torch.tensor([1, 0, 1])
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = model.eval()(**batch).logits.sigmoid()
    assert scores.shape == (3, 1)
    assert scores.round().flatten().tolist() == [1.0, 0.0, 1.0]
