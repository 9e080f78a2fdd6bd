"""What a resumed sensor or operator makes of an event, whatever the DAG says by now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import KlingAuthError, KlingServerError, KlingTaskNotFoundError
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.generations.record import Settled
from airflow_provider_kling.operators.video import KlingText2VideoOperator
from airflow_provider_kling.sensors.task import KlingTaskSensor
from airflow_provider_kling.triggers.events import ended_event, error_event
from tests.integration.videos import facts_of
from tests.unit.generations.tries import Task, TaskBefore33

SUCCEEDED = Generation(
    "task_1",
    "text2video",
    GenerationState.SUCCEEDED,
    videos=(Video("https://cdn.example/deer.mp4?Signature=secret", "video_1", 5.1),),
    units=3.5,
    created_at=datetime(2026, 11, 20, tzinfo=UTC),
    finished_at=datetime(2026, 11, 21, tzinfo=UTC),
)
FAILED = Generation("task_1", "text2video", GenerationState.FAILED, failure="risk control")
ORDER = {
    **asdict(Settled("task_1", 1, None, "kling_submission_1", 0)),
    **{"kling_conn_id": "kling_default", "path": None},
}


def sensor(**arguments: Any) -> KlingTaskSensor:
    return KlingTaskSensor(task_id="wait", kling_task_id="task_1", deferrable=True, **arguments)


def operator(**arguments: Any) -> KlingText2VideoOperator:
    fields = {"prompt": "A deer", "wait_for_completion": True, **arguments}
    return KlingText2VideoOperator(task_id="generate", **fields)


def with_order(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "order": ORDER}


@pytest.fixture(params=[sensor, operator], ids=["sensor", "operator"])
def resumed(request: pytest.FixtureRequest) -> Any:
    return request.param()


def test_a_success_is_returned_without_asking_again(resumed: Any) -> None:
    done = resumed.execute_complete(TaskBefore33().context, with_order(ended_event(SUCCEEDED)))

    assert done == SUCCEEDED.as_dict()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ended_event(FAILED), r"risk control.*Kling task task_1"),
        (error_event("task_1", KlingAuthError("no", http_status=401)), "Check the key"),
    ],
)
def test_what_time_does_not_mend_fails_without_a_retry(
    resumed: Any, event: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said) as failed:
        resumed.execute_complete(TaskBefore33().context, with_order(event))
    assert "Not retried" not in str(failed.value)


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, {"status": "success"}),
        *({"status": "ended", "task": {}}, {"status": "error", "reason": "os"}),
    ],
)
def test_an_event_that_is_not_ours_never_passes_for_a_success(
    resumed: Any, event: dict[str, Any] | None
) -> None:
    for fired in (event, event and with_order(event)):
        with pytest.raises(RuntimeError, match="event cannot be read"):
            resumed.execute_complete(Task().context, fired)


@pytest.mark.parametrize("missing", [*ORDER, "order"])
def test_an_event_that_does_not_say_what_was_ordered_is_not_ours(missing: str) -> None:
    order = {name: value for name, value in ORDER.items() if name != missing}
    event = {**ended_event(SUCCEEDED), "order": None if missing == "order" else order}

    with pytest.raises(RuntimeError, match="event cannot be read"):
        operator().execute_complete(Task().context, event)


def test_soft_fail_does_not_hide_an_event_that_is_not_ours() -> None:
    context = Task().context
    with pytest.raises(RuntimeError, match="event cannot be read"):
        sensor(soft_fail=True).resume_execution("execute_complete", {"event": {"status": "?"}}, context)


@pytest.mark.parametrize(
    "event", [with_order(error_event("task_1", KlingServerError("down", http_status=502))), None]
)
def test_without_a_task_state_store_an_error_after_the_submission_is_not_retried(
    event: dict[str, Any] | None,
) -> None:
    with pytest.raises(AirflowFailException, match="Not retried, so as not to pay again"):
        operator().execute_complete(TaskBefore33().context, event)


# The DAG was edited while its video was generated


@pytest.fixture(params=["official", "newapi"])
def emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    with KlingEmulator(gateway=request.param, seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield emulator


def event_of(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the trigger of a deferral fires in the end, after what Airflow does to its arguments."""
    travelled = json.loads(json.dumps(kwargs))
    return {
        **ended_event(replace(SUCCEEDED, task_id=travelled["kling_task_id"])),
        "order": travelled["order"],
    }


@pytest.mark.parametrize(
    "edited",
    [
        *({"prompt": ""}, {"prompt": "A fox", "duration": "long"}, {"idempotency_key": " "}),
        *({"kling_conn_id": "kling_other"}, {"path": None}, {"path": "nowhere://bucket/fox.mp4"}),
        *({"on_unknown_outcome": "resubmit", "on_rerun": "regenerate"}, {"retries": 5}),
    ],
    ids=str,
)
def test_what_was_ordered_is_delivered_to_where_it_was_ordered_and_recorded_under_what_was_ordered(
    emulator: KlingEmulator, tmp_path: Path, edited: dict[str, Any]
) -> None:
    task, target = Task(), tmp_path / "deer.mp4"
    task.try_number = 2
    task.clear()
    ordered = {"path": target.as_uri(), "wait_for_completion": True}
    _, kwargs = task.deferral(**ordered).trigger.serialize()
    assert set(kwargs["order"]) == set(ORDER)
    assert "A deer" not in json.dumps(kwargs)
    before = task.records.copy()
    event = event_of(kwargs)

    done = task.operator(**{**ordered, **edited}).execute_complete(task.context, event)

    assert done["path"] == target.as_uri()
    assert {name: done[name] for name in facts_of(target)} == facts_of(target)
    assert (done["units"], done["finished_at"]) == (3.5, "2026-11-21T00:00:00+00:00")
    (key,) = task.records
    assert not before or set(before) == {key}
    assert (task.records[key]["take"], task.records[key]["delivered_in"]) == (1, 2)
    assert task(**ordered | {"deferrable": False})["task_id"] == done["task_id"]
    assert emulator.counters().creates_received == 1


def test_what_got_lost_is_recorded_under_what_was_ordered(emulator: KlingEmulator) -> None:
    task = Task()
    _, kwargs = task.deferral(wait_for_completion=True).trigger.serialize()
    lost = error_event(kwargs["kling_task_id"], KlingTaskNotFoundError("no such task"))
    with pytest.raises(AirflowFailException, match="Check the id"):
        task.operator(prompt="").execute_complete(task.context, {**lost, "order": kwargs["order"]})

    # At Kling's own API nothing is on record; it is looked for there, and found if it is there after all.
    assert [(each["kling_task_id"], each["stopped_in"]) for each in task.records.values()] in (
        [],
        [(None, 0)],
    )


def test_a_target_with_options_of_its_own_keeps_them(emulator: KlingEmulator, tmp_path: Path) -> None:
    task = Task()
    path = ObjectStoragePath((tmp_path / "deer.mp4").as_uri(), auto_mkdir=True)
    _, kwargs = task.deferral(path=path).trigger.serialize()
    resumed = task.operator(path=path)
    resumed.execute_complete(task.context, event_of(kwargs))

    assert resumed.path is path


# What cannot be waited for


@pytest.mark.parametrize(
    ("form", "name", "seconds"),
    [
        *product([operator], ["poll_interval", "submit_timeout", "timeout"], [0, -1, "10"]),
        (sensor, "poke_interval", 0),  # Airflow itself refuses the others
    ],
)
def test_what_would_ask_without_a_pause_or_never_wait_is_refused(form: Any, name: str, seconds: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}=.* must be a positive number of seconds"):
        form(**{name: seconds})
