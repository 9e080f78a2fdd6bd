from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.nightly.measures import Results, lateness, retries, slot_seconds, task_runs
from benchmarks.nightly.report import committed
from tests.e2e.database import Change

NIGHT = datetime(2026, 11, 20, tzinfo=UTC)


def history(instance: str, *steps: tuple[float, str], tries: int = 1) -> list[Change]:
    return [Change(NIGHT + timedelta(seconds=second), instance, -1, tries, state) for second, state in steps]


DEFERRED = history(
    "a",
    (0, "scheduled"),
    (1, "queued"),
    (2, "running"),
    (5, "deferred"),
    (60, "scheduled"),
    (61, "queued"),
    (63, "running"),
    (64, "success"),
)
HELD = history("b", (0, "scheduled"), (4, "queued"), (5, "running"), (65, "success"))


def test_a_task_takes_a_slot_while_it_is_queued_or_runs_and_not_while_it_is_deferred() -> None:
    assert slot_seconds(DEFERRED) == 4 + 3
    assert slot_seconds(HELD) == 61
    assert slot_seconds([*DEFERRED, *HELD]) == 4 + 3 + 61


def test_each_resume_is_a_run_and_no_try() -> None:
    assert task_runs([*DEFERRED, *HELD]) == 3
    assert retries([*DEFERRED, *HELD]) == 0


def test_the_tries_beyond_the_first_are_counted() -> None:
    again = [replace(change, try_number=2) for change in HELD]

    assert retries([*HELD, *again, *DEFERRED]) == 1


def test_nothing_landed_is_never_late() -> None:
    assert set(lateness([]).values()) == {0.0}


@pytest.mark.parametrize("seconds", [[1.0], [3.0, 1.0, 2.0]])
def test_nothing_is_later_than_the_latest(seconds: list[float]) -> None:
    late = lateness(seconds)

    assert late["late_p50"] <= late["late_p95"] <= late["late_max"] == max(seconds)


def test_results_are_the_same_after_a_round_through_json() -> None:
    results = committed()

    assert Results.from_dict(json.loads(json.dumps(asdict(results)))) == results
