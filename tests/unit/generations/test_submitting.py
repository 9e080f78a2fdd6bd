"""Submissions over several tries of a task: what one leaves on record, and what the next makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import KlingUnreachableError
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import KlingText2VideoOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context


class Killed(BaseException):
    """The end of a worker's process: nothing of ours may catch it."""


class Task:
    """What of a task instance lasts over its tries; each call is a try, and has no retries."""

    dag_id, run_id, task_id, map_index = "dag", "run", "generate", -1

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.xcoms: dict[str, Any] = {}
        self.try_number = 0
        self.max_tries = 0
        self.start_date = datetime.now(UTC)

    def clear(self) -> None:
        """Let the next call be the first try after a clear."""
        self.max_tries = self.try_number

    def __call__(self, **fields: Any) -> Any:
        self.try_number += 1
        operator = KlingText2VideoOperator(task_id="generate", **{"prompt": "A deer", **fields})
        return operator.execute(cast("Context", {"task_state_store": self, "ti": self}))

    def get(self, key: str) -> Any:
        return self.records.get(key)

    def set(self, key: str, value: Any) -> None:
        self.records[key] = value

    def delete(self, key: str) -> None:
        del self.records[key]

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    monkeypatch.setattr(KlingHook, "retries", Retries(0.2))
    with KlingEmulator(gateway="ezmodel", seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield emulator


def test_a_second_try_adopts_what_the_first_submitted(emulator: KlingEmulator) -> None:
    task = Task()

    assert task() == task() == task.xcoms["kling_task_id"]
    assert emulator.counters().creates_received == 1


@pytest.mark.parametrize(
    "changed",
    [{"prompt": "Another deer"}, {"duration": 10}, {"aspect_ratio": "1:1"}, {"extra": {"sound": "on"}}],
)
def test_a_changed_request_is_submitted_anew(emulator: KlingEmulator, changed: dict[str, Any]) -> None:
    task = Task()

    assert task() != task(**changed)
    assert emulator.counters().creates_accepted == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_try_that_died_while_submitting_stops_the_next_one_which_says_so(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    submit = KlingClient.submit

    def die(self: KlingClient, *request: Any, **named: Any) -> Any:
        if moment == "after":
            submit(self, *request, **named)
        raise Killed

    task = Task()
    monkeypatch.setattr(KlingClient, "submit", die)
    with pytest.raises(Killed):
        task()
    monkeypatch.setattr(KlingClient, "submit", submit)
    made = emulator.counters().creates_accepted

    for _ in range(2):
        with pytest.raises(AirflowFailException, match=r"died while.*'A deer' at 20.*may have been made"):
            task()
        assert emulator.counters().creates_accepted == made

    task.clear()
    assert task() == emulator.tasks()[-1].task_id
    assert emulator.counters().creates_accepted == made + 1


def test_a_submission_that_certainly_did_not_happen_is_repeated_by_the_next_try(
    emulator: KlingEmulator,
) -> None:
    task = Task()
    emulator.stop()
    with pytest.raises(KlingUnreachableError):
        task()
    emulator.start()

    assert task() == emulator.tasks()[0].task_id


def test_a_lost_answer_is_said_and_only_a_cleared_task_submits_again(emulator: KlingEmulator) -> None:
    task = Task()
    with pytest.raises(AirflowFailException, match="A generation may have been made"):
        task(prompt="A deer [lost]")
    with pytest.raises(AirflowFailException, match="A generation may have been made"):
        task(prompt="A deer [lost]")
    assert emulator.counters().creates_accepted == 1
    task.clear()
    with pytest.raises(AirflowFailException, match="A generation may have been made"):
        task(prompt="A deer [lost]")
    assert emulator.counters().creates_accepted == 2


def test_a_failed_generation_is_forgotten_so_that_clearing_makes_a_new_one(emulator: KlingEmulator) -> None:
    task = Task()
    for made in (1, 2):
        with pytest.raises(AirflowFailException, match="The generation failed"):
            task(prompt="A deer [fail]", wait_for_completion=True, deferrable=False)
        assert emulator.counters().creates_accepted == made
