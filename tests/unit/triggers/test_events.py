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
LINK, OTHER = "https://cdn.example.com/deer.mp4", "https://cdn.example.com/b.mp4"
SIGNED = f"{LINK}?Expires=1&Signature=nobody-may-see"
SUCCESS = Generation(
    "t-1",
    "text2video",
    GenerationState.SUCCEEDED,
    (Video(SIGNED, "v-1", 5.1), Video(OTHER)),
    external_task_id="mine",
    units=1.5,
    created_at=datetime(2026, 1, 1, 12, 0, 0, 250000, UTC),
    finished_at=datetime(2026, 1, 1, 12, 1, tzinfo=UTC),
    request_id="r-1",
)
FAILURE = Generation("t-2", "text2video", GenerationState.FAILED, failure="bad luck")


def sent(event: dict[str, Any]) -> dict[str, Any]:
    """The event after its way through Airflow's database."""
    stored = json.dumps(event, allow_nan=False)
    assert "nobody-may-see" not in stored
    received: dict[str, Any] = json.loads(stored)
    return received


def test_an_end_arrives_whole_but_for_the_signatures_of_its_links() -> None:
    task = read_event(sent(ended_event(SUCCESS)))

    assert task.as_dict() == SUCCESS.as_dict()
    assert [video.url for video in task.videos] == [LINK, OTHER]
    assert read_event(sent(ended_event(FAILURE))) == FAILURE


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("code", [1303, "task_not_exist", None])
def test_an_error_arrives_as_the_error_that_it_was(kind: type[KlingError], code: int | str | None) -> None:
    facts = {"code": code, "http_status": 429, "request_id": "r-1", "gateway": "official", "task_id": "t-1"}
    error = kind(f"It broke at {SIGNED}.", **facts)  # type: ignore[arg-type]
    with pytest.raises(KlingError) as caught:
        read_event(sent(error_event("t-1", error)))

    assert type(caught.value) is kind
    assert str(caught.value) == str(error)
    assert vars(caught.value).items() >= facts.items()


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**event, **fields}.items() if value != "left out"}


ENDED = ended_event(SUCCESS)
TASK = ENDED["task"]
BROKEN = error_event("t-1", KlingError("It broke."))


@pytest.mark.parametrize(
    "event",
    [
        *(None, {}, "ended", ["ended"], 5, {"status": "success"}, {"status": None}),
        changed(ENDED, status="done"),
        *(changed(ENDED, task=task) for task in (None, "left out", {}, {**TASK, "state": "melted"})),
        *(changed(ENDED, task={**TASK, "videos": videos}) for videos in (None, [{"link": "x"}])),
        changed(ENDED, task={**TASK, "created_at": "yesterday"}),
        changed(ENDED, failure="left out"),
        *(changed(BROKEN, **{name: "left out"}) for name in ("reason", "message", "kling_task_id")),
        *(changed(BROKEN, reason=reason) for reason in ("NoSuchError", "mask", "ClassVar", "annotations")),
        *(changed(BROKEN, reason=reason) for reason in ("__doc__", None)),
    ],
    ids=str,
)
def test_an_event_that_is_none_of_ours_is_a_defect_and_no_kling_error(event: Any) -> None:
    with pytest.raises(RuntimeError, match="event cannot be read") as caught:
        read_event(event)
    assert not isinstance(caught.value, KlingError)
