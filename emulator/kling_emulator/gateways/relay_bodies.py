"""What New API makes of a create's body. Its versions differ in which of the fields reach Kling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kling_emulator.gateways.fields import mistyped_field
from kling_emulator.gateways.new_api import handler_error, invalid_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.gateways.refusal import Json

STOCK_FIELDS = {
    "prompt": "string",
    "image": "string",
    "image_tail": "string",
    "negative_prompt": "string",
    "mode": "string",
    "duration": "string",
    "aspect_ratio": "string",
    "model_name": "string",
    "cfg_scale": "number",
    "static_mask": "string",
    "dynamic_masks": "array",
    "camera_control": "object",
    "callback_url": "string",
    "external_task_id": "string",
}
"""The fields of the structure that stock New API sends to Kling."""

_TASK_FIELDS = {
    "prompt": "string",
    "mode": "string",
    "image": "string",
    "size": "string",
    "seconds": "string",
}
_RATIOS = {"1280x720": "16:9", "1920x1080": "16:9", "720x1280": "9:16", "1080x1920": "9:16"}


def old_body(body: Json, model: str, fields: Mapping[str, str]) -> Json:
    """
    Take Kling's fields from the top level, as New API did until January 2026.

    :param body: the caller's body.
    :param model: the model in it.
    :param fields: the JSON types of the fields that the relay's structure has.
    """
    _check_prompt(body)
    return _sent({**_defaults(model), **_structured(body, fields), "model_name": model})


def current_body(body: Json, model: str) -> Json:
    """
    Take Kling's fields from ``metadata``, as New API has done since.

    :param body: the caller's body.
    :param model: the model in it.
    """
    if field := mistyped_field(body, _TASK_FIELDS):
        raise invalid_request(f"cannot unmarshal {field} into a {_TASK_FIELDS[field]}")
    _check_prompt(body)
    own_fields = {
        "prompt": body["prompt"],
        "mode": body.get("mode", "").strip() or "std",
        "duration": str(_whole_seconds(body.get("duration")) or 5),
        "aspect_ratio": _RATIOS.get(body.get("size", ""), "1:1"),
    }
    return _sent({**_defaults(model), **own_fields, **_structured(_metadata(body), STOCK_FIELDS)})


def _defaults(model: str) -> Json:
    # The ratio is not Kling's default: whoever asks for none gets a square.
    return {"model_name": model, "mode": "std", "duration": "5", "aspect_ratio": "1:1", "cfg_scale": 0.5}


def _check_prompt(body: Json) -> None:
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str) or not prompt.strip():
        raise invalid_request("prompt is required")


def _structured(body: Json, fields: Mapping[str, str]) -> Json:
    known = {name: body[name] for name in fields if body.get(name) is not None}
    if field := mistyped_field(known, fields):
        raise handler_error(500, "build_request_failed", f"cannot unmarshal {field} into a {fields[field]}")
    return known


def _sent(body: Json) -> Json:
    # Go's "omitempty" leaves out what is empty, or zero, wherever it comes from.
    return {name: value for name, value in body.items() if value not in ("", 0, [])}


def _whole_seconds(duration: object) -> int:
    """Read a number or a numeric string; what is neither is overlooked."""
    if type(duration) is int:
        return duration
    try:
        return int(duration) if isinstance(duration, str) else 0
    except ValueError:
        return 0


def _metadata(body: Json) -> Json:
    """Read an object, or JSON text of one; what is neither is overlooked."""
    metadata = body.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            return {}
    return metadata if isinstance(metadata, dict) else {}
