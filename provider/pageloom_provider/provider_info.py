"""What this provider brings to Airflow. It imports nothing, so discovery stays fast."""

from __future__ import annotations

from typing import Any

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the shape of Airflow's provider info schema."""
    return {
        "package-name": "airflow-provider-pageloom",
        "name": "pageloom",
        "description": "Operators that read documents with pageloom, on CPU and GPU workers.",
    }
