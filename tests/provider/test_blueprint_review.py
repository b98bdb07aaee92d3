"""`review:` in a deployment's YAML file."""

import jsonschema
import pytest
import yaml

from pageloom_provider.blueprint import DeploymentError, load_file
from pageloom_provider.blueprint.dag import build_dag
from pageloom_provider.blueprint.drawing import as_text
from pageloom_provider.blueprint.schema import Deployment, json_schema

REVIEWED = """\
id: reviewed
source: /documents
work: /work
timeout: 1h
steps:
  - component: ocr
review:
  min_confidence: {total: 0.9}
  checks: [net_tax_total, iban]
  required: [total]
  dates: {invoice_date: {earliest: "2020-01-01", latest: "{{ ds }}"}}
  labels: [total, invoice_date]
  batch_size: 4
  users: [anna, {id: "3", name: Bo}]
  timeout: 2d
  on_timeout: quarantine
sinks:
  - jsonl: "/results/{{ run_id }}.jsonl"
"""


@pytest.fixture
def deployment():
    return Deployment.model_validate(yaml.safe_load(REVIEWED))


def test_documents_are_put_together_and_asked_about_between_steps_and_sinks(deployment):
    dag = build_dag(deployment)
    assert dag.task_ids == [
        "list_documents",
        "ocr",
        "review_batches",
        "review",
        "export_jsonl",
        "report",
    ]
    groups, review = dag.get_task("review_batches"), dag.get_task("review")
    given = review.partial_kwargs
    assert groups.batch_size == 4
    for rule in ("min_confidence", "checks", "required", "dates"):
        assert getattr(groups, rule) == given[rule]
    assert given["dates"] == {"invoice_date": {"earliest": "2020-01-01", "latest": "{{ ds }}"}}
    assert given["assigned_users"] == ["anna", {"id": "3", "name": "Bo"}]
    assert (given["response_timeout"], given["on_timeout"]) == (2 * 86400.0, "quarantine")


def test_a_person_has_more_time_than_a_task(deployment):
    review = build_dag(deployment).get_task("review").unmap({"shard": "results/a.spacy"})
    assert review.execution_timeout.total_seconds() == 3600
    assert review.response_timeout.total_seconds() == 2 * 86400
    assert review.assigned_users == [{"id": "anna", "name": "anna"}, {"id": "3", "name": "Bo"}]


def test_the_tree_says_who_is_asked(deployment):
    text = as_text(build_dag(deployment), deployment)
    assert "review_batches  (batch_size 4)" in text
    assert "review  (asks anna or Bo, quarantine after 2d, a task a batch)" in text


def test_editors_know_it():
    jsonschema.validate(yaml.safe_load(REVIEWED), json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(REVIEWED.replace("[total]", "total")), json_schema())


def test_a_route_may_have_its_own_or_the_deployments(deployment):
    routes = [
        {"name": "bills", "classes": ["invoice"], "review": {"min_confidence": 0.5}},
        {"name": "rest", "otherwise": True},
    ]
    given = {**yaml.safe_load(REVIEWED), "routes": routes}
    dag = build_dag(Deployment.model_validate(given))
    assert dag.get_task("bills.review").partial_kwargs["min_confidence"] == 0.5
    assert dag.get_task("rest.review").partial_kwargs["min_confidence"] == {"total": 0.9}


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("min_confidence: {total: 0.9}", "min_confidence: 2", 8, "less than or equal to 1"),
        ("checks: [net_tax_total, iban]", "checks: [net_total]", 9, "'net_tax_total'"),
        ("  required:", "  requires:", 10, 'Did you mean "required"?'),
        ("latest:", "before:", 11, 'unknown key "before"'),
        ('"2020-01-01"', "soon", 11, 'a day is written "2024-03-31", or "today"'),
        ("batch_size: 4", "batch_size: 0", 13, "greater than or equal to 1"),
        ("  timeout: 2d\n", "", 7, "on_timeout goes with timeout"),
        ("on_timeout: quarantine", "on_timeout: wait", 16, "'leave', 'quarantine' or 'fail'"),
        ("- component: ocr", "- {component: ocr, name: review}", 1, 'called "review"'),
    ],
)
def test_what_is_wrong_is_said_with_the_line(tmp_path, right, wrong, line, message):
    path = tmp_path / "reviewed.yaml"
    assert right in REVIEWED
    path.write_text(REVIEWED.replace(right, wrong, 1))
    with pytest.raises(DeploymentError) as refused:
        load_file(path)
    told = [(problem.line, message in problem.message) for problem in refused.value.problems]
    assert (line, True) in told, refused.value


def test_other_rules_make_documents_new_and_no_review_changes_nothing(deployment):
    def version(**given):
        data = {**yaml.safe_load(REVIEWED), **given}
        ledger = build_dag(Deployment.model_validate(data)).get_task("list_documents").ledger
        return ledger["version"]

    assert version() != version(review={"min_confidence": 0.5})
    # Who is asked is no rule.
    asked = {**yaml.safe_load(REVIEWED)["review"], "users": ["carla"]}
    assert version() == version(review=asked)
    assert version(review=None) != version()
