from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.ids import relay_task_id
from kling_emulator.gateways.relay import Relay, served_model
from kling_emulator.gateways.relay_bodies import current_body
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting

_STATUS_WORDS = {
    State.SUBMITTED: "queued",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
}


class Crazyrouter(Relay):
    """Crazyrouter, which reads like New API and answers queries in a form of its own."""

    name = "crazyrouter"
    status_words = _STATUS_WORDS

    def kling_body(self, body: Json) -> Json:
        """Want ``model``, and hand on what is in ``metadata``."""
        return current_body(body, served_model(body.get("model")))

    def new_task_id(self) -> str:
        """Make up an id of the relay's own."""
        return relay_task_id()

    def report(self, sighting: Sighting) -> Json:
        """Answer with the link, or with why there is none."""
        failed = {"message": sighting.failure, "code": "task_failed"}
        return {
            "code": "success",
            "data": {
                "error": failed if sighting.failure else None,
                "format": "mp4",
                "metadata": None,
                "status": sighting.word(self.status_words),
                "task_id": sighting.task.task_id,
                "url": sighting.url,
            },
        }
