"""One video by one task, by one that is edited meanwhile, and by three tasks; many by a mapped task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.transfers.kling_to_object_storage import KlingToObjectStorageOperator
from tests.e2e import checkpoints

checkpoints.install()

MAPPED = {"mapped": 200, "mapped_few": 20}
CONNECTION = "{{ params.connection }}"
PARAMS = {name: Param("", type="string") for name in ("connection", "prompt", "path", "case", "point")}
TRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=1)}

for dag_id in ("one_task", "edited_official", "edited_newapi"):
    with DAG(dag_id, schedule=None, params=PARAMS):
        KlingText2VideoOperator(
            task_id="generate",
            prompt="" if checkpoints.is_edited(dag_id) else "{{ params.prompt }}",
            path="{{ params.path }}",
            deferrable=True,
            poll_interval=1,
            kling_conn_id=CONNECTION,
            **TRIES,
        )

with DAG("chain", schedule=None, params=PARAMS):
    generate = KlingText2VideoOperator(
        task_id="generate", prompt="{{ params.prompt }}", kling_conn_id=CONNECTION, **TRIES
    )
    wait = KlingTaskSensor(
        task_id="wait",
        kling_task_id=generate.output,
        deferrable=True,
        poke_interval=1,
        kling_conn_id=CONNECTION,
        **TRIES,
    )
    land = KlingToObjectStorageOperator(
        task_id="land",
        kling_task_id=wait.output,
        path="{{ params.path }}",
        kling_conn_id=CONNECTION,
        **TRIES,
    )

for dag_id, number_of_videos in MAPPED.items():
    with DAG(dag_id, schedule=None, params=PARAMS):
        KlingText2VideoOperator.partial(
            task_id="generate",
            path="{{ params.path }}/{{ ti.map_index }}.mp4",
            aspect_ratio="1:1",
            deferrable=True,
            poll_interval=3,
            kling_conn_id=CONNECTION,
            retries=10,
            retry_delay=timedelta(seconds=1),
        ).expand(prompt=[f"Deer {number}" for number in range(number_of_videos)])
