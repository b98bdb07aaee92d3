"""Airflow metrics of batches: counters of documents, pages and failures, and timings."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pageloom_provider.spec import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["measure"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


def measure(outcome: Outcome, tags: Mapping[str, str]) -> None:
    """Send what this attempt did; a batch that an earlier run had finished adds nothing.

    Counters `pageloom.documents`, `pageloom.pages`, `pageloom.failures`; timings
    `pageloom.seconds` (the batch) and `pageloom.seconds.<stage>`, in milliseconds as StatsD has
    them. `tags` reach backends that know tags.
    """
    if outcome.found_finished:
        return
    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:  # Airflow 3.1
        from airflow.stats import Stats
    given = dict(tags)
    Stats.incr("pageloom.documents", outcome.documents, tags=given)
    Stats.incr("pageloom.pages", outcome.pages, tags=given)
    Stats.incr("pageloom.failures", outcome.failed, tags=given)
    Stats.timing("pageloom.seconds", timedelta(seconds=outcome.manifest.seconds), tags=given)
    for stage, seconds in outcome.manifest.stages.items():
        name = _NOT_IN_NAMES.sub("_", stage)
        Stats.timing(f"pageloom.seconds.{name}", timedelta(seconds=seconds), tags=given)
