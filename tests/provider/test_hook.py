import json
import os

import pytest

from pageloom_provider.hooks.pageloom import PageloomHook


@pytest.fixture
def connect(monkeypatch):
    def connect(**settings):
        connection = {"conn_type": "pageloom", **settings}
        monkeypatch.setenv("AIRFLOW_CONN_PAGELOOM_DEFAULT", json.dumps(connection))
        return PageloomHook()

    return connect


def test_a_connection_sets_the_environment_of_the_task_and_of_nothing_else(connect, monkeypatch):
    monkeypatch.setenv("HF_HOME", "as it was")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    hook = connect(host="hub.example", password="secret", extra={"cache": "/models"})
    with hook.environment():
        assert os.environ["HF_ENDPOINT"] == "https://hub.example"
        assert os.environ["HF_TOKEN"] == "secret"
        assert os.environ["HF_HOME"] == "/models"
    assert os.environ["HF_HOME"] == "as it was"
    assert "HF_TOKEN" not in os.environ
    assert "HF_ENDPOINT" not in os.environ


def test_an_empty_connection_changes_nothing(connect):
    hook = connect()
    assert hook.variables() == {}
    assert hook.device is None
    assert hook.test_connection()[0]


def test_the_device_comes_from_the_connection(connect):
    assert connect(extra={"device": "cpu"}).device == "cpu"


def test_the_test_button_looks_at_the_cache_folder(connect, tmp_path):
    assert connect(extra={"cache": str(tmp_path / "new")}).test_connection()[0]
    (tmp_path / "file").write_text("in the way")
    working, message = connect(extra={"cache": str(tmp_path / "file" / "x")}).test_connection()
    assert not working
    assert str(tmp_path / "file" / "x") in message
