"""Airflow DAGs: one for each YAML file in pipelines/."""

from pageloom_provider.blueprint import load_folder

globals().update(load_folder("pipelines", beside=__file__))
