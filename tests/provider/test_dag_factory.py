"""The example of pageloom's operators in dag-factory's YAML, run by a real Airflow."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.dag_runs import dag_bag

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "dag_factory"
pytestmark = pytest.mark.usefixtures("metadata_database")


@pytest.fixture
def dag(tmp_path, monkeypatch):
    """The example's DAG, as Airflow finds it in a folder."""
    pytest.importorskip("dagfactory")
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    dags = shutil.copytree(EXAMPLE, tmp_path / "dags")
    bundle = [
        {
            "name": "tests",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags)},
        }
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundle))
    list(DagBundlesManager().get_all_dag_bundles())
    bag = dag_bag(dags, safe_mode=False)
    assert not bag.import_errors
    return bag.dags["receipts"]


def test_the_example_runs(dag, folder, tmp_path, monkeypatch):
    database = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(database))
    conf = {"source": str(folder), "work": str(tmp_path / "work")}
    run = dag.test(run_conf=conf)
    assert run.state == "success"
    with closing(sqlite3.connect(tmp_path / "warehouse.sqlite")) as tables:
        read = tables.execute("SELECT count(DISTINCT document_uri) FROM receipts").fetchone()
    assert read == (3,)
