"""Airflow's configuration section `[pageloom]`: what a deployment sets once for all its DAGs."""

from __future__ import annotations

__all__ = ["option"]


def option(name: str) -> str | None:
    """An option of the section, from airflow.cfg or `AIRFLOW__PAGELOOM__NAME`; None where unset."""
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # Airflow 3.1
        from airflow.configuration import conf
    value: str | None = conf.get("pageloom", name, fallback=None)
    return value or None
