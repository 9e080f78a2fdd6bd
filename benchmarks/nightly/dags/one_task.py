"""The batch with one task of ours per video."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from benchmarks.nightly.dags.items import DAG_ARGUMENTS, PATH, prompts

WAYS: dict[str, dict[str, Any]] = {
    "one_task": {},
    "one_task_limited": {"retries": 0},
    "one_task_in_pool": {"retries": 0, "pool": "kling"},
}
for dag_id, way in WAYS.items():
    with DAG(dag_id, **DAG_ARGUMENTS):
        KlingText2VideoOperator.partial(task_id="generate", path=PATH, deferrable=True, **way).expand(
            prompt=prompts()
        )
