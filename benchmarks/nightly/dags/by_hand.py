"""
The batch as it is written without a provider: requests, and the HttpSensor.

With a response check, ``deferrable=True`` of HttpSensor does nothing: it pokes, in a worker or rescheduled.
Without one it does defer, but ends at the first answer that is no error, and a gateway has no error for
a video that is not yet done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG, BaseHook, get_current_context, task, task_group

from benchmarks.nightly.dags.items import DAG_ARGUMENTS, prompts

TASKS = "v1/videos/text2video"
TIMEOUT = (10, 60)


def gateway() -> tuple[str, dict[str, str]]:
    """Return the gateway's URL, and the headers of a request."""
    connection = BaseHook.get_connection("kling_http")
    url = f"{connection.schema}://{connection.host}:{connection.port}"
    return url, {"Authorization": f"Bearer {connection.password}"}


@task
def submit(prompt: str) -> str:
    """Submit a generation, and return where to ask for it."""
    url, headers = gateway()
    body = {"model_name": "kling-v3", "prompt": prompt, "duration": "5", "aspect_ratio": "16:9"}
    answer = requests.post(f"{url}/{TASKS}", json=body, headers=headers, timeout=TIMEOUT)
    answer.raise_for_status()
    return f"{TASKS}/{answer.json()['data']['task_id']}"


def has_ended(response: requests.Response) -> bool:
    """Return whether there is nothing more to wait for."""
    return response.json()["data"]["task_status"] in ("succeed", "failed")


@task
def download(endpoint: str) -> None:
    """Ask for the link, and write what it leads to into a file."""
    url, headers = gateway()
    answer = requests.get(f"{url}/{endpoint}", headers=headers, timeout=TIMEOUT)
    answer.raise_for_status()
    (video,) = answer.json()["data"]["task_result"]["videos"]
    context = get_current_context()
    path = Path(context["params"]["folder"], f"{context['ti'].map_index}.mp4")
    with requests.get(video["url"], stream=True, timeout=TIMEOUT) as file, path.open("wb") as target:
        file.raise_for_status()
        for piece in file.iter_content(1024 * 1024):
            target.write(piece)


WAYS: dict[str, dict[str, Any]] = {
    "by_hand": {"mode": "poke", "poke_interval": 5},
    "by_hand_rescheduled": {"mode": "reschedule", "poke_interval": 10},
}
for dag_id, way in WAYS.items():
    with DAG(dag_id, **DAG_ARGUMENTS):

        @task_group
        def video(prompt: str, way: dict[str, Any] = way) -> None:
            """Make a video."""
            endpoint: Any = submit(prompt)
            wait = HttpSensor(
                task_id="wait",
                http_conn_id="kling_http",
                endpoint=endpoint,
                headers={"Authorization": "Bearer {{ conn.kling_http.password }}"},
                response_check=has_ended,
                deferrable=True,
                **way,
            )
            wait >> download(endpoint)

        video.expand(prompt=prompts())
