"""Outlets: telling Airflow's assets what a task has made, so that other DAGs can start from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["announce"]


def announce(
    context: Context, outlets: Sequence[Any], uri: str | None, extra: Mapping[str, Any]
) -> None:
    """Put `extra` into the event of each outlet; an asset alias gets `uri` as its asset.

    An alias has no event where there is no `uri`. The DAG that the event starts reads the extra
    as `triggering_asset_events[...][-1].extra`.
    """
    events = context.get("outlet_events")
    if events is None or not outlets:
        return
    from airflow.sdk import Asset, AssetAlias

    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            if uri:
                events[outlet].add(Asset(uri), extra=dict(extra))
        else:
            events[outlet].extra.update(extra)
