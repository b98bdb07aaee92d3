"""Times pageloom beside the public library, in one run, and writes benchmarks/RESULTS.md.

Both sides load one and the same base-size model with random weights: its numbers mean nothing, its
cost does. Runs of the sides alternate; medians count. `python -m benchmarks.run --help`; a quick
look is `--rounds 1 --training-rounds 1 --receipts 16 --images 2 --out FILE`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import layoutlmv2, lilt, pipeline, training, vilt
from benchmarks.timing import machine, table

PARTS = ("layoutlmv2", "questions", "lilt", "vilt", "training", "pipeline")
ROOT = Path(__file__).resolve().parents[1]
RECEIPTS = ROOT.parent / "shared" / "data" / "sroie" / "img"


def main() -> None:
    """Run the comparisons and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of the models' comparisons")
    parser.add_argument("--images", type=int, default=16, help="in the pipeline comparison")
    parser.add_argument("--training-rounds", type=int, default=3, help="each an epoch a side")
    parser.add_argument(
        "--receipts", type=int, default=80, help="in the training comparison; 0 for all"
    )
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=PARTS, help="print these parts, and write none"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    args = parser.parse_args()
    images = sorted(RECEIPTS.glob("*.jpg"))[: args.images]
    kind = "real receipts (SROIE)"
    if not images:
        folder = ROOT / "samples" / "documents"
        images, kind = sorted(folder.glob("receipt-*"))[: args.images], "sample receipts"
    lines = [
        "# Timings beside the public library",
        "",
        "Made by `make bench`. Both sides run the same base-size models with random weights, and",
        "train the same small ones (the configuration of `pageloom/fields-sm`).",
        "The public library takes LayoutLMv2's backbone from detectron2, which no registry has: a",
        "plain PyTorch feature pyramid with the same parameters and levels stands in for it",
        "(`tests/public_library.py`). Sides alternate within one run. pageloom's default is",
        "bfloat16 where the processor has it, and a row of its own then.",
        "",
        f"{machine()}.",
        "",
    ]

    def report(title: str, what: str, seconds: dict[str, list[float]], per: int, unit: str) -> None:
        lines.extend([f"## {title}", "", what, "", *table(seconds, per, unit), ""])
        print("\n".join(lines[-len(seconds) - 7 :]), flush=True)

    rounds = f"{args.rounds} rounds."
    words = f"{len(layoutlmv2.LENGTHS)} documents of {layoutlmv2.LENGTHS[0]} to "
    words += f"{layoutlmv2.LENGTHS[-1]} words"
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name)
        layoutlmv2.make_checkpoint(checkpoint)
        once = f"Seconds for all of them, {rounds}"
        if "layoutlmv2" in args.only:
            print("LayoutLMv2", file=sys.stderr)
            seconds = layoutlmv2.time_models(checkpoint, args.rounds)
            report(f"LayoutLMv2: {words}", once, seconds, 1, "")
        if "questions" in args.only:
            print("questions", file=sys.stderr)
            asked = f"{len(layoutlmv2.QUESTIONS)} questions about one page"
            seconds = layoutlmv2.time_questions(args.rounds)
            report(f"LayoutLMv2: {asked}", once, seconds, 1, "")
        if "lilt" in args.only:
            print("LiLT", file=sys.stderr)
            report(f"LiLT: {words}", once, lilt.time_models(args.rounds), 1, "")
        if "vilt" in args.only:
            print("ViLT", file=sys.stderr)
            pictures = f"{len(vilt.SIZES)} pictures of different sizes, a question each"
            report(f"ViLT: {pictures}", once, vilt.time_models(args.rounds), 1, "")
        if "pipeline" in args.only:
            print("pipeline", file=sys.stderr)
            seconds = pipeline.time_pipelines(checkpoint, images)
            title = f"Image to fields: {len(images)} {kind}, Tesseract on both sides"
            what = f"Seconds a receipt, OCR included, {pipeline.OCR_TRIALS} rounds."
            report(title, what, seconds, len(images), " a receipt")
    if "training" in args.only and (reason := training.missing()):
        print(reason, file=sys.stderr)
    elif "training" in args.only:
        for model, spoken in training.KINDS.items():
            print(f"training {spoken}", file=sys.stderr)
            seconds, count = training.time_epoch(model, args.training_rounds, limit=args.receipts)
            title = f"Training a small {spoken} tagger: an epoch of {count} real receipts (SROIE)"
            what = f"Seconds, batches of {training.BATCH}, {args.training_rounds} rounds."
            report(title, what, seconds, 1, "")
    if set(args.only) == set(PARTS):
        args.out.write_text("\n".join(lines), encoding="utf8")


if __name__ == "__main__":
    main()
