from __future__ import annotations

from kling_emulator.gateways.kling import Json, mistyped_field, seconds_through_a_relay
from kling_emulator.gateways.new_api import NewApi, check_choice, invalid_request, unbuildable
from kling_emulator.tasks import VIDEO_SIZES, Sighting, State, VideoRequest, VideoTask

_KLING_FIELDS = {
    "image_tail": "string",
    "negative_prompt": "string",
    "cfg_scale": "number",
    "mode": "string",
    "aspect_ratio": "string",
    "duration": "string",
}


class EzModel(NewApi):
    """EzModel as its page describes it: Kling's fields at top level, Kling's envelope around the answer."""

    name = "ezmodel"
    has_ids_of_its_own = False

    def read(self, body: Json) -> VideoRequest:
        for required in ("model", "prompt"):
            if not isinstance(body.get(required), str) or not body[required].strip():
                raise invalid_request(f"{required} is required")
        if field := mistyped_field(body, _KLING_FIELDS):
            raise unbuildable(field, _KLING_FIELDS)
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

    def accepted(self, task: VideoTask) -> Json:
        return _envelope({"task_id": task.task_id, "task_status": self.status_words[State.SUBMITTED]})

    def report(self, sighting: Sighting) -> Json:
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
