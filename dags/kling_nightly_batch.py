"""
A batch of videos every night: one mapped task per row of a CSV file, and a manifest of what came of it.

The CSV has a header with `name` and `prompt`, and any further fields of a generation, such as `model`,
`aspect_ratio` and `duration`; an empty cell means the default. A row lands as
`<output>/<date of the run>/<name>.mp4`. A video that fails does not fail the others: the manifest beside
the files tells of both, and the run ends red with the list of those that failed.

Before the first run make the pool, as large as the number of videos that the account may generate at once.
It has to count deferred tasks, because a waiting video is a deferred task:

    airflow pools set kling 3 "Kling videos at once" --include-deferred
"""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, ObjectStoragePath, Param, get_current_context, task

from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import TASK_ID_XCOM_KEY, KlingText2VideoOperator


def folder_of_run() -> ObjectStoragePath:
    """Return the folder of this run: the output, by the date that the run is for."""
    context = get_current_context()
    return ObjectStoragePath(context["params"]["output"]) / f"{context['dag_run'].run_after:%Y-%m-%d}"


@task
def read_prompts() -> list[dict[str, str]]:
    """Read the rows, and refuse them all before any is paid for if two would land on one name."""
    params = get_current_context()["params"]
    text = ObjectStoragePath(params["prompts_file"]).read_text(encoding="utf-8")
    rows = list(csv.DictReader(StringIO(text, newline="")))[: params["limit"]]
    names = [row.pop("name") for row in rows]
    wrong = sorted({name for name in names if names.count(name) > 1 or not name.replace("-", "").isalnum()})
    if wrong:
        raise AirflowFailException(f"Names must be unique, of letters, digits and dashes; change {wrong}.")
    folder = folder_of_run()
    return [
        # Its name is what a row is known by: rows may come in another order when the run is cleared.
        {**row, "idempotency_key": name, "path": str(folder / f"{name}.mp4")}
        for name, row in zip(names, rows, strict=True)
    ]


@task(trigger_rule="all_done")
def write_manifest(rows: list[dict[str, str]] | None) -> str:
    """Write what landed and what failed; fail, naming the failed ones, when there are any."""
    if rows is None:
        raise AirflowFailException(
            "There is no batch: the prompts were not read; see the log of read_prompts."
        )
    ti = get_current_context()["ti"]
    every = list(range(len(rows)))
    landed = ti.xcom_pull(task_ids="generate", map_indexes=every)
    task_ids = ti.xcom_pull(task_ids="generate", map_indexes=every, key=TASK_ID_XCOM_KEY)
    entries = [entry(*of_row) for of_row in zip(rows, landed, task_ids, strict=True)]
    failed = [one for one in entries if one["state"] != "landed"]
    path = folder_of_run() / "manifest.json"
    manifest = {"landed": len(entries) - len(failed), "failed": len(failed), "videos": entries}
    path.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    if failed:
        reasons = "\n".join(f"- {one['prompt']!r}: {one['reason']}" for one in failed)
        raise AirflowFailException(f"{len(failed)} of {len(entries)} videos failed; see {path}.\n{reasons}")
    return str(path)


def entry(row: dict[str, str], landed: dict[str, Any] | None, task_id: str | None) -> dict[str, Any]:
    """Return the manifest's entry of a row."""
    if landed is not None:
        return {"prompt": row["prompt"], "state": "landed", **landed}
    return {
        "prompt": row["prompt"],
        "state": "failed",
        "task_id": task_id,
        "reason": reason_of(task_id),
        "path": row["path"],
    }


def reason_of(task_id: str | None) -> str:
    """Ask the gateway why a generation has no video."""
    if task_id is None:
        return "it was not submitted; the log of its task says why"
    try:
        seen = KlingHook().get_task(task_id)
    except KlingError as error:
        return str(error)
    return seen.failure or f"the generation is {seen.state} at the gateway; the log of its task says more"


with DAG(
    "kling_nightly_batch",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["kling", "example"],
    params={
        "prompts_file": Param(
            (Path(__file__).parent / "prompts.csv").as_uri(),
            type="string",
            description="The CSV of prompts: any path of Airflow's ObjectStoragePath, as s3://bucket/prompts.csv",
        ),
        "output": Param(
            "file:///tmp/kling",
            type="string",
            description="The folder that the videos land in, by date, as s3://bucket/videos",
        ),
        "limit": Param(1000, type="integer", minimum=1, maximum=1000, description="How many rows at most"),
    },
):
    prompts = read_prompts()
    generate = KlingText2VideoOperator.partial(
        task_id="generate", pool="kling", deferrable=True, poll_interval=5
    ).expand_kwargs(prompts)
    generate >> write_manifest(prompts)
