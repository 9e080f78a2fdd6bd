"""A submission that finds the account busy waits for room, in a worker or the triggerer, at no retry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.waiting.pacing import Pacing, RoomPacing
from tests.integration.conftest import DagRunner

each_way = pytest.mark.parametrize("way", ["worker", "deferred"])


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    short = RoomPacing(first=0.2, longest=0.2, first_of_worker=0.3, longest_of_worker=0.3)
    monkeypatch.setattr(KlingHook, "pacing", Pacing(earliest_question=0.2, room=short))


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., KlingEmulator]]:
    """Start an emulator whose account makes one video at a time, and makes one when ours is submitted."""
    served = ExitStack()

    def start(gateway: str, seconds: float) -> KlingEmulator:
        lasts = iter([seconds])
        settings: dict[str, Any] = {"seconds_per_video": lambda: next(lasts, 0.1), "parallel_tasks": 1}
        emulator = served.enter_context(KlingEmulator(gateway=gateway, **settings))
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        perform = KlingClient.perform

        def perform_after_another(self: KlingClient, call: Call[Any], *how: Any) -> Any:
            # Only now, so that it is under way however long it took to get here.
            if call.creates and not emulator.tasks():
                perform(self, self.gateway().submit(Text2VideoRequest.checked({"prompt": "Another"})))
            return perform(self, call, *how)

        monkeypatch.setattr(KlingClient, "perform", perform_after_another)
        return emulator

    with served:
        yield start


@each_way
@pytest.mark.parametrize("gateway", ["official", "ezmodel"])
def test_a_busy_account_is_waited_for_and_costs_neither_a_retry_nor_a_second_video(
    gateway: str, way: str, busy: Callable[..., KlingEmulator], run_dag: DagRunner
) -> None:
    emulator = busy(gateway, 1.0)
    run = run_dag("room_at_the_account", f"room_{way}_patient")

    assert run.state == "success", run.log
    assert run.tries == {"generate": 1}
    other, own = emulator.tasks()
    assert run.xcoms["generate"]["task_id"] == run.kling_task_ids["generate"] == own.task_id
    assert (other.prompt, own.prompt) == ("Another", "A deer")
    assert emulator.counters().creates_accepted == 2
    assert emulator.counters().creates_received > 2  # it was refused before
    assert "Waiting for room at the account: " in run.log


@each_way
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("impatient", ["KlingThrottledError", "There was no room at the account for ", "nothing was made"]),
        ("bounded", ["AirflowTaskTimeout"]),  # the execution timeout counts meanwhile
    ],
)
def test_whoever_waits_too_long_for_room_fails_and_says_that_nothing_was_made(
    limit: str, said: list[str], way: str, busy: Callable[..., KlingEmulator], run_dag: DagRunner
) -> None:
    emulator = busy("official" if (way == "worker") == (limit == "impatient") else "ezmodel", 600)
    run = run_dag("room_at_the_account", f"room_{way}_{limit}")

    assert (run.states, run.tries) == ({"generate": "failed"}, {"generate": 1})
    assert [words for words in said if words not in run.log] == []
    assert "A deer" not in [task.prompt for task in emulator.tasks()]
    assert limit == "bounded" or emulator.counters().creates_received > 2  # it tried more than once
    assert run.kling_task_ids == {"generate": None}
