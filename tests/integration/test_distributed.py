"""A hundred documents on two workers, of which one is killed: each ends in the table, once.

Real parts: PostgreSQL (Airflow's metadata, the table of fields, the ledger), Redis as broker, an
API server, a DAG processor, a scheduler with CeleryExecutor, a CPU worker and a "GPU" worker.
"""

from collections import Counter

import psycopg
import pytest

from tests.integration.cluster import Cluster
from tests.services import postgresql, redis

DOCUMENTS = 100
BATCH = 20
DAG_ID = "a_hundred_receipts"
DAG = """
from datetime import timedelta
from airflow.sdk import DAG
from pageloom_provider.operators import *

conf = "{{ dag_run.conf['%s'] }}"
ledger = {"conn_id": "warehouse"}

with DAG(
    "a_hundred_receipts",
    schedule=None,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:
    listing = ListDocumentsOperator(
        task_id="listing", source=conf % "source", batch_size=20, ledger=ledger
    )
    read = OcrOperator.partial(task_id="read", work=conf % "work", queue="cpu").expand(
        documents=listing.output
    )
    tag = LayoutLMv2TaggerOperator.partial(
        task_id="tag",
        work=conf % "work",
        model="pageloom/fields-sm",
        device="cpu",
        queue="gpu",
    ).expand(shard=read.output)
    ExportFieldsOperator(
        task_id="export", shards=tag.output, sql_conn_id="warehouse", ledger=ledger
    )
"""
# Every row that is ever written, so that one written twice shows even where it was replaced.
AUDIT = """
CREATE TABLE writes (document TEXT, label TEXT, rank INTEGER, run_id TEXT);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO writes VALUES (NEW.document_sha256, NEW.label, NEW.rank, NEW.run_id);
  RETURN NEW;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON fields FOR EACH ROW EXECUTE FUNCTION note();
"""


def write_receipts(folder):
    """Small receipts that differ in their total: 1.50, 2.50 and so on."""
    from reportlab.pdfgen.canvas import Canvas

    for number in range(DOCUMENTS):
        canvas = Canvas(str(folder / f"{number:03}.pdf"), pagesize=(300, 400), invariant=1)
        lines = [
            f"NUMBER {number} TRADING SDN BHD",
            "12 MAIN STREET",
            "43300 SERI KEMBANGAN, SELANGOR",
            "TAX INVOICE",
            f"DATE: {1 + number % 28:02}/03/2018",
            "COFFEE   2.00",
            f"TOTAL: {number + 1}.50",
            "THANK YOU",
        ]
        for row, line in enumerate(lines):
            canvas.drawString(20, 370 - 24 * row, line)
        canvas.save()


@pytest.fixture
def warehouse():
    """The URI of a database with an empty table of fields, in the server Airflow uses too."""
    from pageloom_provider.tables import COLUMNS, KEY

    with postgresql() as uri:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE DATABASE warehouse")
        own = uri.replace("/postgres", "/warehouse")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE fields ({columns}, PRIMARY KEY ({', '.join(KEY)}))")
            connection.execute(AUDIT)
        yield uri, own


@pytest.mark.distributed
@pytest.mark.timeout(2400)
def test_a_killed_worker_loses_no_document_and_none_is_written_twice(warehouse, tmp_path):
    metadata, own = warehouse
    for name in ("documents", "dags", "work"):
        (tmp_path / name).mkdir()
    write_receipts(tmp_path / "documents")
    (tmp_path / "dags" / "receipts.py").write_text(DAG)
    conf = {"source": str(tmp_path / "documents"), "work": str(tmp_path / "work")}
    connections = {"warehouse": own.replace("postgresql", "postgres", 1)}

    with (
        redis() as broker,
        Cluster(tmp_path / "home", tmp_path / "dags", metadata, broker, connections) as cluster,
    ):
        cluster.start_worker("cpu")
        cluster.start_worker("gpu")
        run = cluster.trigger(DAG_ID, conf)

        def states(task_id):
            return [each["state"] for each in cluster.tasks(DAG_ID, run, task_id)]

        def over(run_id):
            return cluster.run(DAG_ID, run_id)["state"] in ("success", "failed")

        # Once the documents are the first run's, a second run comes over the same folder.
        cluster.wait_for("a list", lambda: states("listing") == ["success"] or over(run), 300)
        other = cluster.trigger(DAG_ID, conf)
        # In the middle: some batches are tagged, one is being tagged, others wait.
        cluster.wait_for(
            "a batch being tagged",
            lambda: {"success", "running"} <= {*states("tag")} or over(run),
            900,
        )
        assert not over(run), cluster.report()
        assert cluster.kill_worker("gpu") >= 2
        cluster.start_worker("gpu")
        cluster.wait_for("the end of the run", lambda: over(run), 900)
        cluster.wait_for("the end of the other run", lambda: over(other), 300)

        assert cluster.run(DAG_ID, run)["state"] == "success", cluster.report()
        tries = Counter(each["try_number"] for each in cluster.tasks(DAG_ID, run, "tag"))
        assert sum(tries.values()) == DOCUMENTS // BATCH
        assert max(tries) >= 2, "the killed task was not tried again"
        ran = {each["queue"] for each in cluster.tasks(DAG_ID, run, "tag")}
        assert ran == {"gpu"}
        assert {each["state"] for each in cluster.tasks(DAG_ID, other, "read")} == {"skipped"}

    with psycopg.connect(own) as connection:
        totals = connection.execute(
            "SELECT value FROM fields WHERE label = 'total' AND rank = 0"
        ).fetchall()
        assert sorted(float(value) for (value,) in totals) == [
            number + 1.5 for number in range(DOCUMENTS)
        ]
        writes = connection.execute("SELECT document, label, rank FROM writes").fetchall()
        assert [key for key, count in Counter(writes).items() if count > 1] == []
        assert len({document for document, _, _ in writes}) == DOCUMENTS
        ledger = connection.execute(
            "SELECT state, attempts, run_id, count(*) FROM pageloom_ledger GROUP BY 1, 2, 3"
        ).fetchall()
        assert ledger == [("done", 1, run, DOCUMENTS)]
