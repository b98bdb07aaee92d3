"""ViLT: one question about each of some pictures of different sizes."""

from __future__ import annotations

import torch

from benchmarks.timing import Side, alternate, number_types

__all__ = ["SIZES", "time_models"]

SIZES = ((384, 384), (384, 608), (608, 384), (384, 480), (512, 384), (384, 544), (448, 384),
         (384, 576))  # fmt: skip
"""Height and width of the pictures, as the image processor leaves them."""
TEXT = 12


def time_models(rounds: int) -> dict[str, list[float]]:
    """One question of `TEXT` tokens about each picture: from pixels to the answers' logits."""
    import transformers

    from pageloom.inference.engine import inference_copy
    from pageloom.inference.vilt import ViltEngine
    from pageloom.models import ViltConfig, ViltForQuestionAnswering

    torch.manual_seed(0)
    labels = {number: str(number) for number in range(3129)}
    model = ViltForQuestionAnswering(ViltConfig(id2label=labels)).initialise_all().eval()
    theirs = transformers.ViltForQuestionAnswering(
        transformers.ViltConfig(num_labels=len(labels))
    ).eval()
    theirs.load_state_dict(
        {model.checkpoint_key(name): tensor for name, tensor in model.state_dict().items()},
        strict=False,
    )
    pictures = [torch.randn(3, *size) for size in SIZES]
    ids = torch.randint(1000, 20000, (len(SIZES), TEXT))
    most = [max(side) for side in zip(*SIZES, strict=True)]
    pixels, mask = (
        torch.zeros(len(SIZES), 3, *most),
        torch.zeros(len(SIZES), *most, dtype=torch.long),
    )
    for row, (picture, (height, width)) in enumerate(zip(pictures, SIZES, strict=True)):
        pixels[row, :, :height, :width] = picture
        mask[row, :height, :width] = 1

    def run_public() -> object:
        with torch.inference_mode():
            return theirs(input_ids=ids, pixel_values=pixels, pixel_mask=mask).logits

    cpu = torch.device("cpu")
    sides: dict[str, Side] = {"public library, defaults (float32, padded)": run_public}
    arrays = [picture.numpy() for picture in pictures]
    pairs = [(number, number) for number in range(len(arrays))]
    for name, dtype in number_types().items():
        engine = ViltEngine(inference_copy(model, cpu, dtype))

        def run(engine: ViltEngine = engine) -> object:
            return engine.logits([engine.embed(array) for array in arrays], ids.tolist(), pairs)

        sides[f"pageloom, {name}"] = run
    return alternate(sides, rounds)
