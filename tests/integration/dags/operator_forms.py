"""One task per video, once for each form of the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_kling.operators.video import KlingText2VideoOperator

PATH = {"path": "{{ params.path }}"}
FORMS: dict[str, dict[str, Any]] = {
    "submit_only": {},
    "land_in_worker": {**PATH, "deferrable": False},
    "land_deferred": {**PATH, "deferrable": True},
}

for form, arguments in FORMS.items():
    with DAG(
        f"operator_{form}",
        schedule=None,
        params={
            "prompt": Param("A deer", type="string"),
            "duration": Param("3", type="string"),
            "aspect_ratio": Param("1:1", type="string"),
            "image": Param("", type="string"),
            "path": Param("", type="string"),
        },
    ) as dag:
        KlingText2VideoOperator(
            task_id="generate",
            prompt="{{ params.prompt }}",
            duration="{{ params.duration }}",
            aspect_ratio="{{ params.aspect_ratio }}",
            image="{{ params.image }}",
            poll_interval=0.2,
            timeout=2.5,
            retries=1,
            retry_delay=timedelta(0),
            **arguments,
        )
    globals()[dag.dag_id] = dag
