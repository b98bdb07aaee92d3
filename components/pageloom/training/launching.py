"""`spacy train` in one process, or in the several that `torchrun` starts."""

from __future__ import annotations

import io
import os
import random
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pageloom.errors import PageloomError
from pageloom.training.processes import from_first, processes, rank

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["choose_gpu", "is_first", "train"]

# One process evaluates and the others wait; torchrun itself notices one that has died.
PATIENCE = timedelta(hours=12)
QUIET = {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}


def choose_gpu(number: int | None) -> int:
    """Settle where the setting `device = "auto"` leads, before anything has looked for a GPU.

    Args:
        number: of a GPU; -1 for the CPU; None leaves it to the components' settings.

    Returns the number for spaCy's own components, -1 where CuPy, which they need, is not there.

    Raises `PageloomError` for a GPU that is not there.
    """
    if number is None:
        return -1
    if number < 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return -1
    if number >= torch.cuda.device_count():
        raise PageloomError(
            f"--gpu-id {number}: torch sees {torch.cuda.device_count()} GPUs here; "
            "leave it out to use what there is, or give -1 for the CPU"
        )
    torch.cuda.set_device(number)
    from thinc.compat import has_cupy_gpu

    return number if has_cupy_gpu else -1


def is_first() -> bool:
    """Whether this process is the one that speaks, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def train(
    config: Path,
    output: Path | None = None,
    *,
    gpu: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> None:
    """Train a pipeline as `spacy train` does.

    Where torchrun started several processes, they train one model: the first of them evaluates,
    writes and prints, and all stop together.

    Args:
        config: the config file.
        output: the folder for `model-best` and `model-last`.
        gpu: as `choose_gpu` takes it; torchrun's processes have a GPU each, or with -1 none.
        overrides: of the config, by dotted names.

    Raises `PageloomError` for a GPU that is not there, and what a config or a corpus raises.
    """
    from spacy.cli.train import train as spacy_train

    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        spacy_train(config, output, use_gpu=choose_gpu(gpu), overrides=dict(overrides or {}))
        return
    with _together(gpu) as spacy_gpu:
        _train_together(config, output, spacy_gpu, dict(overrides or {}))


@contextmanager
def _together(gpu: int | None) -> Iterator[int]:
    """One of the processes that train together, until the block ends. Gives spaCy's GPU."""
    local = int(os.environ["LOCAL_RANK"])
    if gpu is not None and gpu >= 0:
        raise PageloomError(
            f"--gpu-id {gpu}: torchrun's processes have a GPU each; choose them with "
            "CUDA_VISIBLE_DEVICES, or give -1 for the CPU"
        )
    if gpu is None and torch.cuda.is_available():
        spacy_gpu, backend = choose_gpu(local), "cpu:gloo,cuda:nccl"
    else:
        spacy_gpu, backend = choose_gpu(-1), "gloo"
    torch.distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield spacy_gpu
        torch.distributed.barrier()  # none leaves while another still asks it for something
    finally:
        torch.distributed.destroy_process_group()


def _train_together(config: Path, output: Path | None, gpu: int, overrides: dict[str, Any]) -> None:
    from spacy.cli._util import show_validation_error
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train as train_nlp
    from spacy.util import load_config
    from wasabi.printer import Printer

    msg = Printer(no_print=not is_first(), pretty=is_first())
    if gpu >= 0:
        from thinc.api import require_gpu

        require_gpu(gpu)
    if output is not None and is_first():
        output.mkdir(parents=True, exist_ok=True)
        msg.info(f"Saving to output directory: {output}")
    msg.info(f"Processes: {processes()}, on {'GPUs' if torch.cuda.is_available() else 'the CPU'}")
    with show_validation_error(config):
        values = load_config(config, overrides=overrides, interpolate=False)
        seed = values.interpolate()["training"].get("seed")
    if "seed" in values["training"]:
        # Without one they would not come to the same order of examples.
        values["training"]["seed"] = from_first(secrets.randbits(31) if seed is None else seed)
    msg.divider("Initializing pipeline")
    with show_validation_error(config, hint_fill=False):
        nlp = init_nlp(values, use_gpu=gpu)
    msg.good("Initialized pipeline")
    _evaluate_once(nlp)
    msg.divider("Training pipeline")
    if is_first():
        train_nlp(nlp, output, use_gpu=gpu, stdout=sys.stdout, stderr=sys.stderr)
    else:
        nlp.config["training"]["logger"] = QUIET
        train_nlp(nlp, None, use_gpu=gpu, stdout=io.StringIO(), stderr=io.StringIO())


def _evaluate_once(nlp: Language) -> None:
    """Have the first process evaluate for all, which stop and save by the same scores then."""
    evaluate: Callable[..., dict[str, Any]] = nlp.evaluate

    def shared(*args: Any, **kwargs: Any) -> dict[str, Any]:
        error: Exception | None = None
        told: tuple[Any, ...] = ()
        if rank() == 0:
            try:
                scores = evaluate(*args, **kwargs)
                # What evaluating drew must not part the orders of examples.
                told = (scores, random.getstate(), np.random.get_state())
            except Exception as raised:
                error = raised
        told = from_first(told)
        if error is not None:
            raise error
        if not told:
            raise RuntimeError("the first process could not evaluate, and says why")
        random.setstate(told[1])
        np.random.set_state(told[2])
        found: dict[str, Any] = told[0]
        return found

    nlp.evaluate = shared  # type: ignore[method-assign]
