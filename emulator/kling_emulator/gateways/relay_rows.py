"""A task as New API answers a query: its row in the relay's database."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from kling_emulator.pack import units
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting

ROW_STATUS_WORDS = {
    State.SUBMITTED: "SUBMITTED",
    State.PROCESSING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}
_PROGRESS = {State.SUBMITTED: "10%", State.PROCESSING: "30%"}
# 500,000 are a dollar, and a unit of Kling's costs 14 cents.
_QUOTA_PER_UNIT = 70_000


def row(sighting: Sighting, *, fail_reason: str, kling_answer: Json) -> Json:
    """
    Describe a task in all columns but the one for its link, which came later.

    :param sighting: the task, as it is to be told.
    :param fail_reason: why it failed, or what else is kept in that column.
    :param kling_answer: the last answer of Kling about it.
    """
    task, state = sighting.task, sighting.state
    model = task.request.model
    return {
        "id": zlib.crc32(task.task_id.encode()),
        "created_at": int(task.created_at),
        "updated_at": int(sighting.noticed_at(state)),
        "task_id": task.task_id,
        "platform": "50",
        "user_id": 7,
        "group": "default",
        "channel_id": 12,
        "quota": round(units(task.request) * _QUOTA_PER_UNIT),
        "action": "textGenerate",
        "status": sighting.word(ROW_STATUS_WORDS),
        "fail_reason": fail_reason,
        "submit_time": int(task.created_at),
        "start_time": 0 if state is State.SUBMITTED else int(sighting.noticed_at(State.PROCESSING)),
        "finish_time": int(sighting.noticed_at(state)) if state.is_final else 0,
        "progress": _PROGRESS.get(state, "100%"),
        "properties": {"input": "", "upstream_model_name": model, "origin_model_name": model},
        "data": kling_answer,
    }


def relay_envelope(data: Json) -> Json:
    """
    Say that all is well, with a word for a code.

    :param data: the row.
    """
    return {"code": "success", "message": "", "data": data}
