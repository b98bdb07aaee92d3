import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pageloom_provider.hooks.pageloom import PageloomHook, model_settings


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


def test_the_device_comes_from_the_connection_and_then_from_the_worker(connect, monkeypatch):
    assert connect(extra={"device": "cpu"}).device == "cpu"

    def by_default(**settings):
        connect(**settings)
        with model_settings("pageloom_default") as device:
            return device

    assert by_default(extra={"device": "cpu"}) == "cpu"
    assert by_default() is None
    monkeypatch.setenv("AIRFLOW__PAGELOOM__DEVICE", "cuda")
    assert by_default() == by_default(extra={"device": "auto"}) == "cuda"
    assert by_default(extra={"device": "cpu"}) == "cpu"
    with model_settings(None) as device:
        assert device == "cuda"


def test_the_test_button_looks_at_the_cache_folder(connect, tmp_path):
    assert connect(extra={"cache": str(tmp_path / "new")}).test_connection()[0]
    (tmp_path / "file").write_text("in the way")
    working, message = connect(extra={"cache": str(tmp_path / "file" / "x")}).test_connection()
    assert not working
    assert str(tmp_path / "file" / "x") in message


class Hub(BaseHTTPRequestHandler):
    """A hub that knows one token; a mirror has files alone."""

    mirror = False

    def do_GET(self):
        token = self.headers.get("Authorization")
        if self.path == "/api/whoami-v2" and not self.mirror:
            self.send_response(200 if token == "Bearer right" else 401)
        else:
            self.send_response(404 if self.path.startswith("/api") else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Mirror(Hub):
    mirror = True


@pytest.fixture(params=[Hub, Mirror])
def hub(request):
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    Thread(target=server.serve_forever, daemon=True).start()
    yield request.param, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def press_the_button(monkeypatch, **settings):
    """As Airflow's API server does: the connection finds its hook, which finds the connection."""
    from airflow.models import Connection

    connection = Connection(conn_id="pressed", conn_type="pageloom", **settings)
    monkeypatch.setenv("AIRFLOW_CONN_PRESSED", connection.get_uri())
    return connection.test_connection()


def test_the_test_button_asks_the_hub(hub, monkeypatch):
    kind, address = hub
    answers = f"The hub at {address} answers."
    assert press_the_button(monkeypatch, host=address) == (True, answers)
    assert press_the_button(monkeypatch, host=address, password="right") == (True, answers)
    working, message = press_the_button(monkeypatch, host=address, password="wrong")
    assert working is kind.mirror  # which has no way to tell
    assert "wrong" not in message


def test_the_test_button_tells_of_a_hub_that_is_not_there(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers there
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        working, message = press_the_button(monkeypatch, host=address, password="secret")
    assert not working
    assert message.startswith(f"The hub at {address} cannot be reached")
    assert "secret" not in message


def test_the_test_button_leaves_the_machine_only_for_an_endpoint(monkeypatch):
    assert press_the_button(monkeypatch, password="any token") == (
        True,
        "Nothing is set: the hub client's own settings are used.",
    )


def test_an_endpoint_is_http(monkeypatch):
    working, message = press_the_button(monkeypatch, host="ftp://hub.example")
    assert not working
    assert "ftp://hub.example" in message
