"""The command `pageloom`, as a shell runs it."""

import json
import re

import pytest
from typer.testing import CliRunner

from pageloom.cli import app

RUN = CliRunner()


@pytest.fixture
def model(tiny_tagger, tmp_path):
    """A packaged model's windows are 512 long; the tiny one must read as many."""
    import torch

    from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
    from pageloom.processing import LayoutLMv2Tokenizer

    config = LayoutLMv2Config.from_pretrained(tiny_tagger, max_position_embeddings=512)
    folder = tmp_path / "model"
    torch.manual_seed(5)
    LayoutLMv2ForTokenClassification(config).initialise_all().save_pretrained(folder)
    LayoutLMv2Tokenizer.from_pretrained(tiny_tagger).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def invoice(make_pdf, write):
    lines = ["Corner Shop", "12 High Street", "2024-05-01", "Total due 12.50 " * 9]
    return str(write("invoice.pdf", make_pdf(lines)))


class TestFields:
    def test_a_table_a_document(self, model, invoice):
        done = RUN.invoke(app, ["fields", invoice, invoice, "--model", model])
        assert done.exit_code == 0, done.output
        assert done.stderr == ""
        first, second = done.stdout.rstrip("\n").split("\n\n")
        assert first == second
        head, titles, *rows = first.splitlines()
        assert head == f"{invoice}  (1 page, ok)"
        assert titles.split() == ["field", "value", "confidence", "page"]
        assert 1 <= len(rows) <= 4
        for row in rows:
            assert re.fullmatch(r"  (company|date|address|total) +\S.* +\d+%     1", row)
            assert len(row) == len(titles)

    def test_every_value(self, model, invoice):
        best, every = (
            RUN.invoke(app, ["fields", invoice, "--model", model, *more]).stdout.splitlines()
            for more in ([], ["--all"])
        )
        assert len(every) > len(best)
        assert {row.split()[0] for row in every} == {row.split()[0] for row in best}

    def test_a_failed_document_fails_the_command_and_not_its_neighbours(
        self, model, invoice, write, tmp_path
    ):
        torn = str(write("torn.pdf", b"%PDF-1.7 torn"))
        out = tmp_path / "fields.jsonl"
        done = RUN.invoke(
            app, ["fields", torn, invoice, "gone.png", "--model", model, "--jsonl", str(out)]
        )
        assert done.exit_code == 1
        assert done.stderr.count("error:") == 2
        assert "torn.pdf" in done.stderr
        assert "gone.png: there is no such file" in done.stderr
        assert f"{invoice}  (1 page, ok)" in done.stdout
        assert done.stdout.count("no fields found") == 2
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert [record["status"] for record in records] == ["failed", "ok", "failed"]
        assert records[0]["errors"][0]["component"] == "reader"
        (field, *_), *_ = records[1]["fields"].values()
        assert {"text", "score", "page", "box", "start", "end", "value", "currency"} <= set(field)
        assert [file.name for file in tmp_path.glob(".*")] == []

    def test_the_model_says_which_component_finds_the_fields(self, invoice):
        done = RUN.invoke(app, ["fields", invoice, "--model", "pageloom/fields-multi-sm"])
        assert done.exit_code == 0, done.output
        assert {"seller", "total"} & {row.split()[0] for row in done.stdout.splitlines()[2:]}

    def test_a_model_that_finds_no_fields(self, invoice):
        done = RUN.invoke(app, ["fields", invoice, "--model", "pageloom/doctype-sm"])
        assert done.exit_code == 2
        assert "pageloom/doctype-sm" in done.stderr
        assert "LiLT" in done.stderr

    def test_a_report(self, model, invoice, tmp_path):
        page = tmp_path / "report.html"
        assert (
            RUN.invoke(app, ["fields", invoice, "--model", model, "--html", str(page)]).exit_code
            == 0
        )
        text = page.read_text()
        assert "invoice.pdf" in text
        assert "Street" in text

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (["--model", "/no/such/model"], "/no/such/model: there is no such folder"),
            (["--engine", "abacus"], "abacus"),
            (["--device", "abacus"], "device 'abacus'"),
            (["--jsonl", "/no/such/folder/out.jsonl"], "/no/such/folder"),
        ],
    )
    def test_a_wrong_setting(self, model, invoice, settings, message):
        done = RUN.invoke(app, ["fields", invoice, "--model", model, *settings])
        assert done.exit_code == 2
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
        assert done.stdout == ""

    def test_no_file_is_a_usage_error(self):
        done = RUN.invoke(app, ["fields"])
        assert done.exit_code == 2
        assert "FILE" in done.stderr


def test_models():
    done = RUN.invoke(app, ["models"])
    assert done.exit_code == 0
    assert "pageloom/fields-sm" in done.stdout
    assert "company, date, address, total" in done.stdout
