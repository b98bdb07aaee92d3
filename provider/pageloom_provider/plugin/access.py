"""Who may see the documents of a run: those whom Airflow lets read the XComs of its DAG.

Airflow does not protect the applications of plugins by itself. Who someone is comes from Airflow's
own dependency, which knows its cookie and its tokens; what they may do, from its auth manager.
"""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import HTTPException

__all__ = ["GetUserDep", "may_see", "require"]


def may_see(user: Any, dag_id: str | None) -> bool:
    """Whether a user may see the documents of a DAG's runs; with None, of any DAG at all."""
    team = DagModel.get_team_name(dag_id) if dag_id else None
    return get_auth_manager().is_authorized_dag(
        method="GET",
        access_entity=DagAccessEntity.XCOM,
        details=DagDetails(id=dag_id, team_name=team),
        user=user,
    )


def require(user: Any, dag_id: str | None) -> None:
    """Let nobody else through.

    Raises:
        HTTPException: 403.
    """
    if not may_see(user, dag_id):
        raise HTTPException(403, "You may not see these documents.")
