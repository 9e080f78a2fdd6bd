"""The relays that run New API: what all of them share, and those that follow its code, version by version."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping
from typing import ClassVar

from kling_emulator.account import Limit, bearer_token
from kling_emulator.faults import phrase
from kling_emulator.gateways.base import Gateway, See
from kling_emulator.gateways.kling import (
    MODELS,
    Json,
    RefusalError,
    accepted,
    envelope,
    kling_task_id_behind,
    mistyped_field,
    read_create,
    reported,
)
from kling_emulator.tasks import Sighting, State, VideoRequest, VideoTask

_SATURATED = "当前分组上游负载已饱和，请稍后再试"  # noqa: RUF001 - a Chinese sentence has a Chinese comma
ROW_STATUS_WORDS = {
    State.SUBMITTED: "SUBMITTED",
    State.PROCESSING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}
_PROGRESS = {State.SUBMITTED: "10%", State.PROCESSING: "30%"}
# 500,000 are a dollar, and a unit of Kling's costs 14 cents.
_QUOTA_PER_UNIT = 70_000


class NewApi(Gateway):
    """
    A relay that runs New API, whatever it makes of a body.

    It has two forms of error: ``{"error": {...}}`` from what stands before the handler (keys, routes),
    ``{"code": "word", "message", "data": null}`` from the handler itself.
    """

    def authenticate(self, authorization: str, path: str) -> None:
        token = bearer_token(authorization)
        if token is None:
            raise middleware_error(401, "", "Token not provided")
        if not self.account.keys.accept(token):
            raise middleware_error(401, "", "Invalid token")

    def unreadable_body(self) -> RefusalError:
        return invalid_request("the request body is not a JSON object")

    def unknown_task(self, task_id: str) -> RefusalError:
        """Refuse with 400: New API has no 404 for tasks."""
        return handler_error(400, "task_not_exist", "task_not_exist")

    def unknown_route(self, method: str, path: str) -> RefusalError:
        message = f"Invalid URL ({method} {path})"
        return RefusalError(
            404, {"error": {"message": message, "type": "invalid_request_error", "param": "", "code": ""}}
        )

    def pass_on(self, refusal: RefusalError) -> RefusalError:
        """Put Kling's JSON into a string; but whatever is too much for Kling gets one sentence."""
        words = json.dumps(refusal.body, separators=(",", ":"))
        return handler_error(
            refusal.status, "fail_to_fetch_task", _SATURATED if refusal.status == 429 else words
        )

    def limited(self, limit: Limit) -> RefusalError:
        """Refuse as Kling does, but for money: that is the caller's, with the relay."""
        if limit is Limit.UNITS:
            return handler_error(403, "insufficient_user_quota", "user quota is not enough")
        return super().limited(limit)

    def failure(self, status: int, *, is_create: bool) -> RefusalError:
        """Fail at Kling in a create, at the relay's own database in anything else; but 429 is 429."""
        if is_create or status == 429:
            return super().failure(status, is_create=is_create)
        return handler_error(status, "get_task_failed", phrase(status))


def handler_error(status: int, code: str, message: str) -> RefusalError:
    """Refuse as New API's handlers do, with a word for the error and a sentence."""
    return RefusalError(status, {"code": code, "message": message, "data": None})


def middleware_error(status: int, code: str, message: str) -> RefusalError:
    """Refuse as what stands before New API's handlers does."""
    message = f"{message} (request id: {uuid.uuid4().hex})"
    return RefusalError(status, {"error": {"message": message, "type": "new_api_error", "code": code}})


def invalid_request(message: str) -> RefusalError:
    return handler_error(400, "invalid_request", message)


def check_choice(body: Json, field: str, choices: frozenset[str]) -> None:
    """Raise a :class:`RefusalError` if a field is set to anything but the documented values."""
    if field in body and body[field] not in choices:
        raise invalid_request(f"{field} value '{body[field]}' is invalid")


# What reaches Kling of a create's body. The versions differ in which of the fields do

KLING_FIELDS = {
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
"""The fields of the structure that New API sends to Kling."""
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

    :param model: the model in the body.
    :param fields: the JSON types of the fields that the relay's structure has.
    """
    _check_prompt(body)
    return _sent({**_defaults(model), **_structured(body, fields), "model_name": model})


def current_body(body: Json, model: str) -> Json:
    """Take Kling's fields from ``metadata``, as New API has done since."""
    if field := mistyped_field(body, _TASK_FIELDS):
        raise invalid_request(f"cannot unmarshal {field} into a {_TASK_FIELDS[field]}")
    _check_prompt(body)
    own_fields = {
        "prompt": body["prompt"],
        "mode": body.get("mode", "").strip() or "std",
        "duration": str(_whole_seconds(body.get("duration")) or 5),
        "aspect_ratio": _RATIOS.get(body.get("size", ""), "1:1"),
    }
    return _sent({**_defaults(model), **own_fields, **_structured(_metadata(body), KLING_FIELDS)})


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
        raise unbuildable(field, fields)
    return known


def unbuildable(field: str, fields: Mapping[str, str]) -> RefusalError:
    """Refuse what does not go into the Go structure of the relay's own request to Kling."""
    return handler_error(500, "build_request_failed", f"cannot unmarshal {field} into a {fields[field]}")


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


def _served_model(name: object) -> str:
    """Find somebody who serves the model that the caller names, or raise a :class:`RefusalError`."""
    if name is None or name == "":
        raise middleware_error(400, "", "Model name not specified, model name cannot be empty")
    if not isinstance(name, str):
        raise middleware_error(400, "", "Invalid request: model must be a string")
    if name not in MODELS:
        no_channel = f"No available channel for model {name} under group default (distributor)"
        raise middleware_error(503, "model_not_found", no_channel)
    return name


class CodeOfNewApi(NewApi):
    """
    A relay as the code of New API has it: it hands another body on to Kling, and Kling's refusals back.

    It asks Kling for the state of its tasks at intervals, whoever asks in between.
    """

    status_words: ClassVar[Mapping[State, str]] = ROW_STATUS_WORDS
    status_age_seconds = 15.0

    def kling_body(self, body: Json) -> Json:
        """Make the body that reaches Kling of the caller's, or raise a :class:`RefusalError`."""
        return current_body(body, _served_model(body.get("model")))

    def read(self, body: Json) -> VideoRequest:
        kling_body = self.kling_body(body)
        try:
            return read_create(kling_body, self.account)
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


def _row(sighting: Sighting, *, fail_reason: str, kling_answer: Json) -> Json:
    """
    Describe a task as the relay's database does, in all columns but the one for its link, which came later.

    :param fail_reason: why it failed, or what else is kept in that column.
    :param kling_answer: the last answer of Kling about it.
    """
    task, state = sighting.task, sighting.state
    model = task.request.model
    return {
        "id": zlib.crc32(task.task_id.encode()),
        "created_at": int(task.created_at),
        "updated_at": int(sighting.noticed_at(state)),
        "task_id": task.task_id,
        "platform": "50",
        "user_id": 7,
        "group": "default",
        "channel_id": 12,
        "quota": round(task.request.units * _QUOTA_PER_UNIT),
        "action": "textGenerate",
        "status": sighting.word(ROW_STATUS_WORDS),
        "fail_reason": fail_reason,
        "submit_time": int(task.created_at),
        "start_time": 0 if state is State.SUBMITTED else int(sighting.noticed_at(State.PROCESSING)),
        "finish_time": int(sighting.noticed_at(state)) if state.is_final else 0,
        "progress": _PROGRESS.get(state, "100%"),
        "properties": {"input": "", "upstream_model_name": model, "origin_model_name": model},
        "data": kling_answer,
    }


def _answer(row: Json) -> Json:
    """Say that all is well, with a word for a code."""
    return {"code": "success", "message": "", "data": row}


class StockNewApi(CodeOfNewApi):
    """New API of 2026 as it comes: ids of its own, Kling's fields in ``metadata``, a column for the link."""

    name = "newapi"

    def report(self, sighting: Sighting) -> Json:
        """Answer with the row, in which the column for the link repeats why a task failed."""
        row = _row(sighting, fail_reason=sighting.failure, kling_answer=self.kling_answer(sighting))
        return _answer({**row, "result_url": sighting.url or sighting.failure})

    def kling_answer(self, sighting: Sighting) -> Json:
        """Give the last answer of Kling about a task, which has Kling's id for it and Kling's link."""
        return envelope(reported(sighting, kling_task_id_behind(sighting.task.task_id)))


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
            raise _openai_error(404, "Task not found")
        sighting = see(task)
        if sighting.state is not State.SUCCEEDED:
            word = sighting.word(self.status_words)
            raise _openai_error(400, f"Task is not completed yet, current status: {word}")
        return task


def _openai_error(status: int, message: str) -> RefusalError:
    return RefusalError(status, {"error": {"message": message, "type": "invalid_request_error"}})


class OldNewApi(CodeOfNewApi):
    """New API before 2026: Kling's ids, Kling's fields at top level, and no column for the link."""

    name = "newapi-old"
    connection_name = "newapi"
    has_ids_of_its_own = False
    kling_fields: ClassVar[Mapping[str, str]] = KLING_FIELDS

    def kling_body(self, body: Json) -> Json:
        """Want a model under either name, and hand on what is at top level."""
        return old_body(body, _served_model(body.get("model_name") or body.get("model")), self.kling_fields)

    def report(self, sighting: Sighting) -> Json:
        """Answer with the row, which keeps the link where a failed task has its reason."""
        kling_answer = envelope(reported(sighting, sighting.task.task_id))
        return _answer(
            _row(sighting, fail_reason=sighting.url or sighting.failure, kling_answer=kling_answer)
        )


class EzModelCode(OldNewApi):
    """EzModel as its public code has it, unlike its page: older, with more fields and fewer columns."""

    name = "ezmodel-code"
    connection_name = "ezmodel"
    kling_fields: ClassVar[Mapping[str, str]] = {
        **KLING_FIELDS,
        "sound": "string",
        "voice_list": "array",
        "element_list": "array",
        "multi_prompt": "array",
        "image_list": "array",
        "video_list": "array",
    }
    columns = (
        *("task_id", "action", "status", "fail_reason", "submit_time"),
        *("start_time", "finish_time", "progress", "data"),
    )

    def kling_body(self, body: Json) -> Json:
        """Send no mode to a model that has none."""
        kling_body = {"sound": "off", **super().kling_body(body)}
        if not MODELS[kling_body["model_name"]].modes:
            kling_body.pop("mode", None)
        return kling_body

    def report(self, sighting: Sighting) -> Json:
        row = super().report(sighting)["data"]
        return _answer({column: row[column] for column in self.columns})


class Crazyrouter(CodeOfNewApi):
    """Crazyrouter, which reads like New API and answers queries in a form of its own."""

    name = "crazyrouter"
    status_words: ClassVar[Mapping[State, str]] = {
        State.SUBMITTED: "queued",
        State.PROCESSING: "processing",
        State.SUCCEEDED: "succeeded",
        State.FAILED: "failed",
    }

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
