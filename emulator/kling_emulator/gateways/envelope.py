from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from kling_emulator.credentials import bearer_token
from kling_emulator.gateways.base import KLING_STATUS_WORDS, Gateway
from kling_emulator.gateways.ids import relay_task_id
from kling_emulator.gateways.official_answers import envelope
from kling_emulator.gateways.official_body import read_new
from kling_emulator.gateways.refusal import Json, RefusalError
from kling_emulator.limits import Limit
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.sightings import Sighting
    from kling_emulator.tasks import VideoRequest, VideoTask

_CODES = {401: 1000, 402: 1101, 403: 1103, 404: 1203, 429: 1303, 503: 5001, 504: 5002}


class Envelope(Gateway):
    """A relay that keeps Kling's own envelope both ways, but for times in seconds and codes of its own."""

    name = "envelope"
    tasks_path = "/kling/v1/videos/text2video"
    status_words = KLING_STATUS_WORDS

    def authenticate(self, authorization: str, path: str) -> None:
        """Ask for a Bearer token."""
        token = bearer_token(authorization)
        if token is None or not self.credentials.accept(token):
            raise _refusal(401, "Invalid token")

    def read(self, body: Json) -> VideoRequest:
        """Let Kling read it."""
        try:
            return read_new(body, self.store)
        except RefusalError as refusal:
            raise self.pass_on(refusal) from None

    def new_task_id(self) -> str:
        """Make up an id of the relay's own."""
        return relay_task_id()

    def accepted(self, task: VideoTask) -> Json:
        """Answer with an id and a word."""
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
        """Refuse the request as a whole."""
        return _refusal(400, "the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 404, which Kling itself does not."""
        return _refusal(404, f"Task not found: {task_id}")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        """Refuse with 404."""
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
