from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from kling_emulator.gateways.models import MODELS
from kling_emulator.gateways.new_api import NewApiGateway, middleware_error
from kling_emulator.gateways.official_body import read_new
from kling_emulator.gateways.refusal import RefusalError

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.tasks import VideoRequest, VideoTask


class Relay(NewApiGateway):
    """
    A relay as the code of New API has it: it hands another body on to Kling, and Kling's refusals back.

    It asks Kling for the state of its tasks at intervals, whoever asks in between.
    """

    status_age_seconds = 15.0

    @abstractmethod
    def kling_body(self, body: Json) -> Json:
        """
        Make the body that reaches Kling, or raise a :class:`RefusalError`.

        :param body: the caller's.
        """

    def read(self, body: Json) -> VideoRequest:
        """Let Kling read what reaches it."""
        kling_body = self.kling_body(body)
        try:
            return read_new(kling_body, self.store)
        except RefusalError as refusal:
            raise self.pass_on(refusal) from None

    def accepted(self, task: VideoTask) -> Json:
        """Answer as OpenAI does for a video."""
        return {
            "id": task.task_id,
            "task_id": task.task_id,
            "object": "video",
            "model": task.request.model,
            "status": "queued",
            "progress": 0,
            "created_at": int(task.created_at),
        }

    def unreadable_body(self) -> RefusalError:
        """Refuse before the handler: what stands there looks for the model in the body."""
        return middleware_error(400, "", "Invalid request: the request body is not a JSON object")


def served_model(name: object) -> str:
    """
    Find somebody who serves a model, or raise a :class:`RefusalError`.

    :param name: the model as the caller names it; None if it does not.
    """
    if name is None or name == "":
        raise middleware_error(400, "", "Model name not specified, model name cannot be empty")
    if not isinstance(name, str):
        raise middleware_error(400, "", "Invalid request: model must be a string")
    if name not in MODELS:
        no_channel = f"No available channel for model {name} under group default (distributor)"
        raise middleware_error(503, "model_not_found", no_channel)
    return name
