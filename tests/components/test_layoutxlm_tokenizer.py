"""LayoutXLMTokenizer: words and boxes to XLM-R's ids, equal to the public library's; and
LayoutXLM's model, which is LayoutLMv2's.
"""

import base64
import json
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LayoutXLMTokenizer as Reference

from pageloom.errors import CheckpointError
from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
from pageloom.processing import LayoutXLMTokenizer, load_tokenizer
from pageloom.processing.windows import encode_words, frame_windows
from tests import public_library
from tests.box_words import (
    QUICK,
    TRICKY,
    a_question,
    a_word,
    assert_same,
    call_options,
    labelled_once,
    pages,
)
from tests.parity import assert_outputs_equal, both_ways

TEXT = [
    *TRICKY,
    "Invoice total due amount 12.50 RM",
    "Rechnung Nummer Straße 12",
    "facture numéro à payer",
    "antidisestablishmentarianism",
] * 5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tokenizer.json, in the order of ids that XLM-R's have."""
    folder = tmp_path_factory.mktemp("unigram")
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    made.train_from_iterator(TEXT, trainer)
    made.save(str(folder / "tokenizer.json"))
    config = {"model_max_length": 64, "tokenizer_class": "LayoutXLMTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return LayoutXLMTokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def reference(checkpoint):
    return Reference.from_pretrained(checkpoint)


def test_a_question_and_a_page(tokenizer):
    page = tokenizer("due", ["Invoice", "total"], boxes=[[1, 2, 3, 4], [5, 6, 7, 8]])
    assert tokenizer.decode(page.input_ids) == "<s> due</s></s> Invoice total</s>"
    ends = [
        box
        for token, box in zip(page.input_ids, page.bbox, strict=True)
        if token == tokenizer.sep_token_id
    ]
    assert ends == [[1000] * 4] * 3
    assert "token_type_ids" not in page


@QUICK
@given(page=pages(), options=call_options([None, False, True, "longest_first", "only_first"]))
def test_one_page_equals_the_reference(tokenizer, reference, page, options):
    words, boxes, _ = page
    assert_same(tokenizer(words, boxes=boxes, **options), reference(words, boxes=boxes, **options))


@QUICK
@given(
    batch=st.lists(st.tuples(a_question, pages(max_size=12)), min_size=1, max_size=3),
    options=call_options([None, "longest_first", "only_second"]),
)
def test_questions_equal_the_reference(tokenizer, reference, batch, options):
    questions = [question for question, _ in batch]
    words, boxes = [page[0] for _, page in batch], [page[1] for _, page in batch]
    try:
        theirs = reference(questions, words, boxes=boxes, **options)
    except BaseException as error:  # no room for words beside the question
        if type(error).__name__ not in ("Exception", "PanicException"):
            raise
        with pytest.raises(ValueError, match="cannot cut"):
            tokenizer(questions, words, boxes=boxes, **options)
        return
    assert_same(tokenizer(questions, words, boxes=boxes, **options), theirs)


@QUICK
@given(
    batch=st.lists(pages(max_size=12), min_size=1, max_size=3),
    options=call_options([None, True]),
    only_first=st.booleans(),
)
def test_labels_equal_the_reference(checkpoint, batch, options, only_first):
    ours = LayoutXLMTokenizer.from_pretrained(checkpoint, only_label_first_subword=only_first)
    theirs = Reference.from_pretrained(checkpoint, only_label_first_subword=only_first)
    kept = [labelled_once(theirs, page) for page in batch]
    words, boxes, labels = ([[row[i] for row in page] for page in kept] for i in range(3))
    assert_same(
        ours(words, boxes=boxes, word_labels=labels, **options),
        theirs(words, boxes=boxes, word_labels=labels, **options),
    )


@QUICK
@given(words=st.lists(a_word, max_size=20))
def test_every_word_is_labelled_once(tokenizer, words):
    """Also one whose first subword is the mark of a space alone."""
    boxes = [[1, 2, 3, 4]] * len(words)
    page = tokenizer(words, boxes=boxes, word_labels=list(range(len(words))))
    found = [label for label in page.labels if label >= 0]
    assert found == sorted({word for word in page.word_ids() if word is not None})


@QUICK
@given(words=st.lists(a_word, max_size=30))
def test_subwords_are_the_encoded_words(tokenizer, words):
    ids, index = tokenizer.subwords(words)
    page = tokenizer(words, boxes=[[0, 0, 0, 0]] * len(words), add_special_tokens=False)
    assert ids.tolist() == page.input_ids
    assert index.tolist() == page.word_ids()


@QUICK
@given(words=st.lists(a_word, max_size=12), skip=st.booleans())
def test_decoding_equals_the_reference(tokenizer, reference, words, skip):
    ids = tokenizer(words, boxes=[[0, 0, 0, 0]] * len(words)).input_ids
    assert tokenizer.decode(ids, skip) == reference.decode(ids, skip)


CONFIGS = {
    "plain": {},
    "no space before": {"add_prefix_space": False},
    "other boxes": {"cls_token_box": [1, 2, 3, 4], "sep_token_box": [0] * 4},
    "left": {"padding_side": "left", "truncation_side": "left"},
    "new special token": {"cls_token": "<cls>", "additional_special_tokens": ["<field>"]},
    "spelt out": {"mask_token": {"__type": "AddedToken", "content": "<mask>", "rstrip": True}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_checkpoints_go_both_ways(tmp_path, checkpoint, name):
    (tmp_path / "tokenizer.json").write_bytes((checkpoint / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(CONFIGS[name]))
    published = Reference.from_pretrained(tmp_path)
    published.save_pretrained(tmp_path / "theirs")
    from_file = LayoutXLMTokenizer.from_pretrained(tmp_path)
    from_theirs = LayoutXLMTokenizer.from_pretrained(tmp_path / "theirs")
    from_theirs.save_pretrained(tmp_path / "ours")
    back = Reference.from_pretrained(tmp_path / "ours")
    again = load_tokenizer(tmp_path / "ours")

    words = [*TRICKY, "<field>", "<cls>", " <mask> "]
    boxes = [[i, i, i + 1, i + 1] for i in range(len(words))]
    options = {"padding": "max_length", "truncation": True, "max_length": 40}
    options |= {"return_overflowing_tokens": True, "stride": 4}
    expected = published(words, boxes=boxes, **options)
    for tokenizer in (from_file, from_theirs, again, back):
        assert_same(tokenizer(words, boxes=boxes, **options), expected)
        assert len(tokenizer) == len(published)
        assert tokenizer.get_vocab() == published.get_vocab()
    assert from_file.fingerprint == from_theirs.fingerprint == again.fingerprint


def character_table(replacements):
    """SentencePiece's compiled table of one-byte replacements: a double-array trie, and strings."""
    units, strings = [0] * 512, b""
    units[0] = 256 << 10  # the root's children are at 256 ^ their byte
    for byte, replacement in replacements.items():
        node = 256 ^ byte
        # Its byte, the mark that a value follows, and that it lies at node ^ 1.
        units[node] = byte | 1 << 8 | 1 << 10
        units[node ^ 1] = 1 << 31 | len(strings)
        strings += replacement.encode() + b"\0"
    trie = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(trie)) + trie + strings


def test_the_table_of_characters_of_a_vocabulary_is_applied(tmp_path, checkpoint, tokenizer):
    """Published vocabularies have one; what it maps together has the same ids."""
    content = json.loads((checkpoint / "tokenizer.json").read_text())
    table = base64.b64encode(character_table({ord("q"): "a"})).decode()
    content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": table}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    mapped = LayoutXLMTokenizer.from_pretrained(tmp_path)
    assert mapped.subwords(["qmount"])[0].tolist() == tokenizer.subwords(["amount"])[0].tolist()
    assert tokenizer.subwords(["qmount"])[0].tolist() != mapped.subwords(["qmount"])[0].tolist()
    mapped.save_pretrained(tmp_path / "again")
    again = load_tokenizer(tmp_path / "again")
    assert again.subwords(["qmount"])[0].tolist() == mapped.subwords(["qmount"])[0].tolist()
    assert again.fingerprint == mapped.fingerprint != tokenizer.fingerprint


def test_a_tokenizer_made_of_pieces():
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("▁due", -1.0)]
    tokenizer = LayoutXLMTokenizer(pieces)
    page = tokenizer(["due", "never"], boxes=[[1, 1, 2, 2]] * 2)
    assert page.input_ids == [1, 4, 0, 3]


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_text("x")
    with pytest.raises(CheckpointError, match=r"tokenizer.json.*sentencepiece.bpe.model"):
        LayoutXLMTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("kind", ["layoutlmv2", "layoutxlm"])
def test_a_layoutxlm_checkpoint_runs_in_the_layoutlmv2_classes(tmp_path, tokenizer, kind):
    """The published ones have LayoutLMv2's config with XLM-R's vocabulary and padding id."""
    public = public_library.layoutlmv2()
    config = LayoutLMv2Config(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        coordinate_size=4,
        shape_size=4,
        image_feature_pool_shape=[7, 7, 16],
        initializer_range=0.2,
        detectron2_config_args={
            "MODEL.RESNETS.DEPTH": 50,
            "MODEL.RESNETS.STEM_OUT_CHANNELS": 8,
            "MODEL.RESNETS.RES2_OUT_CHANNELS": 8,
            "MODEL.RESNETS.WIDTH_PER_GROUP": 4,
            "MODEL.FPN.OUT_CHANNELS": 16,
        },
    )
    ours = LayoutLMv2ForTokenClassification(config).initialise_all()
    theirs, again = both_ways(ours, public.LayoutLMv2ForTokenClassification, tmp_path)
    written = tmp_path / "theirs" / "config.json"
    written.write_text(json.dumps(json.loads(written.read_text()) | {"model_type": kind}))
    renamed = LayoutLMv2ForTokenClassification.from_pretrained(tmp_path / "theirs")
    assert renamed.config.to_dict()["model_type"] == "layoutlmv2"

    batch = dict(
        tokenizer(
            [["Rechnung", "Nummer", "12.50"], ["total"]],
            boxes=[[[1, 2, 30, 40]] * 3, [[5, 6, 7, 8]]],
            padding=True,
            return_tensors="pt",
        )
    )
    batch["image"] = torch.randint(0, 256, (2, 3, 224, 224)).float()
    with torch.no_grad():
        expected = theirs(**batch)
        for model in (ours, again, renamed):
            assert_outputs_equal(model(**batch), expected, kept=batch["attention_mask"])


def test_windows_of_a_document(tokenizer):
    words = ["Rechnung", "total", "12.50"] * 40
    tokens = encode_words(
        tokenizer, words, [(1, 2, 3, 4)] * 120, [1] * 120, max_length=32, stride=8
    )
    rows = frame_windows(tokenizer, [(tokens, window) for window in tokens.windows])
    assert rows["bbox"][0, 0].tolist() == [0] * 4
    assert rows["bbox"][0, int(rows["attention_mask"][0].sum()) - 1].tolist() == [1000] * 4
