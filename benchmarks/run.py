"""Times pageloom beside the public library, in one run, and writes benchmarks/RESULTS.md.

Both sides load one and the same base-size model with random weights: its numbers mean nothing, its
cost does. Runs of the sides alternate; medians count. `python -m benchmarks.run --help`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import layoutlmv2, lilt, pipeline, vilt
from benchmarks.timing import machine, table

ROOT = Path(__file__).resolve().parents[1]
RECEIPTS = ROOT.parent / "shared" / "data" / "sroie" / "img"


def main() -> None:
    """Run the comparisons and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of the models' comparisons")
    parser.add_argument("--images", type=int, default=16, help="in the pipeline comparison")
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
        "Made by `make bench`. Both sides run the same base-size models with random weights.",
        "The public library takes LayoutLMv2's backbone from detectron2, which no registry has: a",
        "plain PyTorch feature pyramid with the same parameters and levels stands in for it",
        "(`tests/public_library.py`). Sides alternate within one run.",
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
        print("LayoutLMv2", file=sys.stderr)
        seconds = layoutlmv2.time_models(checkpoint, args.rounds)
        report(f"LayoutLMv2: {words}", f"Seconds for all of them, {rounds}", seconds, 1, "")
        print("questions", file=sys.stderr)
        seconds = layoutlmv2.time_questions(args.rounds)
        asked = f"{len(layoutlmv2.QUESTIONS)} questions about one page"
        report(f"LayoutLMv2: {asked}", f"Seconds for all of them, {rounds}", seconds, 1, "")
        print("LiLT", file=sys.stderr)
        seconds = lilt.time_models(args.rounds)
        report(f"LiLT: {words}", f"Seconds for all of them, {rounds}", seconds, 1, "")
        print("ViLT", file=sys.stderr)
        seconds = vilt.time_models(args.rounds)
        pictures = f"{len(vilt.SIZES)} pictures of different sizes, a question each"
        report(f"ViLT: {pictures}", f"Seconds for all of them, {rounds}", seconds, 1, "")
        print("pipeline", file=sys.stderr)
        seconds = pipeline.time_pipelines(checkpoint, images)
        title = f"Image to fields: {len(images)} {kind}, Tesseract on both sides"
        what = f"Seconds a receipt, OCR included, {pipeline.OCR_TRIALS} rounds."
        report(title, what, seconds, len(images), " a receipt")
    args.out.write_text("\n".join(lines), encoding="utf8")


if __name__ == "__main__":
    main()
