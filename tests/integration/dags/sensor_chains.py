"""The three-task chain, once for each way in which the sensor can wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.transfers.kling_to_object_storage import KlingToObjectStorageOperator

WAYS: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferred": {"deferrable": True},
}

for way, arguments in WAYS.items():
    with DAG(
        f"sensor_{way}",
        schedule=None,
        params={
            "prompt": Param("A deer", type="string"),
            "path": Param("", type="string"),
        },
    ) as dag:
        submit = KlingText2VideoOperator(
            task_id="submit", prompt="{{ params.prompt }}", duration=3, aspect_ratio="9:16"
        )
        wait = KlingTaskSensor(
            task_id="wait",
            kling_task_id="{{ ti.xcom_pull(task_ids='submit') }}",
            poke_interval=0.2,
            timeout=2.5,
            **arguments,
        )
        upload = KlingToObjectStorageOperator(
            task_id="upload",
            kling_task_id=wait.output,
            path="{{ params.path }}",
            retries=1,
            retry_delay=timedelta(0),
        )
        submit >> wait >> upload
    globals()[dag.dag_id] = dag
