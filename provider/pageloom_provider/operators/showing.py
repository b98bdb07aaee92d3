"""Views of a task's documents, for the page "Documents"."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pageloom_provider.views import Origin

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pageloom_provider.spec import Shard

__all__ = ["show_documents"]

log = logging.getLogger(__name__)


def show_documents(
    context: Context,
    root: str | None,
    results: Sequence[Shard],
    conn_id: str | None,
    *,
    keep: Collection[str],
    waiting: Collection[str] = (),
) -> bool:
    """Leave views of the documents of shards, where there is a folder for them.

    A task's own work does not depend on a page to look at: where the folder cannot be written, its
    log says so and it goes on.

    Args:
        context: The task's.
        root: The folder for views; None for no views.
        results: The shards.
        conn_id: The connection of the object storage of the shards.
        keep: The hashes of the documents to show; failed ones are always shown.
        waiting: The hashes of the documents that this task asks a person about.

    Returns:
        Whether there are views now.
    """
    instance = context.get("ti")
    if not root or instance is None:
        return False
    from pageloom_provider.worker import leave_views

    try:
        leave_views(root, Origin.of(instance), results, conn_id, keep=keep, waiting=waiting)
    except Exception as error:  # of the file system's library, which may be any
        log.warning("no views of the documents in %s: %s", root, error)
        return False
    return True
