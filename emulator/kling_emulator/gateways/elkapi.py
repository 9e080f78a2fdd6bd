from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import ClassVar

from kling_emulator.gateways.kling import Json, mistyped_field, seconds_through_a_relay
from kling_emulator.gateways.new_api import NewApi, check_choice, invalid_request
from kling_emulator.tasks import VIDEO_SIZES, Sighting, State, VideoRequest, VideoTask

_FIELDS = {
    "model": "string",
    "prompt": "string",
    "image": "string",
    "duration": "number",
    "width": "integer",
    "height": "integer",
    "fps": "integer",
    "seed": "integer",
    "n": "integer",
    "response_format": "string",
    "user": "string",
    "metadata": "object",
}
_METADATA_FIELDS = {
    "negative_prompt": "string",
    "cfg_scale": "number",
    "mode": "string",
    "aspect_ratio": "string",
    "image_tail": "string",
}
# The page gives no bounds. These keep a slip of the pen from rendering for minutes.
_BOUNDS = {"width": range(16, 2161), "height": range(16, 2161), "fps": range(1, 61), "n": range(1, 10)}


class ElkApi(NewApi):
    """ElkAPI as its page describes it: numbers are numbers, Kling's own fields go into ``metadata``."""

    name = "elkapi"
    status_words: ClassVar[Mapping[State, str]] = {
        State.SUBMITTED: "queued",
        State.PROCESSING: "in_progress",
        State.SUCCEEDED: "completed",
        State.FAILED: "failed",
    }

    def read(self, body: Json) -> VideoRequest:
        if field := mistyped_field(body, _FIELDS):
            raise invalid_request(f"{field} must be of type {_FIELDS[field]}")
        metadata = {name: value for name, value in body.get("metadata", {}).items() if value is not None}
        if field := mistyped_field(metadata, _METADATA_FIELDS):
            raise invalid_request(f"metadata.{field} must be of type {_METADATA_FIELDS[field]}")
        if not body.get("prompt", "").strip():
            raise invalid_request("prompt is required")
        check_choice(metadata, "mode", frozenset({"std", "pro", "4k"}))
        check_choice(metadata, "aspect_ratio", frozenset(VIDEO_SIZES))
        for field, bounds in _BOUNDS.items():
            if field in body and body[field] not in bounds:
                raise invalid_request(f"{field} value '{body[field]}' is invalid")
        model = body.get("model", "kling-v3")
        seconds = body.get("duration", 5)
        if seconds not in seconds_through_a_relay(model):
            raise invalid_request(f"duration value '{seconds}' is invalid")
        width, height = VIDEO_SIZES[metadata.get("aspect_ratio", "16:9")]
        return VideoRequest(
            model=model,
            prompt=body["prompt"],
            seconds=int(seconds),
            width=_even(body.get("width", width)),
            height=_even(body.get("height", height)),
            fps=body.get("fps", 24),
            seed=body.get("seed"),
        )

    def accepted(self, task: VideoTask) -> Json:
        return {"task_id": task.task_id, "status": self.status_words[State.SUBMITTED]}

    def report(self, sighting: Sighting) -> Json:
        """Answer with one flat object, whose ``url`` is empty until the video is there."""
        task, request = sighting.task, sighting.task.request
        return {
            "task_id": task.task_id,
            "status": sighting.word(self.status_words),
            "url": sighting.url,
            "format": "mp4",
            "metadata": {
                "duration": request.seconds,
                "fps": request.fps,
                "width": request.width,
                "height": request.height,
                # A server that was given no seed picks one.
                "seed": zlib.crc32(task.task_id.encode()) if request.seed is None else request.seed,
            },
            "error": {"code": "task_failed", "message": sighting.failure} if sighting.failure else None,
        }


def _even(pixels: int) -> int:
    """Round down: H.264 in yuv420p has one colour sample for two by two pixels."""
    return pixels - pixels % 2
