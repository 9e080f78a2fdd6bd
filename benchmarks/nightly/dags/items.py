"""What every way to write the batch is given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, get_current_context, task

PATH = "file://{{ params.folder }}/{{ ti.map_index }}.mp4"
DAG_ARGUMENTS: dict[str, Any] = {
    "schedule": None,
    "params": {"videos": Param(1, type="integer"), "folder": Param("", type="string")},
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30)},
}


@task
def prompts() -> list[str]:
    """List what to generate."""
    return [f"Deer {number}" for number in range(get_current_context()["params"]["videos"])]
