"""Airflow metrics, sent by Airflow's own StatsD client to a server of the test."""

import socket

import pytest

from pageloom_provider.operators import OcrOperator


@pytest.fixture
def statsd():
    """A StatsD server that keeps what Airflow's own client sends it."""
    stats = pytest.importorskip("airflow.sdk.observability.stats", reason="Airflow 3.1 has another")
    if not hasattr(stats, "initialize"):
        pytest.skip("Airflow 3.2 starts its client otherwise")
    from airflow.sdk.observability.metrics.statsd_logger import get_statsd_logger

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)

        def received():
            packets = []
            while True:
                try:
                    packets.append(server.recv(4096).decode())
                except TimeoutError:
                    return packets

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(server.getsockname()[1]))
            patch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
            stats.initialize(factory=get_statsd_logger, export_legacy_names=False)
            yield received
        stats.initialize(factory=NoStats, export_legacy_names=False)


def NoStats():
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger

    return NoStatsLogger()


def test_metrics_count_what_was_done_and_a_rerun_adds_nothing(statsd, listed, tmp_path):
    read = OcrOperator(task_id="read", work=str(tmp_path), documents=listed, mode="skip")
    read.execute({"run_id": "manual__1"})
    packets = [packet.removeprefix("airflow.") for packet in statsd()]
    packets = [packet for packet in packets if packet.startswith("pageloom.")]
    counters = {packet for packet in packets if packet.endswith("|c")}
    assert counters == {"pageloom.documents:3|c", "pageloom.pages:3|c", "pageloom.failures:1|c"}
    timings = {packet.partition(":")[0]: packet for packet in packets if packet.endswith("|ms")}
    assert set(timings) == {
        "pageloom.seconds",
        "pageloom.seconds.reader",
        "pageloom.seconds.ocr",
    }
    read.execute({"run_id": "manual__2"})
    assert not any("pageloom" in packet for packet in statsd())
