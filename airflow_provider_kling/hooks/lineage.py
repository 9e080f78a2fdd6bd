"""A landing, told to Airflow's lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.landing.land import land

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_kling.hooks.kling import KlingHook


def land_with_lineage(
    hook: KlingHook, task_id: str, product: str, target: ObjectStoragePath
) -> dict[str, Any]:
    """Do what :func:`~airflow_provider_kling.landing.land.land` does, and report the published files."""
    # Not at the top: on Airflow 3.0 it would make a DAG file import the whole of Airflow's core.
    from airflow.providers.common.compat.sdk import get_hook_lineage_collector

    landed = land(hook.get_conn(), task_id, product, target, retry_seconds=hook.landing_seconds)
    for file in (landed, *landed["others"]):
        get_hook_lineage_collector().add_output_asset(context=hook, uri=file["path"])
    return landed
