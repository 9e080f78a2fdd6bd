"""When a waiting ends: counted from the submission, and bounded by what Airflow allows a try."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferred,
)
from airflow.sdk import Context

from airflow_provider_kling.api.errors import KlingTimeoutError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.triggers.events import error_event
from airflow_provider_kling.waiting.wait import backstop

pytestmark = [
    pytest.mark.usefixtures("kling_emulator"),
    pytest.mark.kling_emulator(seconds_per_video=600),
]

HOUR, MINUTES = 60 * 60.0, timedelta(minutes=1)


class Instance:
    """What the operator and the sensor need of a task instance, and of Airflow's task state."""

    dag_id, run_id, task_id, map_index, try_number, max_tries = "dag", "run", "task", -1, 1, 0

    def __init__(self) -> None:
        self.start_date = datetime.now(UTC) - 3 * MINUTES  # as far as it has run
        records: dict[str, Any] = {}
        self.get, self.set, self.delete = records.get, records.__setitem__, records.pop
        self.xcom_push = lambda key, value: None
        self.context = cast("Context", {"ti": self, "task_state_store": self})


Form = KlingText2VideoOperator | KlingTaskSensor


def operator(**arguments: Any) -> Form:
    return KlingText2VideoOperator(
        task_id="task", prompt="A deer", wait_for_completion=True, deferrable=True, **arguments
    )


def sensor(**arguments: Any) -> Form:
    kling_task_id = KlingHook().submit(prompt="A deer").task_id
    return KlingTaskSensor(task_id="task", kling_task_id=kling_task_id, deferrable=True, **arguments)


def deferral(task: Form, instance: Instance) -> tuple[dict[str, Any], float]:
    """The arguments of the trigger, and the seconds that Airflow itself gives it."""
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(instance.context)
    assert isinstance(deferred.value.timeout, timedelta)
    return cast("Any", deferred.value.trigger).serialize()[1], deferred.value.timeout.total_seconds()


def about(seconds: float) -> Any:
    return pytest.approx(seconds, abs=20)  # a busy machine takes its time


@pytest.mark.parametrize("form", [operator, sensor])
@pytest.mark.parametrize(
    ("seconds", "limit"), [(0.5, None), (HOUR, None), (HOUR, 120 * MINUTES), (HOUR, 10 * MINUTES)]
)
def test_the_timeout_counts_from_the_submission_and_execution_timeout_from_the_start_of_the_try(
    form: Callable[..., Form], seconds: float, limit: timedelta | None
) -> None:
    instance = Instance()
    kwargs, airflows_own = deferral(form(timeout=seconds, execution_timeout=limit), instance)
    limited = limit == 10 * MINUTES

    left = kwargs["deadline"] - (instance.start_date.timestamp() if limited else time.time())
    assert left == (600 if limited else about(seconds))
    assert airflows_own == about((7 * 60 if limited else seconds) + 120)  # well after the trigger's


def test_a_gateway_whose_clock_is_ahead_does_not_prolong_the_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = Instance()
    deferral(operator(timeout=HOUR), instance)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 2 * HOUR)

    assert deferral(operator(timeout=HOUR), instance)[0]["deadline"] == about(time.time() + HOUR)


def test_airflows_own_timeout_is_late_for_a_deadline_that_is_past_too() -> None:
    assert backstop(1000.0, 1300.0) == timedelta(seconds=120)
    assert backstop(1000.0, 900.0) == timedelta(seconds=220)


# What a resumed task makes of the deadline


def resume(task: Form) -> None:
    """Go on an hour after the try began, told by the trigger that the time is over."""
    instance = Instance()
    kwargs, _ = deferral(task, instance)
    instance.start_date -= 57 * MINUTES
    over = KlingTimeoutError("The time to wait is over.", task_id=kwargs["kling_task_id"])
    event = error_event(kwargs["kling_task_id"], over) | {"order": kwargs.get("order")}
    task.execute_complete(instance.context, event)


@pytest.mark.parametrize("limit", [None, 59 * MINUTES, 61 * MINUTES])
@pytest.mark.parametrize(("form", "end"), [(operator, AirflowFailException), (sensor, AirflowSensorTimeout)])
def test_the_end_of_the_timeout_fails_at_once_and_that_of_execution_timeout_may_be_retried(
    form: Callable[..., Form], end: type[Exception], limit: timedelta | None
) -> None:
    with pytest.raises(AirflowTaskTimeout if limit == 59 * MINUTES else end, match="Kling task "):
        resume(form(execution_timeout=limit))
