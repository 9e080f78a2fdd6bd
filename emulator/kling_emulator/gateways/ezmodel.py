from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.base import KLING_STATUS_WORDS
from kling_emulator.gateways.fields import mistyped_field
from kling_emulator.gateways.ids import kling_task_id
from kling_emulator.gateways.models import seconds_through_a_relay
from kling_emulator.gateways.new_api import (
    NewApiGateway,
    check_choice,
    handler_error,
    invalid_request,
)
from kling_emulator.tasks import VIDEO_SIZES, State, VideoRequest, VideoTask

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json
    from kling_emulator.sightings import Sighting

_KLING_FIELDS = {
    "image_tail": "string",
    "negative_prompt": "string",
    "cfg_scale": "number",
    "mode": "string",
    "aspect_ratio": "string",
    "duration": "string",
}


class EzModel(NewApiGateway):
    """EzModel as its page describes it: Kling's fields at top level, Kling's envelope around the answer."""

    name = "ezmodel"
    status_words = KLING_STATUS_WORDS

    def read(self, body: Json) -> VideoRequest:
        """Check each field that the page names."""
        for required in ("model", "prompt"):
            if not isinstance(body.get(required), str) or not body[required].strip():
                raise invalid_request(f"{required} is required")
        if field := mistyped_field(body, _KLING_FIELDS):
            # The relay copies these fields into the Go structure of its request to Kling, and fails at that.
            raise handler_error(
                500, "build_request_failed", f"cannot unmarshal {field} into a {_KLING_FIELDS[field]}"
            )
        check_choice(body, "mode", frozenset({"std", "pro"}))
        check_choice(body, "aspect_ratio", frozenset(VIDEO_SIZES))
        check_choice(
            body, "duration", frozenset(str(seconds) for seconds in seconds_through_a_relay(body["model"]))
        )
        if not 0 <= body.get("cfg_scale", 5.0) <= 100:
            raise invalid_request(f"cfg_scale value '{body['cfg_scale']}' is invalid")
        width, height = VIDEO_SIZES[body.get("aspect_ratio", "16:9")]
        return VideoRequest(
            model=body["model"],
            prompt=body["prompt"],
            seconds=int(body.get("duration", "5")),
            width=width,
            height=height,
        )

    def new_task_id(self) -> str:
        """Make up an id like Kling's, which EzModel hands through."""
        return kling_task_id()

    def accepted(self, task: VideoTask) -> Json:
        """Answer with the envelope."""
        return _envelope({"task_id": task.task_id, "task_status": self.status_words[State.SUBMITTED]})

    def report(self, sighting: Sighting) -> Json:
        """Answer with the envelope, and with the video once there is one."""
        task = sighting.task
        data: Json = {"task_id": task.task_id, "task_status": sighting.word(self.status_words)}
        if sighting.state is State.FAILED:
            data["task_status_msg"] = sighting.failure
        if sighting.state is State.SUCCEEDED:
            video = {"url": sighting.url, "duration": str(task.request.seconds)}
            data["task_result"] = {"videos": [video] if sighting.url else []}
        return _envelope(data)


def _envelope(data: Json) -> Json:
    return {"code": 0, "message": "success", "data": data}
