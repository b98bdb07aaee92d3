"""What Airflow learns about this provider, by Airflow's own schema and its own manager."""

import json
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pageloom_provider.provider_info import get_provider_info

PACKAGE = "airflow-provider-pageloom"


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


def test_airflow_finds_the_connection_type_and_shows_its_form():
    """What the form gets from the API server: its own fields, and what it hides and renames."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    types = {each.connection_type: each for each in HookMetaService.hook_meta_data()}
    form = types["pageloom"]
    assert form.hook_name == "Pageloom"
    assert set(form.extra_fields) == {"cache", "device", "server", "server_token"}
    fields = form.standard_fields
    assert (fields.host.title, fields.password.title) == ("Hub endpoint", "Hub token")
    assert fields.login.hidden
    assert fields.port.hidden
    assert fields.url_schema.hidden


def test_every_class_and_function_it_names_is_there():
    info = get_provider_info()
    named = [entry["class-name"] for entry in info["task-decorators"]]
    named += [entry["hook-class-name"] for entry in info["connection-types"]]
    for path in named:
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))
    for entry in info["triggers"]:
        for module in map(import_module, entry["python-modules"]):
            assert module.__all__


def test_it_names_every_module_of_the_operators_room():
    """Airflow's registry shows what is named, so a new file must be."""
    [operators] = get_provider_info()["operators"]
    room = Path(import_module("pageloom_provider.operators").__file__).parent
    # Not an operator: what operators share.
    expected = {path.stem for path in room.glob("*.py")} - {"__init__", "claims", "showing"}
    assert {name.rpartition(".")[2] for name in operators["python-modules"]} == expected
    assert operators["python-modules"] == sorted(operators["python-modules"])


def test_the_decorator_is_one_of_airflows():
    from airflow.sdk import task

    from pageloom_provider.decorators.pageloom import pageloom_task

    assert task.pageloom is pageloom_task


def test_airflow_knows_the_configuration_section():
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    [section] = get_provider_info()["config"]
    ProvidersManager().initialize_providers_configuration()
    assert section == "pageloom"
    assert set(conf.configuration_description[section]["options"]) == {
        "work",
        "quarantine",
        "device",
        "roots",
        "views",
    }


def test_the_command_line_shows_it():
    command = ["airflow", "providers", "get", "--full", "--output", "json", PACKAGE]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    [shown] = json.loads(done.stdout[done.stdout.index("[{") :])
    assert shown["operators"] == get_provider_info()["operators"]
