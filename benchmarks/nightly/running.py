"""One run of a batch: an emulator of its own, a DAG run on the cluster, and what came of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import requests
from kling_emulator import KlingEmulator

from benchmarks.nightly import measures
from scripts.check_airflow import wait_for
from tests.integration.videos import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.nightly.contenders import Contender
    from tests.e2e.cluster import Cluster

GATEWAY = "official"
SECONDS_OF_VIDEO = 5
LONGEST_RUN_SECONDS = 1500.0
WARM_UP_VIDEOS = 5
LONGEST_WARM_UP_SECONDS = 180.0
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Batch:
    """
    What to run.

    :param videos: How many.
    :param seconds_per_video: From a submission to its end at the gateway.
    :param parallel_tasks: How many the account takes at a time.
    """

    contender: Contender
    videos: int
    seconds_per_video: float
    parallel_tasks: int | None = None

    @property
    def run_id(self) -> str:
        return f"{self.contender.dag_id}-{self.videos}"

    @property
    def ideal_seconds(self) -> float:
        """The least that it can take at the gateway."""
        return self.seconds_per_video * (
            self.videos / self.parallel_tasks if self.parallel_tasks is not None else 1
        )

    def emulator(self, port: int) -> KlingEmulator:
        return KlingEmulator(
            gateway=GATEWAY,
            port=port,
            seconds_per_video=self.seconds_per_video,
            parallel_tasks=self.parallel_tasks,
        )


def connect(cluster: Cluster, port: int, pool_slots: int) -> None:
    """Make the connections to the gateway on a port, and the pool."""
    place = {"host": "127.0.0.1", "port": port, "schema": "http", "password": "any-key"}
    kling = {"connection_id": "kling_default", "conn_type": "kling", "extra": f'{{"gateway": "{GATEWAY}"}}'}
    cluster.rest.post("connections", {**kling, **place})
    cluster.rest.post("connections", {"connection_id": "kling_http", "conn_type": "http", **place})
    cluster.rest.post("pools", {"name": "kling", "slots": pool_slots, "include_deferred": True})


def warm_up(cluster: Cluster, batches: Sequence[Batch], port: int) -> list[str]:
    """
    Let everybody make a few videos at once, so that all is loaded and the time that they take is known.

    :return: What went wrong.
    """
    contenders = {batch.contender: batch.seconds_per_video for batch in batches}
    firsts = [Batch(contender, WARM_UP_VIDEOS, seconds) for contender, seconds in contenders.items()]
    with firsts[0].emulator(port) as emulator:
        folders = [_start(cluster, first) for first in firsts]
        for first in firsts:
            _await(cluster, first, LONGEST_WARM_UP_SECONDS)
        paid = emulator.counters().creates_accepted
    landed = sum(len(_landed(folder, WARM_UP_VIDEOS)) for folder in folders)
    failed = sum(_failed_tasks(cluster, first) for first in firsts)
    return _troubles("warm-up", len(firsts) * WARM_UP_VIDEOS, landed, paid, failed)


def run(cluster: Cluster, batch: Batch, port: int) -> tuple[measures.Measures, list[str]]:
    """Return what a batch took, and what went wrong with it."""
    with batch.emulator(port) as emulator:
        folder = _start(cluster, batch)
        _await(cluster, batch, LONGEST_RUN_SECONDS)
        counters = emulator.counters()
        tasks = emulator.tasks()
        done = _done_times(emulator)
    changes = cluster.database.changes(batch.run_id)
    landed = _landed(folder, batch.videos)
    queries = sum(task.queries for task in tasks)
    index_of = {task.task_id: int(task.prompt.removeprefix("Deer ")) for task in tasks}
    measured = measures.Measures(
        contender=batch.contender.dag_id,
        videos=batch.videos,
        ideal_seconds=batch.ideal_seconds,
        wall_seconds=cluster.database.run_seconds(batch.run_id),
        task_runs=measures.task_runs(changes),
        slot_seconds_per_video=measures.slot_seconds(changes) / batch.videos,
        creates_per_video=counters.creates_received / batch.videos,
        queries_per_video=queries / batch.videos,
        lists_per_video=(counters.polls - queries) / batch.videos,
        **measures.lateness(
            [landed[index_of[one]] - time for one, time in done.items() if index_of[one] in landed]
        ),
        refused=counters.creates_received - counters.creates_accepted,
        failed_tasks=_failed_tasks(cluster, batch),
        retries=measures.retries(changes),
    )
    paid = counters.creates_accepted
    return measured, _troubles(batch.run_id, batch.videos, len(landed), paid, measured.failed_tasks)


def _start(cluster: Cluster, batch: Batch) -> Path:
    folder = cluster.videos / batch.run_id
    folder.mkdir()
    conf = {"videos": batch.videos, "folder": str(folder)}
    cluster.rest.trigger(batch.contender.dag_id, batch.run_id, conf)
    return folder


def _await(cluster: Cluster, batch: Batch, seconds: float) -> None:
    wait_for(f"the end of {batch.run_id}", seconds, lambda: cluster.database.run_state(batch.run_id) in ENDED)


def _done_times(emulator: KlingEmulator) -> dict[str, float]:
    """When each generation ended, in seconds since the epoch, by its id."""
    answer = requests.get(
        f"{emulator.url}/v1/videos/text2video?pageSize=500",
        headers={"Authorization": "Bearer any-key"},
        timeout=60,
    )
    return {task["task_id"]: task["updated_at"] / 1000 for task in answer.json()["data"]}


def _failed_tasks(cluster: Cluster, batch: Batch) -> int:
    return sum(state != "success" for state in cluster.database.task_states(batch.run_id).values())


def _landed(folder: Path, videos: int) -> dict[int, float]:
    """When each file that is whole was there, by its number."""
    times = {index: _landed_at(folder, index) for index in range(videos)}
    return {index: time for index, time in times.items() if time is not None}


def _landed_at(folder: Path, index: int) -> float | None:
    """When a file was there as it is, if it is whole."""
    path = folder / f"{index}.mp4"
    try:
        whole = facts_of(path)["duration"] == SECONDS_OF_VIDEO
    except (OSError, av.FFmpegError):
        return None
    return path.stat().st_ctime if whole else None  # of the renaming, which mtime does not tell


def _troubles(run_id: str, videos: int, landed: int, paid: int, failed_tasks: int) -> list[str]:
    found = {
        f"{videos - landed} videos lost": landed < videos,
        f"{paid} videos paid for": paid != videos,
        f"{failed_tasks} tasks failed": failed_tasks > 0,
    }
    return [f"{run_id}: {trouble}" for trouble, is_so in found.items() if is_so]
