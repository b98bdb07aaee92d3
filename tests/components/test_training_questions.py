"""Extractive answers are learned the spaCy way, and spaCy's own commands train them."""

import json
import pickle
import shutil
import subprocess
import sys

import pytest
import spacy
import torch
from PIL import Image
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import SGD, Adam

from pageloom import CheckpointError
from pageloom.corpus.annotated import gold_answer
from pageloom.corpus.problems import CorpusError
from pageloom.document import Answer
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForQuestionAnswering,
    LiltForQuestionAnswering,
    LiltForTokenClassification,
)
from tests.asked import (
    COUNT,
    SHOP,
    SIGNED,
    TAX,
    TEXTS,
    TOTAL,
    example,
    pipeline,
    steps,
    write_qa,
    write_vilt,
)


@pytest.fixture
def examples():
    return [example(*each) for each in TEXTS]


@pytest.fixture
def lilt(tmp_path):
    return lambda *head, **settings: write_qa(tmp_path / "model", *head, **settings)


@pytest.fixture
def layoutlmv2(tmp_path, tiny_tagger):
    folder = shutil.copytree(tiny_tagger, tmp_path / "layoutlmv2")
    values = json.loads((folder / "config.json").read_text())
    for name in ("architectures", "id2label", "label2id", "model_type"):
        values.pop(name, None)
    torch.manual_seed(6)
    config = LayoutLMv2Config(**{**values, "initializer_range": 0.05, "num_labels": 2})
    LayoutLMv2ForQuestionAnswering(config).initialise_all().save_pretrained(folder)
    return str(folder)


class TestExtractive:
    def test_learns_what_the_examples_say(self, lilt, examples):
        nlp = pipeline("lilt_qa", lilt())
        nlp.initialize(lambda: examples)
        losses = steps(nlp, examples, 60)
        assert losses[-1] < 0.1 * losses[0]
        scores = nlp.evaluate(examples)
        assert [scores[f"answers_{name}"] for name in ("em", "f1", "anls")] == [1.0] * 3
        assert "answers_acc" not in scores
        told = {answer.question: answer.text for answer in nlp(examples[0].predicted)._.answers}
        assert told == {TOTAL: "12.50", SHOP: "ACME", TAX: ""}

    def test_what_was_learned_is_written_and_read_and_goes_on(self, lilt, examples, tmp_path):
        nlp = pipeline("lilt_qa", lilt())
        losses = steps(nlp, examples, 40)
        score = nlp.evaluate(examples)["answers_f1"]
        nlp.to_disk(tmp_path / "learned")
        for again in (
            spacy.load(tmp_path / "learned"),
            spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
        ):
            assert again.evaluate(examples)["answers_f1"] == score
            assert steps(again, examples, 1)[0] < 0.5 * losses[0]
        component = pickle.loads(pickle.dumps(nlp.get_pipe("lilt_qa")))
        assert component.update(examples)["lilt_qa"] < 0.5 * losses[0]

    def test_spacys_own_reader_loses_neither_questions_nor_layout(self, lilt, examples):
        """`spacy.Corpus.v1` gives words alone; all else is still in the gold document."""
        nlp = pipeline("lilt_qa", lilt())
        steps(nlp, examples, 5)
        bare = [
            Example(Doc(nlp.vocab, [word.text for word in each.reference]), each.reference)
            for each in examples
        ]
        expected = nlp.evaluate(examples)
        found = nlp.evaluate(bare)
        for name in ("answers_em", "answers_f1", "answers_anls"):
            assert found[name] == expected[name] is not None
        qa = nlp.get_pipe("lilt_qa")
        assert qa.update(bare)["lilt_qa"] == pytest.approx(qa.update(examples)["lilt_qa"], rel=1e-4)

    def test_averages_stand_in_for_parameters_and_go_again(self, lilt, examples):
        nlp = pipeline("lilt_qa", lilt())
        optimizer = Adam(0.05, use_averages=True)
        steps(nlp, examples, 6, optimizer)
        weight = nlp.get_pipe("lilt_qa").model.qa_outputs.weight
        now, told = weight.detach().clone(), nlp(examples[0].predicted)._.answers
        with nlp.use_params(optimizer.averages):
            assert not torch.equal(weight, now)
            assert nlp(examples[0].predicted)._.answers != told
        assert nlp(examples[0].predicted)._.answers == told

    def test_long_documents_learn_window_by_window(self, lilt):
        nlp = pipeline("lilt_qa", lilt())
        qa = nlp.get_pipe("lilt_qa")
        words = ["total"] * 150
        words[80:82] = ["shop", "street"]
        long = example(" ".join(words), {SHOP: (80, 82)}, [1] * 100 + [2] * 50)
        rows = qa.rows(long)
        holding = [row for row in rows if row.target.spans]
        assert 0 < len(holding) < len(rows)
        for (_, tokens, window), target, _ in holding:
            ((first, last),) = target.spans
            found = tokens.word_index[window.start + first : window.start + last + 1]
            assert (found[0], found[-1]) == (80, 81)
        steps(nlp, [long], 40)
        assert nlp.evaluate([long])["answers_em"] == 1.0

    def test_batches_change_no_gradient(self, layoutlmv2, examples):
        """Each page's picture is encoded once a step, whatever is asked and however it is cut."""
        found, encoded = [], []
        for size in (1, 4096):
            qa = pipeline("layoutlmv2_qa", layoutlmv2, batch_tokens=size).get_pipe("layoutlmv2_qa")
            visual = qa.learner.base.visual
            visual.register_forward_hook(lambda module, args, out: encoded.append(len(args[0])))
            qa.update(examples)
            found.append({name: p.grad for name, p in qa.model.named_parameters()})
        pages = {
            page.image.getpixel((0, 0)) for each in examples for page in each.predicted._.pages
        }
        assert encoded == [len(pages)] * 2
        assert found[0]["layoutlmv2.visual_proj.weight"].abs().sum() > 0
        for name, gradient in found[0].items():
            if gradient is not None:
                torch.testing.assert_close(found[1][name], gradient, rtol=1e-3, atol=1e-5)

    def test_gradients_of_parts_are_those_of_the_whole(self, lilt, examples):
        found = []
        for parts in ([examples], [examples[:1], examples[1:]]):
            qa = pipeline("lilt_qa", lilt()).get_pipe("lilt_qa")
            for part in parts:
                qa.update(part)
            qa.finish_update(SGD(0.1, use_averages=False))
            found.append({name: p.detach().clone() for name, p in qa.model.named_parameters()})
        for name, parameter in found[0].items():
            torch.testing.assert_close(found[1][name], parameter, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("start", ["nothing", "another head", "other names"])
    def test_starts(self, lilt, examples, start, tmp_path):
        if start == "another head":
            folder = lilt(LiltForTokenClassification, ["O", "B-total", "I-total"])
        else:
            folder = lilt(labels=("LABEL_0", "LABEL_1"))
        if start == "nothing":
            (tmp_path / "model" / "model.safetensors").unlink()
        nlp = pipeline("lilt_qa", folder)
        nlp.initialize(lambda: examples)
        model = nlp.get_pipe("lilt_qa").learner.model
        assert model.config.num_labels == 2
        if start == "other names":  # of outputs, and the head is a good one
            old = LiltForQuestionAnswering.from_pretrained(folder)
            assert torch.equal(model.qa_outputs.weight, old.qa_outputs.weight)
        if start == "another head":
            old = LiltForTokenClassification.from_pretrained(folder).state_dict()
            name = "lilt.embeddings.word_embeddings.weight"
            assert torch.equal(model.state_dict()[name], old[name])
        losses = steps(nlp, examples, 20)
        assert losses[-1] < 0.7 * losses[0]

    def test_a_checkpoint_that_does_not_fit_is_told_of_before_training(self, lilt, examples):
        nlp = pipeline("lilt_qa", lilt(), max_length=512)
        with pytest.raises(CheckpointError, match="max_length, now 512"):
            nlp.initialize(lambda: examples)

    def test_an_answer_given_as_text_is_looked_for(self, lilt):
        qa = pipeline("lilt_qa", lilt()).get_pipe("lilt_qa")
        (row,) = qa.rows(example("shop ACME Ltd. total ACME Ltd", {SHOP: "Acme  LTD"}))
        tokens = row.row[1]
        words = [
            (int(tokens.word_index[a]), int(tokens.word_index[b])) for a, b in row.target.spans
        ]
        assert words == [(1, 2), (4, 5)]

    def test_of_several_answers_those_with_words_are_learned(self, lilt):
        qa = pipeline("lilt_qa", lilt()).get_pipe("lilt_qa")
        (row,) = qa.rows(example("total 12.50 EUR", {TOTAL: [(1, 2), (1, 3), "twelve"]}))
        assert len(row.target.spans) == 2

    def test_answers_that_are_too_long_to_be_given_are_told_of(self, lilt, caplog):
        nlp = pipeline("lilt_qa", lilt(), max_answer_length=2)
        nlp.initialize(lambda: [example("shop total due 12.50", {TOTAL: (1, 4), SHOP: (0, 1)})])
        assert "1 questions have an answer of more than max_answer_length=2" in caplog.text

    def test_documents_without_questions_teach_nothing(self, lilt):
        nlp = pipeline("lilt_qa", lilt())
        nlp.initialize(lambda: [example("total 12.50", {})])
        assert steps(nlp, [example("total 12.50", {})], 1) == [0.0]
        assert nlp.evaluate([example("total 12.50", {})])["answers_em"] is None

    def test_all_that_is_wrong_is_told_at_once(self, lilt):
        wrong = [
            example("total 12.50", {TOTAL: "13.00"}),
            example("total 12.50", {TOTAL: (1, 2)}),
            example(
                "total 12.50", {"total " * 40: (0, 1), SHOP: gold_answer(SHOP, "x", span=(7, 9))}
            ),
        ]
        nlp = pipeline("lilt_qa", lilt())
        with pytest.raises(CorpusError) as caught:
            nlp.initialize(lambda: wrong)
        told = [str(problem) for problem in caught.value.problems]
        assert len(told) == 3
        assert told[0].startswith("receipt.png, example 1: the answer to 'total due?', '13.00', is")
        assert "example 3" in told[1]
        assert "subwords; ask in at most" in told[1]
        assert "has the words 7 to 9, and there are 2 words" in told[2]

    def test_it_has_no_labels(self, lilt, examples):
        qa = pipeline("lilt_qa", lilt()).get_pipe("lilt_qa")
        assert qa.labels == ()
        with pytest.raises(ValueError, match="has no labels"):
            qa.initialize(lambda: examples, labels=["total"])

    def test_scores_are_of_the_components_own_best_answers(self, lilt):
        qa = pipeline("lilt_qa", lilt()).get_pipe("lilt_qa")
        asked = example("ACME Ltd total 12.50", {TOTAL: (3, 4), SHOP: [(0, 1), (0, 2)], TAX: None})
        mine = [
            Answer(TOTAL, "12.50 EUR", 0.9, 1, 3, 4, "lilt_qa"),
            Answer(TOTAL, "12.50", 0.1, 1, 3, 4, "lilt_qa"),
            Answer(SHOP, "other", 1.0, 1, 0, 1, "other"),
            Answer(SHOP, "acme ltd.", 0.5, 1, 0, 2, "lilt_qa"),
        ]
        asked.predicted._.answers = mine
        # 12.50 EUR: half of its tokens are right; ANLS 5/9. acme ltd.: its dot is one edit of nine.
        # Street: nothing was answered.
        assert qa.score([asked]) == {
            "answers_em": pytest.approx(1 / 3),
            "answers_f1": pytest.approx((2 / 3 + 1) / 3),
            "answers_anls": pytest.approx((5 / 9 + 8 / 9) / 3),
        }


CONFIG = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = [{name}]

[components]

[components.{factory}]
factory = {name}
model = {model}
dtype = "float32"
{more}

[corpora]

[corpora.train]
@readers = "pageloom.Jsonl.v1"
path = ${{paths.train}}

[corpora.dev]
@readers = "pageloom.Jsonl.v1"
path = ${{paths.dev}}

[training]
max_steps = 60
eval_frequency = 30
dropout = 0.0

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01
"""

WINDOWS = "max_length = 64\nstride = 16"


def jsonl(folder, factory):
    """Two documents with questions, as a user writes them down."""
    lines = []
    for number, (text, asked) in enumerate(TEXTS):
        Image.new("RGB", (100, 60), ["white", "black"][number]).save(folder / f"{number}.png")
        words = [
            {"text": word, "box": [10 * n, 5, 10 * n + 9, 15]}
            for n, word in enumerate(text.split())
        ]
        if factory == "vilt_vqa":
            right = {SIGNED: ["yes", "no"][number], COUNT: "one"}
            questions = [{"question": q, "answers": [{"text": a}]} for q, a in right.items()]
        else:
            questions = [
                {"question": q, "answers": [{"start": a[0], "end": a[1]}] if a else []}
                for q, a in asked.items()
            ]
        record = {"image": f"{number}.png", "words": words, "questions": questions}
        lines.append(json.dumps(record))
    path = folder / "corpus.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("factory", ["lilt_qa", "vilt_vqa"])
def test_spacys_own_commands_work(factory, tmp_path):
    """init fill-config, debug config, train: each as a user types it."""
    corpus = jsonl(tmp_path, factory)
    write = write_vilt if factory == "vilt_vqa" else write_qa
    model = write(tmp_path / "model")
    config = tmp_path / "config.cfg"
    more = "" if factory == "vilt_vqa" else WINDOWS
    name = json.dumps(factory)
    config.write_text(CONFIG.format(factory=factory, name=name, model=json.dumps(model), more=more))
    paths = ["--paths.train", corpus, "--paths.dev", corpus]

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "spacy", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init", "fill-config", config, tmp_path / "full.cfg")
    assert "answers_em" in (tmp_path / "full.cfg").read_text()
    assert "Config is valid" in run("debug", "config", tmp_path / "full.cfg", *paths)
    shown = run("train", tmp_path / "full.cfg", "--output", tmp_path / "out", *paths)
    assert "ANSWERS_EM" in shown
    assert "ANSWERS_ANLS" in shown
    best = spacy.load(tmp_path / "out" / "model-best")
    readers = spacy.registry.readers.get("pageloom.Jsonl.v1")
    assert best.evaluate(readers(corpus)(best))["answers_em"] == 1.0
