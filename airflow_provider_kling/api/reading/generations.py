"""
The record of one generation, whoever wrote it, as a Generation.

Servers differ in where the state, the links and the reasons are. Every known place is looked at, most
specific first, so that it need not be known which server wrote the record.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import lru_cache
from typing import Any

from airflow_provider_kling.api.errors import KlingResultMissingError
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.api.masking import mask
from airflow_provider_kling.api.reading.values import (
    at,
    first_instant,
    first_text,
    is_link,
    number,
    number_as_id,
    objects_in,
)

log = logging.getLogger(__name__)

LONGEST_REASON = 1000
_SHOWN_CHARACTERS = 50
_ENDED_AT = ("finish_time", "completed_at", "updated_at", "update_time")
# Relays wrap Kling's own body once or twice: data.data.task_result.
DEEPEST_WRAPPING = 3

_STATES = {
    GenerationState.SUCCEEDED: "succeed succeeded success completed complete finished done",
    GenerationState.FAILED: "failed fail failure error cancelled canceled expired timeout rejected",
    GenerationState.SUBMITTED: "submitted queued queueing pending created not_start waiting wait in_queue "
    "staged initializing",
    GenerationState.PROCESSING: "processing in_progress running generating unknown",
}
_STATE_OF_WORD = {word: state for state, words in _STATES.items() for word in words.split()}


def task_of(
    record: dict[str, Any], *, product: str, task_id: str, request_id: str | None
) -> Generation | None:
    """
    Return the generation that a record describes, or None where nothing in it tells a state.

    :param task_id: Its id, should the record not have one.
    :raises KlingResultMissingError: the generation is a success and there is no link.
    """
    state = state_of(record)
    if state is None:
        return None
    task_id = id_of(record) or task_id
    videos = _videos(record) if state is GenerationState.SUCCEEDED else ()
    if state is GenerationState.SUCCEEDED and not videos:
        raise KlingResultMissingError(
            "The generation succeeded, and the answer has no link to a video.",
            task_id=task_id,
            request_id=request_id,
        )
    return Generation(
        task_id=task_id,
        product=product,
        state=state,
        videos=videos,
        external_task_id=external_task_id_of(record),
        failure=_failure_text(record) if state is GenerationState.FAILED else None,
        units=_units(record),
        created_at=created_at(record),
        finished_at=first_instant(record, *_ENDED_AT) if state.ended else None,
        request_id=request_id,
    )


def state_of(record: dict[str, Any]) -> GenerationState | None:
    """Return the state, or None where there is no word for it; an unknown word means that it goes on."""
    words = [record.get(key) for key in ("task_status", "status", "state")]
    if not any(isinstance(word, str) for word in words):
        return None
    word = (first_text(*words) or "unknown").lower().replace("-", "_").replace(" ", "_")
    if word not in _STATE_OF_WORD:
        _report_unknown(mask(word, _SHOWN_CHARACTERS))
    return _STATE_OF_WORD.get(word, GenerationState.PROCESSING)


def id_of(record: dict[str, Any]) -> str | None:
    """Return the id of the generation; a number under ``id`` is a row of the relay's database."""
    return first_text(record.get("task_id"), record.get("id")) or number_as_id(record.get("task_id"))


def external_task_id_of(record: dict[str, Any]) -> str | None:
    """Return the customer's own id, where one was sent and the gateway tells it."""
    return first_text(at(record, "task_info", "external_task_id"), record.get("external_id"))


def created_at(record: dict[str, Any]) -> datetime | None:
    """Return when the generation was made, as the gateway's clock had it."""
    return first_instant(record, "created_at", "create_time", "submit_time")


@lru_cache(maxsize=100)  # so that each is said once, however often it is polled
def _report_unknown(word: str) -> None:
    log.warning("The status word %r is not known; the generation is taken to go on", word)


def _videos(record: dict[str, Any], wrappings: int = DEEPEST_WRAPPING) -> tuple[Video, ...]:
    videos = tuple(
        Video(item["url"], _video_id(item.get("id")), number(item.get("duration")))
        for item in _listed_videos(record)
        if is_link(item.get("url"))
    )
    if videos:
        return videos
    places = (
        record.get("result_url"),
        record.get("url"),
        record.get("video_url"),
        at(record, "metadata", "url"),
        at(record, "output", "video_url"),
    )
    link = next((place for place in places if is_link(place)), None)
    inner = record.get("data")
    inside = _videos(inner, wrappings - 1) if wrappings and isinstance(inner, dict) else ()
    if link is None and inside:
        return inside
    if link is None and is_link(record.get("fail_reason")):
        link = record["fail_reason"]  # older relays keep the link of a success here
    seconds = number(at(record, "metadata", "duration")) or number(record.get("seconds"))
    if seconds is None and len(inside) == 1:
        seconds = inside[0].duration
    return (Video(link, duration=seconds),) if link is not None else ()


def _listed_videos(record: dict[str, Any]) -> list[dict[str, Any]]:
    listed = at(record, "task_result", "videos")
    if isinstance(listed, list):
        return objects_in(listed)
    return [output for output in objects_in(record.get("outputs")) if output.get("type") == "video"]


def _video_id(value: object) -> str | None:
    return None if is_link(value) else first_text(value)  # a link is signed, and an id is shown everywhere


def _failure_text(record: dict[str, Any]) -> str | None:
    text = first_text(
        record.get("task_status_msg"),
        record.get("message"),
        record.get("fail_reason"),
        at(record, "error", "message"),
        at(record, "data", "data", "task_status_msg"),
    )
    return mask(text, LONGEST_REASON).rstrip(".") if text else None


def _units(record: dict[str, Any]) -> float | None:
    units = number(record.get("final_unit_deduction"))
    bills = [bill for bill in objects_in(record.get("billing")) if bill.get("charge_type") == "unit"]
    if units is not None or not bills:
        return units
    return number(sum(number(bill.get("amount")) or 0.0 for bill in bills))
