"""Kling itself, whom every gateway speaks for: its models, its rules for a create, its words."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kling_emulator.faults import phrase
from kling_emulator.tasks import VIDEO_SIZES, Sighting, State, VideoRequest, VideoTask

if TYPE_CHECKING:
    from kling_emulator.account import Account

Json = dict[str, Any]
Choice = TypeVar("Choice")

STATUS_WORDS = {
    State.SUBMITTED: "submitted",
    State.PROCESSING: "processing",
    State.SUCCEEDED: "succeed",
    State.FAILED: "failed",
}
"""Kling's own words, which some relays keep. It is ``succeed``, without an ending."""

_SHORT = frozenset({5, 10})
_ANY = frozenset(range(3, 16))
_STANDARD_AND_PRO = frozenset({"std", "pro"})
_EVERY_MODE = _STANDARD_AND_PRO | {"4k"}


@dataclass(frozen=True)
class Model:
    """
    What Kling's docs say that a model can do in text to video.

    :param seconds: the lengths of video it makes.
    :param modes: its modes; empty where it has no such choice.
    :param sound_modes: the modes in which it makes sound.
    """

    seconds: frozenset[int] = _SHORT
    modes: frozenset[str] = _STANDARD_AND_PRO
    sound_modes: frozenset[str] = frozenset()


MODELS = {
    "kling-v1": Model(),
    "kling-v1-6": Model(),
    "kling-v2-master": Model(modes=frozenset()),
    "kling-v2-1-master": Model(modes=frozenset()),
    "kling-v2-5-turbo": Model(),
    "kling-v2-6": Model(sound_modes=frozenset({"pro"})),
    "kling-v3": Model(seconds=_ANY, modes=_EVERY_MODE, sound_modes=_EVERY_MODE),
}
"""The models of Kling's own API."""


def seconds_through_a_relay(model: str) -> frozenset[int]:
    """List the lengths of video that a model of any name makes: relays offer more than they document."""
    return _SHORT if model.startswith(("kling-v1", "kling-v2")) else _ANY


def kling_task_id() -> str:
    """Make up an id in the form of Kling's: 18 digits."""
    return str(10**17 + secrets.randbelow(9 * 10**17))


def relay_task_id() -> str:
    """Make up an id in the form of New API's own."""
    return "task_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def kling_task_id_behind(task_id: str) -> str:
    """Tell Kling's id for a task that a relay gave one of its own."""
    digest = hashlib.sha256(task_id.encode()).digest()
    return str(10**17 + int.from_bytes(digest) % (9 * 10**17))


_CODES = {401: 1000, 403: 1103, 404: 1203, 429: 1302, 503: 5001, 504: 5002}


class RefusalError(Exception):
    """
    An answer that is not a success.

    :param status: the HTTP status.
    :param body: the JSON body.
    """

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def kling_error(status: int, code: int, message: str) -> RefusalError:
    """Refuse as Kling does: with an HTTP status, a number of its own, and a sentence."""
    return RefusalError(status, {"code": code, "message": message, "request_id": str(uuid.uuid4())})


def invalid_parameter(message: str) -> RefusalError:
    return kling_error(400, 1201, message)


def error_of_status(status: int) -> RefusalError:
    """Refuse with the code that goes with an HTTP status."""
    return kling_error(status, _CODES.get(status, 5000 if status >= 500 else 1200), phrase(status))


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
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def mistyped_field(body: Json, json_types: Mapping[str, str]) -> str | None:
    """
    Find the first field whose JSON type is wrong; None if all is well.

    :param body: the object to look through. Fields without a known type are let pass, as servers do.
    :param json_types: the name of the JSON type of each known field.
    """
    for name, json_type in json_types.items():
        # The exact type: isinstance() would take true for an integer.
        if name in body and type(body[name]) not in _PYTHON_TYPES[json_type]:
            return name
    return None


def read_create(body: Json, account: Account) -> VideoRequest:
    """
    Understand a create whose external task id nobody used before, or raise a :class:`RefusalError`.

    :param body: its JSON object, without the fields that are null.
    """
    if field := mistyped_field(body, _FIELDS):
        raise _invalid_value(field, body[field])
    # "model", as the relays call it, has no effect here: the default answers.
    model_name = body.get("model_name", "kling-v1")
    if model_name not in MODELS:
        raise kling_error(404, 1203, f"model {model_name} not found")
    model = MODELS[model_name]
    seconds = _choose(body, "duration", "5", {str(length): length for length in model.seconds})
    width, height = _choose(body, "aspect_ratio", "16:9", VIDEO_SIZES)
    if not 0 <= body.get("cfg_scale", 0.5) <= 1:
        raise _invalid_value("cfg_scale", body["cfg_scale"])
    mode = body.get("mode", "std")
    # A model without modes refuses even the default, but only when it is spelled out.
    if "mode" in body and mode not in model.modes:
        raise _invalid_value("mode", mode)
    sound = body.get("sound", "off")
    if sound not in ("on", "off") or (sound == "on" and mode not in model.sound_modes):
        raise _invalid_value("sound", sound)
    if "camera_control" in body and (model_name, mode, seconds) != ("kling-v1", "std", 5):
        raise invalid_parameter("camera_control is only supported in std mode with 5s duration and kling-v1")
    prompt = _prompt(body)
    external_id = body.get("external_task_id")
    if external_id and account.find_external(external_id):
        raise invalid_parameter(f"External_task_id {external_id} already exists")
    return VideoRequest(
        model=model_name,
        prompt=prompt,
        seconds=seconds,
        width=width,
        height=height,
        external_task_id=external_id,
    )


def _choose(body: Json, field: str, default: str, choices: Mapping[str, Choice]) -> Choice:
    value = body.get(field, default)
    if value not in choices:
        raise _invalid_value(field, value)
    return choices[value]


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


# Answers. Some relays keep them inside of theirs, with Kling's id for the task


def envelope(data: Any) -> Json:
    """Say that all is well, and what was asked for."""
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def accepted(task: VideoTask, task_id: str) -> Json:
    """Answer a create; ``task_id`` is Kling's id for what it made."""
    return envelope(_described(task, task_id, State.SUBMITTED))


def reported(sighting: Sighting, task_id: str) -> Json:
    """Describe a task, in the ``data`` of an answer; ``task_id`` is Kling's id for it."""
    data = _described(sighting.task, task_id, sighting.state)
    data["task_status"] = sighting.word(STATUS_WORDS)
    data["task_status_msg"] = sighting.failure
    if sighting.state is State.SUCCEEDED:
        data["task_result"] = {"videos": [video(sighting)] if sighting.url else []}
        data["final_unit_deduction"] = f"{sighting.task.request.units:g}"
    return data


def video(sighting: Sighting) -> Json:
    """Describe the video of a task that has a link to its file."""
    request = sighting.task.request
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, sighting.task.task_id)),
        "url": sighting.url,
        "duration": str(request.frames / request.fps),
    }


def _described(task: VideoTask, task_id: str, state: State) -> Json:
    external_id = task.request.external_task_id
    return {
        "task_id": task_id,
        "task_status": STATUS_WORDS[state],
        "task_info": {"external_task_id": external_id} if external_id else {},
        "created_at": int(task.created_at * 1000),
        "updated_at": int(task.changed_at(state) * 1000),
    }
