from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.triggers.events import ended_event, error_event, read_event

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KlingError)]
SIGNED = "https://cdn.example.com/deer.mp4?Expires=1&Signature=nobody-may-see"
SUCCESS = Generation(
    "t-1",
    "text2video",
    GenerationState.SUCCEEDED,
    (Video(SIGNED, "v-1", 5.1), Video("https://cdn.example.com/b.mp4")),
    external_task_id="mine",
    units=1.5,
    created_at=datetime(2026, 1, 1, 12, 0, 0, 250000, UTC),
    finished_at=datetime(2026, 1, 1, 12, 1, tzinfo=UTC),
    request_id="r-1",
)
FAILURE = Generation("t-2", "text2video", GenerationState.FAILED, failure="bad luck")


def sent(event: dict[str, Any]) -> dict[str, Any]:
    """The event after its way through Airflow's database."""
    received: dict[str, Any] = json.loads(json.dumps(event, allow_nan=False))
    return received


def test_a_success_arrives_whole_but_for_the_signatures_of_its_links() -> None:
    event = sent(ended_event(SUCCESS))
    assert "nobody-may-see" not in str(event)
    task = read_event(event)
    assert task.as_dict() == SUCCESS.as_dict()
    assert [video.url for video in task.videos] == [
        "https://cdn.example.com/deer.mp4",
        "https://cdn.example.com/b.mp4",
    ]


def test_a_failure_arrives_with_its_reason() -> None:
    assert read_event(sent(ended_event(FAILURE))) == FAILURE


@pytest.mark.parametrize("kind", ALL)
def test_an_error_arrives_as_the_error_that_it_was(kind: type[KlingError]) -> None:
    error = kind(f"It broke at {SIGNED}.", code=1303, http_status=429, request_id="r-1", task_id="t-1")
    event = sent(error_event("t-1", error))
    assert "nobody-may-see" not in str(event)
    with pytest.raises(KlingError) as caught:
        read_event(event)
    assert type(caught.value) is kind
    assert str(caught.value) == str(error)
    assert (caught.value.code, caught.value.http_status, caught.value.task_id) == (1303, 429, "t-1")


@pytest.mark.parametrize("code", ["task_not_exist", None])
def test_a_code_may_be_a_word_or_missing(code: str | None) -> None:
    with pytest.raises(KlingError) as caught:
        read_event(sent(error_event("t-1", KlingError("It broke.", code=code))))
    assert caught.value.code == code
    assert caught.value.task_id == "t-1"


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**event, **fields}.items() if value != "left out"}


ENDED = ended_event(SUCCESS)
BROKEN = error_event("t-1", KlingError("It broke."))


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"status": "success"},
        {"status": None},
        changed(ENDED, status="done"),
        changed(ENDED, task=None),
        changed(ENDED, task="left out"),
        changed(ENDED, failure="left out"),
        changed(ENDED, task={}),
        changed(ENDED, task={**ENDED["task"], "state": "melted"}),
        changed(ENDED, task={**ENDED["task"], "videos": None}),
        changed(ENDED, task={**ENDED["task"], "videos": [{"link": "x"}]}),
        changed(ENDED, task={**ENDED["task"], "created_at": "yesterday"}),
        changed(BROKEN, reason="left out"),
        changed(BROKEN, message="left out"),
        changed(BROKEN, kling_task_id="left out"),
        changed(BROKEN, reason="NoSuchError"),
        changed(BROKEN, reason="mask"),
        changed(BROKEN, reason="ClassVar"),
        changed(BROKEN, reason="annotations"),
        changed(BROKEN, reason="__doc__"),
        changed(BROKEN, reason=None),
        "ended",
        ["ended"],
        5,
    ],
    ids=str,
)
def test_an_event_that_is_none_of_ours_is_a_defect_and_no_kling_error(event: Any) -> None:
    with pytest.raises(RuntimeError, match="event cannot be read") as caught:
        read_event(event)
    assert not isinstance(caught.value, KlingError)
