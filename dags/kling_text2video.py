"""
One video, in three tasks: submit it, wait for it, land the file.

Each task does one thing, so each can be cleared by itself: clearing `upload` never submits again.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.transfers.kling_to_object_storage import KlingToObjectStorageOperator

with DAG(
    "kling_text2video",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    doc_md=__doc__,
    tags=["kling", "example"],
    params={
        "prompt": Param("A deer running in the forest", type="string", minLength=1, maxLength=2500),
        "path": Param(
            "file:///tmp/kling/deer.mp4",
            type="string",
            description="Where the video lands: any path of Airflow's ObjectStoragePath, as s3://bucket/deer.mp4",
        ),
    },
):
    submit = KlingText2VideoOperator(task_id="submit", prompt="{{ params.prompt }}", duration=5)
    wait = KlingTaskSensor(task_id="wait", kling_task_id=submit.output, deferrable=True)
    upload = KlingToObjectStorageOperator(
        task_id="upload", kling_task_id=submit.output, path="{{ params.path }}"
    )
    submit >> wait >> upload
