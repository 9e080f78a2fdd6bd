"""The rules of a create on Kling's own API, and the sentences in which it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kling_emulator.gateways.fields import mistyped_field
from kling_emulator.gateways.models import MODELS, Model
from kling_emulator.gateways.official_errors import invalid_parameter, official_error
from kling_emulator.tasks import VIDEO_SIZES, VideoRequest

if TYPE_CHECKING:
    from kling_emulator.gateways.refusal import Json, RefusalError
    from kling_emulator.store import TaskStore

_FIELDS = {
    "model_name": "string",
    "prompt": "string",
    "negative_prompt": "string",
    "multi_shot": "boolean",
    "shot_type": "string",
    "multi_prompt": "array",
    "sound": "string",
    "voice_list": "array",
    "cfg_scale": "number",
    "mode": "string",
    "camera_control": "object",
    "aspect_ratio": "string",
    "duration": "string",
    "callback_url": "string",
    "external_task_id": "string",
    "watermark_info": "object",
}
_PROMPT_CHARACTERS = 2500

Choice = TypeVar("Choice")


def read_new(body: Json, store: TaskStore) -> VideoRequest:
    """
    Understand a create whose external task id nobody used before, or raise a :class:`RefusalError`.

    :param body: its JSON object, without the fields that are null.
    :param store: where the tasks are.
    """
    request = read_body(body)
    external_id = request.external_task_id
    if external_id and store.find_external(external_id):
        raise invalid_parameter(f"External_task_id {external_id} already exists")
    return request


def read_body(body: Json) -> VideoRequest:
    """
    Understand a create, or raise a :class:`RefusalError`.

    :param body: its JSON object, without the fields that are null.
    """
    if field := mistyped_field(body, _FIELDS):
        raise _invalid_value(field, body[field])
    # "model", as the relays call it, has no effect here: the default answers.
    model_name = body.get("model_name", "kling-v1")
    if model_name not in MODELS:
        raise official_error(404, 1203, f"model {model_name} not found")
    model = MODELS[model_name]
    seconds = _choose(body, "duration", "5", {str(length): length for length in model.seconds})
    width, height = _choose(body, "aspect_ratio", "16:9", VIDEO_SIZES)
    if not 0 <= body.get("cfg_scale", 0.5) <= 1:
        raise _invalid_value("cfg_scale", body["cfg_scale"])
    mode = _mode(body, model)
    _check_sound(body, model, mode)
    if "camera_control" in body and (model_name, mode, seconds) != ("kling-v1", "std", 5):
        raise invalid_parameter("camera_control is only supported in std mode with 5s duration and kling-v1")
    return VideoRequest(
        model=model_name,
        prompt=_prompt(body),
        seconds=seconds,
        width=width,
        height=height,
        external_task_id=body.get("external_task_id"),
    )


def _choose(body: Json, field: str, default: str, choices: dict[str, Choice]) -> Choice:
    value = body.get(field, default)
    if value not in choices:
        raise _invalid_value(field, value)
    return choices[value]


def _mode(body: Json, model: Model) -> str:
    mode: str = body.get("mode", "std")
    # A model without modes refuses even the default, but only when it is spelled out.
    if "mode" in body and mode not in model.modes:
        raise _invalid_value("mode", mode)
    return mode


def _check_sound(body: Json, model: Model, mode: str) -> None:
    sound = body.get("sound", "off")
    if sound not in ("on", "off") or (sound == "on" and mode not in model.sound_modes):
        raise _invalid_value("sound", sound)


def _prompt(body: Json) -> str:
    """Read the prompt; a film of several shots has one for each of them instead."""
    prompt: str = body.get("prompt", "")
    if body.get("multi_shot") and body.get("shot_type") == "customize":
        shots = body.get("multi_prompt", [])
        if not shots or not all(isinstance(shot, dict) and type(shot.get("prompt")) is str for shot in shots):
            raise _invalid_value("multi_prompt", shots)
        prompt = " / ".join(shot["prompt"] for shot in shots)
    if not prompt.strip():
        raise invalid_parameter("prompt cannot be empty")
    for field in ("prompt", "negative_prompt"):
        if len(body.get(field, "")) > _PROMPT_CHARACTERS:
            raise invalid_parameter(f"{field}: size must be between 0 and {_PROMPT_CHARACTERS}")
    return prompt


def _invalid_value(field: str, value: object) -> RefusalError:
    return invalid_parameter(f"{field} value '{value}' is invalid")
