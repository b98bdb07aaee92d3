"""What Airflow learns about this provider, by Airflow's own schema and its own manager."""

import json
from importlib import import_module
from importlib.resources import files

import jsonschema
import pytest

from pageloom_provider.provider_info import get_provider_info


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_the_installed_airflow_accepts_the_provider_info(schema):
    rules = json.loads(files("airflow").joinpath(schema).read_text())
    if schema == "provider.yaml.schema.json":
        # That one describes a provider in Airflow's own tree; of it the connection form counts.
        rules = {"properties": {"connection-types": rules["properties"]["connection-types"]}}
    jsonschema.validate(get_provider_info(), rules)


def test_it_names_every_module_with_operators_and_hooks():
    info = get_provider_info()
    named = {
        getattr(module, name)
        for room in ("operators", "hooks")
        for entry in info[room]
        for module in map(import_module, entry["python-modules"])
        for name in module.__all__
        if isinstance(getattr(module, name), type)
    }
    operators = import_module("pageloom_provider.operators")
    assert {getattr(operators, name) for name in operators.__all__} < named


def test_airflow_finds_the_connection_type_and_its_fields():
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-pageloom" in manager.providers
    assert manager.hooks["pageloom"].hook_name == "Pageloom"
    assert {
        name for name in manager.connection_form_widgets if name.startswith("extra__pageloom__")
    } == {"extra__pageloom__cache", "extra__pageloom__device"}
