"""Trains `pageloom/docqa-visual-sm`: `python -m recipes.docqa_visual_sm.train`.

Draws pages of training layouts with their pictures in a process beside, asks about them as
`recipes.docqa_sm` does, shows the scores on validation layouts, never sees test layouts, and writes
the checkpoint into weights/pageloom_weights/docqa-visual-sm.
"""

from __future__ import annotations

import argparse
import functools
import logging
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pageloom.inference.batching import batches_by_tokens
from pageloom.models import LayoutLMv2ForQuestionAnswering
from pageloom.models.losses import span_loss
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
from recipes.docqa_sm.data import Asked, Row, asked_pages, collate, rows
from recipes.docqa_sm.questions import Known
from recipes.docqa_sm.train import drawn_kinds, evaluate, parts
from recipes.docqa_visual_sm.model import WEIGHTS, new_model, new_tokenizer
from recipes.docqa_visual_sm.pages import Pictured, pictured_pages
from recipes.documents.dataset import KINDS
from recipes.training import Settings, ahead, fit

PACKAGED = WEIGHTS / "docqa-visual-sm"

WATCHED_PAGES = 60
TOKENS = 4096
"""Subwords in a batch, at most; each row brings 49 more for its picture."""
WINDOWS = ((0.6, 256), (1.0, 512))
"""How long windows are until which share of the steps."""
QUESTIONS = 6
"""About one page."""

Lesson = tuple[Row, int]
"""A row, and the number of its page in a list of pictures."""


def batches(
    tokenizer: LayoutLMv2Tokenizer, kinds: Sequence[str], steps: int, seed: int
) -> Iterator[dict[str, Tensor]]:
    """Batches without end: rows of like length, each page's picture once."""
    chance = random.Random(seed)
    source = asked_pages(pictured_pages(kinds, "train", chance), chance, Known(), count=QUESTIONS)
    step = 0
    while True:
        length = next((size for end, size in WINDOWS if step < end * steps), WINDOWS[-1][1])
        data: list[Lesson] = []
        pictures: list[np.ndarray] = []
        for asked in islice(source, 20):
            pictures.append(cast(Pictured, asked.page).picture)
            place = len(pictures) - 1
            data += [(row, place) for row in rows(asked, tokenizer, chance, length)]
        groups = list(batches_by_tokens([len(row) + 3 for row, _ in data], TOKENS))
        chance.shuffle(groups)
        for group in groups:
            step += 1
            yield batch([data[number] for number in group], pictures, tokenizer)


def batch(
    lessons: Sequence[Lesson], pictures: Sequence[np.ndarray], tokenizer: LayoutLMv2Tokenizer
) -> dict[str, Tensor]:
    """The model's arguments, with `pictures` (pages, 3, 224, 224) and each row's `page` in them."""
    inputs, starts, ends = collate([row for row, _ in lessons], tokenizer)
    places = sorted({place for _, place in lessons})
    shown = torch.from_numpy(np.stack([pictures[place] for place in places]))
    page = torch.tensor([places.index(place) for _, place in lessons])
    return {**inputs, "starts": starts, "ends": ends, "pictures": shown, "page": page}


def loss_of(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of both ends. The eyes stay as they are: fields-sm has trained them."""
    asked = cast(LayoutLMv2ForQuestionAnswering, model)
    eyes = asked.layoutlmv2.visual.eval()
    rest = batch.keys() - {"starts", "ends", "pictures", "page"}
    with torch.no_grad():
        features = eyes(batch["pictures"])[batch["page"]]
    output = asked(**{name: batch[name] for name in rest}, image_features=features)
    return span_loss(output.start_logits, output.end_logits, batch["starts"], batch["ends"])


def pictures_of(asked: Asked) -> dict[int, np.ndarray]:
    """The picture of a page, by its number."""
    return {1: cast(Pictured, asked.page).picture}


def train(
    settings: Settings, kinds: Sequence[str], watched_pages: int = WATCHED_PAGES
) -> tuple[LayoutLMv2ForQuestionAnswering, LayoutLMv2Tokenizer]:
    """Train; print scores on validation layouts now and then."""
    torch.manual_seed(settings.seed)
    tokenizer, model = new_tokenizer(), new_model()
    model.layoutlmv2.encoder.learn_position_biases = True
    model.layoutlmv2.visual.requires_grad_(False)
    watching = random.Random(7)
    shown = pictured_pages(kinds, "validation", watching, fresh=1.0)
    watched = list(
        islice(asked_pages(shown, watching, Known(), count=5, strength=0.5), watched_pages)
    )
    source = ahead(functools.partial(batches, tokenizer, kinds, settings.steps, settings.seed))
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{size / 1e6:.2f} million parameters, {len(tokenizer)} subwords", flush=True)

    def look(trained: nn.Module) -> str:
        asked = cast(LayoutLMv2ForQuestionAnswering, trained)
        score = evaluate(asked, tokenizer, watched, pictures_of)
        return f"{score.shown()}  {parts(score)}"

    fit(model, source, settings, loss_of, is_new=lambda name: "visual" in name, look=look)
    return model, tokenizer


def main() -> None:
    """Read the arguments, train, write the checkpoint."""
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watch", type=int, default=250, help="steps between scores")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this; may be repeated")
    args = parser.parse_args()
    settings = Settings(
        steps=args.steps, rate=2e-4, new_rate=5e-4, watch=args.watch, seed=args.seed
    )
    model, tokenizer = train(settings, args.kind or drawn_kinds())
    # Half precision halves the file.
    model.half().save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    LayoutLMv2ImageProcessor().save_pretrained(args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
