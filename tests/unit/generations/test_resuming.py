"""What a resumed task makes of an event: the same for the sensor and the operator."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_kling.api.errors import KlingAuthError, KlingServerError, KlingTimeoutError
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.triggers.events import ended_event, error_event

if TYPE_CHECKING:
    from airflow.sdk import Context

TASK_INSTANCE = SimpleNamespace(
    dag_id="dag",
    run_id="run",
    task_id="t",
    map_index=-1,
    try_number=1,
    max_tries=0,
    start_date=datetime.now(UTC),
)
NO_CONTEXT = cast("Context", {"ti": TASK_INSTANCE})
SUCCEEDED = Generation(
    "task_1",
    "text2video",
    GenerationState.SUCCEEDED,
    videos=(Video("https://cdn.example/deer.mp4?Signature=secret", "video_1", 5.1),),
    created_at=datetime(2026, 11, 20, tzinfo=UTC),
)
FAILED = Generation("task_1", "text2video", GenerationState.FAILED, failure="risk control")


def sensor(**arguments: Any) -> KlingTaskSensor:
    return KlingTaskSensor(task_id="wait", kling_task_id="task_1", deferrable=True, **arguments)


def operator() -> KlingText2VideoOperator:
    return KlingText2VideoOperator(task_id="generate", prompt="A deer", wait_for_completion=True)


@pytest.fixture(params=[sensor, operator], ids=["sensor", "operator"])
def resumed(request: pytest.FixtureRequest) -> KlingTaskSensor | KlingText2VideoOperator:
    task: KlingTaskSensor | KlingText2VideoOperator = request.param()
    return task


def test_a_success_is_returned_without_asking_again(
    resumed: KlingTaskSensor | KlingText2VideoOperator,
) -> None:
    assert resumed.execute_complete(NO_CONTEXT, ended_event(SUCCEEDED)) == SUCCEEDED.as_dict()


def test_a_failed_generation_fails_without_a_retry(
    resumed: KlingTaskSensor | KlingText2VideoOperator,
) -> None:
    with pytest.raises(AirflowFailException, match=r"risk control.*Kling task task_1"):
        resumed.execute_complete(NO_CONTEXT, ended_event(FAILED))


def test_a_permanent_error_fails_without_a_retry(
    resumed: KlingTaskSensor | KlingText2VideoOperator,
) -> None:
    with pytest.raises(AirflowFailException, match="Check the key"):
        resumed.execute_complete(NO_CONTEXT, error_event("task_1", KlingAuthError("no", http_status=401)))


@pytest.mark.parametrize(
    "event",
    [None, {}, {"status": "success"}, {"status": "ended", "task": {}}, {"status": "error", "reason": "os"}],
)
def test_an_event_that_is_not_ours_never_passes_for_a_success(
    resumed: KlingTaskSensor | KlingText2VideoOperator, event: dict[str, Any] | None
) -> None:
    with pytest.raises((RuntimeError, AirflowFailException), match="event cannot be read"):
        resumed.execute_complete(NO_CONTEXT, event)


def test_a_timeout_of_the_sensor_is_what_airflow_calls_one() -> None:
    with pytest.raises(AirflowSensorTimeout, match="The generation goes on"):
        sensor().execute_complete(NO_CONTEXT, error_event("task_1", KlingTimeoutError("over")))


def test_soft_fail_does_not_hide_an_event_that_is_not_ours() -> None:
    with pytest.raises(RuntimeError, match="event cannot be read"):
        sensor(soft_fail=True).resume_execution("execute_complete", {"event": {"status": "?"}}, NO_CONTEXT)


@pytest.mark.parametrize("event", [error_event("task_1", KlingServerError("down", http_status=502)), None])
def test_without_a_task_state_store_an_error_after_the_submission_is_not_retried(
    event: dict[str, Any] | None,
) -> None:
    with pytest.raises(AirflowFailException, match="Not retried, so as not to pay again"):
        operator().execute_complete(NO_CONTEXT, event)


@pytest.mark.parametrize("seconds", [0, -1, "10"])
@pytest.mark.parametrize("name", ["poll_interval", "submit_timeout", "timeout"])
def test_an_operator_that_would_ask_without_a_pause_or_never_wait_is_refused(name: str, seconds: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}=.* must be a positive number of seconds"):
        KlingText2VideoOperator(task_id="generate", prompt="A deer", **{name: seconds})


def test_a_sensor_that_would_ask_without_a_pause_is_refused() -> None:
    with pytest.raises(ValueError, match=r"poke_interval=0 must be a positive number of seconds"):
        sensor(poke_interval=0)
