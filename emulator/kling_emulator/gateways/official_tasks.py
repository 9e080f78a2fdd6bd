"""``GET /tasks``, where Kling's newer standard tells about up to twenty tasks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.official_answers import envelope, video
from kling_emulator.gateways.official_errors import invalid_parameter
from kling_emulator.pack import units
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.gateways.base import See
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting
    from kling_emulator.store import TaskStore

TASKS_PATH = "/tasks"
_MOST_IDS = 20
_STATUS_WORDS = {
    State.SUBMITTED: "submitted",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
}
"""The newer standard's own. It is ``succeeded`` here."""


def list_by_id(store: TaskStore, query: Mapping[str, str], see: See) -> Json:
    """
    Tell about tasks by their ids, without those that are unknown.

    :param store: where the tasks are.
    :param query: the query string.
    :param see: looks at a task.
    """
    finders = {"task_ids": store.find, "external_task_ids": store.find_external}
    given = [name for name in finders if query.get(name)]
    if len(given) != 1:
        raise invalid_parameter("exactly one of task_ids and external_task_ids is required")
    (name,) = given
    ids = query[name].split(",")
    if len(ids) > _MOST_IDS:
        raise invalid_parameter(f"{name} cannot exceed {_MOST_IDS} in total")
    found = {task.task_id: task for task in map(finders[name], ids) if task is not None}
    return envelope([_record(see(task)) for task in found.values()])


def _record(sighting: Sighting) -> Json:
    task = sighting.task
    is_paid = sighting.state is State.SUCCEEDED
    price = {"charge_type": "unit", "amount": f"{units(task.request):g}", "package_type": "video"}
    return {
        "id": task.task_id,
        "status": sighting.word(_STATUS_WORDS),
        "message": sighting.failure,
        "create_time": int(task.created_at * 1000),
        "update_time": int(task.changed_at(sighting.state) * 1000),
        "external_id": task.request.external_task_id or "",
        "outputs": [{"type": "video", **video(sighting)}] if sighting.url else [],
        "billing": [price] if is_paid else [],
    }
