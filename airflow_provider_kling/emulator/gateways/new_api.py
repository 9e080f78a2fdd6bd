"""What ElkAPI and EzModel share: both have the paths of New API, and so refuse as it does."""

from __future__ import annotations

import uuid

from airflow_provider_kling.emulator.credentials import bearer_token
from airflow_provider_kling.emulator.gateways.base import Gateway, Json, RefusalError


class NewApiGateway(Gateway):
    """
    A relay that runs New API.

    It has two forms of error: ``{"error": {...}}`` from what stands before the handler (keys, routes),
    ``{"code": "word", "message", "data": null}`` from the handler itself.
    """

    tasks_path = "/kling/v1/videos/text2video"

    def authenticate(self, authorization: str) -> None:
        """Ask for a Bearer token."""
        token = bearer_token(authorization)
        if token is None:
            raise _unauthorized("Token not provided")
        if not self.credentials.accept(token):
            raise _unauthorized("Invalid token")

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


def _unauthorized(reason: str) -> RefusalError:
    message = f"{reason} (request id: {uuid.uuid4().hex})"
    return RefusalError(401, {"error": {"message": message, "type": "new_api_error", "code": ""}})
