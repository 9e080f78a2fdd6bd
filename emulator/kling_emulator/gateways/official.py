from __future__ import annotations

from collections.abc import Mapping

import jwt

from kling_emulator.account import bearer_token
from kling_emulator.faults import On
from kling_emulator.gateways.base import Gateway, Page, See
from kling_emulator.gateways.kling import (
    Json,
    RefusalError,
    accepted,
    envelope,
    invalid_parameter,
    kling_error,
    read_create,
    reported,
    video,
)
from kling_emulator.tasks import Sighting, State, VideoRequest, VideoTask

_TASKS_PATH = "/tasks"
_MOST_IDS = 20
_NEWER_STATUS_WORDS = {
    State.SUBMITTED: "submitted",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
}
"""The newer standard's own. It is ``succeeded`` there."""
_YEAR_MILLISECONDS = 365 * 24 * 3600 * 1000


class Official(Gateway):
    """Kling's own API: the standard whose paths begin with ``/v1``, and the newer one's list of tasks."""

    name = "official"
    tasks_path = "/v1/videos/text2video"
    has_ids_of_its_own = False

    def authenticate(self, authorization: str, path: str) -> None:
        """Ask for an API key or a token signed with the secret key; the newer standard takes no tokens."""
        if not authorization.strip():
            raise _unauthorized(1001, "Authorization is empty")
        token = bearer_token(authorization)
        if token is None:
            raise _unauthorized(1002, "Authorization is not a Bearer token")
        keys = self.account.keys
        is_signed = token.count(".") == 2
        if path == _TASKS_PATH and is_signed and token not in keys.api_keys:
            raise _unauthorized(1002, "The current API does not support AK/SK")
        # Without an access key to check it against, a token is a key like any other.
        if keys.access_key and keys.secret_key and is_signed:
            _check_token(token, keys.access_key, keys.secret_key)
        elif not keys.accept(token):
            raise _unauthorized(1000, "API key is unknown")

    def read(self, body: Json) -> VideoRequest:
        return read_create(body, self.account)

    def accepted(self, task: VideoTask) -> Json:
        return accepted(task, task.task_id)

    def report(self, sighting: Sighting) -> Json:
        return envelope(reported(sighting, sighting.task.task_id))

    def unreadable_body(self) -> RefusalError:
        return kling_error(400, 1200, "the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 400: Kling has no 404 for tasks."""
        return invalid_parameter(f"Task not found by id/external id: {task_id}")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        return kling_error(404, 1203, f"{method} {path} does not exist")

    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Keep it: nobody stands between."""
        return refusal

    def find(self, any_id: str) -> VideoTask | None:
        """Look up by Kling's id, and by the caller's own."""
        return self.account.find(any_id) or self.account.find_external(any_id)

    def pages(self) -> Mapping[str, Page]:
        return {
            self.tasks_path: Page(On.LIST, self._list),
            _TASKS_PATH: Page(On.LIST, self._tasks),
            "/account/costs": Page(On.ACCOUNT, self._costs),
        }

    def _list(self, query: Mapping[str, str], see: See) -> Json:
        number = _page_setting(query, "pageNum", default=1, most=1000)
        size = _page_setting(query, "pageSize", default=30, most=500)
        newest_first = self.account.tasks()[::-1]
        page = newest_first[(number - 1) * size : number * size]
        return envelope([reported(see(task), task.task_id) for task in page])

    def _tasks(self, query: Mapping[str, str], see: See) -> Json:
        """Tell about up to twenty tasks by their ids, without those that are unknown."""
        finders = {"task_ids": self.account.find, "external_task_ids": self.account.find_external}
        given = [name for name in finders if query.get(name)]
        if len(given) != 1:
            raise invalid_parameter("exactly one of task_ids and external_task_ids is required")
        (name,) = given
        ids = query[name].split(",")
        if len(ids) > _MOST_IDS:
            raise invalid_parameter(f"{name} cannot exceed {_MOST_IDS} in total")
        found = {task.task_id: task for task in map(finders[name], ids) if task is not None}
        return envelope([_newer_record(see(task)) for task in found.values()])

    def _costs(self, query: Mapping[str, str], see: See) -> Json:
        for bound in ("start_time", "end_time"):
            if not query.get(bound, "").isdecimal():
                raise invalid_parameter(f"{bound} value '{query.get(bound, '')}' is invalid")
        # The pack lies within whatever range is asked for.
        start = int(query["start_time"])
        pack = {
            "resource_pack_name": f"Emulated-Video-{self.account.total_units:g}Units",
            "resource_pack_id": "emulated-pack",
            "resource_pack_type": "decreasing_total",
            "total_quantity": self.account.total_units,
            "remaining_quantity": self.account.remaining_units,
            "purchase_time": start,
            "effective_time": start,
            "invalid_time": start + _YEAR_MILLISECONDS,
            "status": "runOut" if self.account.is_out_of_units else "online",
        }
        return envelope({"code": 0, "msg": "", "resource_pack_subscribe_infos": [pack]})


def _check_token(token: str, access_key: str, secret_key: str) -> None:
    try:
        jwt.decode(
            token,
            secret_key,
            algorithms=["HS256"],
            issuer=access_key,
            options={"require": ["iss", "exp"]},
        )
    except jwt.ImmatureSignatureError:
        raise _unauthorized(1003, "Authorization is not valid yet") from None
    except jwt.ExpiredSignatureError:
        raise _unauthorized(1004, "Authorization has expired") from None
    except (jwt.InvalidSignatureError, jwt.InvalidIssuerError):
        raise _unauthorized(1000, "Access key is unknown or the signature is wrong") from None
    except jwt.InvalidTokenError as invalid:
        raise _unauthorized(1002, f"Authorization is no readable JSON Web Token: {invalid}") from None


def _unauthorized(code: int, message: str) -> RefusalError:
    return kling_error(401, code, message)


def _page_setting(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid_parameter(f"{name} value '{text}' is invalid")
    return int(text)


def _newer_record(sighting: Sighting) -> Json:
    task = sighting.task
    price = {"charge_type": "unit", "amount": f"{task.request.units:g}", "package_type": "video"}
    return {
        "id": task.task_id,
        "status": sighting.word(_NEWER_STATUS_WORDS),
        "message": sighting.failure,
        "create_time": int(task.created_at * 1000),
        "update_time": int(task.changed_at(sighting.state) * 1000),
        "external_id": task.request.external_task_id or "",
        "outputs": [{"type": "video", **video(sighting)}] if sighting.url else [],
        "billing": [price] if sighting.state is State.SUCCEEDED else [],
    }
