"""What can be asked for, field by field, and the rules that hold at every gateway."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from airflow_provider_kling.api.errors import KlingRequestError

LONGEST_PROMPT = 2500
DEFAULT_MODEL = "kling-v3"
DEFAULT_ASPECT_RATIO = "16:9"
_BASE64_IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_SHOWN_CHARACTERS = 60


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # Pydantic would take True for 1.
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
WholeNumber = Annotated[int, BeforeValidator(_no_bool)]


class Text2VideoRequest(BaseModel):
    """
    A text-to-video generation, in the words of all gateways together.

    Each gateway takes the fields that its page has and says which ones it leaves out. Numbers may come
    as text and text as numbers, as templates render them; an empty text means "not given".

    :param prompt: What to show, at most 2500 characters.
    :param model: An open string: gateways add models faster than any list can follow.
    :param negative_prompt: What not to show, at most 2500 characters.
    :param duration: Seconds, above 0. Which lengths a model offers only the gateway knows.
    :param aspect_ratio: ``16:9``, ``9:16`` or ``1:1``. Where nothing else decides it, 16:9 is asked for
        in so many words, because servers differ in their default.
    :param mode: ``std``, ``pro`` or ``4k``.
    :param cfg_scale: How closely to follow the prompt, in the range that the gateway's page gives.
    :param image: First frame: a link, or the Base64 text of a JPEG or PNG file.
    :param image_tail: Last frame, likewise.
    :param width: Pixels; only together with ``height``.
    :param height: Pixels; only together with ``width``.
    :param fps: Frames per second.
    :param n: How many videos, at least 1.
    :param response_format: As the gateway's page says.
    :param user: The end user on whose behalf it is asked for.
    :param metadata: What ElkAPI's page calls additional parameters.
    :param extra: Fields that no page here names, passed on as they are.
    :param strict: Refuse what would otherwise only be warned of: a field that the gateway does not take, a
        value that the model is not known to take. It is not sent.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True
    )

    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    model: str = DEFAULT_MODEL
    negative_prompt: str | None = Field(default=None, max_length=LONGEST_PROMPT)
    duration: Number = Field(default=5.0, gt=0, allow_inf_nan=False)
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = None
    mode: Literal["std", "pro", "4k"] | None = None
    cfg_scale: Number | None = None
    image: str | None = None
    image_tail: str | None = None
    width: WholeNumber | None = Field(default=None, ge=1)
    height: WholeNumber | None = Field(default=None, ge=1)
    fps: WholeNumber | None = Field(default=None, ge=1)
    seed: WholeNumber | None = None
    n: WholeNumber | None = Field(default=None, ge=1)
    response_format: str | None = None
    user: str | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    strict: bool = Field(default=False, exclude=True)

    @classmethod
    def checked(cls, fields: Mapping[str, Any]) -> Self:
        """
        Return the request with these fields.

        :raises KlingRequestError: naming every field that breaks a rule, its value and the remedy.
        """
        try:
            return cls(**fields)
        except ValidationError as invalid:
            problems = "; ".join(_problem(dict(error)) for error in invalid.errors(include_url=False))
            raise KlingRequestError(f"The request cannot be sent: {problems}.") from None

    @model_validator(mode="before")
    @classmethod
    def _empty_means_not_given(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in fields.items()
            if value is not None and (name == "prompt" or str(value).strip())
        }

    @field_validator("image", "image_tail")
    @classmethod
    def _image_is_link_or_base64(cls, image: str | None) -> str | None:
        if image is None or re.match(r"https?://[^\s/]+", image):
            return image
        if image.startswith("data:"):
            raise ValueError("must be the Base64 text alone; take the 'data:...;base64,' prefix away")
        try:
            start = base64.b64decode(image, validate=True)[:8]
        except (binascii.Error, ValueError):
            start = b""
        if not start.startswith(_BASE64_IMAGE_STARTS):
            raise ValueError(
                "is neither an http(s) link nor the Base64 text of a JPEG or PNG file; "
                "give a link, or base64.b64encode(file's bytes).decode()"
            )
        return image

    @field_validator("metadata", "extra")
    @classmethod
    def _is_json(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise ValueError("has a number that JSON does not have; leave it out") from None
        return value

    @field_validator("extra")
    @classmethod
    def _extra_names_no_known_field(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        known = sorted({*cls.model_fields, "model_name", "external_task_id"} & set(extra))
        if known:
            raise ValueError(f"names {', '.join(known)}, which has an argument of its own; use that")
        return extra

    @model_validator(mode="after")
    def _size_is_whole(self) -> Self:
        if (self.width is None) != (self.height is None):
            missing = "height" if self.height is None else "width"
            raise ValueError(f"{missing} is missing; width and height are given together or not at all")
        return self


_REMEDIES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field; put what a gateway takes beyond the known fields into extra",
    "string_too_short": "is empty; say what the video should show",
    "string_too_long": "is too long; {max_length} characters at most",
    "literal_error": "is unknown; use {expected}",
    "greater_than_equal": "is too small; {ge} at least",
    **dict.fromkeys(("greater_than", "finite_number"), "must be a positive number of seconds, for example 5"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "string_type": "must be text",
    "dict_type": "must be a dictionary",
}


def _problem(error: dict[str, Any]) -> str:
    context = error.get("ctx", {})
    remedy = _REMEDIES.get(error["type"])
    text = remedy.format(**context) if remedy else str(context.get("error", error["msg"]))
    name = ".".join(str(part) for part in error["loc"])
    if not name:  # a rule of several fields names them itself
        return text
    if error["type"] == "missing":
        return f"{name} {text}"
    shown = repr(error["input"])
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}... ({len(str(error['input']))} characters)"
    return f"{name}={shown} {text}"
