"""One epoch of training a small tagger on real receipts, beside the public library's model.

pageloom learns through `nlp.update`, as `spacy train` has it do: documents are copied and encoded
in every step. The public model learns in its usual loop (`benchmarks.public_training`). Both start
from one checkpoint, take the same receipts in the same batches of 8, with dropout, AdamW and
clipped gradients, and each round starts anew. Pictures are scaled before the clock starts on both
sides, since either does it once for all epochs.

LayoutLMv2 has the configuration of `pageloom/fields-sm`; its public side runs a stand-in for
detectron2's backbone (`tests/public_library.py`), which computes all levels of the pyramid, as
detectron2 does. LiLT has the same sizes and needs no stand-in. `python -m benchmarks.training
--help`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.public_training import CLIP, DECAY, PublicLearner, collated, public_tagger
from benchmarks.timing import Side, alternate_fresh, machine, number_types, same, table

__all__ = ["BATCH", "KINDS", "SROIE", "Receipts", "missing", "time_epoch"]

SROIE = Path(__file__).resolve().parents[2] / "shared" / "data" / "sroie"
BATCH = 8
EPOCHS = 10
"""Of which one is timed; they say how fast the rate falls."""
RATE = 5e-5
DROPOUT = 0.1
MAX_LENGTH = 512
LABELS = ("company", "date", "address", "total")
KINDS = {"layoutlmv2": "LayoutLMv2", "lilt": "LiLT"}


def missing(sroie: Path = SROIE) -> str:
    """Why there is nothing to time; empty if there is."""
    if (sroie / "receipts.jsonl").is_file():
        return ""
    return f"{sroie} has no receipts.jsonl: training is not timed"


def make_checkpoint(kind: str, folder: Path) -> None:
    """A small tagger that starts from nothing but, in LayoutLMv2, the small BERT's text weights."""
    from pageloom.inference.decoding import TagScheme
    from pageloom.models import (
        LayoutLMv2ForTokenClassification,
        LiltConfig,
        LiltForTokenClassification,
    )
    from pageloom.processing import LayoutLMv2ImageProcessor
    from recipes.fields_sm.model import new_model, new_tokenizer

    torch.manual_seed(0)
    names = dict(enumerate(TagScheme.bio(LABELS).labels))
    if kind == "layoutlmv2":
        base = new_model(DROPOUT)
        settings = {"attention_probs_dropout_prob": DROPOUT, "id2label": names}
        model = LayoutLMv2ForTokenClassification(base.config.model_copy(update=settings))
        model.initialise_all().layoutlmv2.load_state_dict(base.layoutlmv2.state_dict())
        model.save_pretrained(folder)
        LayoutLMv2ImageProcessor().save_pretrained(folder)
    else:
        config = LiltConfig(
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            # Positions count from the padding's number.
            max_position_embeddings=MAX_LENGTH + 1,
            hidden_dropout_prob=DROPOUT,
            attention_probs_dropout_prob=DROPOUT,
            id2label=names,
        )
        LiltForTokenClassification(config).initialise_all().save_pretrained(folder)
    new_tokenizer().save_pretrained(folder)


class Receipts:
    """The receipts in the batches of an epoch, for both sides.

    Args:
        kind: a key of `KINDS`.
        checkpoint: that both start from.
        sroie: the receipts' folder.
        limit: the number of receipts; 0 for all.
    """

    def __init__(self, kind: str, checkpoint: Path, sroie: Path, limit: int = 0) -> None:
        from pageloom.corpus.readers import sroie as reader

        self.name, self.checkpoint = f"{kind}_tagger", checkpoint
        nlp = self._pipeline("auto")
        examples = list(reader(sroie, images=kind == "layoutlmv2")(nlp))
        random.Random(0).shuffle(examples)
        examples = examples[: limit or None]
        self.count = len(examples)
        self.batches = [examples[at : at + BATCH] for at in range(0, len(examples), BATCH)]
        tagger = nlp.get_pipe(self.name)
        self.tokenizer = tagger.checkpoint.tokenizer
        self.rows = [[r for each in batch for r in tagger.rows(each)] for batch in self.batches]
        # Scaled pictures are kept in the component; each round's takes over the first one's.
        self._first = tagger

    def _pipeline(self, dtype: str) -> Any:
        import spacy

        nlp = spacy.blank("en")
        settings = {"model": str(self.checkpoint), "max_length": MAX_LENGTH, "dtype": dtype}
        nlp.add_pipe(self.name, config=settings)
        return nlp

    def ours(self, dtype: str, batches: int | None) -> Side:
        """pageloom at its start; called, it learns from an epoch, or its first `batches`."""
        from thinc.api import Adam, warmup_linear

        nlp = self._pipeline(dtype)
        tagger = nlp.get_pipe(self.name)
        tagger._pictures = self._first._pictures
        _ = tagger.learner  # the checkpoint is read
        rates = warmup_linear(RATE, 0, EPOCHS * len(self.batches))
        optimizer = Adam(rates, L2=DECAY, L2_is_weight_decay=True, grad_clip=CLIP)

        def run() -> list[float]:
            losses = []
            for batch in self.batches[:batches]:
                losses.append(nlp.update(batch, drop=DROPOUT, sgd=optimizer)[self.name])
                optimizer.step_schedules()
            return losses

        return run

    def public(self, length: int | None, batches: int | None, mixed: bool = False) -> Side:
        """The public model at its start, its windows padded to the longest or to `length`."""
        steps = EPOCHS * len(self.batches)
        learner = PublicLearner(self.checkpoint, rate=RATE, steps=steps, mixed=mixed)
        tensors = [collated(rows, self.tokenizer, length) for rows in self.rows[:batches]]
        return lambda: [learner.step(batch) for batch in tensors]

    def check(self) -> None:
        """Raise `SystemExit` unless both sides have one loss for the first batch, undropped."""
        nlp = self._pipeline("float32")
        tagger = nlp.get_pipe(self.name)
        tagger._pictures = self._first._pictures
        # Of pages with several windows, one picture counts once here and several times there.
        single = [each for each in self.batches[0] if len(tagger.rows(each)) == 1]
        rows = [row for each in single for row in tagger.rows(each)]
        ours = nlp.update(single, drop=0.0)[self.name]
        theirs = public_tagger(self.checkpoint).train()
        for module in theirs.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        with torch.no_grad():
            loss = float(theirs(**collated(rows, self.tokenizer)).loss)
        same(abs(ours - loss), what="the loss")


def time_epoch(
    kind: str, rounds: int, sroie: Path = SROIE, limit: int = 0
) -> tuple[dict[str, list[float]], int]:
    """Seconds of an epoch on each side in each round, and of how many receipts it was."""
    with tempfile.TemporaryDirectory(prefix="pageloom-training-") as name:
        make_checkpoint(kind, Path(name))
        receipts = Receipts(kind, Path(name), sroie, limit)
        receipts.check()
        sides: dict[str, Callable[[int | None], Side]] = {
            f"public library, float32, padded to {MAX_LENGTH}": partial(
                receipts.public, MAX_LENGTH
            ),
            "public library, float32, padded to the longest": partial(receipts.public, None),
            "pageloom, float32": partial(receipts.ours, "float32"),
        }
        if "bfloat16" in number_types():
            sides["public library, bfloat16, padded to the longest"] = partial(
                receipts.public, None, mixed=True
            )
            sides["pageloom, bfloat16 (its default here)"] = partial(receipts.ours, "auto")
        return alternate_fresh(sides, rounds), receipts.count


def main() -> None:
    """Run the comparison of both models and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=0, help="use that many receipts: a quick try")
    parser.add_argument("--model", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--sroie", type=Path, default=SROIE)
    args = parser.parse_args()
    if reason := missing(args.sroie):
        sys.exit(reason)
    print(f"{machine()}.\n")
    for kind in args.model:
        seconds, count = time_epoch(kind, args.rounds, args.sroie, args.limit)
        print(f"{KINDS[kind]}: an epoch of {count} receipts in batches of {BATCH}\n")
        print("\n".join(table(seconds, 1, "")), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
