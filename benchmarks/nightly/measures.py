"""What a run took, from what Airflow's database and the gateway say of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.shared import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Self

    from tests.e2e.database import Change

# A task instance takes one of the executor's places from being queued until it leaves the worker.
IN_A_SLOT = ("queued", "running")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """
    A run of a batch.

    :param contender: The id of its DAG.
    :param ideal_seconds: What the gateway alone takes.
    :param wall_seconds: From the trigger to the end of the run.
    :param task_runs: How often a task came to run on a worker, resumes and pokes included.
    :param slot_seconds_per_video: For how long a video took a worker's slot.
    :param creates_per_video: Requests for a generation, refused ones included.
    :param queries_per_video: Requests that ask for one task.
    :param lists_per_video: Requests that ask for many.
    :param late_p50: Seconds from the end of a generation to its file, median; then 95th percentile, most.
    :param refused: Requests for a generation that the account had no room for.
    :param failed_tasks: Task instances that are not green.
    :param retries: Tries beyond the first ones.
    """

    contender: str
    videos: int
    ideal_seconds: float
    wall_seconds: float
    task_runs: int
    slot_seconds_per_video: float
    creates_per_video: float
    queries_per_video: float
    lists_per_video: float
    late_p50: float
    late_p95: float
    late_max: float
    refused: int
    failed_tasks: int
    retries: int

    @property
    def requests_per_video(self) -> float:
        """All requests but those for the files."""
        return self.creates_per_video + self.queries_per_video + self.lists_per_video

    @property
    def over_ideal(self) -> float:
        """How many times what the gateway alone takes."""
        return self.wall_seconds / self.ideal_seconds


@dataclass(frozen=True, kw_only=True)
class Results:
    """
    All of one measuring.

    :param about: Where and when: ``machine``, ``python``, ``airflow``, ``date``, and others.
    :param batches: The runs at an account that takes any number of videos.
    :param limited: The runs at an account that takes a few at a time.
    """

    about: Mapping[str, str]
    batches: Sequence[Measures]
    limited: Sequence[Measures]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            about=stored["about"],
            batches=[Measures(**run) for run in stored["batches"]],
            limited=[Measures(**run) for run in stored["limited"]],
        )


def task_runs(changes: Iterable[Change]) -> int:
    return sum(change.state == "running" for change in changes)


def slot_seconds(changes: Iterable[Change]) -> float:
    """Sum up for how long the slots of the workers were taken."""
    return sum(
        (after.at - before.at).total_seconds()
        for steps in _by_instance(changes).values()
        for before, after in pairwise(steps)
        if before.state in IN_A_SLOT
    )


def retries(changes: Iterable[Change]) -> int:
    """Count the tries beyond the first one of each task instance."""
    return sum(max(step.try_number for step in steps) - 1 for steps in _ran(changes).values())


def lateness(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the most of it; nothing landed is never late."""
    values = seconds or [0.0]
    return {
        "late_p50": percentile(values, 0.5),
        "late_p95": percentile(values, 0.95),
        "late_max": max(values),
    }


def _ran(changes: Iterable[Change]) -> dict[str, list[Change]]:
    return _by_instance(change for change in changes if change.state == "running")


def _by_instance(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.instance, []).append(change)
    return found
