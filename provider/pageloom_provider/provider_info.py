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
                    "pageloom_provider.operators.checking",
                    "pageloom_provider.operators.classification",
                    "pageloom_provider.operators.export",
                    "pageloom_provider.operators.listing",
                    "pageloom_provider.operators.pipeline",
                    "pageloom_provider.operators.questions",
                    "pageloom_provider.operators.reading",
                    "pageloom_provider.operators.reporting",
                    "pageloom_provider.operators.review",
                    "pageloom_provider.operators.routing",
                    "pageloom_provider.operators.tagging",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "Pageloom",
                "python-modules": [
                    "pageloom_provider.triggers.folder",
                    "pageloom_provider.triggers.server",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Pageloom",
                "python-modules": ["pageloom_provider.hooks.pageloom"],
            }
        ],
        "task-decorators": [
            {
                "name": "pageloom",
                "class-name": "pageloom_provider.decorators.pageloom.pageloom_task",
            }
        ],
        "extra-links": ["pageloom_provider.operators.export.DocumentsLink"],
        "config": {
            "pageloom": {
                "description": "What a deployment sets once for all its pageloom tasks.",
                "options": {
                    "work": {
                        "description": (
                            "The folder for shards where an operator names none: a URI of object "
                            "storage, or a path that all workers share."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://archive@pages/work",
                        "default": None,
                    },
                    "quarantine": {
                        "description": (
                            "The folder for bad documents where an operator names none. Without "
                            "it, that is the folder quarantine in the work folder."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://archive@pages/quarantine",
                        "default": None,
                    },
                    "views": {
                        "description": (
                            "The folder where runs leave views of their documents, and where the "
                            "page Documents reads them. Without it, that is the folder views in "
                            "the work folder; without either the page shows nothing."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://archive@pages/views",
                        "default": None,
                    },
                    "roots": {
                        "description": (
                            "Folders, separated by commas, whose documents the API server may open "
                            "for pictures of their pages on the page Documents, beside the work "
                            "folder and the quarantine. It opens none outside of them."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://archive@invoices/inbox, /srv/scans",
                        "default": None,
                    },
                    "device": {
                        "description": (
                            "Where this worker runs models that neither a component nor a "
                            "connection gave a device: auto, cpu, cuda or cuda:1."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "cuda",
                        "default": None,
                    },
                },
            }
        },
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
                    "server": {
                        "label": "Server",
                        "description": "The address of a pageloom serve, as https://gpu-1:8700.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "server_token": {
                        "label": "Server token",
                        "description": "What the server asks for.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                },
            }
        ],
    }
