"""The recipe of the question answering model: questions, their answers' places, the small model."""

import random
import string

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pageloom.models import LiltForQuestionAnswering
from pageloom.processing import load_tokenizer
from recipes.docqa_sm import phrases
from recipes.docqa_sm.data import Asked, Row, collate, rows
from recipes.docqa_sm.model import bert_tokenizer, new_model, new_tokenizer
from recipes.docqa_sm.questions import Known, Question, ask, places, plain
from recipes.docqa_sm.score import Score, anls, exact, f1, normalised
from recipes.documents.dataset import Example, in_order
from recipes.documents.sheet import Sheet


def small_invoice(language="en"):
    """An invoice with two addresses side by side, two items and a total that is printed twice."""
    sheet = Sheet()

    def put(x, y, text, field=None, group=0, caption=None):
        sheet.text(x, y, text, font="Helvetica", size=10, field=field, group=group)
        if caption:
            sheet.captions[field, group] = caption

    put(40, 40, "Acme Tools Ltd", "seller")
    with sheet.block():
        put(40, 60, "1 Mill Lane", "seller_address")
        put(40, 74, "Leeds LS1 4AB", "seller_address")
    with sheet.block():
        put(320, 60, "Jane Roe", "buyer")
        put(320, 74, "9 Oak Road", "buyer_address")
    put(40, 110, "Invoice No.:")
    put(140, 110, "INV-2041", "invoice_number", caption="Invoice No.:")
    put(40, 124, "Customer:")
    put(140, 124, "C 77", "x_customer_number", caption="Customer:")
    for row, (name, amount) in enumerate([("Hammer", "12.00"), ("Blue paint", "30.50")]):
        put(40, 160 + 14 * row, name, "item_description", row)
        put(400, 160 + 14 * row, amount, "item_amount", row)
    put(40, 220, "Total")
    put(400, 220, "USD 42.50", "total", 0, "Total")
    put(40, 700, "Please pay")
    put(140, 700, "USD 42.50", "total", 1, "Please pay")
    words = tuple(in_order(sheet.words, (sheet.width, sheet.height), "drawn"))
    return Example("invoice", language, words, dict(sheet.captions), {})


def known(*pages):
    found = Known()
    for page in pages:
        found.add(page)
    return found


def asked(count=400, seed=1, **options):
    page = small_invoice(options.pop("language", "en"))
    return page, ask(page, random.Random(seed), count, known(page), **options)


def answer(page, run):
    return " ".join(page.texts[run[0] : run[1]])


@pytest.fixture(scope="module")
def tokenizer():
    return new_tokenizer({"total": 9, "##ice": 9}, 3000)


# -- questions -------------------------------------------------------------------------------------


def test_the_places_of_an_answer_hold_its_text():
    page, questions = asked()
    assert {question.form for question in questions} == {"field", "caption", "row", "absent"}
    for question in questions:
        found = places(question, page.words)
        assert len(found) == len(question.keys)
        assert {answer(page, run) for run in found} == set(question.answers)


def test_a_value_that_is_printed_twice_has_two_places():
    page, questions = asked()
    total = next(q for q in questions if ("total", 0) in q.keys and q.form == "field")
    assert [answer(page, run) for run in places(total, page.words)] == ["USD 42.50"] * 2


def test_an_address_that_is_read_across_columns_has_no_place():
    page = small_invoice()
    question = Question("Where?", (("seller_address", 0),), "field", ("1 Mill Lane Leeds LS1 4AB",))
    assert len(places(question, page.words)) == 1
    across = sorted(page.words, key=lambda word: (word.box[1], word.box[0]))
    assert places(question, across) == []


def test_a_row_is_asked_by_another_cell_of_it():
    _, questions = asked()
    rows = {q.answers[0]: q.text for q in questions if q.form == "row"}
    assert "Blue paint" in rows["30.50"]
    assert "Hammer" in rows["12.00"]
    assert set(rows) == {"30.50", "12.00"}, "no letters, no name of a row"


def test_what_is_missing_is_not_on_the_page():
    _, questions = asked(2000)
    missing = {q.text for q in questions if q.form == "absent"}
    assert missing
    assert all(not q.answers and not q.keys for q in questions if q.text in missing)
    assert not missing & {q.text for q in questions if q.form != "absent"}


def test_other_pages_captions_are_asked_for_where_they_are_missing():
    page = small_invoice()
    other = Example("invoice", "en", page.words, {("due_date", 0): "Payable by"}, {})
    questions = ask(page, random.Random(2), 100, known(page, other), absent=0.5)
    assert any("Payable by" in question.text for question in questions)


@pytest.mark.parametrize("language", ["de", "fr", "es", "it"])
def test_captions_and_known_fields_are_asked_for_in_the_pages_language(language):
    _, questions = asked(language=language, absent=0.0)
    native = phrases.split_phrases(phrases.NATIVE_CAPTION[language], "train")
    assert any(shape.format("Total") == q.text for shape in native for q in questions)


def test_test_questions_use_other_phrases():
    def texts(part):
        page = small_invoice()
        page.captions.clear()
        return {q.text for q in ask(page, random.Random(3), 500, known(page), part=part)}

    assert not texts("train") & texts("test")


@pytest.mark.parametrize(
    "row", [*phrases.NOUNS.values(), *phrases.WHOLE.values(), phrases.ANY_NOUN, phrases.CAPTION]
)
def test_phrases_differ_and_some_are_held_out(row):
    train, test = (phrases.split_phrases(row, part) for part in ("train", "test"))
    assert all(each for each in train + test)
    if len(row.split("|")) >= 4:
        assert not {plain(each) for each in train} & {plain(each) for each in test} - {"{}"}
        assert len(train) > len(test) >= 1


# -- the model -------------------------------------------------------------------------------------


@given(st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + "äöüßéèñçœ€£"))
def test_any_latin_word_has_subwords(text):
    made = new_tokenizer({}, 1500) if not _SMALL else _SMALL[0]
    _SMALL[:] = [made]
    ids, _ = made.subwords(text.split())
    assert made.unk_token_id not in ids.tolist()


_SMALL: list = []


def test_the_small_model_starts_from_the_small_bert(tokenizer, tmp_path):
    model = new_model(tokenizer, layers=(0, 5))
    assert model.config.max_window == 512
    words = model.lilt.embeddings.word_embeddings.weight
    assert words.shape[0] == len(tokenizer)
    assert not words[tokenizer.pad_token_id].any()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again = LiltForQuestionAnswering.from_pretrained(tmp_path)
    same = load_tokenizer(tmp_path)
    assert same.get_vocab() == tokenizer.get_vocab()
    assert torch.equal(again.lilt.embeddings.word_embeddings.weight, words)
    # The first position of the small BERT is the one after the padding's.
    from pageloom.models.checkpoint import read_tensors
    from recipes.fields_sm.model import bert_folder

    bert = read_tensors(bert_folder())
    ours = again.lilt.embeddings.position_embeddings.weight
    assert torch.equal(ours[1:], bert["embeddings.position_embeddings.weight"])
    piece = bert_tokenizer().get_vocab()["total"]
    mine = words[tokenizer.get_vocab()["total"]]
    assert torch.equal(mine, bert["embeddings.word_embeddings.weight"][piece])


# -- windows ---------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.sampled_from([64, 128, 512]))
def test_a_rows_answer_is_the_text_of_the_value(seed, max_length):
    made = _SMALL[0] if _SMALL else new_tokenizer({}, 1500)
    _SMALL[:] = [made]
    page, questions = asked(6, seed)
    found = tuple(tuple(places(q, page.words)) for q in questions)
    made_rows = list(
        rows(Asked(page, tuple(questions), found), made, random.Random(seed), max_length)
    )
    assert len(made_rows) <= len(questions)
    for row in made_rows:
        _, tokens, window = row.row
        assert len(row) + 3 <= max_length
        if row.answer is not None:
            first, last = (window.start + at for at in row.answer)
            assert first <= last < window.end
            place = tokens.word_index[first], tokens.word_index[last] + 1
            assert answer(page, place) in {text for q in questions for text in q.answers}


def test_where_there_is_no_answer_the_first_token_is_it(tokenizer):
    page, questions = asked(12)
    found = tuple(tuple(places(q, page.words)) for q in questions)
    batch: list[Row] = list(rows(Asked(page, tuple(questions), found), tokenizer, random.Random(1)))
    inputs, starts, ends = collate(batch, tokenizer)
    for number, row in enumerate(batch):
        if row.answer is None:
            assert starts[number] == ends[number] == 0
        else:
            ids = inputs["input_ids"][number, starts[number] : ends[number] + 1]
            _, tokens, window = row.row
            first, last = row.answer
            wanted = tokens.input_ids[window.start + first : window.start + last + 1]
            assert ids.tolist() == wanted.tolist()
    model = new_model(tokenizer, layers=(0,)).eval()
    with torch.no_grad():
        output = model(**inputs)
    assert output.start_logits.shape == inputs["input_ids"].shape


# -- scores ----------------------------------------------------------------------------------------


def test_scores_forgive_case_and_outer_punctuation_only():
    assert normalised("  USD 42.50. ") == "usd 42.50"
    assert exact("usd 42.50", ["USD 42.50."]) == 1
    assert exact("42.50", ["USD 42.50"]) == 0
    assert f1("42.50", ["USD 42.50"]) == pytest.approx(2 / 3)
    assert anls("USD 42.S0", ["USD 42.50"]) == pytest.approx(8 / 9)
    assert anls("Leeds", ["USD 42.50"]) == 0


def test_no_answer_is_right_where_there_is_none():
    score = Score()
    score.add("", ())
    score.add("Leeds", (), ["absent"])
    assert (score.exact, score.f1, score.anls) == (1, 1, 1)
    assert score.parts["absent"].exact == 0
