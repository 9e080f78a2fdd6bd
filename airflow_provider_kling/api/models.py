"""
What each model is known to make from text (Kling's docs, capability map).

Only the gateway decides, and it may have moved on: what does not fit is a remark, never a refusal, unless
the request is ``strict``. A model that is not here has no remarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONG = tuple(str(seconds) for seconds in range(3, 16))
_ANY_MODE = ("std", "pro", "4k")


@dataclass(frozen=True, slots=True)
class Model:
    """
    What a model can do.

    :param durations: Seconds, as Kling spells them.
    :param modes: Its modes; none where it has no such choice.
    :param sound_modes: The modes in which it makes sound.
    :param voices: Whether it takes a ``voice_list``.
    :param camera_mode: The mode in which it takes ``camera_control``, for 5 seconds.
    :param from_text: Whether it makes videos from text alone.
    :param retired: When it was, as far as is known.
    """

    durations: tuple[str, ...] = ("5", "10")
    modes: tuple[str, ...] = ("std", "pro")
    sound_modes: tuple[str, ...] = ()
    voices: bool = False
    camera_mode: str | None = None
    multi_shot: bool = False
    cfg_scale: bool = False
    from_text: bool = True
    retired: str | None = None


_RETIRED = "2026-09-15"
MODELS: dict[str, Model] = {
    "kling-v1": Model(camera_mode="std", cfg_scale=True),
    "kling-v1-5": Model(cfg_scale=True, from_text=False, retired=_RETIRED),
    "kling-v1-6": Model(cfg_scale=True, retired=_RETIRED),
    "kling-v2-master": Model(modes=()),
    "kling-v2-1": Model(from_text=False, retired=_RETIRED),
    "kling-v2-1-master": Model(modes=(), retired=_RETIRED),
    "kling-v2-5-turbo": Model(),
    "kling-v2-6": Model(sound_modes=("pro",), voices=True),
    "kling-v3": Model(
        durations=_LONG, modes=_ANY_MODE, sound_modes=_ANY_MODE, voices=True, multi_shot=True, cfg_scale=True
    ),
    "kling-video-o1": Model(from_text=False),
    "kling-v3-omni": Model(from_text=False),
}


def remarks_on(name: str, fields: Mapping[str, Any]) -> list[str]:
    """
    Return what a model is not known to do, each with the model, the field and what is allowed.

    :param name: The model.
    :param fields: Kling's own fields, as they are sent; None is not given.
    """
    model = MODELS.get(name)
    if model is None:
        return []
    remarks = []
    if not model.from_text:
        remarks.append(f"model={name!r} is not known to make videos from text alone")
    if model.retired:
        remarks.append(f"model={name!r} is said to be retired since {model.retired}")
    given = {field: value for field, value in fields.items() if value is not None}
    mode, duration, sound = given.get("mode", "std"), given.get("duration"), given.get("sound", "off")
    modes, sound_modes = ", ".join(model.modes), ", ".join(model.sound_modes)
    rules = (  # a field, whether it suits, and what is allowed
        ("duration", duration in model.durations, f"it makes {', '.join(model.durations)} s"),
        ("mode", mode in model.modes, f"its modes are {modes}" if modes else "it has no modes; leave it out"),
        (
            "sound",
            sound != "on" or mode in model.sound_modes,
            f"it makes sound in mode {sound_modes}" if sound_modes else "it makes no sound",
        ),
        (
            "voice_list",
            model.voices and sound == "on",
            "it takes voices with sound='on' only" if model.voices else "it takes no voices",
        ),
        (
            "camera_control",
            (mode, duration) == (model.camera_mode, "5"),
            "only kling-v1 takes it, in mode std, for 5 s",
        ),
        ("multi_shot", given.get("multi_shot") is not True or model.multi_shot, "only kling-v3 takes it"),
        ("cfg_scale", model.cfg_scale, "it does not take it"),
    )
    remarks.extend(
        f"{field}={given[field]!r} does not suit model={name!r}: {allowed}"
        for field, suits, allowed in rules
        if field in given and not suits
    )
    return remarks
