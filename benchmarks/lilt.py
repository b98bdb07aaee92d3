"""LiLT: documents through the model."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.layoutlmv2 import documents
from benchmarks.timing import Side, alternate, number_types, same

__all__ = ["time_models"]


def time_models(rounds: int) -> dict[str, list[float]]:
    """The documents of `layoutlmv2.documents` through LiLT, from encoded words to logits."""
    import transformers

    from pageloom.inference.engine import Engine, Item, inference_copy
    from pageloom.models import LiltConfig, LiltForTokenClassification
    from pageloom.processing.windows import encode_words, frame_windows
    from recipes.fields_sm.model import new_tokenizer

    torch.manual_seed(0)
    config = LiltConfig(id2label={number: str(number) for number in range(9)})
    model = LiltForTokenClassification(config).initialise_all().eval()
    theirs = transformers.LiltForTokenClassification(transformers.LiltConfig(num_labels=9)).eval()
    theirs.load_state_dict(
        {model.checkpoint_key(name): tensor for name, tensor in model.state_dict().items()},
        strict=False,
    )
    tokenizer = new_tokenizer()
    items = [
        Item(encode_words(tokenizer, words, boxes, [1] * len(words)), {})
        for words, boxes, _ in documents()
    ]
    framed = frame_windows(tokenizer, [(item.tokens, item.tokens.windows[0]) for item in items])
    encoded = {name: torch.from_numpy(array) for name, array in framed.items()}

    def run_public() -> torch.Tensor:
        with torch.inference_mode():
            logits: torch.Tensor = theirs(**encoded).logits
            return logits

    cpu = torch.device("cpu")
    engines = {
        name: Engine(inference_copy(model, cpu, dtype), tokenizer)
        for name, dtype in number_types().items()
    }
    sides: dict[str, Side] = {"public library, defaults (float32, padded)": run_public}
    for name, engine in engines.items():
        sides[f"pageloom, {name}"] = lambda engine=engine: engine.token_logits(items)
    expected = run_public().numpy()
    found = engines["float32"].token_logits(items)
    # Each of these words is one subword.
    same(max(float(np.abs(row[1 : len(ours) + 1] - ours).max())
             for row, ours in zip(expected, found, strict=True)))  # fmt: skip
    return alternate(sides, rounds)
