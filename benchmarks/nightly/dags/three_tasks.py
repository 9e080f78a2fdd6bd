"""The batch with three tasks of ours per video."""

from __future__ import annotations

from airflow.sdk import DAG, task_group

from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.transfers.kling_to_object_storage import KlingToObjectStorageOperator
from benchmarks.nightly.dags.items import DAG_ARGUMENTS, PATH, prompts

with DAG("three_tasks", **DAG_ARGUMENTS):

    @task_group
    def video(prompt: str) -> None:
        """Make a video."""
        submit = KlingText2VideoOperator(task_id="submit", prompt=prompt)
        wait = KlingTaskSensor(task_id="wait", kling_task_id=submit.output, deferrable=True)
        KlingToObjectStorageOperator(task_id="land", kling_task_id=wait.output, path=PATH)

    video.expand(prompt=prompts())
