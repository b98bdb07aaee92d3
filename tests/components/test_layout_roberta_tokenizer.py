"""LayoutRobertaTokenizer: words and boxes to RoBERTa's ids, equal to the public library's."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LayoutLMv3Tokenizer as Reference
from transformers import RobertaTokenizer

from pageloom.errors import CheckpointError
from pageloom.processing import (
    LayoutLMv2Tokenizer,
    LayoutRobertaTokenizer,
    LayoutXLMTokenizer,
    load_tokenizer,
)
from pageloom.processing.windows import encode_words, frame_windows
from tests.box_words import (
    QUICK,
    TRICKY,
    a_question,
    a_word,
    assert_same,
    call_options,
    pages,
)

TEXT = [*TRICKY, "Invoice total due amount 12.50 RM", "the quick brown fox", "Straße 12"] * 5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder as older checkpoints have it: vocab.json, merges.txt and the settings."""
    folder = tmp_path_factory.mktemp("bpe")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXT, trainer)
    made.model.save(str(folder))
    config = {"model_max_length": 64, "tokenizer_class": "LayoutLMv3Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return LayoutRobertaTokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def reference(checkpoint):
    return Reference.from_pretrained(checkpoint)


def test_a_question_and_a_page(tokenizer):
    page = tokenizer("due ?", ["Invoice", "total"], boxes=[[1, 2, 3, 4], [5, 6, 7, 8]])
    assert tokenizer.decode(page.input_ids) == "<s> due ?</s></s> Invoice total</s>"
    words = [word for word in page.word_ids() if word is not None]
    assert words[-1] == 1
    assert page.bbox[-2:] == [[5, 6, 7, 8], [0, 0, 0, 0]]
    assert page.sequence_ids().count(None) == 4


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
    ours = LayoutRobertaTokenizer.from_pretrained(checkpoint, only_label_first_subword=only_first)
    theirs = Reference.from_pretrained(checkpoint, only_label_first_subword=only_first)
    words, boxes, labels = ([page[i] for page in batch] for i in range(3))
    assert_same(
        ours(words, boxes=boxes, word_labels=labels, **options),
        theirs(words, boxes=boxes, word_labels=labels, **options),
    )


def test_a_word_that_a_window_cuts_is_labelled_in_both(tokenizer):
    page = tokenizer(
        ["antidisestablishmentarianism" * 2],
        boxes=[[1, 2, 3, 4]],
        word_labels=[5],
        max_length=10,
        truncation=True,
        return_overflowing_tokens=True,
    )
    assert len(page.labels) > 2
    assert all(row[1] == 5 and row.count(5) == 1 for row in page.labels)


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
    "other boxes": {"cls_token_box": [1, 2, 3, 4], "sep_token_box": [1000] * 4},
    "other labels": {"pad_token_label": -1, "only_label_first_subword": False},
    "left": {"padding_side": "left", "truncation_side": "left"},
    "new special token": {"cls_token": "<cls>", "extra_special_tokens": ["<field>"]},
    "spelt out": {
        "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True},
        "errors": "replace",
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_checkpoints_go_both_ways(tmp_path, checkpoint, name):
    for file in ("vocab.json", "merges.txt"):
        (tmp_path / file).write_bytes((checkpoint / file).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(CONFIGS[name]))
    published = Reference.from_pretrained(tmp_path)
    published.save_pretrained(tmp_path / "theirs")
    from_files = LayoutRobertaTokenizer.from_pretrained(tmp_path)
    from_json = LayoutRobertaTokenizer.from_pretrained(tmp_path / "theirs")
    from_json.save_pretrained(tmp_path / "ours")
    back = Reference.from_pretrained(tmp_path / "ours")
    again = load_tokenizer(tmp_path / "ours")

    words = [*TRICKY, "<field>", "<cls>", " <mask> "]
    boxes = [[i, i, i + 1, i + 1] for i in range(len(words))]
    options = {"padding": "max_length", "truncation": True, "max_length": 40}
    options |= {"return_overflowing_tokens": True, "stride": 4}
    options["word_labels"] = list(range(len(words)))
    expected = published(words, boxes=boxes, **options)
    for tokenizer in (from_files, from_json, again, back):
        assert_same(tokenizer(words, boxes=boxes, **options), expected)
        assert len(tokenizer) == len(published)
        assert tokenizer.get_vocab() == published.get_vocab()
    assert from_files.fingerprint == from_json.fingerprint == again.fingerprint


def test_files_for_running_text_give_words_their_space(tmp_path, checkpoint):
    """A RoBERTa text encoder's own tokenizer has add_prefix_space off."""
    RobertaTokenizer.from_pretrained(checkpoint, add_prefix_space=False).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["add_prefix_space"] is False
    tokenizer = load_tokenizer(tmp_path)
    page = tokenizer(["Invoice", "total"], boxes=[[0] * 4] * 2)
    assert tokenizer.decode(page.input_ids, True) == " Invoice total"
    spaced = LayoutRobertaTokenizer.from_pretrained(tmp_path, add_prefix_space=False)
    assert spaced.decode(spaced.subwords(["Invoice", "total"])[0]) == "Invoicetotal"


def test_windows_of_a_document(tokenizer):
    words = ["Invoice", "total", "12.50"] * 40
    boxes, page = [(1, 2, 3, 4)] * 120, [1] * 120
    tokens = encode_words(tokenizer, words, boxes, page, max_length=32, stride=8)
    rows = frame_windows(tokenizer, [(tokens, window) for window in tokens.windows])
    assert len(tokens.windows) > 3
    assert (rows["input_ids"][:, 0] == tokenizer.cls_token_id).all()
    last = rows["attention_mask"].sum(1) - 1
    assert {int(row[at]) for row, at in zip(rows["input_ids"], last, strict=True)} == {
        tokenizer.sep_token_id
    }


def test_the_fingerprint_tells_tokenizers_apart(checkpoint, tokenizer):
    def other(**settings):
        return LayoutRobertaTokenizer.from_pretrained(checkpoint, **settings).fingerprint

    assert other(model_max_length=128) == tokenizer.fingerprint
    assert len({tokenizer.fingerprint, other(add_prefix_space=False), other(cls_token="<c>")}) == 3
    fewer = LayoutRobertaTokenizer(tokenizer.get_vocab(), [])
    assert fewer.fingerprint != tokenizer.fingerprint


def test_a_tokenizer_travels_to_another_process(tokenizer):
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.fingerprint == tokenizer.fingerprint
    assert copy(["due"], boxes=[[0, 0, 1, 1]]) == tokenizer(["due"], boxes=[[0, 0, 1, 1]])


def test_load_tokenizer_chooses_the_class(tmp_path, checkpoint):
    assert isinstance(load_tokenizer(checkpoint), LayoutRobertaTokenizer)
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "due": 5}
    LayoutLMv2Tokenizer(vocab).save_pretrained(tmp_path / "wordpiece")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "vocab.txt").write_text("\n".join(vocab))
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("due", -1.0)]
    LayoutXLMTokenizer(pieces).save_pretrained(tmp_path / "unigram")
    assert isinstance(load_tokenizer(tmp_path / "wordpiece"), LayoutLMv2Tokenizer)
    assert isinstance(load_tokenizer(tmp_path / "text"), LayoutLMv2Tokenizer)
    assert isinstance(load_tokenizer(tmp_path / "unigram"), LayoutXLMTokenizer)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "neither tokenizer.json"),
        ({"sentencepiece.bpe.model": "x"}, "sentencepiece.bpe.model alone is not enough"),
        ({"tokenizer.json": "["}, "not a readable JSON"),
        ({"tokenizer.json": '{"model": {"type": "WordLevel"}}'}, "WordLevel.*WordPiece, BPE"),
        ({"tokenizer.json": '{"model": {"type": "WordPiece"}}'}, "KeyError: 'vocab'"),
        ({"tokenizer.json": '{"model": {"type": "BPE", "vocab": {}}}'}, "not work on bytes"),
        ({"vocab.json": "{}", "merges.txt": "one two three four"}, "vocab.json and merges.txt"),
    ],
)
def test_a_broken_checkpoint_is_named(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        load_tokenizer(tmp_path)


def test_another_kind_of_vocabulary_is_named(checkpoint, tmp_path, tokenizer):
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"BPE tokenizer.*reads WordPiece.*load_tokenizer"):
        LayoutLMv2Tokenizer.from_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"vocab.json and merges.txt"):
        LayoutRobertaTokenizer.from_pretrained(tmp_path)
