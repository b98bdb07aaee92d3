"""Sending documents different ways by their class, and cutting them into batches anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pageloom_provider.operators.pipeline import work_folder
from pageloom_provider.spec import parse_routes, parse_shards

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["RegroupDocumentsOperator", "RouteDocumentsOperator"]


class RouteDocumentsOperator(BaseOperator):
    """Pick the documents that take one of several routes, by the class in `doc.cats`.

    One operator for each route, all with the same `routes`, over the shards of a
    `DocumentClassifierOperator`: a document takes the first route that its best class fits, so
    each is picked by one of them, or by none where no route is `otherwise`; those are named in
    the log.

    Returns a list of shards, ready for `expand(shard=...)`; with no documents it is skipped, and
    the tasks behind it are.

    Args:
        shards: What the classifier's tasks returned (`classifier.output`), or URIs.
        routes: `[{"name": "invoices", "classes": ["invoice", "receipt"], "min_score": 0.5},
            {"name": "rest", "otherwise": True}]`.
        route: The name of the route to pick documents for.
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        batch_size: The most documents in a shard; without it they stay in the batches they
            came in.
        work_conn_id: The connection of the object storage that holds `work` and `shards`.
    """

    template_fields: Sequence[str] = (
        "shards",
        "routes",
        "route",
        "work",
        "batch_size",
        "work_conn_id",
    )
    template_fields_renderers = {"routes": "json", "shards": "json"}

    def __init__(
        self,
        *,
        shards: list[Any],
        routes: list[dict[str, Any]],
        route: str,
        work: str | None = None,
        batch_size: int | None = None,
        work_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        self.routes = routes
        self.route = route
        self.work = work
        self.batch_size = batch_size
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the shards, write those of the route."""
        rules = parse_routes(self.routes)
        names = [rule.name for rule in rules]
        if self.route not in names:
            raise ValueError(
                f"{self.task_id}: route {self.route!r} is none of routes: {', '.join(names)}"
            )
        return _selected(self, rules, self.route)


class RegroupDocumentsOperator(BaseOperator):
    """Cut the documents of shards into batches of another size, in the same order.

    A GPU task pays for loading its model once a batch, so it wants larger batches than an OCR
    task. This one waits until all shards are there.

    Returns a list of shards, ready for `expand(shard=...)`.

    Args:
        shards: What earlier tasks returned (`ocr.output` of a mapped operator), or URIs.
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        batch_size: The most documents in a shard.
        work_conn_id: The connection of the object storage that holds `work` and `shards`.
    """

    template_fields: Sequence[str] = ("shards", "work", "batch_size", "work_conn_id")
    template_fields_renderers = {"shards": "json"}

    def __init__(
        self,
        *,
        shards: list[Any],
        batch_size: int,
        work: str | None = None,
        work_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        self.work = work
        self.batch_size = batch_size
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the shards, write the batches."""
        return _selected(self, (), None)


def _selected(
    operator: RouteDocumentsOperator | RegroupDocumentsOperator, rules: Any, route: str | None
) -> list[dict[str, Any]]:
    from airflow.providers.common.compat.sdk import AirflowSkipException

    from pageloom_provider.worker.selection import select_documents

    size = None if operator.batch_size is None else int(operator.batch_size)
    if size is not None and size < 1:
        raise ValueError(f"{operator.task_id}: batch_size must be at least 1, not {size}")
    made = select_documents(
        parse_shards(operator.shards),
        work=work_folder(operator.work, operator.task_id),
        conn_id=operator.work_conn_id,
        rules=rules,
        route=route,
        batch_size=size,
    )
    if not made:
        raise AirflowSkipException(f"no documents for {route or operator.task_id}")
    return [shard.model_dump() for shard in made]
