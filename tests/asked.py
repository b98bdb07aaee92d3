"""Documents with questions and true answers, and tiny models that learn them."""

import spacy
import torch
from PIL import Image
from thinc.api import Adam

from pageloom import open_document
from pageloom.corpus.annotated import gold_answer
from pageloom.corpus.examples import example as made_example
from pageloom.document import Answer
from pageloom.models import LiltForQuestionAnswering
from pageloom.processing import BertTokenizer, ViltImageProcessor, ViltProcessor
from tests.tagged import SMALL, VOCAB, a_doc
from tests.tiny_lilt import write_lilt
from tests.tiny_vilt import tiny

TOTAL, SHOP, TAX = "total due?", "which shop", "street"
TEXTS = [
    ("shop ACME total 12.50", {TOTAL: (3, 4), SHOP: (1, 2), TAX: None}),
    ("BOLT shop total due 7.10", {TOTAL: (4, 5), SHOP: (0, 1), TAX: None}),
]


def example(text, asked, pages=None):
    """A document; `asked`: question -> words that answer, text that does, None, or a list."""
    reference = a_doc(text.split(), pages)
    reference._.source = "receipt.png"
    answers = []
    for question, right in asked.items():
        for one in right if isinstance(right, list) else [right]:
            if isinstance(one, tuple):
                found = gold_answer(question, reference[slice(*one)].text, page=1, span=one)
            elif isinstance(one, Answer):
                found = one
            else:
                found = gold_answer(question, one or "")
            answers.append(found)
    reference._.answers = answers
    return made_example(reference)


SIGNED, COUNT = "is there a signature", "how many pages"


def write_qa(folder, head=LiltForQuestionAnswering, labels=("start", "end")):
    """A tiny LiLT in `folder`, which it returns."""
    return str(write_lilt(folder, head, labels, "unigram", initializer_range=0.05))


ASKED = ["is", "there", "a", "signature", "how", "many", "pages"]


def write_vilt(folder, labels=("yes", "no")):
    """A tiny ViLT that answers, with its processor, in `folder`, which it returns."""
    torch.manual_seed(3)
    names = dict(enumerate(labels))
    model = tiny(
        "ViltForQuestionAnswering",
        id2label=names,
        num_labels=len(names),
        initializer_range=0.05,
    )
    model.save_pretrained(folder)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = {piece: index for index, piece in enumerate(specials + ASKED)}
    ViltProcessor(
        ViltImageProcessor(size=24, size_divisor=8), BertTokenizer(vocab, model_max_length=16)
    ).save_pretrained(folder)
    return str(folder)


def pipeline(factory, model, **settings):
    nlp = spacy.blank("en")
    common = {"dtype": "float32"} if factory == "vilt_vqa" else SMALL
    nlp.add_pipe(factory, config={"model": model, **common, **settings})
    return nlp


def steps(nlp, examples, count, optimizer=None):
    optimizer = optimizer or Adam(0.01, L2=0.0)
    name = nlp.pipe_names[0]
    return [nlp.update(examples, sgd=optimizer, drop=0.0)[name] for _ in range(count)]


COLOURS = {"yes": "white", "no": "black"}


def page_example(text, asked, pages=1):
    """`asked`: question -> text, or list of (text, score, page)."""
    made = example("a b", {})
    images = [Image.new("RGB", (48, 40), COLOURS.get(text, "grey")) for _ in range(pages)]
    reference = made.reference
    reference._.pages = open_document(images, VOCAB)._.pages
    reference._.answers = [
        Answer(question, *one, None, None, "gold")
        for question, right in asked.items()
        for one in (right if isinstance(right, list) else [(right, 1.0, None)])
    ]
    return made_example(reference)
