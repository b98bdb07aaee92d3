"""Corrections teach: a packaged model on a layout that it has never seen, before and after."""

import random

import pytest
import spacy
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas
from spacy.tokens import DocBin
from spacy.util import minibatch, registry
from thinc.api import Adam

from pageloom.corpus.corrections import collect
from pageloom.corpus.reviewing import correct
from pageloom.fields.completing import plain
from tests.tagged import READER

NAMES = ("Harbour", "Juniper", "Kestrel", "Lantern", "Meridian", "Nimbus", "Orchard", "Pioneer")
TRADES = ("Bakery", "Books", "Cycles", "Flowers", "Garage", "Hardware", "Music", "Tailors")
STREETS = ("Mill Lane", "Station Road", "Church Street", "Castle Hill", "River Walk", "Oak Avenue")
TOWNS = ("Ashford", "Brampton", "Calder", "Denholm", "Elmswell", "Fenwick")


def draw(path, rng):
    """A card slip: the amount is above, the shop at the foot, other amounts between. Its fields."""
    amounts = sorted(round(rng.uniform(3, 400), 2) for _ in range(3))
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2019, 2026)
    fields = {
        "company": f"{rng.choice(NAMES)} {rng.choice(TRADES)}",
        "date": f"{year}-{month:02}-{day:02}",
        "address": f"{rng.randint(1, 99)} {rng.choice(STREETS)}, {rng.choice(TOWNS)}",
        "total": f"{amounts[1]:.2f}",
    }
    lines = [
        (60, 520, f"Debited {fields['total']}"),
        (260, 520, fields["date"]),
        (60, 470, "Card of Northern Mutual Savings, 1 Exchange Square, Overton"),
        (60, 430, f"Limit of this card {amounts[2] * 10:.2f}"),
        (60, 410, f"Spent this month {amounts[2]:.2f}"),
        (60, 390, f"Total of rewards {amounts[0]:.2f}"),
        (60, 370, f"Card valid to {year + 3}-01-31"),
        (60, 120, "Paid to"),
        (60, 100, fields["company"]),
        (60, 80, fields["address"]),
    ]
    canvas = Canvas(str(path), pagesize=A5)
    for x, y, text in lines:
        canvas.drawString(x, y, text)
    canvas.save()
    return fields


def accuracy(nlp, paths, truths):
    """The share of fields whose best value is the true one."""
    right = 0
    for doc, truth in zip(nlp.pipe(paths), truths, strict=True):
        for label, text in truth.items():
            found = doc._.fields.get(label)
            right += bool(found) and plain(found[0].text) == plain(text)
    return right / sum(map(len, truths))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_corrections_of_a_layout_teach_the_model_its_other_documents(tmp_path):
    rng = random.Random(7)
    paths = [str(tmp_path / f"{number:02}.pdf") for number in range(45)]
    truths = [draw(path, rng) for path in paths]
    nlp = spacy.blank("en", config=READER)
    nlp.add_pipe("ocr", config={"mode": "skip"})
    tagger = {"model": "pageloom/fields-sm", "device": "cpu", "dtype": "float32"}
    nlp.add_pipe("layoutlmv2_tagger", config=tagger)

    kept = DocBin(store_user_data=True)
    for doc, truth in zip(nlp.pipe(paths[:30]), truths[:30], strict=True):
        correct(doc, truth, by="Anna", at="2026-03-31T12:00:00+00:00")
        kept.add(doc)
    (tmp_path / "corrections").mkdir()
    kept.to_disk(tmp_path / "corrections" / "1.spacy")
    done = collect([str(tmp_path / "corrections")], tmp_path / "corpus.spacy")
    assert (sum(done.written.values()), done.unplaced) == (30, ())

    before = accuracy(nlp, paths[30:], truths[30:])
    reader = registry.readers.get("pageloom.DocBin.v1")  # as in the config of `spacy train`
    examples = list(reader(tmp_path / "corpus.spacy")(nlp))
    with nlp.select_pipes(enable="layoutlmv2_tagger"):
        nlp.initialize(lambda: examples)
        optimizer = Adam(0.0002)
        for _ in range(2):
            rng.shuffle(examples)
            for batch in minibatch(examples, 5):
                nlp.update(batch, sgd=optimizer, drop=0.1)
    after = accuracy(nlp, paths[30:], truths[30:])
    print(f"{before:.2f} -> {after:.2f}")
    assert before < 0.6
    assert after > before + 0.3
