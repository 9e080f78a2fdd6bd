from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.emulator.fates import Fate
from airflow_provider_kling.emulator.gateways.base import (
    KLING_STATUS_WORDS,
    Gateway,
    Json,
    Link,
    Page,
    RefusalError,
    kling_task_id,
)
from airflow_provider_kling.emulator.gateways.official_auth import check_authorization
from airflow_provider_kling.emulator.gateways.official_body import read_body
from airflow_provider_kling.emulator.gateways.official_errors import invalid_parameter, official_error
from airflow_provider_kling.emulator.tasks import State, VideoRequest, VideoTask

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS_PER_SECOND = 0.6
_PACK_UNITS = 1000.0
_YEAR_MILLISECONDS = 365 * 24 * 3600 * 1000


class Official(Gateway):
    """Kling's own API, in the standard whose paths begin with ``/v1``."""

    name = "official"
    tasks_path = "/v1/videos/text2video"
    status_words = KLING_STATUS_WORDS

    def authenticate(self, authorization: str) -> None:
        """Ask for an API key, or for a token signed with the secret key."""
        check_authorization(authorization, self.credentials)

    def read(self, body: Json) -> VideoRequest:
        """Check the body, and that its external task id is new."""
        request = read_body(body)
        external_id = request.external_task_id
        if external_id and self.store.find(external_id):
            raise invalid_parameter(f"External_task_id {external_id} already exists")
        return request

    def new_task_id(self) -> str:
        """Make up an id like those of Kling."""
        return kling_task_id()

    def accepted(self, task: VideoTask) -> Json:
        """Answer with the envelope."""
        return _envelope(self._describe(task, State.SUBMITTED))

    def report(self, task: VideoTask, link: Link) -> Json:
        """Answer with the envelope, and with the video once there is one."""
        return _envelope(self._report(task, link))

    def unreadable_body(self) -> RefusalError:
        """Refuse the request as a whole."""
        return official_error(400, 1200, "the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 400: Kling has no 404 for tasks."""
        return invalid_parameter(f"Task not found by id/external id: {task_id}")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        """Refuse with 404."""
        return official_error(404, 1203, f"{method} {path} does not exist")

    def pages(self) -> Mapping[str, Page]:
        """Offer the list of tasks and the account."""
        return {self.tasks_path: self._list, "/account/costs": self._costs}

    def _list(self, query: Mapping[str, str], link: Link) -> Json:
        self.store.count("polls")
        number = _page_setting(query, "pageNum", default=1, most=1000)
        size = _page_setting(query, "pageSize", default=30, most=500)
        newest_first = self.store.tasks()[::-1]
        page = newest_first[(number - 1) * size : number * size]
        return _envelope([self._report(task, link) for task in page])

    def _costs(self, query: Mapping[str, str], link: Link) -> Json:
        for bound in ("start_time", "end_time"):
            if not query.get(bound, "").isdecimal():
                raise invalid_parameter(f"{bound} value '{query.get(bound, '')}' is invalid")
        # The pack lies within whatever range is asked for.
        start = int(query["start_time"])
        used = sum(_units(task) for task in self.store.tasks() if task.state is State.SUCCEEDED)
        pack = {
            "resource_pack_name": "Emulated-Video-1000Units",
            "resource_pack_id": "emulated-pack",
            "resource_pack_type": "decreasing_total",
            "total_quantity": _PACK_UNITS,
            "remaining_quantity": _PACK_UNITS - used,
            "purchase_time": start,
            "effective_time": start,
            "invalid_time": start + _YEAR_MILLISECONDS,
            "status": "online",
        }
        return _envelope({"code": 0, "msg": "", "resource_pack_subscribe_infos": [pack]})

    def _report(self, task: VideoTask, link: Link) -> Json:
        state = task.state
        data = self._describe(task, state)
        data["task_status"] = self.status_word(task, state)
        data["task_status_msg"] = task.failure if state is State.FAILED else ""
        if state is State.SUCCEEDED:
            video = {
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, task.task_id)),
                "url": link(task),
                "duration": str(task.request.frames / task.request.fps),
            }
            data["task_result"] = {"videos": [] if Fate.NO_URL in task.fates else [video]}
            data["final_unit_deduction"] = f"{_units(task):g}"
        return data

    def _describe(self, task: VideoTask, state: State) -> Json:
        external_id = task.request.external_task_id
        return {
            "task_id": task.task_id,
            "task_status": self.status_words[state],
            "task_info": {"external_task_id": external_id} if external_id else {},
            "created_at": int(task.created_at * 1000),
            "updated_at": int(task.changed_at(state) * 1000),
        }


def _envelope(data: Any) -> Json:
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def _units(task: VideoTask) -> float:
    return task.request.seconds * _UNITS_PER_SECOND


def _page_setting(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid_parameter(f"{name} value '{text}' is invalid")
    return int(text)
