from __future__ import annotations

import uuid

from kling_emulator.account import Limit, bearer_token
from kling_emulator.gateways.base import Gateway
from kling_emulator.gateways.kling import Json, RefusalError, envelope, read_create
from kling_emulator.tasks import Sighting, State, VideoRequest, VideoTask

_CODES = {401: 1000, 402: 1101, 403: 1103, 404: 1203, 429: 1303, 503: 5001, 504: 5002}


class Envelope(Gateway):
    """A relay that keeps Kling's own envelope both ways, but for times in seconds and codes of its own."""

    name = "envelope"

    def authenticate(self, authorization: str, path: str) -> None:
        token = bearer_token(authorization)
        if token is None or not self.account.keys.accept(token):
            raise _refusal(401, "Invalid token")

    def read(self, body: Json) -> VideoRequest:
        try:
            return read_create(body, self.account)
        except RefusalError as refusal:
            raise self.pass_on(refusal) from None

    def accepted(self, task: VideoTask) -> Json:
        return envelope({"task_id": task.task_id, "task_status": self.status_words[State.SUBMITTED]})

    def report(self, sighting: Sighting) -> Json:
        """Answer with the video once there is one, of which nothing is told but its link."""
        data: Json = {
            "task_id": sighting.task.task_id,
            "task_status": sighting.word(self.status_words),
            "task_status_msg": sighting.failure,
            "created_at": int(sighting.task.created_at),
            "updated_at": int(sighting.noticed_at(sighting.state)),
        }
        if sighting.state is State.SUCCEEDED:
            data["task_result"] = {"videos": [{"url": sighting.url}] if sighting.url else []}
        return envelope(data)

    def unreadable_body(self) -> RefusalError:
        return _refusal(400, "the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 404, which Kling itself does not."""
        return _refusal(404, f"Task not found: {task_id}")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        return _refusal(404, f"{method} {path} does not exist")

    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Keep the status and the sentence, but not the code."""
        return _refusal(refusal.status, refusal.body["message"])

    def limited(self, limit: Limit) -> RefusalError:
        """Refuse as Kling does, but for money: that is the caller's, with the relay."""
        if limit is Limit.UNITS:
            return _refusal(402, "insufficient balance")
        return super().limited(limit)


def _refusal(status: int, message: str) -> RefusalError:
    code = _CODES.get(status, 5000 if status >= 500 else 1200)
    return RefusalError(
        status, {"code": code, "message": message, "request_id": str(uuid.uuid4()), "data": None}
    )
