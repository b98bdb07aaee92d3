"""Trains `pageloom/docqa-sm`: `python -m recipes.docqa_sm.train`.

Draws pages of training layouts as it goes, asks about them, shows the scores on validation layouts,
never sees test layouts, and writes the checkpoint into weights/pageloom_weights/docqa-sm.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from pageloom.inference.answers import best_spans
from pageloom.inference.batching import batches_by_tokens
from pageloom.inference.device import resolve_dtype
from pageloom.inference.engine import inference_copy
from pageloom.inference.questions import QuestionEngine, QuestionItem
from pageloom.models import LayoutLMv2ForQuestionAnswering, LiltForQuestionAnswering
from pageloom.models.losses import span_loss
from pageloom.processing import LayoutLMv2Tokenizer
from pageloom.processing.windows import encode_words
from recipes.docqa_sm.data import Asked, Row, asked_pages, collate, pages, rows, texts
from recipes.docqa_sm.model import LAYERS, new_model, new_tokenizer, piece_counts
from recipes.docqa_sm.questions import Known
from recipes.docqa_sm.score import Score
from recipes.documents.dataset import KINDS
from recipes.training import Settings, fit

PACKAGED = Path(__file__).resolve().parents[2] / "weights" / "pageloom_weights" / "docqa-sm"
CPU = torch.device("cpu")

VOCABULARY_PAGES = 1500
WATCHED_PAGES = 70
TOKENS = 6144
"""Subwords in a batch, at most."""
WINDOWS = ((0.6, 256), (1.0, 512))
"""How long windows are until which share of the steps: most can be learned from small parts of
pages, at half the price."""
QUESTIONS = 6
"""About one page."""


def batches(
    source: Iterator[Asked], tokenizer: LayoutLMv2Tokenizer, steps: int, chance: random.Random
) -> Iterator[dict[str, Tensor]]:
    """Batches without end, each of rows of like length; their windows grow as `WINDOWS` says."""
    step = 0
    while True:
        data: list[Row] = []
        length = next((size for end, size in WINDOWS if step < end * steps), WINDOWS[-1][1])
        for asked in islice(source, 24):
            data += rows(asked, tokenizer, chance, length)
        groups = list(batches_by_tokens([len(row) + 3 for row in data], TOKENS))
        chance.shuffle(groups)
        for group in groups:
            step += 1
            inputs, starts, ends = collate([data[number] for number in group], tokenizer)
            yield {**inputs, "starts": starts, "ends": ends}


def loss_of(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of both ends. Without positions, the model leaves padding out."""
    inputs = {name: batch[name] for name in batch.keys() - {"starts", "ends"}}
    output = model(**inputs)
    return span_loss(output.start_logits, output.end_logits, batch["starts"], batch["ends"])


def evaluate(
    model: LiltForQuestionAnswering | LayoutLMv2ForQuestionAnswering,
    tokenizer: LayoutLMv2Tokenizer,
    watched: Sequence[Asked],
    pictures: Callable[[Asked], dict[int, Any]] = lambda _: {},
) -> Score:
    """Scores of the best answers, found as the component finds them; `pictures` by page number."""
    copy = inference_copy(model, CPU, resolve_dtype("auto", CPU))
    engine = QuestionEngine(copy, tokenizer)
    items = []
    for asked in watched:
        page = asked.page
        tokens = encode_words(tokenizer, page.texts, page.boxes, [1] * len(page.words))
        questions = [question.text for question in asked.questions]
        ids = [tokenizer.subwords(text.split())[0] for text in questions]
        items.append(QuestionItem(tokens, pictures(asked), questions, ids))
    score = Score()
    for asked, answers in zip(watched, engine.span_logits(items), strict=True):
        for question, found, windows in zip(asked.questions, asked.places, answers, strict=True):
            best = best_spans(windows)[0]
            words = asked.page.texts
            text = "" if best.start is None else " ".join(words[best.start : best.end])
            right = [" ".join(words[first:last]) for first, last in found]
            score.add(text, right, (question.form, asked.page.kind, asked.page.language))
    return score


def vocabulary(kinds: Sequence[str], seed: int) -> LayoutLMv2Tokenizer:
    """The subwords that pages and questions of training layouts use."""
    chance = random.Random(seed)
    drawn = pages(kinds, "train", chance)
    return new_tokenizer(piece_counts(texts(drawn, chance, VOCABULARY_PAGES)))


def train(
    settings: Settings, kinds: Sequence[str], layers: Sequence[int] = LAYERS
) -> tuple[LiltForQuestionAnswering, LayoutLMv2Tokenizer]:
    """Train; print scores on validation layouts now and then."""
    torch.manual_seed(settings.seed)
    chance, watching = random.Random(settings.seed), random.Random(7)
    tokenizer = vocabulary(kinds, settings.seed)
    model = new_model(tokenizer, layers)
    shown = pages(kinds, "validation", watching)
    watched = list(
        islice(asked_pages(shown, watching, Known(), count=5, strength=0.5), WATCHED_PAGES)
    )
    source = asked_pages(pages(kinds, "train", chance), chance, Known(), count=QUESTIONS)
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{size / 1e6:.2f} million parameters, {len(tokenizer)} subwords", flush=True)

    def look(trained: nn.Module) -> str:
        score = evaluate(cast(LiltForQuestionAnswering, trained), tokenizer, watched)
        return f"{score.shown()}  {parts(score)}"

    fit(
        model,
        batches(source, tokenizer, settings.steps, chance),
        settings,
        loss_of,
        is_new=lambda name: "layout" in name or "qa_outputs" in name,
        look=look,
    )
    return model, tokenizer


def parts(score: Score) -> str:
    """Exact match of each part, in brief."""
    return " ".join(f"{k} {s.exact / s.questions:.2f}" for k, s in sorted(score.parts.items()))


def drawn_kinds() -> list[str]:
    """The kinds of document that there is a module for."""
    package = "recipes.documents"
    return [kind for kind, name in KINDS.items() if importlib.util.find_spec(f"{package}.{name}")]


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watch", type=int, default=300, help="steps between scores")
    parser.add_argument("--layers", type=int, nargs="+", default=LAYERS)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this; may be repeated")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings(
        steps=args.steps, rate=3e-4, new_rate=1e-3, watch=args.watch, seed=args.seed
    )
    model, tokenizer = train(settings, args.kind or drawn_kinds(), args.layers)
    # Half precision halves the file.
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
