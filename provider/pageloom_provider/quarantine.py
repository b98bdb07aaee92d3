"""Where bad documents go: a copy of the file, and beside it a JSON file that says why."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import UTC, datetime

from pageloom_provider.spec import Failure, Job
from pageloom_provider.storage import location, read_file, written_aside

__all__ = ["put_in_quarantine"]

log = logging.getLogger(__name__)


def put_in_quarantine(job: Job, failure: Failure) -> Failure:
    """Copy the document to the quarantine folder with its error beside it; log both.

    The copy's name begins with the content hash, so a retry writes the same two files again. A
    document that cannot be read leaves its error alone.
    """
    folder = (
        location(job.quarantine, job.work_conn_id)
        if job.quarantine
        else location(job.work, job.work_conn_id) / "quarantine"
    )
    source = location(failure.uri)
    name = f"{(failure.sha256 or '')[:12]}-{source.name}"
    copy = folder / name
    try:
        with read_file(source) as original, written_aside(copy) as target:
            shutil.copyfileobj(original, target)
        failure = failure.model_copy(update={"quarantined": str(copy)})
    except OSError as error:
        log.warning("%s: no copy for the quarantine: %s", failure.uri, error)
    record = {
        **failure.model_dump(),
        **job.run,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with written_aside(folder / f"{name}.error.json") as target:
        target.write(json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n")
    log.error("quarantined %s: %s (%s)", failure.uri, failure.message, failure.category)
    return failure
