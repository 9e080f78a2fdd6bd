"""When a waiting ends: counted from the submission, however many tries and workers there are."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferred,
)
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import KlingTimeoutError
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.generations import submitting
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators import video
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors import task as sensor_module
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.triggers.events import error_event
from airflow_provider_kling.waiting import deadlines
from tests.unit.generations.test_submitting import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import Context

HOUR = 60 * 60.0
DEFERRED: dict[str, Any] = {"wait_for_completion": True, "deferrable": True}


class DeferredTask(Task):
    """A task instance; each call is a try, and returns the deferral that it ends in."""

    def __call__(self, **fields: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as deferred:
            super().__call__(**DEFERRED, **fields)
        return deferred.value


@pytest.fixture(params=["official", "newapi"])
def emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    """Kling, which says when a generation was made, and a relay, of which only our own record does."""
    monkeypatch.setattr(KlingHook, "retries", Retries(0.2))
    with KlingEmulator(gateway=request.param, seconds_per_video=10 * HOUR) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield emulator


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass for the package, and for nobody else."""
    ahead = 0.0

    def now() -> float:
        return time.time() + ahead

    clock = SimpleNamespace(time=now, sleep=time.sleep, strftime=time.strftime, gmtime=time.gmtime)
    for module in (deadlines, submitting, video, sensor_module):
        monkeypatch.setattr(module, "time", clock)

    def passes(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    return passes


def deadline_of(deferred: TaskDeferred) -> float:
    """What survives a deferral: the arguments of the trigger."""
    return float(cast("Any", deferred.trigger).serialize()[1]["deadline"])


def about(seconds: float) -> Any:
    # Kling's clock counts milliseconds, and a busy machine takes its time.
    return pytest.approx(seconds, abs=5)


def test_the_deadline_is_the_timeout_after_the_submission(emulator: KlingEmulator) -> None:
    assert deadline_of(DeferredTask()(timeout=HOUR)) == about(time.time() + HOUR)


def test_a_retry_does_not_count_anew(emulator: KlingEmulator, passes: Callable[[float], None]) -> None:
    task = DeferredTask()
    first = deadline_of(task(timeout=HOUR))
    for _ in range(3):
        passes(HOUR / 4)
        assert deadline_of(task(timeout=HOUR)) == about(first)


def test_a_clear_counts_anew(emulator: KlingEmulator, passes: Callable[[float], None]) -> None:
    task = DeferredTask()
    first = deadline_of(task(timeout=HOUR))
    passes(2 * HOUR)
    task.clear()

    assert deadline_of(task(timeout=HOUR)) == about(first + 2 * HOUR)


def test_a_retry_after_a_clear_has_what_is_left_since_the_clear(
    emulator: KlingEmulator, passes: Callable[[float], None]
) -> None:
    task = DeferredTask()
    first = deadline_of(task(timeout=HOUR))
    passes(2 * HOUR)
    task.clear()
    task(timeout=HOUR)
    for _ in range(2):
        passes(HOUR / 4)  # and the worker dies
        assert deadline_of(task(timeout=HOUR)) == about(first + 2 * HOUR)


def test_a_retry_of_what_was_submitted_after_a_clear_does_not_count_anew(
    emulator: KlingEmulator, passes: Callable[[float], None]
) -> None:
    task = DeferredTask()
    task(timeout=HOUR)
    task.clear()
    first = deadline_of(task(prompt="A fox", timeout=HOUR))
    for _ in range(2):
        passes(HOUR / 4)
        assert deadline_of(task(prompt="A fox", timeout=HOUR)) == about(first)


def test_a_changed_request_counts_from_its_own_submission(
    emulator: KlingEmulator, passes: Callable[[float], None]
) -> None:
    task = DeferredTask()
    first = deadline_of(task(timeout=HOUR))
    passes(HOUR / 2)

    assert deadline_of(task(prompt="A fox", timeout=HOUR)) == about(first + HOUR / 2)


def test_a_gateway_whose_clock_is_ahead_does_not_prolong_the_waiting(
    emulator: KlingEmulator, passes: Callable[[float], None]
) -> None:
    task = DeferredTask()
    task(timeout=HOUR)
    passes(-2 * HOUR)

    assert deadline_of(task(timeout=HOUR)) == about(time.time() - HOUR)


@pytest.mark.kling_emulator(seconds_per_video=600)
def test_execution_timeout_bounds_the_deferral_of_the_operator(kling_emulator: KlingEmulator) -> None:
    task = DeferredTask()
    deferred = task(timeout=HOUR, execution_timeout=timedelta(minutes=10))

    assert deadline_of(deferred) == (task.start_date + timedelta(minutes=10)).timestamp()


@pytest.mark.kling_emulator(seconds_per_video=600)
def test_a_longer_execution_timeout_does_not_prolong_the_waiting(kling_emulator: KlingEmulator) -> None:
    deferred = DeferredTask()(timeout=HOUR, execution_timeout=timedelta(hours=2))

    assert deadline_of(deferred) == about(time.time() + HOUR)


def sensor_deferral(kling_task_id: str, started: datetime, **arguments: Any) -> TaskDeferred:
    sensor = KlingTaskSensor(task_id="wait", kling_task_id=kling_task_id, deferrable=True, **arguments)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(cast("Context", {"ti": SimpleNamespace(start_date=started)}))
    return deferred.value


@pytest.mark.kling_emulator(seconds_per_video=600)
def test_execution_timeout_bounds_the_deferral_of_the_sensor(kling_emulator: KlingEmulator) -> None:
    kling_task_id = Task()()
    started = datetime.now(UTC) - timedelta(minutes=3)  # as far as it has run before it was deferred
    deferred = sensor_deferral(kling_task_id, started, timeout=HOUR, execution_timeout=timedelta(minutes=10))
    unbounded = sensor_deferral(kling_task_id, started, timeout=HOUR)

    assert deadline_of(deferred) == (started + timedelta(minutes=10)).timestamp()
    assert deadline_of(unbounded) == about(time.time() + HOUR)


@pytest.mark.kling_emulator(seconds_per_video=600)
@pytest.mark.parametrize("seconds", [0.5, 60.0, HOUR])
def test_airflows_own_timeout_comes_well_after_the_deadline(
    kling_emulator: KlingEmulator, seconds: float
) -> None:
    task = DeferredTask()
    for deferred in (
        task(timeout=seconds),
        sensor_deferral(task.xcoms["kling_task_id"], datetime.now(UTC), timeout=seconds),
    ):
        assert isinstance(deferred.timeout, timedelta)
        assert time.time() + deferred.timeout.total_seconds() > deadline_of(deferred) + 60


def test_airflows_own_timeout_is_late_for_a_deadline_that_is_past_too() -> None:
    assert deadlines.backstop(time.time() - HOUR) >= timedelta(seconds=60)


# What a resumed task makes of the deadline

TIMED_OUT = error_event("task_1", KlingTimeoutError("The time to wait is over.", task_id="task_1"))
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def resume(task: KlingTaskSensor | KlingText2VideoOperator) -> None:
    instance = Task()
    instance.start_date = LONG_AGO
    task.execute_complete(cast("Context", {"ti": instance, "task_state_store": instance}), TIMED_OUT)


def operator(**arguments: Any) -> KlingText2VideoOperator:
    return KlingText2VideoOperator(task_id="generate", prompt="A deer", **DEFERRED, **arguments)


def sensor(**arguments: Any) -> KlingTaskSensor:
    return KlingTaskSensor(task_id="wait", kling_task_id="task_1", deferrable=True, **arguments)


@pytest.mark.parametrize("form", [operator, sensor])
def test_the_end_of_execution_timeout_is_what_airflow_calls_it_and_may_be_retried(
    form: Callable[..., KlingTaskSensor | KlingText2VideoOperator],
) -> None:
    with pytest.raises(AirflowTaskTimeout, match="Kling task task_1"):
        resume(form(execution_timeout=timedelta(minutes=59)))


@pytest.mark.parametrize("limit", [None, timedelta(hours=2)])
def test_the_end_of_the_timeout_alone_fails_at_once(limit: timedelta | None) -> None:
    with pytest.raises(AirflowFailException, match="Kling task task_1"):
        resume(operator(execution_timeout=limit))
    with pytest.raises(AirflowSensorTimeout, match="Kling task task_1"):
        resume(sensor(execution_timeout=limit))
