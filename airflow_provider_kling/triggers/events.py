"""The event contract: what a trigger says, written and read in one place. Plain JSON, no signed link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.generation import Generation
from airflow_provider_kling.api.masking import mask

ENDED, ERROR, DEFECT = "ended", "error", "defect"
# What an event tells of an error besides its type, its message and its generation.
FACTS = ("code", "http_status", "request_id", "gateway")


def ended_event(task: Generation) -> dict[str, Any]:
    """Return the event of a generation that has ended, well or not."""
    return {"kling_task_id": task.task_id, "status": ENDED, "task": task.as_dict(), "failure": task.failure}


def error_event(kling_task_id: str, error: errors.KlingError) -> dict[str, Any]:
    """Return the event of a waiting that ended otherwise; ``reason`` is the type of the error."""
    event = {"status": ERROR, "reason": type(error).__name__, "message": error.message}
    return {"kling_task_id": kling_task_id, **event, **{fact: getattr(error, fact) for fact in FACTS}}


def defect_event(kling_task_id: str, error: Exception) -> dict[str, Any]:
    """Return the event of a waiting that ended with an error of our own making."""
    message = mask(f"{type(error).__name__}: {error}")
    return {"kling_task_id": kling_task_id, "status": DEFECT, "message": message}


def read_event(event: Mapping[str, Any] | None) -> Generation:
    """
    Return the generation that an event tells of.

    :raises KlingError: of the type that ended the waiting.
    :raises RuntimeError: the trigger failed, or the event is not one of ours; not an Airflow exception, so
        that ``soft_fail`` does not hide a defect.
    """
    error = None
    try:
        told = event or {}
        if told["status"] == ENDED:
            return Generation.from_dict(told["task"], failure=told["failure"])
        task_id = told["kling_task_id"]
        if told["status"] == DEFECT:
            raise RuntimeError(f"The trigger for Kling task {task_id} failed: {told['message']}")
        if told["status"] == ERROR:
            facts = {fact: told[fact] for fact in FACTS}
            error = getattr(errors, told["reason"])(told["message"], task_id=task_id, **facts)
    except (AttributeError, KeyError, TypeError, ValueError) as broken:
        raise unreadable(event) from broken
    if not isinstance(error, errors.KlingError):
        raise unreadable(event)
    raise error


def unreadable(event: Mapping[str, Any] | None) -> RuntimeError:
    """Return the error of an event that is none of ours."""
    return RuntimeError(f"The trigger's event cannot be read: {event!r}")
