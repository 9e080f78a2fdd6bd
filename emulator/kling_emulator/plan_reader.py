"""Plans as people write them. What is wrong is named: the field, its value, and what it may be."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, TypeVar

from kling_emulator.faults import Fault, Kind, On
from kling_emulator.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_KINDS = {kind.label: kind for kind in Kind}
_GENERAL = {"times": 1, "share": 1.0, "seed": 0}
_ERRORS = (Kind.ERROR_BEFORE, Kind.ERROR_AFTER)

Choice = TypeVar("Choice")


def read_plans(plans: object) -> list[Plan]:
    """
    Read one plan, or a list of them; raise :class:`ValueError` if any of them is wrong.

    :param plans: the JSON.
    """
    return [read_plan(plan) for plan in (plans if isinstance(plans, list) else [plans])]


def read_plan(fields: object) -> Plan:
    """
    Read one plan, or raise :class:`ValueError`.

    :param fields: the JSON object: ``on``, ``fault``, and what else is not as by default.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"a plan is a JSON object, not {_shown(fields)}")
    on = _one_of(fields, "on", {place.value: place for place in On})
    kind = _one_of(fields, "fault", _KINDS)
    if on not in kind.places:
        raise ValueError(
            f"on {_shown(on.value)} is not where {kind.label} can happen: {_listed(kind.places)}"
        )
    known = {**_GENERAL, **kind.details}
    for name, value in fields.items():
        if name not in ("on", "fault", *known):
            allowed = _listed(("on", "fault", *known))
            raise ValueError(f"{name} {_shown(value)} is no field of {kind.label}, which has {allowed}")
    values = {name: fields.get(name, default) for name, default in known.items()}
    for name, value in values.items():
        _check(kind, name, value)
    general = {name: values.pop(name) for name in _GENERAL}
    return Plan(on=on, fault=Fault(kind=kind, **values), **general)


def _one_of(fields: Mapping[str, Any], name: str, choices: Mapping[str, Choice]) -> Choice:
    value = fields.get(name)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} {_shown(value)} is not one of {_listed(choices)}")
    return choices[value]


def _check(kind: Kind, name: str, value: object) -> None:
    lowest = 400 if kind in _ERRORS else 200
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "times": (
            lambda times: times is None or _is_whole(times, 1),
            "a whole number from 1, or null for always",
        ),
        "share": (lambda share: _is_number(share) and 0 <= share <= 1, "a number from 0 to 1"),
        "seed": (_is_whole, "a whole number"),
        "status": (lambda status: _is_whole(status, lowest, 599), f"a whole number from {lowest} to 599"),
        "seconds": (lambda seconds: _is_number(seconds) and seconds >= 0, "a number from 0"),
        "body": (_is_json, "JSON or text"),
        "headers": (_is_headers, "an object of header names and their texts"),
    }
    is_good, allowed = rules[name]
    if not is_good(value):
        raise ValueError(f"{name} {_shown(value)} is not {allowed}")


def _is_whole(value: object, lowest: float = -math.inf, highest: float = math.inf) -> bool:
    return type(value) is int and lowest <= value <= highest


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_headers(value: object) -> bool:
    # What no server could send would end as a 500 of the emulator's own.
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(text, str)
        and re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII)
        and re.fullmatch(r"[^\x00-\x08\x0a-\x1f\x7f]*", text)
        for name, text in value.items()
    )


def _shown(value: object) -> str:
    return json.dumps(value, default=repr)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
