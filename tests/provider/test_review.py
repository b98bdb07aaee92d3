"""Reviews without a run: which documents, what is asked, and what becomes of an answer."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

import pageloom
from pageloom.corpus.reviewing import reviews_of
from pageloom_provider.operators.review import GroupForReviewOperator, ReviewFieldsOperator
from pageloom_provider.storage import location
from pageloom_provider.tables import COLUMNS, KEY
from pageloom_provider.worker.doubts import parse_review_rules
from pageloom_provider.worker.records import read_docs
from pageloom_provider.worker.review_form import escaped, form_body, form_fields, form_subject
from pageloom_provider.worker.reviews import AskedField, Question

TODAY = date(2026, 3, 31)
ANNA = {"id": "7", "name": "Anna"}


def document(checks=(), **fields):
    """A document with fields, label=(text, score, value)."""
    doc = Doc(spacy.blank("xx").vocab, words=["words"])
    doc._.fields = {
        label: [pageloom.Field(text, score, 1, (0, 0, 1, 1), 0, 1, value=value)]
        for label, (text, score, value) in fields.items()
    }
    doc._.checks = [
        pageloom.Check(name, passed, labels, "100 + 19 = 119, not 129")
        for name, passed, labels in checks
    ]
    return doc


@pytest.mark.parametrize(
    ("rules", "doc", "doubts"),
    [
        ({}, document(total=("9.00", 0.9, "9.00")), []),
        ({}, document(total=("9.00", 0.7, "9.00")), ["total has confidence 0.70 of 0.80"]),
        ({"min_confidence": {"tax": 0.9}}, document(total=("9", 0.1, "9")), []),
        # Of positions a document has many, and a low one is no reason to stop it.
        ({}, document(item_amount=("9", 0.1, "9")), []),
        (
            {"min_confidence": {"item_amount": 0.5}},
            document(item_amount=("9", 0.1, "9")),
            ["item_amount has confidence 0.10 of 0.50"],
        ),
        ({"required": ["total"]}, document(), ["no total"]),
        (
            {},
            document([("net_tax_total", False, ("net", "tax", "total"))]),
            ["net_tax_total: 100 + 19 = 119, not 129"],
        ),
        ({}, document([("net_tax_total", True, ("net", "tax", "total"))]), []),
        ({}, document([("item_amount", False, ("item_amount",))]), []),
        ({"checks": ["iban"]}, document([("net_tax_total", False, ("net",))]), []),
        ({"checks": False}, document([("iban", False, ("iban",))]), []),
        (
            {"dates": {"date": {"latest": "today"}}},
            document(date=("1.4.2026", 1.0, "2026-04-01")),
            ["date: 2026-04-01 is after 2026-03-31"],
        ),
        (
            {"dates": {"date": {"earliest": "2026-01-01", "latest": "2026-12-31"}}},
            document(date=("1.4.2026", 1.0, "2026-04-01")),
            [],
        ),
        (
            {"dates": {"date": {"earliest": "2026-01-01"}}},
            document(date=("soon", 1.0, None)),
            ["date: it is no date"],
        ),
    ],
)
def test_a_person_looks_at_what_is_doubtful(rules, doc, doubts):
    found = parse_review_rules(**rules).doubts(doc, TODAY)
    assert [doubt.message for doubt in found] == doubts


@pytest.mark.parametrize(
    "rules",
    [
        {"min_confidence": 2},
        {"min_confidence": "high"},
        {"dates": {"date": {"latest": "soon"}}},
        {"dates": {"date": {"before": "today"}}},
    ],
)
def test_rules_that_are_none_are_refused(rules):
    with pytest.raises(ValueError, match="no rules for a review"):
        parse_review_rules(**rules)


def question(index=0, source="/in/a.pdf", **fields):
    asked = tuple(
        AskedField(label=label, text=text, score=None if text is None else 0.4, page=2,
                   others=("9.50",), doubts=("it is odd",))
        for label, text in fields.items()
    )  # fmt: skip
    return Question(index=index, sha256="ab", source=source, doubts=("it is odd",), fields=asked)


def test_the_form_of_one_document_has_what_was_read_and_the_way_to_the_box():
    questions = [question(total="9.00", tax=None)]
    assert form_subject(questions) == "Review a.pdf"
    form = form_fields(questions)
    assert form.keys() == {"1.total", "1.tax"}
    total = form["1.total"].serialize()
    assert total["value"] == "9.00"
    assert total["description"] == "read with confidence 0.40, page 2; it is odd"
    assert total["schema"] == {"type": ["string", "null"], "title": "total", "examples": ["9.50"]}
    assert form["1.tax"].serialize()["value"] is None
    body = form_body(questions, "invoices~manual__1+00:00")
    document = "/runs/invoices~manual__1%2B00%3A00/documents/ab"
    assert f"(/pageloom/#{document}?field=total)" in body
    assert f"![total](/pageloom/api{document}/pages/2.webp?width=240)" in body
    assert "pageloom" not in form_body(questions, None)


def test_the_lines_around_each_doubtful_field_are_shown():
    one = question(total="9.00", tax="1.00", date="1 May")
    boxes = {"total": (700, 800, 760, 812), "date": (10, 20, 30, 40), "tax": None}
    fields = [field.model_copy(update={"box": boxes[field.label]}) for field in one.fields]
    fields[2] = fields[2].model_copy(update={"doubts": ()})
    asked = one.model_copy(update={"fields": tuple(fields)})
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", form_body([asked], "invoices~1"))
    page = "/pageloom/api/runs/invoices~1/documents/ab/pages/2.webp"
    assert pictures == [("total", f"{page}?width=1600&box=700,800,760,812")]


def test_documents_of_one_form_can_be_told_apart_and_set_aside_alone():
    form = form_fields([question(total="9.00"), question(1, "b.pdf", total="7.00")])
    titles = {key: param.serialize()["schema"]["title"] for key, param in form.items()}
    assert titles == {
        "1.total": "1. a.pdf: total",
        "1:quarantine": "1. a.pdf: put in quarantine",
        "2.total": "2. b.pdf: total",
        "2:quarantine": "2. b.pdf: put in quarantine",
    }


@given(st.text())
def test_a_documents_text_means_nothing_in_markdown(text):
    import re

    plain = escaped(text)
    assert not re.search(r"(?<!\\)(\\\\)*[!\"#$%&'()*+,\-./:;<=>?@\[\]^_`{|}~]", plain)
    assert re.sub(r"\\(.)", r"\1", plain) == " ".join(text.split())


@pytest.fixture
def asked(tagged, tmp_path, monkeypatch):
    """A function: the operator asks about documents whose totals are unsure; (operator, form)."""
    forms = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail",
        lambda **detail: forms.append(detail),
    )

    def asked(context, **settings):
        given = {"shard": settings.pop("shard", None) or tagged(scale=0.5), **settings}
        operator = ReviewFieldsOperator(task_id="review", work=str(tmp_path / "work"), **given)
        forms.clear()
        try:
            return operator, operator.execute(context)
        except BaseException as waiting:
            # From Airflow 3.3 on a task waits in a state of its own; before, it is deferred.
            if type(waiting).__name__ not in ("TaskAwaitingInput", "TaskDeferred"):
                raise
        return operator, forms[-1]

    return asked


@pytest.fixture
def task():
    """The context of a task instance, as far as operators look into it."""
    instance = SimpleNamespace(
        id="an-id", dag_id="a", task_id="review", run_id="r", map_index=-1, try_number=1
    )
    return {"ti": instance, "task_instance": instance, "run_id": "r"}


def event(form, choice, user=ANNA, **values):
    given = {key: param["value"] for key, param in form["params"].items()}
    return {
        "chosen_options": [choice],
        "params_input": {**given, **values},
        "responded_at": datetime(2026, 3, 31, 12, tzinfo=UTC),
        "responded_by_user": user,
        "timedout": user is None,
    }


def documents(shard):
    return {
        doc._.source.rpartition("/")[2]: doc
        for doc in read_docs(location(shard["uri"]), spacy.blank("xx").vocab)
    }


def test_nobody_is_asked_about_documents_that_are_sure(asked, tagged, task):
    shard = tagged()
    _, result = asked(task, shard=shard)
    assert result == shard


def test_a_correction_is_a_sure_field_with_its_words_and_says_whose_it_is(asked, task):
    operator, form = asked(task, labels=["total", "company"])
    answer = event(form, "Confirm", **{"1.total": "10,5", "1.company": "acme ltd"})
    shard = operator.execute_complete(task, answer)
    assert (shard["documents"], shard["failed"]) == (3, 1)
    doc = documents(shard)["a.pdf"]
    [total], [company] = doc._.fields["total"], doc._.fields["company"]
    assert (total.text, total.value, total.score) == ("10,5", "10.5", 1.0)
    assert doc[total.start : total.end].text == "10.50"
    assert (doc[company.start : company.end].text, company.box) == ("ACME Ltd", doc[0:2]._.box)
    [review] = reviews_of(doc)
    assert (review.by, review.by_id, review.at) == ("Anna", "7", "2026-03-31T12:00:00+00:00")
    assert {field.label: field.corrected for field in review.fields} == {
        "total": True,
        "company": True,
    }
    # What was not touched has been confirmed.
    assert documents(shard)["b.pdf"]._.fields["total"][0].score == 1.0


def test_a_value_that_was_emptied_is_no_field(asked, task):
    operator, form = asked(task)
    shard = operator.execute_complete(task, event(form, "Confirm", **{"1.total": None}))
    assert documents(shard)["a.pdf"]._.fields == {}


@pytest.mark.parametrize("on_timeout", ["leave", "quarantine", "fail"])
def test_when_nobody_answers(asked, task, on_timeout):
    operator, form = asked(task, response_timeout=60, on_timeout=on_timeout)
    if on_timeout == "fail":
        assert form["defaults"] is None
        from airflow.providers.standard.exceptions import HITLTimeoutError

        with pytest.raises(HITLTimeoutError):
            operator.execute_complete(task, {"error": "late", "error_type": "timeout"})
        return
    shard = operator.execute_complete(task, event(form, form["defaults"][0], user=None))
    if on_timeout == "quarantine":
        assert (shard["documents"], shard["failed"]) == (0, 4)
        return
    assert (shard["documents"], shard["failed"]) == (3, 1)
    for doc in documents(shard).values():
        assert doc._.status == "partial"
        assert doc._.errors[-1].message == "nobody answered the review in time"
        assert (doc._.fields["total"][0].score, reviews_of(doc)) == (0.45, [])


def test_a_task_that_fails_after_the_answer_asks_nobody_again(asked, task, monkeypatch):
    operator, form = asked(task)
    shard = operator.shard
    with monkeypatch.context() as patch:
        patch.setattr("pageloom_provider.shards.write_shard", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            operator.execute_complete(task, event(form, "Confirm", **{"1.total": "7.77"}))
    _, result = asked(task, shard=shard)
    assert documents(result)["a.pdf"]._.fields["total"][0].text == "7.77"
    # Cleared, it asks again.
    _, form = asked(task, shard=shard)
    assert form["params"]["1.total"]["value"] == "10.50"


def test_documents_to_look_at_are_put_together(tagged, listed, tmp_path, context):
    sure = tagged(documents=listed[:1])
    unsure = [tagged(documents=[one], scale=0.5) for one in listed[1:]]
    made = GroupForReviewOperator(
        task_id="groups", shards=[sure, *unsure], batch_size=5, work=str(tmp_path / "work")
    ).execute(context)
    assert [shard["documents"] for shard in made] == [1, 2]
    assert made[0] == sure
    again = GroupForReviewOperator(
        task_id="groups", shards=[sure, *unsure], batch_size=1, work=str(tmp_path / "work")
    ).execute(context)
    assert [shard["documents"] for shard in again] == [1, 1, 1]


def test_settings_are_refused_where_they_are_written():
    with pytest.raises(ValueError, match="on_timeout is one of leave, quarantine, fail"):
        ReviewFieldsOperator(task_id="review", shard="x", on_timeout="wait")


def test_the_time_for_work_is_not_the_time_to_wait():
    from datetime import timedelta

    operator = ReviewFieldsOperator(
        task_id="review", shard="x", execution_timeout=timedelta(minutes=5)
    )
    assert (operator.execution_timeout, operator.response_timeout) == (timedelta(minutes=5), None)


def test_the_table_and_the_lines_say_who_and_when(asked, task, tmp_path):
    from pageloom_provider.operators import ExportFieldsOperator

    operator, form = asked(task)
    shard = operator.execute_complete(task, event(form, "Confirm", **{"1.total": "7.77"}))
    path, lines = tmp_path / "fields.sqlite", tmp_path / "fields.jsonl"
    with closing(sqlite3.connect(path)) as database:  # one of an earlier version
        kept = {name: kind for name, kind in COLUMNS.items() if not name.startswith("reviewed")}
        described = ", ".join(f"{name} {kind}" for name, kind in kept.items())
        database.execute(f"CREATE TABLE fields ({described}, PRIMARY KEY ({', '.join(KEY)}))")
    ExportFieldsOperator(
        task_id="export", shards=[shard], sqlite=str(path), jsonl=str(lines)
    ).execute({"run_id": "r"})
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT value, reviewed_by, reviewed_at FROM fields ORDER BY document_uri LIMIT 1"
        assert database.execute(query).fetchone() == ("7.77", "Anna", "2026-03-31T12:00:00+00:00")
    [total] = json.loads(lines.read_text().splitlines()[0])["fields"]["total"]
    assert (total["reviewed_by"], total["reviewed_at"]) == ("Anna", "2026-03-31T12:00:00+00:00")
