"""Deployments by configuration alone: a YAML file in, an Airflow DAG out."""

from pageloom_provider.blueprint.loader import load_file, load_folder
from pageloom_provider.blueprint.schema import Deployment
from pageloom_provider.blueprint.yaml_file import DeploymentError

__all__ = ["Deployment", "DeploymentError", "load_file", "load_folder"]
