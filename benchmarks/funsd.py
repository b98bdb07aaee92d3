"""Entity F1 after fine-tuning on FUNSD: `spacy train` beside the public library's model.

FOLDER is FUNSD's `dataset`, with training_data/ and testing_data/; `benchmarks.forms` writes one of
generated forms. Both sides start from one checkpoint and learn for as many epochs in batches of as
many forms, with AdamW and a rate that rises, then falls, linearly. pageloom runs `spacy train` with
the config file that this program writes. The public model learns in its usual loop, in an order of
its own, from the same windows (`benchmarks.public_training`). A word's first subword decides; the
best label of each word makes its entities, one that begins with I- too, as seqeval counts them.
spaCy's scorer counts both. The models of the last epoch are scored: nothing is chosen on the
testing data. `python -m benchmarks.funsd FOLDER --help`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import spacy
import torch
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example

from benchmarks.public_training import CLIP, DECAY, PublicLearner, collated, public_tagger

__all__ = ["ours", "public", "write_start"]

START = "pageloom/fields-multi-sm"
PARTS = {"train": "training_data", "dev": "testing_data"}

Scores = tuple[float, float]
"""Entity F1, 0-1: with the best label of each word, and with the best sequence of labels."""

CONFIG = """
[paths]
train = null
dev = null

[system]
seed = {seed}

[nlp]
lang = "xx"
pipeline = ["{tagger}"]

[components]

[components.{tagger}]
factory = "{tagger}"
model = "{start}"
dtype = "{dtype}"

[corpora]

[corpora.train]
@readers = "pageloom.Funsd.v1"
path = ${{paths.train}}
boxes = "{boxes}"

[corpora.dev]
@readers = "pageloom.Funsd.v1"
path = ${{paths.dev}}
boxes = "{boxes}"

[training]
seed = ${{system.seed}}
max_epochs = {epochs}
max_steps = 0
patience = 0
eval_frequency = {steps}
dropout = {dropout}

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = {batch}

[training.optimizer]
@optimizers = "Adam.v1"
L2 = {decay}
L2_is_weight_decay = true
grad_clip = {clip}

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
initial_rate = {rate}
warmup_steps = {warmup}
total_steps = {steps}

[training.score_weights]
ents_f = 1.0
"""


def write_start(model: str, dropout: float, folder: Path) -> str:
    """The checkpoint that both sides start from, with a new head; returns the component's name."""
    from pageloom.corpus.funsd import LABELS
    from pageloom.inference.decoding import TagScheme
    from pageloom.models import LayoutLMv2ForTokenClassification, LiltForTokenClassification
    from pageloom.pipes.checkpoint import Checkpoint

    torch.manual_seed(0)
    heads = (LiltForTokenClassification, LayoutLMv2ForTokenClassification)
    found: Checkpoint[Any] = Checkpoint(heads, model, None, "this comparison")
    found.relabel(TagScheme.bio(LABELS).labels)
    found.calibration = None
    learns = found.model.float()
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    learns.config = learns.config.model_copy(update=rates)
    folder.mkdir(parents=True, exist_ok=True)
    found.save(folder)
    return f"{learns.config.model_type}_tagger"


def examples(nlp: Language, folder: Path, boxes: str) -> list[Example]:
    """A part of the corpus."""
    from pageloom.corpus.readers import funsd

    return list(funsd(folder, boxes=boxes)(nlp))


def pipeline(tagger: str, model: Path) -> Language:
    """A pipeline of the one component."""
    nlp = spacy.blank("xx")
    nlp.add_pipe(tagger, config={"model": str(model), "dtype": "float32"})
    return nlp


def ours(args: argparse.Namespace, tagger: str, start: Path, seed: int, steps: int) -> Scores:
    """Of what `spacy train` makes."""
    with tempfile.TemporaryDirectory(prefix="pageloom-funsd-") as name:
        config = Path(name) / "config.cfg"
        values = vars(args) | {"tagger": tagger, "start": start, "seed": seed, "steps": steps}
        values |= {"warmup": int(args.warmup * steps), "decay": DECAY, "clip": CLIP}
        config.write_text(CONFIG.format(**values), encoding="utf8")
        full, out = Path(name) / "full.cfg", Path(name) / "out"
        command = [sys.executable, "-m", "spacy"]
        subprocess.run([*command, "init", "fill-config", config, full], check=True, stdout=2)
        parts = [f"--paths.{key}={args.folder / part}" for key, part in PARTS.items()]
        subprocess.run([*command, "train", full, "--output", out, *parts], check=True, stdout=2)
        trained = out / "model-last" / tagger
        return scored(public_tagger(trained), pipeline(tagger, trained), args)


def public(args: argparse.Namespace, tagger: str, start: Path, seed: int, steps: int) -> Scores:
    """Of the public model after the same epochs."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    nlp = pipeline(tagger, start)
    component: Any = nlp.get_pipe(tagger)
    rows = [
        component.rows(each) for each in examples(nlp, args.folder / PARTS["train"], args.boxes)
    ]
    learner = PublicLearner(start, rate=args.rate, steps=steps, warmup=int(args.warmup * steps))
    for epoch in range(args.epochs):
        chance.shuffle(rows)
        losses = [
            learner.step(
                collated([row for each in batch for row in each], component.checkpoint.tokenizer)
            )
            for batch in batched(rows, args.batch)
        ]
        print(f"public library, epoch {epoch + 1}: {np.mean(losses):.3f}", file=sys.stderr)
    return scored(learner.model, nlp, args)


def scored(model: Any, nlp: Language, args: argparse.Namespace) -> Scores:
    """Of a public model, read in both ways; the pipeline's component knows subwords and labels."""
    model.eval()
    component: Any = nlp.get_pipe(nlp.pipe_names[0])
    labels = component.scheme.labels
    told = examples(nlp, args.folder / PARTS["dev"], args.boxes)
    logits = [word_logits(model, component, example) for example in told]
    for example, found in zip(told, logits, strict=True):
        tag(example.predicted, [labels[best] for best in found.argmax(1)])
    of_words = entity_f1(told)
    for example, found in zip(told, logits, strict=True):
        doc, entities = example.predicted, component.scheme.entities(found)
        doc.ents = [Span(doc, each.start, each.end, label=each.label) for each in entities]
    return of_words, entity_f1(told)


def entity_f1(told: Sequence[Example]) -> float:
    """Of the entities that the documents have now."""
    scores = Scorer.score_spans(told, "ents", getter=lambda doc, _: doc.ents)
    return float(scores["ents_f"])


def word_logits(model: Any, component: Any, example: Example) -> npt.NDArray[np.float32]:
    """(words, labels): of first subwords, each in the window that sees it with most context."""
    tokens = component.tokens(example.predicted)
    windows = component.rows(example)
    logits = np.zeros((tokens.words, len(component.scheme.labels)), dtype=np.float32)
    if not windows:
        return logits
    with torch.inference_mode():
        batch = collated(windows, component.checkpoint.tokenizer)
        del batch["labels"]
        found = model(**batch).logits.float().numpy()
    decides = tokens.deciding_windows()
    for place in range(len(tokens.input_ids) - 1, -1, -1):  # so that the first subword is last
        row = decides[place]
        logits[tokens.word_index[place]] = found[row, 1 + place - windows[row].window.start]
    return logits


def tag(doc: Doc, names: Sequence[str]) -> None:
    """Set `doc.ents` from words' BIO labels, as seqeval reads them."""
    spans: list[tuple[int, int, str]] = []
    for word, name in enumerate(names):
        prefix, _, kind = name.partition("-")
        if not kind:
            continue
        if prefix == "I" and spans and spans[-1][1:] == (word, kind):
            spans[-1] = (spans[-1][0], word + 1, kind)
        else:
            spans.append((word, word + 1, kind))
    doc.ents = [Span(doc, start, end, label=kind) for start, end, kind in spans]


def batched(rows: list[Any], size: int) -> Iterator[list[Any]]:
    """The rows in groups of `size`; the last may be smaller."""
    return (rows[at : at + size] for at in range(0, len(rows), size))


def main() -> None:
    """Train both sides and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=START, help="a LiLT or LayoutLMv2 checkpoint")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--warmup", type=float, default=0.1, help="share of the steps")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--boxes", choices=("word", "line"), default="word")
    parser.add_argument("--dtype", default="float32", help="of pageloom; the public has float32")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    for part in PARTS.values():
        if not (args.folder / part / "annotations").is_dir():
            sys.exit(
                f"{args.folder} has no {part}/annotations: give FUNSD's folder `dataset`, or write "
                "one with python -m benchmarks.forms"
            )
    count = len(list((args.folder / PARTS["train"] / "annotations").glob("*.json")))
    steps = args.epochs * -(-count // args.batch)
    scores: dict[str, list[Scores]] = {"public library": [], "pageloom": []}
    with tempfile.TemporaryDirectory(prefix="pageloom-funsd-") as name:
        tagger = write_start(args.model, args.dropout, Path(name))
        for seed in args.seeds:
            for side, run in zip(scores, (public, ours), strict=True):
                scores[side].append(run(args, tagger, Path(name), seed, steps))
                told = "{:.3f}, {:.3f}".format(*scores[side][-1])
                print(f"seed {seed}, {side}: {told}", file=sys.stderr, flush=True)
    seeds = ", ".join(map(str, args.seeds))
    print(f"{args.model}, {count} training forms, {args.epochs} epochs, batches of {args.batch};")
    print(f"mean entity F1 (seeds {seeds}), with\n")
    print("| trained by | each word's best label | the best sequence of labels |")
    print("| --- | ---: | ---: |")
    for side, found in scores.items():
        means = [statistics.mean(column) for column in zip(*found, strict=True)]
        print(f"| {side} | {means[0]:.3f} | {means[1]:.3f} |")


if __name__ == "__main__":
    main()
