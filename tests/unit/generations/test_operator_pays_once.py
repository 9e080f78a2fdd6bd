"""Tries of an operator: what it orders, what it makes of a clear, and what it says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import KlingUnsettledError
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from tests.unit.generations.tries import FullDisk, Task, TaskBefore33
from tests.unit.generations.world import Killed

WAITING = {"wait_for_completion": True, "deferrable": False, "poll_interval": 0.05, "timeout": 5}
REGENERATE = {"on_rerun": "regenerate", **WAITING}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KlingHook, "retries", Retries(0.2))


def serve(monkeypatch: pytest.MonkeyPatch, gateway: str, extra: str = "") -> Iterator[KlingEmulator]:
    with KlingEmulator(gateway=gateway, seconds_per_video=0, status_age_seconds=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri + extra)
        yield emulator


@pytest.fixture
def kling(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    yield from serve(monkeypatch, "official")


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    yield from serve(monkeypatch, "newapi")


@pytest.fixture(params=[Task, TaskBefore33], ids=["with task state", "without"])
def task(request: pytest.FixtureRequest) -> Task:
    """At Kling's own API nothing may depend on what Airflow keeps."""
    made: Task = request.param()
    return made


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What was logged so far, whichever way this Airflow logs outside of a task."""
    caplog.set_level(logging.INFO)
    return lambda: "".join(capfd.readouterr()) + caplog.text


def takes(emulator: KlingEmulator) -> list[str]:
    """The numbers at the end of the external task ids of the creates, oldest first."""
    return [(body or {})["external_task_id"].rpartition("-")[2] for body in emulator.creates()]


# A worker that dies


@pytest.mark.parametrize("made", [0, 1], ids=["before it is sent", "after it is"])
@pytest.mark.parametrize("gateway", ["official", "newapi"])
def test_a_worker_that_dies_while_it_submits_never_pays_twice(
    gateway: str, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = KlingClient.perform

    def die(self: KlingClient, call: Any, *how: Any) -> Any:
        came = None if call.creates and not made else perform(self, call, *how)
        if call.creates:
            raise Killed
        return came

    for emulator in serve(monkeypatch, gateway):
        task = Task()
        with monkeypatch.context() as dying:
            dying.setattr(KlingClient, "perform", die)
            with pytest.raises(Killed):
                task()
        stops = gateway == "newapi"
        for _ in range(2 if stops else 0):
            said = r"died while.*'A deer' at 20.* UTC.*gateway's console.*clear the task, or set"
            with pytest.raises(AirflowFailException, match=said):
                task()
        assert emulator.counters().creates_accepted == made
        task.clear()

        assert task() == emulator.tasks()[-1].task_id == task.xcoms["kling_task_id"]
        assert emulator.counters().creates_accepted == (made + 1 if stops else 1)


# Cleared tasks


def test_a_cleared_task_takes_its_generation_over_unless_told_otherwise(
    kling: KlingEmulator, task: Task
) -> None:
    first = task(**WAITING)
    task.clear()

    assert task(**WAITING)["task_id"] == first["task_id"]
    assert takes(kling) == ["1"]


@pytest.mark.parametrize("form", [{"on_rerun": "regenerate"}, REGENERATE], ids=["submitting", "waiting"])
def test_each_clear_of_a_task_that_succeeded_regenerates_once(
    kling: KlingEmulator, task: Task, form: dict[str, Any]
) -> None:
    task(**form)
    for number in (2, 3, 4):
        task.clear()
        for _ in ("cleared", "retried, as after a crash"):
            task(**form)
            assert kling.tasks()[-1].task_id == task.xcoms["kling_task_id"]
            assert takes(kling) == [str(take) for take in range(1, number + 1)]


def test_what_never_succeeded_is_not_regenerated_by_a_clear(kling: KlingEmulator) -> None:
    task = Task()  # Without task state a clear alone is taken for a clear of a success.
    task.deferral(on_rerun="regenerate", wait_for_completion=True)  # whose end nobody hears of
    task.clear()

    assert task(**REGENERATE)["task_id"] == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


def test_a_changed_request_regenerates_as_the_first_one_does(kling: KlingEmulator, task: Task) -> None:
    for prompt in ("A deer", "A fox", "A fox"):
        task(**REGENERATE, prompt=prompt)
        task.clear()

    assert [made.prompt for made in kling.tasks()] == ["A deer", "A fox", "A fox"]
    assert takes(kling) == ["1", "1", "2"]


# What makes an order


@pytest.mark.parametrize(("keys", "made"), [(("sku-a", "sku-b"), 2), ((None, None), 4)])
def test_a_key_keeps_the_generation_with_its_item_when_a_list_is_reordered(
    kling: KlingEmulator, keys: tuple[str | None, str | None], made: int
) -> None:
    first, second = Task(map_index=0), Task(map_index=1)
    a, b = {"prompt": "A", "idempotency_key": keys[0]}, {"prompt": "B", "idempotency_key": keys[1]}
    before = [first(**a), second(**b)]
    first.clear()
    second.clear()
    after = [second(**a), first(**b)]

    assert kling.counters().creates_accepted == made
    assert (before == after) is (made == 2)


@pytest.mark.parametrize("key", ["", "  \n"])
def test_an_empty_key_is_refused_before_anything_is_sent(kling: KlingEmulator, task: Task, key: str) -> None:
    with pytest.raises(AirflowFailException, match=r"idempotency_key is empty.*Nothing was submitted\."):
        task(idempotency_key=key)
    assert kling.counters().creates_received == 0


# What can be chosen


def test_the_connection_may_tell_to_resubmit_and_the_task_may_know_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for relay in serve(monkeypatch, "newapi", "&on_unknown_outcome=resubmit"):
        relay.plan(on="create", fault="cut-after", times=2)
        with pytest.raises(KlingUnsettledError):
            Task()()
        with pytest.raises(AirflowFailException, match="A generation may have been made"):
            Task()(on_unknown_outcome="stop")


@pytest.mark.parametrize("value", ["Stop", "retry", 5])
@pytest.mark.parametrize(
    ("name", "words"),
    [("on_unknown_outcome", "stop or resubmit"), ("on_rerun", "reuse or regenerate")],
)
def test_a_wrong_value_at_the_operator_is_named_when_the_dag_is_read(
    name: str, words: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=f"{name}={value!r} is unknown; use {words}"):
        KlingText2VideoOperator(task_id="generate", prompt="A deer", **{name: value})


def test_a_wrong_value_in_the_connection_is_named_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "'kling_default', on_unknown_outcome='retry' is unknown; use"
    for relay in serve(monkeypatch, "newapi", "&on_unknown_outcome=retry"):
        with pytest.raises(AirflowFailException, match=said):
            Task()()
        assert relay.counters().creates_received == 0


# What is said


def test_a_generation_that_cannot_be_recorded_is_named_and_not_retried(relay: KlingEmulator) -> None:
    said = (
        r"was submitted, goes on and is billed.*no space left on device.*Wait for it with a KlingTaskSensor"
    )
    with pytest.raises(AirflowFailException, match=said) as failed:
        FullDisk(writes=1)()
    assert f"Kling task {relay.tasks()[0].task_id} " in str(failed.value)


@pytest.mark.parametrize(
    ("gateway", "writes", "pushes"), [("official", 0, 1), ("newapi", 2, 1), ("official", 0, 0)]
)
def test_whatever_fails_after_the_submission_names_the_id_that_was_pushed_at_once(
    gateway: str, writes: int, pushes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for emulator in serve(monkeypatch, gateway):
        task = FullDisk(writes, pushes)
        with pytest.raises(OSError, match="no space left") as failed:
            task()
        made = emulator.tasks()[0].task_id
        assert task.xcoms == ({"kling_task_id": made} if pushes else {})
        assert f"Kling task {made} goes on at the gateway and is billed" in failed.value.__notes__[0]


def test_what_is_submitted_and_taken_over_and_what_would_be_paid_again_is_logged(
    relay: KlingEmulator, logged: Callable[[], str]
) -> None:
    task = Task()
    made = task()
    assert f"Submitted Kling task {made}" in logged()
    task()
    assert f"Adopting Kling task {made}, which an earlier try submitted" in logged()
    TaskBefore33()()
    assert "should this worker die, the next try will pay again (docs/guarantees.md)" in logged()


def test_killing_the_task_or_its_trigger_says_that_the_generation_goes_on_and_asks_nothing(
    kling: KlingEmulator, logged: Callable[[], str]
) -> None:
    task = Task()
    operator = task.operator(deferrable=True, wait_for_completion=True)
    operator.on_kill()
    assert "goes on" not in logged()
    with suppress(TaskDeferred):
        operator.execute(task.context)
    before = kling.counters()

    operator.on_kill()
    asyncio.run(KlingTaskTrigger("task_1", "text2video", "kling_default", 10.0, 0.0).on_kill())

    said = logged()
    for task_id in (kling.tasks()[0].task_id, "task_1"):
        assert f"Kling task {task_id} goes on at the gateway and is billed" in said
    assert kling.counters() == before
