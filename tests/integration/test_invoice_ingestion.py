"""The DAG of the README under a real scheduler with LocalExecutor, as `make demo` runs it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def demo(*arguments, timeout=280):
    environment = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    return subprocess.run(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def invoices(tmp_path_factory):
    """Two invoices, one as a picture, and one corrupt file."""
    from PIL import Image, ImageDraw, ImageFont
    from reportlab.pdfgen.canvas import Canvas

    folder = tmp_path_factory.mktemp("invoices")
    canvas = Canvas(str(folder / "letter.pdf"))
    for number, line in enumerate(["ACME TRADING LTD", "Date: 12/03/2026", "Total 10.50"]):
        canvas.drawString(72, 740 - 20 * number, line)
    canvas.save()
    page = Image.new("RGB", (900, 500), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(48)
    for number, line in enumerate(["GLOBEX STORES", "TOTAL 20.00"]):
        draw.text((60, 60 + 90 * number), line, "black", font)
    page.save(folder / "receipt.png", dpi=(200, 200))
    (folder / "corrupt.pdf").write_bytes(b"%PDF-1.7 cut off")
    return folder


@pytest.mark.slow
def test_the_demo_leaves_a_table_a_file_a_report_and_the_quarantine(invoices, tmp_path):
    ran = demo("--documents", invoices, "--output", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the run ended: success" in ran.stdout
    assert "in quarantine: corrupt.pdf" in ran.stdout

    lines = [json.loads(line) for line in (tmp_path / "fields.jsonl").read_text().splitlines()]
    assert [Path(line["document_uri"]).name for line in lines] == ["letter.pdf", "receipt.png"]
    assert {line["model"] for line in lines} == {"pageloom/fields-sm"}
    with closing(sqlite3.connect(tmp_path / "fields.sqlite")) as database:
        rows = database.execute(
            "SELECT document_sha256, label, confidence FROM fields WHERE rank = 0"
        ).fetchall()
    assert len(rows) == sum(len(line["fields"]) for line in lines)
    assert all(0 <= confidence <= 1 for _, _, confidence in rows)

    report = (tmp_path / "report.html").read_text()
    assert "letter.pdf" in report
    assert "receipt.png" in report
    [copy] = (tmp_path / "work" / "quarantine").glob("*-corrupt.pdf")
    assert copy.read_bytes() == (invoices / "corrupt.pdf").read_bytes()


def test_without_documents_the_demo_says_so(tmp_path):
    ran = demo("--documents", tmp_path, "--output", tmp_path / "output")
    assert ran.returncode == 2
    assert f"{tmp_path} holds no documents" in ran.stderr
