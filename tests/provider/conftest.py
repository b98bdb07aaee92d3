"""A real Airflow for these tests: a home and an SQLite metadata database in a temporary folder."""

import os
import tempfile
from pathlib import Path

import pytest

# Airflow reads its settings when it is imported, so its home must be chosen before that.
HOME = Path(tempfile.mkdtemp(prefix="pageloom-airflow-"))
ROOT = Path(__file__).resolve().parents[2]
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "OMP_NUM_THREADS": "1",
    }
)


@pytest.fixture(scope="session", autouse=True)
def _no_home_left():
    yield
    import shutil

    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def metadata_database():
    """Airflow's own tables, made once for each process of the test run."""
    from airflow.utils.db import initdb

    initdb()


def write_pdf(path: Path, *lines: str) -> Path:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    for number, line in enumerate(lines):
        canvas.drawString(72, 740 - 20 * number, line)
    canvas.showPage()
    canvas.save()
    return path


@pytest.fixture
def folder(tmp_path):
    """Three invoices with a text layer, in a folder with a subfolder, and one corrupt file."""
    source = tmp_path / "documents"
    (source / "more").mkdir(parents=True)
    write_pdf(source / "a.pdf", "ACME Ltd", "Total 10.50")
    write_pdf(source / "b.pdf", "Globex", "Total 20.00")
    write_pdf(source / "more" / "c.PDF", "Initech", "Total 30.00")
    (source / "corrupt.pdf").write_bytes(b"%PDF-1.7 and then nothing that a PDF would hold")
    return source


@pytest.fixture
def context():
    """What an operator reads of a task's context."""
    return {"run_id": "manual__1"}


@pytest.fixture
def listed(folder, context):
    """The documents of `folder` as `ListDocumentsOperator` lists them: one batch of four."""
    from pageloom_provider.operators import ListDocumentsOperator

    [batch] = ListDocumentsOperator(task_id="listing", source=str(folder)).execute(context)
    return batch
