"""DAGs of a folder in this process, and what came of their runs; in each Airflow from 3.1 on."""

import inspect
import json
import os


def dag_bag(folder, **options):
    """The DAGs of a folder, as Airflow finds them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    # Airflow 3.2 leaves the DAG behind that `dag.test` ran last, and then no other is asked for.
    os.environ.pop("_AIRFLOW_PARSING_CONTEXT_DAG_ID", None)
    if "bundle_name" in inspect.signature(DagBag).parameters:  # not in Airflow 3.1
        options.setdefault("bundle_name", "tests")
    return DagBag(str(folder), bundle_path=folder, **options)


def results(run, task_id):
    """What the task instances of a run returned, in the order of their map index."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(
            select(XComModel.value)
            .where(
                XComModel.run_id == run.run_id,
                XComModel.dag_id == run.dag_id,
                XComModel.task_id == task_id,
                XComModel.key == "return_value",
            )
            .order_by(XComModel.map_index)
        ).scalars()
        return [json.loads(value) if isinstance(value, str) else value for value in found]


def states(run):
    return {(each.task_id, each.map_index): str(each.state) for each in run.get_task_instances()}
