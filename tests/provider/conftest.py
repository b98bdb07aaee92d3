"""A real Airflow for these tests: a home and an SQLite metadata database in a temporary folder."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.dag_runs import dag_bag

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
        # DAGs of different tests may have the same id: the newest is in force at once.
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        # It sends usage figures otherwise.
        "AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False",
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
def run_dag(tmp_path, folder, monkeypatch):
    """Run a DAG file in this process, as `airflow dags test` does; (run, XComs by task)."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    dags = tmp_path / "dags"
    dags.mkdir()
    bundle = [
        {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags)},
        }
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundle))
    assert [each.name for each in DagBundlesManager().get_all_dag_bundles()] == ["tests"]

    def run(code, **conf):
        path = dags / "tested.py"
        path.write_text(code)
        bag = dag_bag(dags)
        assert not bag.import_errors
        [dag] = bag.dags.values()
        given = {"source": str(folder), "work": str(tmp_path / "work")}
        return dag.test(run_conf={**given, **conf})

    return run


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


@pytest.fixture
def _total_finder():
    """A component that finds totals as a tagger would, the most confident first."""
    from spacy.language import Language

    import pageloom

    if Language.has_factory("total_finder"):
        return

    @Language.factory("total_finder", default_config={"scale": 1})
    def total_finder(nlp, name, scale):
        def find(doc):
            fields = []
            for token in doc:
                if token.like_num:
                    score = scale * (0.9 if not fields else 0.3)
                    field = pageloom.Field(
                        token.text, score, token._.page, token._.box, token.i, token.i + 1
                    )
                    fields.append(field)
            doc._.fields = {"total": fields} if fields else {}
            return doc

        return find


@pytest.fixture
def tagged(tmp_path, listed, context, _total_finder):
    """A function that reads documents, by default those of `folder`, and tags their totals."""
    from pageloom_provider.operators import PipelineOperator

    def tagged(**settings):
        return PipelineOperator(
            task_id="batch",
            work=str(tmp_path / "work"),
            documents=settings.pop("documents", listed),
            components=[{"ocr": {"mode": "skip"}}, {"total_finder": settings}],
        ).execute(context)

    return tagged


@pytest.fixture(scope="session")
def postgresql_server():
    """The URI of a real PostgreSQL, of this process's own."""
    from tests.services import postgresql

    with postgresql() as uri:
        yield uri


@pytest.fixture
def postgresql_uri(postgresql_server):
    """The URI of an empty PostgreSQL database."""
    import uuid

    import psycopg

    name = f"tests_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgresql_server.rpartition('/')[0]}/{name}"
