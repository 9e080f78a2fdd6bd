"""What is remembered of an order, and what of it travels to whoever waits for its generation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MinLen
from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class Record:
    """
    What a try leaves behind.

    :param take: The number of the generation among those of this order, from 1.
    :param sent_at: When it was submitted, in seconds since the epoch; 0 if that is not known.
    :param kling_task_id: The gateway's id; None as long as it is not known whether there is one.
    :param failed: Whether the generation ended without a video.
    :param delivered_in: ``Order.clears`` of the try that succeeded with it.
    :param stopped_in: ``Order.clears`` of the try that said that the outcome is unknown.
    :param waited_in: ``Order.clears`` of the tries that wait since ``waits_since``.
    :param waits_since: When the first of them began to wait, in seconds since the epoch.
    """

    take: int = 1
    sent_at: float = 0.0
    kling_task_id: Annotated[str, MinLen(1)] | None = None
    failed: bool = False
    delivered_in: int | None = None
    stopped_in: int | None = None
    waited_in: int = 0
    waits_since: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """
    The generation that a try goes on with, and where it is recorded.

    It survives a deferral as plain JSON, so that what was ordered is known without the request, which may
    have been edited since.

    :param since: When it was submitted, or since when a cleared task waits for it, in seconds since the
        epoch; None where that is not known.
    :param record_key: ``Order.record_key``.
    :param clears: ``Order.clears``.
    """

    kling_task_id: str
    take: int
    since: float | None
    record_key: str
    clears: int


_RECORDS = TypeAdapter(Record)
_SETTLED = TypeAdapter(Settled)


def read_settled(stored: Mapping[str, Any]) -> Settled:
    """Read it as a dict, with whatever else is there. Raises a ValueError if it is something else."""
    return _SETTLED.validate_python(stored)


def read_record(stored: object) -> Record | None:
    """Return what an earlier try left. What cannot be read is taken for an intent: it may have been more."""
    if stored is None:
        return None
    try:
        return _RECORDS.validate_json(json.dumps(stored), strict=True)
    except ValidationError:
        return Record()
