"""The inference room: batches, devices, tags to entities, and the engine."""

import string
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pageloom.inference.batching import batches_by_tokens
from pageloom.inference.decoding import TagScheme
from pageloom.inference.device import resolve_device, resolve_dtype
from pageloom.inference.engine import Engine, Item, inference_copy
from pageloom.models import LayoutLMv2ForTokenClassification
from pageloom.processing import LayoutLMv2Tokenizer
from pageloom.processing.windows import SPECIAL_TOKENS, encode_words

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]


class TestBatchesByTokens:
    @given(st.lists(st.integers(1, 60)), st.integers(1, 200))
    def test_each_item_comes_once_within_the_bound(self, lengths, most):
        batches = list(batches_by_tokens(lengths, most))
        assert sorted(item for batch in batches for item in batch) == list(range(len(lengths)))
        for batch in batches:
            padded = max(lengths[item] for item in batch) * len(batch)
            assert padded <= most or len(batch) == 1

    @given(st.lists(st.integers(1, 60)), st.integers(1, 200))
    def test_the_longest_come_first_and_a_batch_is_filled(self, lengths, most):
        batches = list(batches_by_tokens(lengths, most))
        order = [lengths[item] for batch in batches for item in batch]
        assert order == sorted(lengths, reverse=True)
        for batch, _ in pairwise(batches):
            assert lengths[batch[0]] * (len(batch) + 1) > most


class TestDevice:
    def test_auto_is_a_device_that_is_there(self):
        device = resolve_device("auto")
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
        assert resolve_dtype("auto", device) in (torch.bfloat16, torch.float32)

    @pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "meta", "cpu:x"])
    def test_another_is_refused_with_what_there_is(self, name):
        with pytest.raises(ValueError, match=r"device .*auto"):
            resolve_device(name)

    @pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
    def test_short_names_of_number_types(self, name, dtype):
        assert resolve_dtype(name, CPU) is dtype

    @pytest.mark.parametrize("name", ["int8", "", "Float32"])
    def test_another_number_type_is_refused_with_what_there_is(self, name):
        with pytest.raises(ValueError, match="use auto, float32, bfloat16 or float16"):
            resolve_dtype(name, CPU)


BIO = ["O", "B-a", "I-a", "B-b", "I-b"]
SCHEMES = {
    "bio": BIO,
    "bioes": ["O", "B-a", "I-a", "E-a", "S-a", "B-b", "I-b", "E-b", "S-b"],
    "biluo": ["O", "B-a", "I-a", "L-a", "U-a"],
    "bie": ["O", "B-a", "I-a", "E-a"],
    "plain": ["other", "a", "b"],
    "inside only": ["O", "I-a", "I-b"],
    "mixed": ["O", "B-a", "I-a", "I-b", "c", "S-d", "E-d"],
}


def one_hot(labels, *names, height=9.0):
    logits = np.zeros((len(names), len(labels)), dtype=np.float32)
    for word, name in enumerate(names):
        logits[word] = np.nan if name is None else 0.0
        if name is not None:
            logits[word, labels.index(name)] = height
    return logits


def found(labels, *names):
    entities = TagScheme(labels).entities(one_hot(labels, *names))
    return [(entity.label, entity.start, entity.end) for entity in entities]


@st.composite
def scored_words(draw):
    labels = SCHEMES[draw(st.sampled_from(sorted(SCHEMES)))]
    count = draw(st.integers(0, 25))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = (
        random.normal(size=(count, len(labels))) * draw(st.sampled_from([0.1, 3, 200]))
    ).astype(np.float32)
    unseen = draw(st.lists(st.integers(0, max(count - 1, 0)), max_size=5))
    if count:
        logits[unseen] = np.nan
    return labels, logits


class TestTagScheme:
    def test_bio(self):
        assert found(BIO, "B-a", "I-a", "O", "B-a", "B-a", "B-b", "I-b") == [
            ("a", 0, 2),
            ("a", 3, 4),
            ("a", 4, 5),
            ("b", 5, 7),
        ]

    def test_bioes(self):
        labels = SCHEMES["bioes"]
        assert found(labels, "B-a", "I-a", "E-a", "S-a", "S-b", "B-b", "E-b") == [
            ("a", 0, 3),
            ("a", 3, 4),
            ("b", 4, 5),
            ("b", 5, 7),
        ]
        assert found(SCHEMES["biluo"], "U-a", "B-a", "L-a") == [("a", 0, 1), ("a", 1, 3)]

    def test_an_entity_of_one_word_without_a_tag_for_it(self):
        assert found(SCHEMES["bie"], "O", "B-a", "O") == [("a", 1, 2)]

    def test_plain_labels_and_insides_without_a_beginning_are_runs(self):
        assert found(SCHEMES["plain"], "a", "a", "b", "other", "b") == [
            ("a", 0, 2),
            ("b", 2, 3),
            ("b", 4, 5),
        ]
        assert found(SCHEMES["inside only"], "I-a", "I-a", "I-b", "O") == [("a", 0, 2), ("b", 2, 3)]

    def test_each_kind_is_read_by_its_own_tags(self):
        labels = SCHEMES["mixed"]
        assert found(labels, "B-a", "I-a", "I-b", "I-b", "c") == [
            ("a", 0, 2),
            ("b", 2, 4),
            ("c", 4, 5),
        ]
        assert TagScheme(labels).kinds == ("a", "b", "c", "d")

    def test_the_best_allowed_sequence_wins_over_the_best_labels(self):
        # I-a alone is not allowed; B-a is nearly as likely.
        logits = one_hot(BIO, "O", "I-a", "I-a")
        logits[1, BIO.index("B-a")] = 8.5
        entities = TagScheme(BIO).entities(logits)
        assert [(entity.start, entity.end) for entity in entities] == [(1, 3)]
        assert entities[0].score > 0.99  # the kind is certain, whatever the tag

    def test_an_unseen_word_ends_an_entity(self):
        assert found(BIO, "B-a", None, "B-a", "I-a") == [("a", 0, 1), ("a", 2, 4)]

    def test_the_threshold(self):
        logits = np.concatenate([one_hot(BIO, "B-a"), one_hot(BIO, "B-b", height=2.0)])
        scores = [entity.score for entity in TagScheme(BIO).entities(logits)]
        assert scores[0] > 0.99 > scores[1] > 0.5
        assert [e.label for e in TagScheme(BIO).entities(logits, threshold=0.9)] == ["a"]

    @given(scored_words())
    def test_entities_never_overlap_nor_cross_an_unseen_word(self, given_):
        labels, logits = given_
        scheme = TagScheme(labels)
        entities = scheme.entities(logits)
        for one, two in pairwise(entities):
            assert one.end <= two.start
        for entity in entities:
            assert 0 <= entity.start < entity.end <= len(logits)
            assert not np.isnan(logits[entity.start : entity.end]).any()
            assert 0 <= entity.score <= 1
            assert entity.label in scheme.kinds
        kept = scheme.entities(logits, threshold=0.5)
        assert kept == [entity for entity in entities if entity.score >= 0.5]

    @given(scored_words())
    def test_it_is_the_most_probable_of_all_allowed_sequences(self, given_):
        labels, logits = given_
        logits = logits[~np.isnan(logits).any(1)][:3]
        if not len(logits):
            return
        every = np.stack(np.meshgrid(*[range(len(labels))] * len(logits)), -1)
        score = {
            tuple(path): float(logits[range(len(logits)), path].astype(float).sum())
            for path in every.reshape(-1, len(logits)).tolist()
            if valid([labels[index] for index in path], labels)
        }
        best = max(score, key=lambda path: score[path])
        second = sorted(score.values())[-2] if len(score) > 1 else -np.inf
        if score[best] - second > 1e-2:
            names = [labels[index] for index in best]
            entities = TagScheme(labels).entities(logits)
            assert [(e.label, e.start, e.end) for e in entities] == runs(names, labels)


def parts(label, labels):
    """(tag, kind): plain for labels whose kind has no tag to begin with."""
    tag, _, kind = label.partition("-")
    if not kind:
        return ("O", "") if label.upper() in ("O", "OTHER") else ("", label)
    own = {name.partition("-")[0] for name in labels if name.partition("-")[2] == kind}
    tag = {"L": "E", "U": "S"}.get(tag, tag)
    return ("" if not own & {"B", "S", "U"} else tag), kind


def valid(names, labels):
    """Whether a sequence of tags says what it means, written as a user would check it."""
    kinds = {kind: {parts(name, labels)[0] for name in labels if parts(name, labels)[1] == kind}
             for kind in {parts(name, labels)[1] for name in labels}}  # fmt: skip
    before = ("O", "")
    for tag, kind in [*(parts(name, labels) for name in names), ("O", "")]:
        inside = before[0] in ("B", "I")
        if tag in ("I", "E") and not (inside and before[1] == kind):
            return False
        open_ = before[0] == "I" and "E" in kinds[before[1]]
        open_ |= before[0] == "B" and {"E", "S"} <= kinds[before[1]]
        if open_ and tag not in ("I", "E"):
            return False
        before = (tag, kind)
    return True


def runs(names, labels):
    spans, before = [], ("O", "")
    for word, name in enumerate(names):
        tag, kind = parts(name, labels)
        if tag in ("I", "E") or (tag == "" and before[1] == kind):
            spans[-1] = (kind, spans[-1][1], word + 1)
        elif tag != "O":
            spans.append((kind, word, word + 1))
        before = (tag, kind)
    return spans


@pytest.fixture(scope="module")
def model(tiny_tagger):
    return LayoutLMv2ForTokenClassification.from_pretrained(tiny_tagger)


@pytest.fixture(scope="module")
def tokenizer(tiny_tagger):
    return LayoutLMv2Tokenizer.from_pretrained(tiny_tagger)


@pytest.fixture
def engine(model, tokenizer):
    return Engine(inference_copy(model, CPU, torch.float32), tokenizer, batch_tokens=200)


def pictures(*numbers):
    random = np.random.default_rng(3)
    return {n: random.integers(0, 256, (3, 224, 224), dtype=np.uint8) for n in numbers}


def an_item(tokenizer, words, pages=None, max_length=20, stride=6, missing=()):
    random = np.random.default_rng(len(words))
    corners = random.integers(0, 500, (len(words), 2))
    boxes = [(int(x), int(y), int(x) + 60, int(y) + 20) for x, y in corners]
    pages = pages or [1] * len(words)
    tokens = encode_words(tokenizer, words, boxes, pages, max_length=max_length, stride=stride)
    return Item(tokens, pictures(*sorted(set(pages) - set(missing))))


words_of_a_page = st.lists(st.text(string.ascii_lowercase + " 7.é", max_size=6), max_size=40)


class TestTokenLogits:
    @given(st.lists(words_of_a_page, max_size=3))
    @settings(max_examples=10)
    def test_any_length_in_the_same_number_of_rows_out(self, model, tokenizer, documents):
        engine = Engine(inference_copy(model, CPU, torch.float32), tokenizer, batch_tokens=64)
        rows = engine.token_logits([an_item(tokenizer, words) for words in documents])
        assert [len(logits) for logits in rows] == [len(words) for words in documents]
        for words, logits in zip(documents, rows, strict=True):
            seen = {int(index) for index in tokenizer.subwords(words)[1]}
            assert set(np.flatnonzero(~np.isnan(logits).any(1))) == seen
            assert logits.dtype == np.float32

    def test_a_word_has_the_logits_of_its_deciding_window(self, engine, model, tokenizer):
        words = ["total", "due", "12.50", "shop"] * 10
        item = an_item(tokenizer, words)
        tokens = item.tokens
        assert len(tokens.windows) > 3
        (logits,) = engine.token_logits([item])
        deciding = tokens.deciding_windows()
        for number, window in enumerate(tokens.windows):
            inside = slice(window.start, window.end)
            ids = [tokenizer.cls_token_id, *tokens.input_ids[inside], tokenizer.sep_token_id]
            boxes = [tokenizer.cls_token_box, *tokens.boxes[inside], tokenizer.sep_token_box]
            with torch.no_grad():
                alone = model(
                    torch.tensor([ids]).long(),
                    torch.tensor(np.array([boxes])).long(),
                    torch.from_numpy(item.pixels[1])[None],
                ).logits[0, 1:-1]
            for place in range(window.start, window.end):
                word = tokens.word_index[place]
                first = place == 0 or tokens.word_index[place - 1] != word
                if first and deciding[place] == number:
                    np.testing.assert_allclose(
                        logits[word], alone[place - window.start].numpy(), atol=1e-4
                    )

    def test_each_page_picture_is_encoded_once(self, engine, tokenizer):
        items = [
            an_item(tokenizer, ["total"] * 90, [1] * 50 + [2] * 40),
            an_item(tokenizer, ["due"] * 30, [4] * 30),
        ]
        assert sum(len(item.tokens.windows) for item in items) > 6
        encoded = []
        visual = engine.model.layoutlmv2.visual
        hook = visual.register_forward_hook(lambda _, inputs, __: encoded.append(len(inputs[0])))
        engine.token_logits(items)
        hook.remove()
        assert sum(encoded) == 3

    def test_a_document_does_not_change_its_neighbours(self, engine, tokenizer):
        items = [an_item(tokenizer, ["total", "x" * n, "shop"] * n) for n in (1, 5, 2, 9)]
        together = engine.token_logits(items)
        for item, logits in zip(items, together, strict=True):
            np.testing.assert_allclose(engine.token_logits([item])[0], logits, atol=1e-4)

    def test_a_page_without_a_picture_is_not_run(self, engine, tokenizer):
        item = an_item(tokenizer, ["a", "b", "c"], [1, 2, 3], missing=[2])
        (logits,) = engine.token_logits([item])
        assert np.isnan(logits).any(1).tolist() == [False, True, False]

    def test_nothing_at_all(self, engine, tokenizer):
        assert engine.token_logits([]) == []
        (logits,) = engine.token_logits([an_item(tokenizer, [])])
        assert logits.shape == (0, 9)

    @pytest.mark.parametrize("room", [1, 2, 3])
    def test_a_batch_that_does_not_fit_is_halved_until_it_does(self, engine, tokenizer, room):
        items = [an_item(tokenizer, ["shop"] * 8) for _ in range(7)]
        expected = engine.token_logits(items)
        sizes = []

        def small_device(_, inputs):
            sizes.append(len(inputs["input_ids"]))
            if sizes[-1] > room:
                raise torch.OutOfMemoryError(f"room for {room}")

        hook = engine.model.register_forward_pre_hook(
            lambda module, _, inputs: small_device(module, inputs), with_kwargs=True
        )
        again = engine.token_logits(items)
        hook.remove()
        assert sizes[0] == 7
        for one, two in zip(expected, again, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-4)

    def test_a_window_that_does_not_fit_alone_is_an_error(self, engine, tokenizer):
        def full(*_):
            raise torch.OutOfMemoryError("full")

        hook = engine.model.register_forward_pre_hook(full)
        with pytest.raises(torch.OutOfMemoryError):
            engine.token_logits([an_item(tokenizer, ["shop"])])
        hook.remove()

    def test_batches_are_bounded_by_tokens(self, engine, tokenizer):
        items = [an_item(tokenizer, ["shop"] * n, max_length=40) for n in range(1, 40, 3)]
        shapes = []
        hook = engine.model.register_forward_pre_hook(
            lambda _, __, inputs: shapes.append(inputs["input_ids"].shape), with_kwargs=True
        )
        engine.token_logits(items)
        hook.remove()
        assert len(shapes) > 1
        assert all(rows * length <= 200 for rows, length in shapes)
        assert all(length <= 40 for _, length in shapes)
        windows = sum(len(item.tokens.windows) for item in items)
        assert sum(rows for rows, _ in shapes) == windows
        assert min(length for _, length in shapes) > SPECIAL_TOKENS


class TestInferenceCopy:
    def inputs(self):
        torch.manual_seed(0)
        corner = torch.randint(0, 500, (2, 9, 2))
        return {
            "input_ids": torch.randint(5, 90, (2, 9)),
            "bbox": torch.cat((corner, corner + 40), -1),
            "image": torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8),
        }

    def test_it_gives_the_numbers_of_the_model(self, model):
        copy = inference_copy(model, CPU, torch.float32)
        with torch.no_grad():
            torch.testing.assert_close(
                copy(**self.inputs()).logits, model(**self.inputs()).logits, atol=1e-4, rtol=1e-4
            )

    def test_in_bfloat16_they_are_near(self, model):
        copy = inference_copy(model, CPU, torch.bfloat16)
        with torch.no_grad():
            ours, theirs = copy(**self.inputs()).logits, model(**self.inputs()).logits
        assert ours.dtype == torch.bfloat16
        assert torch.nn.functional.cosine_similarity(
            ours.float().flatten(), theirs.flatten(), dim=0
        ) > 0.99  # fmt: skip

    def test_what_does_not_change_is_shared_and_the_model_stays_as_it_was(self, model):
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        copy = inference_copy(model, CPU, torch.float32)
        ours = copy.layoutlmv2.embeddings.word_embeddings.weight
        theirs = model.layoutlmv2.embeddings.word_embeddings.weight
        assert ours.data_ptr() == theirs.data_ptr()
        assert theirs.requires_grad
        assert not any(parameter.requires_grad for parameter in copy.parameters())
        inference_copy(model, CPU, torch.bfloat16)
        for name, tensor in model.state_dict().items():
            assert tensor.dtype == before[name].dtype
            assert torch.equal(tensor, before[name])

    def test_no_norm_is_left_to_run(self, model):
        names = {
            type(module).__name__ for module in inference_copy(model, CPU, torch.float32).modules()
        }
        assert not {name for name in names if "BatchNorm" in name}


@pytest.mark.slow
def test_a_pipeline_is_ready_without_torchvision_and_torchs_compiler():
    """Every Airflow task begins with this, and each of them takes seconds to import."""
    code = (
        "import sys, spacy\n"
        "from tests.tagged import a_doc\n"
        "nlp = spacy.blank('en')\n"
        "nlp.add_pipe('layoutlmv2_tagger')\n"
        "nlp.add_pipe('lilt_tagger')\n"
        "nlp.add_pipe('vilt_vqa', config={'questions': ['Is there a stamp?']})\n"
        "doc = a_doc(['TOTAL', '9.00'])\n"
        "for _, component in nlp.pipeline:\n"
        "    doc = component(doc)\n"
        "assert doc._.errors == [] and doc._.answers, doc._.errors\n"
        "print([m for m in ('torchvision', 'torch._dynamo', 'sympy') if m in sys.modules])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout.strip() == "[]"
