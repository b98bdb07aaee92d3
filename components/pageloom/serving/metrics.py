"""What the server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """Counters, gauges and histograms in a registry of one server's own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.accepted = Counter(
            "pageloom_jobs_accepted", "Documents accepted", ["pipeline"], registry=registry
        )
        self.done = Counter(
            "pageloom_jobs_done",
            "Documents done, by result: docbin, failure or broken",
            ["pipeline", "result"],
            registry=registry,
        )
        self.refused = Counter(
            "pageloom_jobs_refused", "Requests refused, by status", ["status"], registry=registry
        )
        self.pages = Counter("pageloom_pages", "Pages done", ["pipeline"], registry=registry)
        self.queue = Gauge(
            "pageloom_queue_documents", "Documents accepted and not yet done", registry=registry
        )
        self.ready = Gauge(
            "pageloom_ready", "1 where the server takes documents", registry=registry
        )
        self.batch = Histogram(
            "pageloom_batch_documents",
            "Documents that went through a pipeline together",
            ["pipeline"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "pageloom_batch_seconds",
            "Seconds of a batch",
            ["pipeline"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.job_seconds = Histogram(
            "pageloom_job_seconds",
            "Seconds from accepting a document to its result",
            ["pipeline"],
            buckets=_SECONDS,
            registry=registry,
        )
