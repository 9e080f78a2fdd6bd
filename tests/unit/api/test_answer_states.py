"""State words, times, lengths and the reasons of failures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import KlingModerationError, KlingTaskFailedError
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.reading.answers import failure_of, read_task

LINK = "https://cdn.example.com/deer.mp4?Signature=abc"
WORDS = {
    GenerationState.SUCCEEDED: "succeed succeeded success completed complete finished done SUCCESS Completed",
    GenerationState.FAILED: "failed fail failure error cancelled canceled expired timeout rejected FAILURE",
    GenerationState.SUBMITTED: "submitted queued queueing pending created not_start waiting wait in_queue staged "
    "initializing NOT_START IN-QUEUE",
    GenerationState.PROCESSING: "processing in_progress running generating unknown REVIEWING IN_PROGRESS",
}


def read(body: object) -> Generation:
    return read_task(Answer(200, json.dumps(body)), "text2video", asked_id="asked")


@pytest.mark.parametrize("key", ["task_status", "status", "state"])
@pytest.mark.parametrize(
    ("word", "state"),
    [
        *((word, state) for state, words in WORDS.items() for word in words.split()),
        ("Not Start", GenerationState.SUBMITTED),
        (" succeed ", GenerationState.SUCCEEDED),
        ("", GenerationState.PROCESSING),
    ],
)
def test_a_state_word_means_the_same_in_every_spelling(key: str, word: str, state: GenerationState) -> None:
    body = {"task_id": "t", key: word, "url": LINK}
    assert read(body).state is state
    assert read({"code": 0, "data": body}).state is state


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (1763600000, datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC)),
        ("1763600000", datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC)),
        (1763600000.5, datetime(2025, 11, 20, 0, 53, 20, 500000, UTC)),
        (1763600000250, datetime(2025, 11, 20, 0, 53, 20, 250000, UTC)),
        (100000000000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),  # the smallest that is in milliseconds
        (99999999999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (0, None),
        (-1, None),
        ("2026-01-01", None),
        (True, None),
        (10**30, None),
        (10**400, None),
        (None, None),
    ],
)
def test_a_time_is_read_in_seconds_and_in_milliseconds(value: object, instant: datetime | None) -> None:
    task = read({"status": "failed", "created_at": value, "finish_time": value})
    assert task.created_at == instant
    assert task.finished_at == instant


@pytest.mark.parametrize("word", ["processing", "submitted"])
def test_a_generation_that_goes_on_has_no_end_yet(word: str) -> None:
    task = read({"task_status": word, "updated_at": 1763600000, "url": LINK})
    assert task.finished_at is None
    assert task.videos == ()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5.1", 5.1), ("5", 5.0), (5, 5.0), (5.041, 5.041), ("", None), (None, None), ("nan", None), ([], None)],
)
def test_a_length_may_be_a_number_or_a_text_with_a_fraction(value: object, seconds: float | None) -> None:
    videos = [{"url": LINK, "duration": value}]
    assert read({"task_status": "succeed", "task_result": {"videos": videos}}).videos[0].duration == seconds


@pytest.mark.parametrize(
    ("record", "failure"),
    [
        ({"task_status": "failed", "task_status_msg": "The image is too small."}, "The image is too small"),
        ({"status": "failed", "error": {"message": "bad luck", "code": "task_failed"}}, "bad luck"),
        ({"status": "FAILURE", "fail_reason": "task timed out"}, "task timed out"),
        ({"status": "FAILURE", "fail_reason": "", "message": "from above"}, "from above"),
        ({"status": "FAILURE", "data": {"data": {"task_status_msg": "from within"}}}, "from within"),
        ({"status": "failed"}, None),
        ({"status": "failed", "error": None, "message": 5}, None),
    ],
)
def test_the_reason_of_a_failure_is_found_where_the_gateway_puts_it(
    record: dict[str, Any], failure: str | None
) -> None:
    task = read({"code": "success", "data": record})
    assert task.state is GenerationState.FAILED
    assert task.failure == failure


@pytest.mark.parametrize("place", ["result_url", "url", "fail_reason"])
@pytest.mark.parametrize("text", ["task timed out", LINK])
def test_a_failure_has_no_video_whatever_stands_in_the_places_of_links(place: str, text: str) -> None:
    task = read({"code": "success", "data": {"task_id": "t", "status": "FAILURE", place: text}})
    assert task.videos == ()
    assert task.state is GenerationState.FAILED


def test_a_link_in_the_reason_of_a_failure_is_shown_without_its_signature() -> None:
    task = read({"status": "failed", "fail_reason": f"cannot fetch {LINK}"})
    assert task.failure == "cannot fetch https://cdn.example.com/deer.mp4?***"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Failure to pass the risk control system", KlingModerationError),
        ("The input hit our MODERATION rules", KlingModerationError),
        ("prompt contains sensitive words", KlingModerationError),
        ("violates the content policy", KlingModerationError),
        ("Content safety check", KlingModerationError),
        ("The generation failed, please try again later", KlingTaskFailedError),
        (None, KlingTaskFailedError),
    ],
)
def test_a_failure_is_told_apart_from_moderation_by_the_gateways_words(
    reason: str | None, kind: type[KlingTaskFailedError]
) -> None:
    error = failure_of(
        Generation("t-1", "text2video", GenerationState.FAILED, failure=reason, request_id="r-1")
    )
    assert type(error) is kind
    assert (error.task_id, error.request_id, error.retryable) == ("t-1", "r-1", False)
    assert (reason or "gives no reason") in str(error)
