"""What this provider brings to Airflow. It imports nothing, so discovery stays fast."""

from __future__ import annotations

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, object]:
    """The provider's metadata, in the shape of Airflow's provider info schema."""
    return {
        "package-name": "airflow-provider-pageloom",
        "name": "Pageloom",
        "description": "Operators that read documents with pageloom, on CPU and GPU workers.",
        "integrations": [{"integration-name": "Pageloom", "tags": ["software"]}],
        "operators": [
            {
                "integration-name": "Pageloom",
                "python-modules": [
                    "pageloom_provider.operators.components",
                    "pageloom_provider.operators.export",
                    "pageloom_provider.operators.listing",
                    "pageloom_provider.operators.pipeline",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Pageloom",
                "python-modules": ["pageloom_provider.hooks.pageloom"],
            }
        ],
        "connection-types": [
            {
                "connection-type": "pageloom",
                "hook-class-name": "pageloom_provider.hooks.pageloom.PageloomHook",
                "hook-name": "Pageloom",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "schema", "port", "extra"],
                    "relabeling": {"host": "Hub endpoint", "password": "Hub token"},
                    "placeholders": {"host": "the address of a mirror of the model hub"},
                },
                "conn-fields": {
                    "cache": {
                        "label": "Cache folder",
                        "description": "Where a worker keeps the models it downloads.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "device": {
                        "label": "Default device",
                        "description": "For components that were not given a device.",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["auto", "cpu", "cuda", None],
                            "default": "auto",
                        },
                    },
                },
            }
        ],
    }
