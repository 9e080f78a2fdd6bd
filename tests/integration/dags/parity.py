"""The same waiting in each way there is: one DAG with one task per way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor

RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(0)}
SENSORS: dict[str, dict[str, Any]] = {
    "sensor_poke": {"mode": "poke", "deferrable": False},
    "sensor_reschedule": {"mode": "reschedule", "deferrable": False},
    "sensor_deferred": {"deferrable": True},
}
SENSORS |= {f"{way}_soft": {**arguments, "soft_fail": True} for way, arguments in SENSORS.items()}
OPERATORS: dict[str, dict[str, Any]] = {
    "operator_worker": {"deferrable": False},
    "operator_deferred": {"deferrable": True},
}

# Airflow wants params to be of the DAG; a timeout cannot be templated, so there is a DAG for each.
for length, timeout in {"short": 1.5, "long": 20.0}.items():
    for way in (*SENSORS, *OPERATORS):
        with DAG(
            f"parity_{way}_{length}",
            schedule=None,
            params={"prompt": Param("A deer", type="string"), "kling_task_id": Param("", type="string")},
        ) as dag:
            if way in SENSORS:
                KlingTaskSensor(
                    task_id="wait",
                    kling_task_id="{{ params.kling_task_id }}",
                    poke_interval=0.2,
                    timeout=timeout,
                    **RETRIED,
                    **SENSORS[way],
                )
            else:
                KlingText2VideoOperator(
                    task_id="wait",
                    prompt="{{ params.prompt }}",
                    wait_for_completion=True,
                    poll_interval=0.2,
                    timeout=timeout,
                    **RETRIED,
                    **OPERATORS[way],
                )
        globals()[dag.dag_id] = dag
