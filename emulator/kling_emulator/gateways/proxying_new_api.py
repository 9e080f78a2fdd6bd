from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.ids import kling_task_id_behind
from kling_emulator.gateways.official_answers import accepted
from kling_emulator.gateways.refusal import RefusalError
from kling_emulator.gateways.stock_new_api import StockNewApi
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.gateways.base import See
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting
    from kling_emulator.tasks import VideoTask


class ProxyingNewApi(StockNewApi):
    """New API that hides Kling's links: it streams the files itself, to whoever has a key of its own."""

    content_path = "/v1/videos/{task_id}/content"

    def kling_answer(self, sighting: Sighting) -> Json:
        """Keep Kling's answer to the create, which has no link."""
        return accepted(sighting.task, kling_task_id_behind(sighting.task.task_id))

    def find_content(self, task_id: str, see: See) -> VideoTask:
        """Look up a task that has succeeded; refuse in OpenAI's form."""
        task = self.find(task_id)
        if task is None:
            raise _refusal(404, "Task not found")
        sighting = see(task)
        if sighting.state is not State.SUCCEEDED:
            word = sighting.word(self.status_words)
            raise _refusal(400, f"Task is not completed yet, current status: {word}")
        return task


def _refusal(status: int, message: str) -> RefusalError:
    return RefusalError(status, {"error": {"message": message, "type": "invalid_request_error"}})
