"""Submissions over several tries where generations are found by our own id, and what is said of them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import KlingUnsettledError
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.generations import submissions
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from tests.unit.generations.test_submitting import Killed, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import Context

WAITING = {"wait_for_completion": True, "deferrable": False, "poll_interval": 0.05, "timeout": 5}
REGENERATE = {"on_rerun": "regenerate", **WAITING}
RESUBMIT = {"on_unknown_outcome": "resubmit"}


class TaskBefore33(Task):
    """A task instance of an Airflow that keeps no task state."""

    def __call__(self, **fields: Any) -> Any:
        self.try_number += 1
        operator = KlingText2VideoOperator(task_id="generate", **{"prompt": "A deer", **fields})
        return operator.execute(cast("Context", {"ti": self}))


class Mapped(Task):
    """A task instance of an expanded task."""

    def __init__(self, map_index: int) -> None:
        super().__init__()
        self.map_index = map_index


class FullDisk(Task):
    """A task instance whose state cannot be written any more after so many times."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.writes = writes

    def set(self, key: str, value: Any) -> None:
        if self.writes == 0:
            raise OSError("no space left on device")
        self.writes -= 1
        super().set(key, value)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KlingHook, "retries", Retries(0.2))
    monkeypatch.setattr(submissions, "LOOK_AGAIN_SECONDS", 0.05)


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
    caplog.set_level(logging.WARNING)
    return lambda: "".join(capfd.readouterr()) + caplog.text


def own_ids(emulator: KlingEmulator) -> list[Any]:
    """The external task ids of the creates, oldest first."""
    return [(body or {}).get("external_task_id") for body in emulator.creates()]


def generations(emulator: KlingEmulator) -> list[str]:
    """The numbers at the end of those."""
    return [own_id.rpartition("-")[2] for own_id in own_ids(emulator)]


# A submission of which nothing is heard


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "cut-after"},
        {"fault": "error-after", "status": 500},
        {"fault": "error-after", "status": 504},
        {"fault": "html-after", "status": 502},
        {"fault": "html-after", "status": 200},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_generation_whose_answer_was_lost_is_found_and_taken_over(
    kling: KlingEmulator, task: Task, fault: dict[str, Any]
) -> None:
    kling.plan(on="create", **fault)

    assert task() == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


@pytest.mark.parametrize("fault", ["error-before", "cut-before", "html"])
def test_a_submission_that_did_not_arrive_is_looked_for_twice_and_sent_again_under_the_same_id(
    kling: KlingEmulator, task: Task, fault: str
) -> None:
    kling.plan(on="create", fault=fault)

    assert task() == kling.tasks()[0].task_id
    assert len(own_ids(kling)) == 2
    assert len(set(own_ids(kling))) == 1
    assert kling.counters().creates_accepted == 1
    assert kling.counters().polls == 3  # before the first submission, and twice before the second


def test_a_gateway_that_never_takes_a_submission_leaves_it_to_the_next_try(
    kling: KlingEmulator, task: Task
) -> None:
    kling.plan(on="create", fault="error-before", times=None)
    with pytest.raises(KlingUnsettledError, match=r"sent 3 times.*The next try looks for it first"):
        task()
    assert kling.counters().creates_received == 3
    kling.clear_faults()

    assert task() == kling.tasks()[0].task_id
    assert len(set(own_ids(kling))) == 1
    assert kling.counters().creates_accepted == 1


def test_a_gateway_that_goes_down_in_doubt_is_asked_by_the_next_try(kling: KlingEmulator, task: Task) -> None:
    kling.plan(on="create", fault="cut-after")
    kling.plan(on="query", fault="slow", seconds=0)  # the look before the submission
    kling.plan(on="query", fault="error-before", status=503, times=None)
    with pytest.raises(KlingUnsettledError, match="Cannot look for what was submitted"):
        task()
    kling.clear_faults()

    assert task() == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


def test_a_search_in_doubt_that_fails_for_good_says_that_a_generation_may_have_been_made(
    kling: KlingEmulator, task: Task
) -> None:
    kling.plan(on="create", fault="cut-after")
    kling.plan(on="query", fault="slow", seconds=0)  # the look before the submission
    refusal = {"code": 1000, "message": "authentication failed", "request_id": "r"}
    kling.plan(on="query", fault="answer", status=401, body=refusal, times=None)
    with pytest.raises(AirflowFailException, match="A generation may have been made") as failed:
        task()
    assert "authentication failed" in str(failed.value)
    kling.clear_faults()
    task.clear()

    assert task() == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


def test_a_generation_that_nobody_knew_of_is_taken_over_when_kling_refuses_a_second_one(
    kling: KlingEmulator, task: Task
) -> None:
    made = task()
    unknown = {"code": 1201, "message": "task not found", "request_id": "r"}
    kling.plan(on="query", fault="answer", status=400, body=unknown)

    assert task() == made
    assert (kling.counters().creates_received, kling.counters().creates_accepted) == (2, 1)


def test_a_worker_that_dies_in_any_moment_of_a_submission_never_pays_twice(
    kling: KlingEmulator, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook

    submit = KlingHook.submit

    def die_after(self: KlingHook, *arguments: Any, **named: Any) -> Any:
        submit(self, *arguments, **named)
        raise Killed

    monkeypatch.setattr(KlingHook, "submit", die_after)
    with pytest.raises(Killed):
        task()
    monkeypatch.setattr(KlingHook, "submit", submit)

    assert task() == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


# Cleared tasks


def test_a_failed_generation_is_made_anew_under_the_next_number(kling: KlingEmulator, task: Task) -> None:
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="The generation failed"):
            task(prompt="A deer [fail]", **WAITING)
        task.clear()

    assert generations(kling) == ["1", "2", "3"]
    assert len({own_id.rpartition("-")[0] for own_id in own_ids(kling)}) == 1


def test_a_cleared_task_takes_its_generation_over_unless_told_otherwise(
    kling: KlingEmulator, task: Task
) -> None:
    first = task(**WAITING)
    task.clear()

    assert task(**WAITING)["task_id"] == first["task_id"]
    assert kling.counters().creates_received == 1


@pytest.mark.parametrize("form", [{"on_rerun": "regenerate"}, REGENERATE], ids=["submitting", "waiting"])
def test_each_clear_of_a_task_that_succeeded_regenerates_once(
    kling: KlingEmulator, task: Task, form: dict[str, Any]
) -> None:
    task(**form)
    for number in (2, 3, 4):
        task.clear()
        task(**form)
        assert kling.tasks()[-1].task_id == task.xcoms["kling_task_id"]
        task(**form)  # a retry, as after a crash
        assert kling.tasks()[-1].task_id == task.xcoms["kling_task_id"]
        assert generations(kling)[-1] == str(number)
        assert len(generations(kling)) == number


def test_what_never_succeeded_is_not_regenerated_by_a_clear(kling: KlingEmulator) -> None:
    task = Task()  # Without task state a clear alone is taken for a clear of a success.
    with suppress(TaskDeferred):  # and then the triggerer's answer never comes
        task(**{**REGENERATE, "deferrable": True})
    task.clear()

    assert task(**REGENERATE)["task_id"] == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


def test_a_crash_never_regenerates(kling: KlingEmulator, task: Task) -> None:
    with suppress(TaskDeferred):
        task(**{**REGENERATE, "deferrable": True})

    assert task(**REGENERATE)["task_id"] == kling.tasks()[0].task_id
    assert kling.counters().creates_received == 1


def test_a_changed_request_regenerates_as_the_first_one_does(kling: KlingEmulator, task: Task) -> None:
    task(**REGENERATE)
    task.clear()
    task(**REGENERATE, prompt="A fox")
    task.clear()
    task(**REGENERATE, prompt="A fox")

    assert [made.prompt for made in kling.tasks()] == ["A deer", "A fox", "A fox"]
    assert generations(kling) == ["1", "1", "2"]


def test_a_good_generation_after_a_failed_one_regenerates_too(kling: KlingEmulator, task: Task) -> None:
    failed = {"task_id": "1", "task_status": "failed", "task_status_msg": "bad luck"}
    # What the queries say of the first one, which the emulator itself would let succeed.
    for says in ("absent", "failed", "failed", "absent", "good", "failed"):
        if says == "failed":
            kling.plan(on="query", fault="answer", body={"code": 0, "data": failed})
        else:
            kling.plan(on="query", fault="slow", seconds=0)
    with pytest.raises(AirflowFailException, match="bad luck"):
        task(**REGENERATE)
    task.clear()
    task(**REGENERATE)
    task.clear()
    task(**REGENERATE)

    assert generations(kling) == ["1", "2", "3"]
    assert task.xcoms["kling_task_id"] == kling.tasks()[2].task_id


# What names an item


@pytest.mark.parametrize(("keys", "made"), [(("sku-a", "sku-b"), 2), ((None, None), 4)])
def test_a_key_keeps_the_generation_with_its_item_when_a_list_is_reordered(
    kling: KlingEmulator, keys: tuple[str | None, str | None], made: int
) -> None:
    first, second = Mapped(0), Mapped(1)
    a, b = {"prompt": "A", "idempotency_key": keys[0]}, {"prompt": "B", "idempotency_key": keys[1]}
    before = [first(**a), second(**b)]
    first.clear()
    second.clear()
    after = [second(**a), first(**b)]

    assert kling.counters().creates_accepted == made
    assert (before == after) is (made == 2)


def test_a_key_is_no_map_index(kling: KlingEmulator) -> None:
    assert Mapped(0)() != Mapped(1)(idempotency_key="0")


@pytest.mark.parametrize("key", ["", "  \n"])
def test_an_empty_key_is_refused_before_anything_is_sent(kling: KlingEmulator, task: Task, key: str) -> None:
    with pytest.raises(AirflowFailException, match=r"idempotency_key is empty.*Nothing was submitted\."):
        task(idempotency_key=key)
    assert kling.counters().creates_received == 0


# Where nothing can be found


def test_a_task_that_is_told_to_resubmit_pays_again_rather_than_to_stop(relay: KlingEmulator) -> None:
    task = Task()
    relay.plan(on="create", fault="cut-after")
    with pytest.raises(KlingUnsettledError, match="submits as it was told to"):
        task(**RESUBMIT)

    assert task(**RESUBMIT) == relay.tasks()[-1].task_id == task(**RESUBMIT)
    assert relay.counters().creates_accepted == 2


def test_the_connection_may_tell_to_resubmit_and_the_task_may_know_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for relay in serve(monkeypatch, "newapi", "&on_unknown_outcome=resubmit"):
        relay.plan(on="create", fault="cut-after", times=2)
        with pytest.raises(KlingUnsettledError):
            Task()()
        with pytest.raises(AirflowFailException, match="A generation may have been made"):
            Task()(on_unknown_outcome="stop")


def test_a_request_that_is_changed_back_is_not_paid_again(relay: KlingEmulator) -> None:
    task = Task()
    first = task(prompt="A deer")
    task.clear()
    task(prompt="A fox")
    task.clear()

    assert task(prompt="A deer") == first
    assert relay.counters().creates_accepted == 2


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
    for relay in serve(monkeypatch, "newapi", "&on_unknown_outcome=retry"):
        with pytest.raises(
            AirflowFailException, match="'kling_default', on_unknown_outcome='retry' is unknown; use"
        ):
            Task()()
        assert relay.counters().creates_received == 0


# What is said


def test_a_generation_that_cannot_be_recorded_is_named_and_not_retried(relay: KlingEmulator) -> None:
    task = FullDisk(writes=1)
    with pytest.raises(AirflowFailException) as failed:
        task()

    made = relay.tasks()[0].task_id
    assert f"Kling task {made} was submitted, goes on and is billed" in str(failed.value)
    assert "no space left on device" in str(failed.value)
    task.writes = 9
    with pytest.raises(AirflowFailException, match="may have been made"):
        task()
    assert relay.counters().creates_accepted == 1


@pytest.mark.parametrize("gateway", ["official", "newapi"])
def test_the_id_is_pushed_before_anything_can_fail_and_named_by_what_fails(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for emulator in serve(monkeypatch, gateway):
        task = FullDisk(writes=0 if gateway == "official" else 2)
        with pytest.raises(OSError, match="no space left") as failed:
            task()
        made = emulator.tasks()[0].task_id
        assert task.xcoms == {"kling_task_id": made}
        assert f"Kling task {made} goes on at the gateway and is billed" in failed.value.__notes__[0]


def test_an_id_that_cannot_be_pushed_is_named_too(kling: KlingEmulator, task: Task) -> None:
    def down(key: str, value: Any) -> None:
        raise OSError("the API server is down")

    task.xcom_push = down  # type: ignore[method-assign]
    with pytest.raises(OSError, match="is down") as failed:
        task()

    assert kling.tasks()[0].task_id in failed.value.__notes__[0]


@pytest.mark.parametrize("moment", ["in the same try", "in the next try"])
def test_an_unknown_outcome_names_the_time_and_the_prompt_and_how_to_go_on(
    relay: KlingEmulator, moment: str
) -> None:
    task = Task()
    relay.plan(on="create", fault="cut-after")
    prompt = "A deer " * 20
    with pytest.raises(AirflowFailException) as failed:
        task(prompt=prompt)
    if moment == "in the next try":
        with pytest.raises(AirflowFailException) as failed:
            task(prompt=prompt)

    said = str(failed.value)
    assert "Look for it in the gateway's console" in said
    assert "clear the task, or set on_unknown_outcome='resubmit'" in said
    assert "A deer A deer" in said
    assert prompt.strip() not in said  # a prompt may be long
    assert " UTC" in said


def test_killing_the_task_says_that_the_generation_goes_on_and_asks_nothing(
    kling: KlingEmulator, logged: Callable[[], str]
) -> None:
    operator = KlingText2VideoOperator(
        task_id="generate", prompt="A deer", deferrable=True, wait_for_completion=True
    )
    task = Task()
    task.try_number = 1
    with pytest.raises(TaskDeferred):
        operator.execute(cast("Context", {"task_state_store": task, "ti": task}))
    before = kling.counters()

    operator.on_kill()

    assert f"Kling task {kling.tasks()[0].task_id} goes on at the gateway and is billed" in logged()
    assert kling.counters() == before


def test_killing_a_task_that_has_submitted_nothing_says_nothing(logged: Callable[[], str]) -> None:
    KlingText2VideoOperator(task_id="generate", prompt="A deer").on_kill()

    assert "goes on" not in logged()


async def test_killing_the_trigger_says_that_the_generation_goes_on_and_asks_nothing(
    kling: KlingEmulator, logged: Callable[[], str]
) -> None:
    before = kling.counters()
    await KlingTaskTrigger("task_1", "text2video", "kling_default", 10.0, 0.0).on_kill()

    assert "Kling task task_1 goes on at the gateway and is billed" in logged()
    assert kling.counters() == before
