"""
Any gateway's answer, read by one tolerant reader: it becomes a VideoTask or a KlingError, nothing else.

The gateways' pages, and what their servers were seen to send beyond them, differ in where the record,
its state and its links are. The reader looks at every known place, most specific first, so that it
need not know which gateway it is talking to.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_kling.api.errors import (
    KlingModerationError,
    KlingResultMissingError,
    KlingTaskFailedError,
    KlingTaskNotFoundError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.masking import mask
from airflow_provider_kling.api.refusals import refusal
from airflow_provider_kling.api.tasks import TaskState, Video, VideoTask

QUOTED_CHARACTERS = 200
# A Unix time at or above this is in milliseconds: as seconds it would lie beyond the year 5000.
FIRST_MILLISECONDS = 1e11
# Relays wrap Kling's own body once or twice: data.data.task_result.
DEEPEST_WRAPPING = 3

_STATES = {
    TaskState.SUCCEEDED: "succeed succeeded success completed complete finished done",
    TaskState.FAILED: "failed fail failure error cancelled canceled expired timeout rejected",
    TaskState.SUBMITTED: "submitted queued queueing pending created not_start waiting wait in_queue staged "
    "initializing",
}
_STATE_OF_WORD = {word: state for state, words in _STATES.items() for word in words.split()}
_MODERATION_WORDS = ("risk control", "moderation", "sensitive", "content policy", "content safety")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came back from a gateway.

    :param status: The HTTP status.
    :param text: The body, decoded.
    :param retry_after: Seconds, from the header of that name.
    """

    status: int
    text: str
    retry_after: float | None = None


def read_submitted(answer: Answer, product: str) -> VideoTask:
    """
    Read the answer to a submission.

    :raises KlingError: the gateway refused.
    :raises KlingUnreadableAnswerError: no task id can be found in it.
    """
    body = read_object(answer)
    record = _record(body)
    task_id = _first_text(
        _at(body, "data", "task_id"),
        _at(body, "data", "id"),
        _at(body, "task_id"),
        _at(body, "id"),
        _at(body, "data", "taskId"),
    ) or _number_as_id(_at(body, "data", "task_id"), _at(body, "task_id"))
    if task_id is None:
        raise _unreadable(answer, "no task id in the answer to a submission")
    return VideoTask(
        task_id=task_id,
        product=product,
        state=_state(record) or TaskState.SUBMITTED,
        external_task_id=_external_task_id(record),
        created_at=_created_at(record),
        request_id=_first_text(body.get("request_id")),
    )


def read_task(answer: Answer, product: str, asked_id: str) -> VideoTask:
    """
    Read the answer to a query of one generation.

    :param asked_id: The id that was asked for; the answer's own, where it has one, comes first.
    :raises KlingError: the gateway refused.
    :raises KlingTaskNotFoundError: it does not know the id.
    :raises KlingResultMissingError: the generation is a success and there is no link.
    :raises KlingUnreadableAnswerError: nothing in it tells a state.
    """
    body = read_object(answer, task_id=asked_id)
    if body.get("data") == []:
        raise KlingTaskNotFoundError("The gateway has no such generation.", task_id=asked_id)
    record = _record(body)
    state = _state(record)
    if state is None:
        raise _unreadable(answer, "no status in the answer to a query", task_id=asked_id)
    task_id = _first_text(record.get("task_id"), record.get("id")) or asked_id
    request_id = _first_text(body.get("request_id"))
    videos = _videos(record) if state is TaskState.SUCCEEDED else ()
    if state is TaskState.SUCCEEDED and not videos:
        raise KlingResultMissingError(
            "The generation succeeded, and the answer has no link to a video.",
            task_id=task_id,
            request_id=request_id,
        )
    return VideoTask(
        task_id=task_id,
        product=product,
        state=state,
        videos=videos,
        external_task_id=_external_task_id(record),
        failure=_failure_text(record) if state is TaskState.FAILED else None,
        units=_number(record.get("final_unit_deduction")),
        created_at=_created_at(record),
        finished_at=_finished_at(record) if state.ended else None,
        request_id=request_id,
    )


def read_object(answer: Answer, *, task_id: str | None = None) -> dict[str, Any]:
    """
    Return the JSON object of an answer that is not an error.

    :param task_id: The generation that was asked about, to be named in errors.
    :raises KlingError: the answer is a refusal, by its status or by its body.
    :raises KlingUnreadableAnswerError: the body is not a JSON object.
    """
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        if answer.status < 400:
            raise _unreadable(answer, "no JSON object", task_id=task_id)
        body = {"message": f"An unreadable body: {quoted(answer.text)}"}
    error = refusal(answer.status, body, task_id=task_id, retry_after=answer.retry_after)
    if error is not None:
        raise error
    return body


def quoted(text: str) -> str:
    """Return the beginning of a body for an error message, on one line, with secrets masked."""
    return repr(mask(" ".join(text.split()))[:QUOTED_CHARACTERS])


def failure_of(task: VideoTask) -> KlingTaskFailedError:
    """Return the error that a failed generation is, told apart by the gateway's words."""
    reason = task.failure or "the gateway gives no reason"
    moderated = any(word in reason.lower() for word in _MODERATION_WORDS)
    error = KlingModerationError if moderated else KlingTaskFailedError
    return error(f"The generation failed: {reason}.", task_id=task.task_id, request_id=task.request_id)


def _unreadable(answer: Answer, what: str, *, task_id: str | None = None) -> KlingUnreadableAnswerError:
    return KlingUnreadableAnswerError(
        f"Cannot read the gateway's answer, {what}: {quoted(answer.text)}.",
        http_status=answer.status,
        task_id=task_id,
    )


def _record(body: dict[str, Any]) -> dict[str, Any]:
    data = body.get("data")
    if isinstance(data, list) and data:
        data = data[0]
    return data if isinstance(data, dict) else body


def _state(record: dict[str, Any]) -> TaskState | None:
    words = [record.get(key) for key in ("task_status", "status", "state")]
    word = next((word for word in words if isinstance(word, str)), None)
    if word is None:
        return None
    return _STATE_OF_WORD.get(word.strip().lower().replace("-", "_").replace(" ", "_"), TaskState.PROCESSING)


def _videos(record: dict[str, Any], wrappings: int = DEEPEST_WRAPPING) -> tuple[Video, ...]:
    videos = tuple(
        Video(item["url"], _first_text(item.get("id")), _number(item.get("duration")))
        for item in _listed_videos(record)
        if _is_link(item.get("url"))
    )
    if videos:
        return videos
    places = (
        record.get("result_url"),
        record.get("url"),
        record.get("video_url"),
        _at(record, "metadata", "url"),
        _at(record, "output", "video_url"),
    )
    link = next((place for place in places if _is_link(place)), None)
    inner = record.get("data")
    if link is None and wrappings and isinstance(inner, dict):
        videos = _videos(inner, wrappings - 1)
        if videos:
            return videos
    if link is None and _is_link(record.get("fail_reason")):
        link = record["fail_reason"]  # older relays keep the link of a success here
    seconds = _number(_at(record, "metadata", "duration")) or _number(record.get("seconds"))
    return (Video(link, duration=seconds),) if link is not None else ()


def _listed_videos(record: dict[str, Any]) -> list[dict[str, Any]]:
    listed = _at(record, "task_result", "videos")
    if not isinstance(listed, list):
        outputs = record.get("outputs")
        listed = (
            [item for item in outputs if _at(item, "type") == "video"] if isinstance(outputs, list) else []
        )
    return [item for item in listed if isinstance(item, dict)]


def _failure_text(record: dict[str, Any]) -> str | None:
    text = _first_text(
        record.get("task_status_msg"),
        record.get("message"),
        record.get("fail_reason"),
        _at(record, "error", "message"),
        _at(record, "data", "data", "task_status_msg"),
    )
    return mask(text).rstrip(".") if text else None


def _external_task_id(record: dict[str, Any]) -> str | None:
    return _first_text(_at(record, "task_info", "external_task_id"), record.get("external_id"))


def _created_at(record: dict[str, Any]) -> datetime | None:
    return _first_instant(record, "created_at", "create_time", "submit_time")


def _finished_at(record: dict[str, Any]) -> datetime | None:
    return _first_instant(record, "finish_time", "completed_at", "updated_at", "update_time")


def _first_instant(record: dict[str, Any], *keys: str) -> datetime | None:
    for key in keys:
        seconds = _number(record.get(key))
        if not seconds or seconds < 0:
            continue
        if seconds >= FIRST_MILLISECONDS:
            seconds /= 1000
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            continue
    return None


def _at(value: object, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _first_text(*values: object) -> str | None:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


def _number_as_id(*values: object) -> str | None:
    return next((str(value) for value in values if type(value) is int and value > 0), None)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_link(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))
