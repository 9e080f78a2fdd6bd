"""JSON from outside, read without trusting its types: what is not as hoped for is None."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

# A Unix time at or above this is in milliseconds: as seconds it would lie beyond the year 5000.
FIRST_MILLISECONDS = 1e11


def at(value: object, *path: str) -> Any:
    """Return what lies under these keys, one below the other."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def objects_in(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, and none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def first_text(*values: object) -> str | None:
    """Return the first text that is not blank, stripped; half a surrogate pair in it becomes ``?``."""
    text = next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)
    return text.encode(errors="replace").decode() if text else None


def number_as_id(*values: object) -> str | None:
    """Return the first positive whole number as text: some servers forget the quotes of an id."""
    return next((str(value) for value in values if type(value) is int and value > 0), None)


def number(value: object) -> float | None:
    """Return a finite number, given it or its text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def instant(value: object) -> datetime | None:
    """Return a Unix time in seconds or in milliseconds as an instant; 0 means that there is none."""
    seconds = number(value)
    if not seconds or seconds < 0:
        return None
    if seconds >= FIRST_MILLISECONDS:
        seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def first_instant(record: dict[str, Any], *keys: str) -> datetime | None:
    """Return the first of these that is an instant."""
    return next((read for key in keys if (read := instant(record.get(key))) is not None), None)


def is_link(value: object) -> bool:
    """Return whether it is a web address."""
    return isinstance(value, str) and value.startswith(("http://", "https://"))
