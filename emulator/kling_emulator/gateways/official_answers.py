"""Kling's own words about a task. Some relays keep them inside of theirs, with Kling's id for the task."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from kling_emulator.gateways.base import KLING_STATUS_WORDS
from kling_emulator.pack import units
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting
    from kling_emulator.tasks import VideoTask


def envelope(data: Any) -> Json:
    """
    Say that all is well.

    :param data: what was asked for.
    """
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def accepted(task: VideoTask, task_id: str) -> Json:
    """
    Answer a create.

    :param task: the task that it made.
    :param task_id: Kling's id for it.
    """
    return envelope(_described(task, task_id, State.SUBMITTED))


def reported(sighting: Sighting, task_id: str) -> Json:
    """
    Describe a task, in the ``data`` of an answer.

    :param sighting: the task, as it is to be told.
    :param task_id: Kling's id for it.
    """
    data = _described(sighting.task, task_id, sighting.state)
    data["task_status"] = sighting.word(KLING_STATUS_WORDS)
    data["task_status_msg"] = sighting.failure
    if sighting.state is State.SUCCEEDED:
        data["task_result"] = {"videos": [video(sighting)] if sighting.url else []}
        data["final_unit_deduction"] = f"{units(sighting.task.request):g}"
    return data


def video(sighting: Sighting) -> Json:
    """
    Describe the video of a task.

    :param sighting: the task, which has a link to its file.
    """
    request = sighting.task.request
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, sighting.task.task_id)),
        "url": sighting.url,
        "duration": str(request.frames / request.fps),
    }


def _described(task: VideoTask, task_id: str, state: State) -> Json:
    external_id = task.request.external_task_id
    return {
        "task_id": task_id,
        "task_status": KLING_STATUS_WORDS[state],
        "task_info": {"external_task_id": external_id} if external_id else {},
        "created_at": int(task.created_at * 1000),
        "updated_at": int(task.changed_at(state) * 1000),
    }
