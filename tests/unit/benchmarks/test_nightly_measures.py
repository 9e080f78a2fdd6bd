from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.nightly.measures import Results, lateness, retries, slot_seconds, task_runs
from benchmarks.nightly.report import committed
from tests.e2e.database import Change

NIGHT = datetime(2026, 11, 20, tzinfo=UTC)


def history(instance: str, seconds: tuple[float, ...], states: str) -> list[Change]:
    steps = zip(seconds, states.split(), strict=True)
    return [Change(NIGHT + timedelta(seconds=second), instance, -1, 1, state) for second, state in steps]


TWICE = "scheduled queued running deferred scheduled queued running success"
DEFERRED = history("a", (0, 1, 2, 5, 60, 61, 63, 64), TWICE)
HELD = history("b", (0, 4, 5, 65), "scheduled queued running success")


def test_a_task_takes_a_slot_while_it_is_queued_or_runs_and_not_while_it_is_deferred() -> None:
    assert slot_seconds(DEFERRED) == 4 + 3
    assert slot_seconds(HELD) == 61
    assert slot_seconds([*DEFERRED, *HELD]) == 4 + 3 + 61


def test_each_resume_is_a_run_and_no_try_and_the_tries_beyond_the_first_are_counted() -> None:
    again = [replace(change, try_number=2) for change in HELD]

    assert task_runs([*DEFERRED, *HELD]) == 3
    assert retries([*DEFERRED, *HELD]) == 0
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
