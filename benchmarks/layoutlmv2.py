"""LayoutLMv2: documents through the model, and questions about one page."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.timing import Side, alternate, number_types, same

__all__ = ["LENGTHS", "QUESTIONS", "documents", "make_checkpoint", "time_models", "time_questions"]

LENGTHS = (50, 110, 170, 230, 290, 350, 420, 480)
WORDS = ("bill", "total", "date", "amount", "tax", "number", "street", "city", "of", "paid")
QUESTIONS = tuple(
    f"what is the {name} on this page?"
    for name in ("total", "date", "amount", "tax", "number", "street", "city", "bill", "net", "sum")
)


def make_checkpoint(folder: Path) -> None:
    """A base-size token classifier with random weights, its tokenizer and image processor."""
    from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2ImageProcessor
    from recipes.fields_sm.model import TAGS, new_tokenizer

    torch.manual_seed(0)
    config = LayoutLMv2Config(id2label=dict(enumerate(TAGS)))
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(folder)
    new_tokenizer().save_pretrained(folder)
    LayoutLMv2ImageProcessor().save_pretrained(folder)


def documents() -> list[tuple[list[str], list[list[int]], Image.Image]]:
    """Words, boxes and a picture for each of `LENGTHS`."""
    chance = random.Random(0)
    made = []
    for length in LENGTHS:
        words = [chance.choice(WORDS) for _ in range(length)]
        boxes = []
        for number in range(length):
            left, top = 40 + number % 8 * 110, 20 + number // 8 * 15
            boxes.append([left, top, left + 90, top + 12])
        noise = np.random.default_rng(length).integers(0, 256, (800, 600, 3), dtype=np.uint8)
        made.append((words, boxes, Image.fromarray(noise)))
    return made


def time_models(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Eight documents of 50 to 480 words through the model, from encoded words to logits."""
    from pageloom.inference.engine import Engine, Item, inference_copy
    from pageloom.models import LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer
    from pageloom.processing.windows import encode_words
    from tests import public_library

    public = public_library.layoutlmv2()
    made = documents()
    processor = public.LayoutLMv2Processor(
        public.LayoutLMv2ImageProcessor(apply_ocr=False),
        public.LayoutLMv2Tokenizer.from_pretrained(folder),
    )
    encoded = processor(
        [picture for *_, picture in made],
        [words for words, *_ in made],
        boxes=[boxes for _, boxes, _ in made],
        padding=True,
        truncation=True,
        return_tensors="pt",
    )
    theirs = public.LayoutLMv2ForTokenClassification.from_pretrained(folder).eval()
    tokenizer = LayoutLMv2Tokenizer.from_pretrained(folder)
    pixels = LayoutLMv2ImageProcessor(apply_ocr=False).pixels
    items = [
        Item(encode_words(tokenizer, words, boxes, [1] * len(words)), {1: pixels(picture)})
        for words, boxes, picture in made
    ]
    model = LayoutLMv2ForTokenClassification.from_pretrained(folder)
    cpu = torch.device("cpu")
    engines = {
        name: Engine(inference_copy(model, cpu, dtype), tokenizer)
        for name, dtype in number_types().items()
    }

    def run_public() -> object:
        with torch.inference_mode():
            return theirs(**encoded).logits

    sides: dict[str, Side] = {"public library, defaults (float32, padded)": run_public}
    for name, engine in engines.items():
        sides[f"pageloom, {name}"] = lambda engine=engine: engine.token_logits(items)
    difference = np.nanmax(
        [
            np.abs(ours[: len(words)] - _first_subword_logits(logits, encoded, row)).max()
            for row, (ours, logits, (words, *_)) in enumerate(
                zip(engines["float32"].token_logits(items), run_public(), made, strict=True)
            )
        ]
    )
    same(float(difference))
    return alternate(sides, rounds)


def _first_subword_logits(logits, encoded, row):  # type: ignore[no-untyped-def]
    words = encoded.word_ids(row)
    firsts = [i for i, word in enumerate(words) if word is not None and word != words[i - 1]]
    return logits[firsts].numpy()


def time_questions(rounds: int) -> dict[str, list[float]]:
    """`QUESTIONS` about one page of 350 words: from encoded words to start and end logits."""
    from pageloom.inference.engine import inference_copy
    from pageloom.inference.questions import QuestionEngine, QuestionItem
    from pageloom.models import LayoutLMv2Config, LayoutLMv2ForQuestionAnswering
    from pageloom.processing import LayoutLMv2ImageProcessor
    from pageloom.processing.questions import frame_questions
    from pageloom.processing.windows import encode_words
    from recipes.fields_sm.model import new_tokenizer
    from tests import public_library

    public = public_library.layoutlmv2()
    torch.manual_seed(0)
    model = LayoutLMv2ForQuestionAnswering(LayoutLMv2Config()).initialise_all().eval()
    theirs = public.LayoutLMv2ForQuestionAnswering(
        public.LayoutLMv2Config(**LayoutLMv2Config().model_dump())
    ).eval()
    theirs.load_state_dict(
        {model.checkpoint_key(name): tensor for name, tensor in model.state_dict().items()},
        strict=False,
    )
    tokenizer = new_tokenizer()
    words, boxes, picture = documents()[5]
    tokens = encode_words(tokenizer, words, boxes, [1] * len(words))
    pixels = LayoutLMv2ImageProcessor(apply_ocr=False).pixels(picture)
    ids = [tokenizer.subwords([question])[0] for question in QUESTIONS]
    item = QuestionItem(tokens, {1: pixels}, QUESTIONS, ids)
    framed, begins = frame_questions(tokenizer, [(each, tokens, tokens.windows[0]) for each in ids])
    encoded = {name: torch.from_numpy(array) for name, array in framed.items()}
    encoded["image"] = torch.from_numpy(pixels)[None].repeat(len(ids), 1, 1, 1)

    def run_public() -> torch.Tensor:
        with torch.inference_mode():
            logits: torch.Tensor = theirs(**encoded).start_logits
            return logits

    cpu = torch.device("cpu")
    engines = {
        name: QuestionEngine(inference_copy(model, cpu, dtype), tokenizer)
        for name, dtype in number_types().items()
    }
    sides: dict[str, Side] = {"public library, defaults (float32)": run_public}
    for name, engine in engines.items():
        sides[f"pageloom, {name}"] = lambda engine=engine: engine.span_logits([item])
    found = engines["float32"].span_logits([item])[0]
    expected = run_public().numpy()
    same(
        max(
            float(np.abs(row[begin : begin + len(answer[0].start)] - answer[0].start).max())
            for row, begin, answer in zip(expected, begins, found, strict=True)
        )
    )
    return alternate(sides, rounds)
