"""Scores `pageloom/vqa-sm` on test layouts: `python -m recipes.vqa_sm.evaluate`.

No test layout was seen in training, a part of their choices neither (see
`recipes.documents.layout`), and the questions are worded as no question of the training.
"""

from __future__ import annotations

import argparse
import itertools
import logging
from pathlib import Path

import numpy as np
import torch

from pageloom.models import ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from pageloom.processing import ViltImageProcessor, ViltProcessor
from recipes.vqa_sm.pages import Page, drawn_page, sheets
from recipes.vqa_sm.score import matches, scores
from recipes.vqa_sm.train import PACKAGED

__all__ = ["unseen_pages"]


def unseen_pages(count: int, strength: float = 1.0, seed: int = 7) -> list[Page]:
    """Pages of test layouts, always the same."""
    processor = ViltImageProcessor()
    return [
        drawn_page(sheet, np.random.default_rng([seed, number]), processor, strength)
        for number, sheet in enumerate(itertools.islice(sheets("test", seed), count))
    ]


def main() -> None:
    """Read the arguments, print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PACKAGED)
    parser.add_argument("--pages", type=int, default=900)
    parser.add_argument("--strength", type=float, default=1.0, help="of the damage; 0 is clean")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("pageloom").setLevel(logging.ERROR)
    pages = unseen_pages(args.pages, args.strength)
    processor = ViltProcessor.from_pretrained(args.model)
    answering = ViltForQuestionAnswering.from_pretrained(args.model)
    matching = ViltForImageAndTextRetrieval.from_pretrained(args.model)
    for held in (True, False):
        print(f"{'held-out' if held else 'trained'} wordings, {len(pages)} pages")
        print("| topic | pages | accuracy | balanced | most common answer | confusions |")
        print("| --- | ---: | ---: | ---: | ---: | --- |")
        for topic, score in scores(answering, processor, pages, held=held).items():
            wrong = ", ".join(f"{a} as {b} {n}" for a, b, n in score.wrong)
            print(
                f"| {topic} | {score.pages} | {score.accuracy:.3f} | {score.balanced:.3f} "
                f"| {score.baseline:.3f} | {wrong} |"
            )
        right, order = matches(matching, processor, pages, held=held)
        print(f"statements: accuracy {right:.3f} (half of them fit), AUC {order:.3f}\n")


if __name__ == "__main__":
    main()
