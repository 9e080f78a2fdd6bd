"""The event contract: what a trigger says, written and read in one place. Plain JSON, no signed link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.generation import Generation
from airflow_provider_kling.api.masking import mask

ENDED = "ended"
ERROR = "error"
DEFECT = "defect"


def ended_event(task: Generation) -> dict[str, Any]:
    """Return the event of a generation that has ended, well or not."""
    return {
        "status": ENDED,
        "kling_task_id": task.task_id,
        "task": task.as_dict(),
        "failure": task.failure,
    }


def error_event(kling_task_id: str, error: errors.KlingError) -> dict[str, Any]:
    """Return the event of a waiting that ended otherwise; ``reason`` is the type of the error."""
    return {
        "status": ERROR,
        "kling_task_id": kling_task_id,
        "reason": type(error).__name__,
        "message": error.message,
        "code": error.code,
        "http_status": error.http_status,
        "request_id": error.request_id,
        "gateway": error.gateway,
    }


def defect_event(kling_task_id: str, error: Exception) -> dict[str, Any]:
    """Return the event of a waiting that ended with an error of our own making."""
    return {
        "status": DEFECT,
        "kling_task_id": kling_task_id,
        "message": mask(f"{type(error).__name__}: {error}"),
    }


def read_event(event: Mapping[str, Any] | None) -> Generation:
    """
    Return the generation that an event tells of.

    :raises KlingError: of the type that ended the waiting.
    :raises RuntimeError: the trigger failed, or the event is not one of ours; not an Airflow exception, so
        that ``soft_fail`` does not hide a defect.
    """
    try:
        if event is not None and event["status"] == DEFECT:
            raise RuntimeError(
                f"The trigger for Kling task {event['kling_task_id']} failed: {event['message']}"
            )
        if event is not None and event["status"] == ENDED:
            return Generation.from_dict(event["task"], failure=event["failure"])
        if event is not None and event["status"] == ERROR:
            error = getattr(errors, event["reason"])(
                event["message"],
                code=event["code"],
                http_status=event["http_status"],
                request_id=event["request_id"],
                gateway=event.get("gateway"),  # a trigger that an older version of ours runs does not say it
                task_id=event["kling_task_id"],
            )
        else:
            error = None
    except (AttributeError, KeyError, TypeError, ValueError) as broken:
        raise unreadable(event) from broken
    if not isinstance(error, errors.KlingError):
        raise unreadable(event)
    raise error


def unreadable(event: Mapping[str, Any] | None) -> RuntimeError:
    """Return the error of an event that is none of ours."""
    return RuntimeError(f"The trigger's event cannot be read: {event!r}")
