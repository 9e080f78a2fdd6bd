"""What ElkAPI, EzModel and stock New API share: they have the same paths, and so refuse in the same way."""

from __future__ import annotations

import json
import uuid

from kling_emulator.credentials import bearer_token
from kling_emulator.gateways.base import Gateway
from kling_emulator.gateways.refusal import Json, RefusalError
from kling_emulator.limits import Limit
from kling_emulator.phrases import phrase

_SATURATED = "当前分组上游负载已饱和，请稍后再试"  # noqa: RUF001 - a Chinese sentence has a Chinese comma


class NewApiGateway(Gateway):
    """
    A relay that runs New API.

    It has two forms of error: ``{"error": {...}}`` from what stands before the handler (keys, routes),
    ``{"code": "word", "message", "data": null}`` from the handler itself.
    """

    tasks_path = "/kling/v1/videos/text2video"

    def authenticate(self, authorization: str, path: str) -> None:
        """Ask for a Bearer token."""
        token = bearer_token(authorization)
        if token is None:
            raise middleware_error(401, "", "Token not provided")
        if not self.credentials.accept(token):
            raise middleware_error(401, "", "Invalid token")

    def unreadable_body(self) -> RefusalError:
        """Refuse in the handler's form."""
        return invalid_request("the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 400: New API has no 404 for tasks."""
        return handler_error(400, "task_not_exist", "task_not_exist")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        """Refuse in the router's form."""
        message = f"Invalid URL ({method} {path})"
        return RefusalError(
            404, {"error": {"message": message, "type": "invalid_request_error", "param": "", "code": ""}}
        )

    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Put Kling's JSON into a string; but whatever is too much for Kling gets one sentence."""
        words = json.dumps(refusal.body, separators=(",", ":"))
        return handler_error(
            refusal.status, "fail_to_fetch_task", _SATURATED if refusal.status == 429 else words
        )

    def limited(self, limit: Limit) -> RefusalError:
        """Refuse as Kling does, but for money: that is the caller's, with the relay."""
        if limit is Limit.UNITS:
            return handler_error(403, "insufficient_user_quota", "user quota is not enough")
        return super().limited(limit)

    def failure(self, status: int, *, is_create: bool) -> RefusalError:
        """Fail at Kling in a create, at the relay's own database in anything else; but 429 is 429."""
        if is_create or status == 429:
            return super().failure(status, is_create=is_create)
        return handler_error(status, "get_task_failed", phrase(status))


def handler_error(status: int, code: str, message: str) -> RefusalError:
    """
    Refuse as New API's handlers do.

    :param status: the HTTP status.
    :param code: the word for the error.
    :param message: the sentence for it.
    """
    return RefusalError(status, {"code": code, "message": message, "data": None})


def invalid_request(message: str) -> RefusalError:
    """
    Refuse a create for its body.

    :param message: what is wrong with it.
    """
    return handler_error(400, "invalid_request", message)


def check_choice(body: Json, field: str, choices: frozenset[str]) -> None:
    """
    Raise a :class:`RefusalError` if a field is set to anything but the documented values.

    :param body: the object that holds the field.
    :param field: its name.
    :param choices: the values.
    """
    if field in body and body[field] not in choices:
        raise invalid_request(f"{field} value '{body[field]}' is invalid")


def middleware_error(status: int, code: str, message: str) -> RefusalError:
    """
    Refuse as what stands before New API's handlers does.

    :param status: the HTTP status.
    :param code: the word for the error, if there is one.
    :param message: the sentence for it.
    """
    message = f"{message} (request id: {uuid.uuid4().hex})"
    return RefusalError(status, {"error": {"message": message, "type": "new_api_error", "code": code}})
