"""The models, and what Kling's docs say that each can do in text to video."""

from __future__ import annotations

from dataclasses import dataclass

_SHORT = frozenset({5, 10})
_ANY = frozenset(range(3, 16))
_STANDARD_AND_PRO = frozenset({"std", "pro"})


@dataclass(frozen=True)
class Model:
    """
    What a model can do.

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
    "kling-v3": Model(seconds=_ANY, modes=_STANDARD_AND_PRO | {"4k"}, sound_modes=_STANDARD_AND_PRO | {"4k"}),
}
"""The models of Kling's own API."""


def seconds_through_a_relay(model: str) -> frozenset[int]:
    """
    List the lengths of video that a model makes.

    :param model: any name: relays offer more models than they document.
    :return: the lengths in seconds.
    """
    return _SHORT if model.startswith(("kling-v1", "kling-v2")) else _ANY
