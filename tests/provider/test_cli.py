"""`pageloom-dags`, as its users type it."""

import json
from pathlib import Path
from shutil import which

import jsonschema
import pytest
from spacy.language import Language
from typer.testing import CliRunner

from pageloom_provider.cli import app

ROOT = Path(__file__).parents[2]
GOOD = """\
id: good
description: Reads what comes in.
schedule: {watch: true, every: 90s}
source: /inbox
work: /work
steps:
  - component: ocr
    settings: {lang: deu}
    queue: cpu
  - component: layoutlmv2_tagger
    name: tag
    queue: gpu
    batch_size: 64
routes:
  - name: bills
    classes: [invoice]
  - name: rest
    otherwise: true
    steps: [{component: lilt_qa, settings: {model: "{{ params.model }}"}}]
sinks:
  - table: {name: fields, connection: warehouse}
produces: [bills-read]
"""


@pytest.fixture
def run(tmp_path):
    """Run the program on a file with this text; (exit code, output)."""

    def run(*arguments, text=None):
        path = tmp_path / "good.yaml"
        if text is not None:
            path.write_text(text)
        done = CliRunner().invoke(app, [*arguments, *([str(path)] if text else [])])
        return done.exit_code, done.output.replace(f"{tmp_path}/", "")

    return run


def test_a_good_file_is_right(run):
    assert run("validate", text=GOOD) == (0, "1 file is right\n")


WRONG = [
    ("work:", "wrok:", 5, 'unknown key "wrok". Did you mean "work"?'),
    ("component: ocr", "component: orc", 7, 'no component "orc". Did you mean "ocr"?'),
    ("lang: deu", "language: deu", 8, 'ocr has no setting "language".'),
    ("lang: deu", "psm: three", 8, "ocr.psm: Input should be a valid integer, not 'three'"),
    ("lang: deu", "min_confidence: yes", 8, "ocr.min_confidence: Input should be a valid number"),
    ("name: tag", "settings: {model: pageloom/xs}", 11, "no packaged model 'xs'"),
    ("name: tag", "settings: {model: ./nowhere}", 11, "./nowhere: there is no such folder"),
    ("produces", "language: tlh\nproduces", 22, "spaCy has no language 'tlh'"),
    (
        "produces",
        "alerts: [{when: {failed_tasks: 0}, notifier: nowhere.Notifier}]\nproduces",
        22,
        "notifier nowhere.Notifier: No module named 'nowhere'",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_line(run, old, new, line, said):
    code, output = run("validate", text=GOOD.replace(old, new, 1))
    assert code == 1
    [problem] = [problem for problem in output.splitlines() if said in problem]
    assert problem.startswith(f"good.yaml:{line}: ")


def test_a_setting_without_a_default_must_be_given(run):
    @Language.factory("tests_dictionary")
    def make(nlp, name, path: str):
        raise AssertionError

    text = GOOD.replace("component: ocr", "component: tests_dictionary").replace("lang: deu", "")
    code, output = run("validate", text=text)
    assert code == 1
    assert "tests_dictionary must be given a path" in output


def test_models_need_not_be_looked_up(run):
    text = GOOD.replace("name: tag", "settings: {model: pageloom/fields-xs}")
    assert run("validate", "--no-models", text=text)[0] == 0


def test_folders_are_checked_file_by_file_and_ids_are_used_once(run, tmp_path):
    (tmp_path / "one.yaml").write_text(GOOD)
    (tmp_path / "two.yml").write_text(GOOD)
    code, output = run("validate", str(tmp_path))
    assert (code, output) == (1, 'two.yml:1: the id "good" is that of one.yaml already\n')


def test_a_file_that_is_not_there(run):
    assert run("validate", "nowhere.yaml") == (
        2,
        "nowhere.yaml: there is no such file or folder\n",
    )


def test_the_schema_is_one(run, tmp_path):
    code, output = run("schema")
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(output))
    run("schema", "--output", str(tmp_path / "schema.json"))
    assert json.loads((tmp_path / "schema.json").read_text()) == json.loads(output)


def test_a_deployment_is_shown_as_a_tree(run):
    code, output = run("render", text=GOOD)
    assert code == 0
    assert (
        output
        == """\
good  Reads what comes in.
starts    when /inbox changes, looked at every 90s
reads     /inbox  (content counts as new)
works in  /work
produces  bills-read

list_documents  (batch_size 16)
└─ ocr  (ocr, a task a batch, queue cpu)
   └─ tag_batches  (batch_size 64)
      └─ tag  (layoutlmv2_tagger, a task a batch, queue gpu)
         ├─ bills.select  (route bills)
         │  └─ bills.export_table  (fields in warehouse)
         └─ rest.select  (route rest)
            └─ rest.lilt_qa  (lilt_qa {{ params.model }}, a task a batch)
               └─ rest.export_table  (fields in warehouse)
                  └─ report  (also after bills.export_table)
"""
    )


def test_a_deployment_is_shown_to_graphviz(run, tmp_path):
    code, output = run("render", "--dot", text=GOOD)
    assert code == 0
    assert output.startswith('digraph "good" {')
    assert '"list_documents" -> "ocr";' in output
    assert '"list_documents" -> "report";' not in output


@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_a_deployment_is_drawn(run, tmp_path):
    picture = tmp_path / "good.svg"
    assert run("render", "--picture", str(picture), text=GOOD) == (0, "")
    assert "<svg" in picture.read_text()


def test_what_cannot_be_shown_is_said(run):
    code, output = run("render", text=GOOD.replace("work:", "wrok:"))
    assert code == 1
    assert 'unknown key "wrok". Did you mean "work"?' in output


def test_the_ledger_is_at_hand(run):
    code, output = run("ledger", "--help")
    assert code == 0
    assert "reset" in output
