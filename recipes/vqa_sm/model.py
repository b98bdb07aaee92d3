"""The model that this recipe trains: a small ViLT with two heads, and its short vocabulary."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pageloom.models import ViltConfig, ViltForImageAndTextRetrieval, ViltForQuestionAnswering
from pageloom.models.checkpoint import read_tensors
from pageloom.processing import BertTokenizer, ViltImageProcessor, ViltProcessor
from recipes.fields_sm.model import bert_folder
from recipes.vqa_sm.questions import ANSWERS, KIND_NAMES, MOST_ITEMS, all_texts

__all__ = ["MARKS", "TwoHeads", "new_model", "new_processor", "pruned_vocabulary"]

MARKS = ("signature", "stamp", "logo", "barcode", "handwriting")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SUBWORDS = 2600
LETTERS = string.ascii_lowercase + string.digits + string.punctuation + "äöüßéèàçñìòùêôîâáíóú€£§°’–"
SPREAD = 0.06
"""The standard deviation of initial weights. BERT's 0.02 is for wider layers: it would nearly
silence these."""
INK = 0.04
"""The standard deviation of the patch projection's weights at the start."""
PLACES = 0.4
"""The height of the waves that tell places apart at the start."""
WORDS = "word_embeddings.weight"


def pruned_vocabulary(full: Iterable[str], texts: Iterable[str], size: int) -> list[str]:
    """The part of BERT's vocabulary that short English questions need, in its order.

    `full` in order of ids, frequent words first. Kept are the special tokens, single letters and
    signs, the words of `texts`, and then the most frequent words and endings up to `size`.
    """
    full = list(full)
    known = set(full)
    needed = {*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)}
    for text in texts:
        for sign in string.punctuation:
            text = text.replace(sign, f" {sign} ")
        needed |= set(text.lower().split())
    needed &= known
    plain = [word for word in full if word.removeprefix("##").isascii() and word[0] != "["]
    for word in plain:
        if len(needed) >= size:
            break
        if word.removeprefix("##").isalpha():
            needed.add(word)
    return [word for word in full if word in needed]


def new_processor() -> ViltProcessor:
    """ViLT's image processor, and the small BERT's tokenizer with a pruned vocabulary."""
    full = (bert_folder() / "vocab.txt").read_text(encoding="utf8").split("\n")[:-1]
    vocabulary = pruned_vocabulary(full, all_texts(), SUBWORDS)
    ids = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = BertTokenizer(ids, do_lower_case=True, model_max_length=40)
    return ViltProcessor(ViltImageProcessor(), tokenizer)


class TwoHeads(nn.Module):
    """One ViLT under a head for answers and one for statements, and helpers for training.

    The helpers say from the picture's own tokens what is on the page and where. They make the
    picture's side learn from every pass, whatever was asked, and are not saved.
    """

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        self.answering = ViltForQuestionAnswering(config).initialise_all()
        self.matching = ViltForImageAndTextRetrieval(config).initialise_all()
        self.matching.vilt = self.answering.vilt
        hidden = config.hidden_size
        self.on_page = nn.Linear(hidden, len(KIND_NAMES) + len(MARKS) + 1 + MOST_ITEMS + 2)
        self.on_patch = nn.Linear(hidden, len(MARKS) + 1)

    def embed_kept(
        self, pixels: Tensor, sizes: Sequence[tuple[int, int]], kept: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Images of which a part is left out, as `ViltModel.embed_images` makes whole ones.

        `pixels` (patches, 3, 32, 32) of all images; `sizes` their rows and columns of patches;
        `kept` the numbers of their patches, by rows. Returns (images, 1 + most patches, hidden),
        and int64 (images, 1 + most patches), 0 at padding.
        """
        embed = self.answering.vilt.embeddings
        tables = {size: embed.positions(*size) for size in set(sizes)}
        places = torch.cat([tables[size][rows] for size, rows in zip(sizes, kept, strict=True)])
        patches = (embed.patch_embeddings(pixels) + places).split([len(rows) for rows in kept])
        first = embed.cls_token[0] + embed.position_embeddings[:, 0]
        images = [torch.cat((first, each)) for each in patches]
        mask = [torch.ones(len(each), dtype=torch.long) for each in images]
        padded = nn.utils.rnn.pad_sequence(images, batch_first=True)
        return embed.dropout(padded), nn.utils.rnn.pad_sequence(mask, batch_first=True)

    def forward(
        self, ids: Tensor, mask: Tensor, images: Tensor, image_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of answers, statements, the page and its patches (batch, patches, 6)."""
        base = self.answering.vilt(
            ids, attention_mask=mask, image_embeds=images, pixel_mask=image_mask
        )
        pooled, states = base.pooler_output, base.last_hidden_state[:, ids.shape[1] :]
        return (
            self.answering.classifier(pooled).float(),
            self.matching.rank_output(pooled).float()[:, 0],
            self.on_page(states[:, 0]).float(),
            self.on_patch(states[:, 1:]).float(),
        )

    def save(self, folder: Path) -> None:
        """Write both heads into one checkpoint, in half precision."""
        save(self.answering, self.matching, folder)


def save(
    answering: ViltForQuestionAnswering, matching: ViltForImageAndTextRetrieval, folder: Path
) -> None:
    """One folder from which either head can be loaded: its config names both."""
    from pageloom.models.checkpoint import write_tensors

    names = [type(head).__name__ for head in (answering, matching)]
    answering.config.model_copy(update={"architectures": names}).save_pretrained(folder)
    tensors = {**answering.checkpoint_tensors(), **matching.checkpoint_tensors()}
    write_tensors(folder, {name: tensor.half() for name, tensor in tensors.items()})


def new_model(tokenizer: Any, hidden: int = 192, layers: int = 6, heads: int = 3) -> TwoHeads:
    """All at initial values, but for the words, which know their meanings from the small BERT."""
    config = ViltConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        initializer_range=SPREAD,
        id2label=dict(enumerate(ANSWERS)),
        label2id={name: number for number, name in enumerate(ANSWERS)},
    )
    model = TwoHeads(config)
    words = model.answering.vilt.embeddings.text_embeddings.word_embeddings.weight
    with torch.no_grad():
        words.copy_(_meanings(tokenizer, hidden))
        _ready_to_see(model)
    return model


def _ready_to_see(model: TwoHeads) -> None:
    """Initial values under which ink and its place outweigh the paper.

    Drawn at random, plain paper is the largest part of each patch's embedding, and the positions
    are fifty times smaller: nothing is learned for thousands of steps. Here each even patch, white
    or grey, becomes zero, and places are waves of both coordinates (Vaswani et al. 2017, section
    3.5, in two dimensions).
    """
    embed = model.answering.vilt.embeddings
    weight = embed.patch_embeddings.projection.weight
    weight.mul_(INK / model.answering.config.initializer_range)
    weight.sub_(weight.mean((1, 2, 3), keepdim=True))
    rows, columns = embed.position_grid
    waves = weight.shape[0] // 4
    rates = torch.logspace(0, -1.5, waves)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    turns = [place.reshape(-1, 1) * rates * 1.5 for place in (y, x)]
    table = torch.cat([wave(turn) for turn in turns for wave in (torch.sin, torch.cos)], 1)
    embed.position_embeddings[0, 1:] = PLACES * table
    # Few answers are right: begin with saying so.
    answers = model.answering.classifier[-1]
    assert isinstance(answers, nn.Linear)
    answers.bias.fill_(-3.0)


def _meanings(tokenizer: Any, hidden: int) -> Tensor:
    """The small BERT's word embeddings in fewer dimensions: their main components."""
    full = (bert_folder() / "vocab.txt").read_text(encoding="utf8").split("\n")[:-1]
    row = {word: number for number, word in enumerate(full)}
    tensors = read_tensors(bert_folder())
    table = next(tensor for name, tensor in tensors.items() if name.endswith(WORDS))
    vocabulary = tokenizer.get_vocab()
    chosen = sorted(vocabulary, key=vocabulary.__getitem__)
    rows = table.float().numpy()[[row[word] for word in chosen]]
    rows = rows - rows.mean(0)
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    small = torch.from_numpy(rows @ directions[:hidden].T)
    return small / small.std() * SPREAD
