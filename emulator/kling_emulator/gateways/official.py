from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kling_emulator.faults import On
from kling_emulator.gateways.base import KLING_STATUS_WORDS, Gateway, Page, See
from kling_emulator.gateways.ids import kling_task_id
from kling_emulator.gateways.official_answers import accepted, envelope, reported
from kling_emulator.gateways.official_auth import check_authorization
from kling_emulator.gateways.official_body import read_new
from kling_emulator.gateways.official_errors import invalid_parameter, official_error
from kling_emulator.gateways.official_tasks import TASKS_PATH, list_by_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.gateways.refusal import Json, RefusalError
    from kling_emulator.sightings import Sighting
    from kling_emulator.tasks import VideoRequest, VideoTask

_YEAR_MILLISECONDS = 365 * 24 * 3600 * 1000


class Official(Gateway):
    """Kling's own API: the standard whose paths begin with ``/v1``, and the newer one's list of tasks."""

    name = "official"
    tasks_path = "/v1/videos/text2video"
    status_words = KLING_STATUS_WORDS

    def authenticate(self, authorization: str, path: str) -> None:
        """Ask for an API key, or for a token signed with the secret key."""
        check_authorization(authorization, self.credentials, takes_tokens=path != TASKS_PATH)

    def read(self, body: Json) -> VideoRequest:
        """Check the body, and that its external task id is new."""
        return read_new(body, self.store)

    def new_task_id(self) -> str:
        """Make up an id like those of Kling."""
        return kling_task_id()

    def accepted(self, task: VideoTask) -> Json:
        """Answer with the envelope."""
        return accepted(task, task.task_id)

    def report(self, sighting: Sighting) -> Json:
        """Answer with the envelope, and with the video once there is one."""
        return envelope(reported(sighting, sighting.task.task_id))

    def unreadable_body(self) -> RefusalError:
        """Refuse the request as a whole."""
        return official_error(400, 1200, "the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 400: Kling has no 404 for tasks."""
        return invalid_parameter(f"Task not found by id/external id: {task_id}")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        """Refuse with 404."""
        return official_error(404, 1203, f"{method} {path} does not exist")

    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Keep it: nobody stands between."""
        return refusal

    def find(self, any_id: str) -> VideoTask | None:
        """Look up by Kling's id, and by the caller's own."""
        return self.store.find(any_id) or self.store.find_external(any_id)

    def pages(self) -> Mapping[str, Page]:
        """Offer the lists of tasks and the account."""
        return {
            self.tasks_path: Page(On.LIST, self._list),
            TASKS_PATH: Page(On.LIST, partial(list_by_id, self.store)),
            "/account/costs": Page(On.ACCOUNT, self._costs),
        }

    def _list(self, query: Mapping[str, str], see: See) -> Json:
        number = _page_setting(query, "pageNum", default=1, most=1000)
        size = _page_setting(query, "pageSize", default=30, most=500)
        newest_first = self.store.tasks()[::-1]
        page = newest_first[(number - 1) * size : number * size]
        return envelope([reported(see(task), task.task_id) for task in page])

    def _costs(self, query: Mapping[str, str], see: See) -> Json:
        for bound in ("start_time", "end_time"):
            if not query.get(bound, "").isdecimal():
                raise invalid_parameter(f"{bound} value '{query.get(bound, '')}' is invalid")
        # The pack lies within whatever range is asked for.
        start = int(query["start_time"])
        pack = {
            "resource_pack_name": f"Emulated-Video-{self.pack.total:g}Units",
            "resource_pack_id": "emulated-pack",
            "resource_pack_type": "decreasing_total",
            "total_quantity": self.pack.total,
            "remaining_quantity": self.pack.remaining,
            "purchase_time": start,
            "effective_time": start,
            "invalid_time": start + _YEAR_MILLISECONDS,
            "status": "runOut" if self.pack.is_used_up else "online",
        }
        return envelope({"code": 0, "msg": "", "resource_pack_subscribe_infos": [pack]})


def _page_setting(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid_parameter(f"{name} value '{text}' is invalid")
    return int(text)
