"""One video from an account that is busy, waited for in each way there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_kling.operators.video import KlingText2VideoOperator

WAYS: dict[str, dict[str, Any]] = {"worker": {"deferrable": False}, "deferred": {"deferrable": True}}
# Those of the task cannot be templated, so there is a DAG for each.
LIMITS: dict[str, dict[str, Any]] = {
    "patient": {},
    "impatient": {"submit_timeout": 0.5},
    "bounded": {"execution_timeout": timedelta(seconds=1), "submit_timeout": 5},
}

for way, arguments in WAYS.items():
    for limit, limits in LIMITS.items():
        with DAG(f"room_{way}_{limit}", schedule=None) as dag:
            KlingText2VideoOperator(
                task_id="generate",
                prompt="A deer",
                wait_for_completion=True,
                poll_interval=0.2,
                retries=0,
                **arguments,
                **limits,
            )
        globals()[dag.dag_id] = dag
