"""
Pay once: the key of a generation, what is recorded of it, and the next step of a try. Nothing here does I/O.

Airflow runs a task again after a crash, an error or a clear, and a generation cannot be cancelled. A gateway
that finds generations by our own id needs no memory of ours: whatever happened, the id is the same in every
try, so that the next one finds what an earlier one made. For the others a submission is recorded before it is
sent, and the gateway's id once it is known.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

from annotated_types import MinLen
from pydantic import TypeAdapter, ValidationError

from airflow_provider_kling.api.generation import Generation, GenerationState

if TYPE_CHECKING:
    from pydantic import JsonValue

    from airflow_provider_kling.api.requests import Text2VideoRequest

# Kling deletes the file of a generation 30 days after its end (Kling's docs, result links).
FILES_KEPT_SECONDS = 30 * 24 * 60 * 60.0
# A submission whose answer was lost may come through late: it is looked for again before it is sent again.
LOOKS_IN_DOUBT = 2
LOOK_AGAIN_SECONDS = 10.0


class OnRerun(StrEnum):
    """What a task that succeeded does when it is cleared."""

    REUSE = "reuse"
    REGENERATE = "regenerate"


class OnUnknownOutcome(StrEnum):
    """What a try does when it cannot be known whether an earlier one made a generation."""

    STOP = "stop"
    RESUBMIT = "resubmit"


Choice = TypeVar("Choice", bound=StrEnum)


def choice_of(kind: type[Choice], name: str, value: str) -> Choice:
    """
    Return the member of an enumeration that a value names.

    :raises ValueError: it names none; the message says what there is.
    """
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{name}={value!r} is unknown; use {' or '.join(kind)}") from None


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a try of a task asks for.

    :param item: The logical generation: DAG, run, task, and map index or the user's own key.
    :param fingerprint: Of what is asked for, and of whom.
    :param clears: How many tries came before the task was last cleared; 0 if it never was.
    :param first_since_clear: Whether this is the first try after a clear.
    :param kept: Whether Airflow keeps records.
    """

    item: str
    fingerprint: str
    clears: int = 0
    first_since_clear: bool = False
    on_rerun: OnRerun = OnRerun.REUSE
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.STOP
    kept: bool = True

    @property
    def record_key(self) -> str:
        """Where the record is kept: each request has its own, so that one that is changed back is known."""
        return f"kling_submission_{self._digest}"

    def external_task_id(self, generation: int) -> str:
        """Return our id of a generation, the same in every try: at most 64 of ``[A-Za-z0-9_-]``."""
        return f"airflow-{self._digest}-{generation}"

    def generation_of(self, external_task_id: str | None) -> int | None:
        """Return the number in an id of ours, or None where it is none."""
        ours, _, number = (external_task_id or "").rpartition("-")
        return int(number) if number.isdecimal() and ours == f"airflow-{self._digest}" else None

    @property
    def _digest(self) -> str:
        return hashlib.sha256(f"{self.item}\n{self.fingerprint}".encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Record:
    """
    What a try leaves behind.

    :param fingerprint: Of what was asked for.
    :param generation: Counts the generations of this task, from 1.
    :param sent_at: When it was submitted, in seconds since the epoch.
    :param kling_task_id: The gateway's id; None as long as it is not known whether there is one.
    :param failed: Whether the generation ended without a video.
    :param delivered_in: ``Asked.clears`` of the try that succeeded with it.
    :param stopped_in: ``Asked.clears`` of the try that said that the outcome is unknown.
    :param waited_in: ``Asked.clears`` of the tries that wait since ``waits_since``.
    :param waits_since: When the first of them began to wait, in seconds since the epoch.
    """

    fingerprint: str
    generation: int = 1
    sent_at: float = 0.0
    kling_task_id: Annotated[str, MinLen(1)] | None = None
    failed: bool = False
    delivered_in: int | None = None
    stopped_in: int | None = None
    waited_in: int = 0
    waits_since: float | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """Return the record as plain JSON."""
        return asdict(self)


_RECORDS = TypeAdapter(Record)


@dataclass(frozen=True, slots=True)
class Looked:
    """
    What a look for a generation by our own id brought.

    :param generation: Which was looked for.
    :param found: The generation, or None.
    :param good: An earlier generation that has succeeded, with its number.
    :param doubts: How many looks there were since a submission whose outcome is not known.
    """

    generation: int
    found: Generation | None
    good: tuple[int, Generation] | None = None
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Look for this generation by its external task id."""

    generation: int
    good: tuple[int, Generation] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after a pause."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit this generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """
    Take over a generation.

    :param since: When it was submitted, in seconds since the epoch, where that is known.
    """

    kling_task_id: str
    generation: int
    since: float | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Say that the outcome of a submission is unknown."""

    record: Record


def fingerprint(request: Text2VideoRequest, kling_conn_id: str) -> str:
    """Return a short text that is the same exactly when the same is asked for over the same connection."""
    asked = f"{kling_conn_id}\n{json.dumps(request.model_dump(), sort_keys=True)}"
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def read_record(stored: object) -> Record | None:
    """Return what an earlier try left. What cannot be read is taken for an intent: it may have been more."""
    if not isinstance(stored, dict) or not isinstance(stored.get("fingerprint"), str):
        return None
    try:
        return _RECORDS.validate_json(json.dumps(stored), strict=True)
    except ValidationError:
        return Record(stored["fingerprint"])


def step_by_record(record: Record | None, asked: Asked, now: float) -> Submit | Adopt | Stop:
    """
    Return the next step at a gateway that does not find generations by our own id.

    :param record: What an earlier try left.
    :param now: Seconds since the epoch.
    """
    if record is None:
        return Submit(1)
    anew = Submit(record.generation + 1)
    if record.fingerprint != asked.fingerprint or record.failed:
        return anew
    if record.kling_task_id is None:
        # Who clears a task that has said so has read it, and wants it submitted.
        told = record.stopped_in is not None and asked.clears > record.stopped_in
        return anew if told or asked.on_unknown_outcome is OnUnknownOutcome.RESUBMIT else Stop(record)
    if record.sent_at and now - record.sent_at > FILES_KEPT_SECONDS:
        return anew
    if asked.on_rerun is OnRerun.REGENERATE and _is_delivered(record.generation, record, asked):
        return anew
    return Adopt(record.kling_task_id, record.generation, record.sent_at or None)


def step_by_search(
    looked: Looked | None, record: Record | None, asked: Asked, now: float
) -> Look | Wait | Submit | Adopt:
    """
    Return the next step at a gateway that finds generations by our own id.

    :param looked: What the last look brought; None before the first.
    :param record: What an earlier try left. It only tells which generation the task has succeeded with.
    :param now: Seconds since the epoch.
    """
    if looked is None:
        return Look(1)
    task = looked.found
    if task is None:
        if 0 < looked.doubts < LOOKS_IN_DOUBT:
            return Wait(LOOK_AGAIN_SECONDS)
        if looked.good and not _is_delivered(looked.good[0], record, asked):
            return _adopt(*looked.good)
        return Submit(looked.generation)
    if task.state is GenerationState.FAILED or _is_gone(task, now):
        return Look(looked.generation + 1, looked.good)
    if task.state is GenerationState.SUCCEEDED and asked.on_rerun is OnRerun.REGENERATE:
        return Look(looked.generation + 1, (looked.generation, task))
    return _adopt(looked.generation, task)


def _adopt(generation: int, task: Generation) -> Adopt:
    return Adopt(task.task_id, generation, task.created_at.timestamp() if task.created_at else None)


def _is_gone(task: Generation, now: float) -> bool:
    ended_at = task.finished_at or task.created_at
    return task.state.ended and ended_at is not None and now - ended_at.timestamp() > FILES_KEPT_SECONDS


def _is_delivered(generation: int, record: Record | None, asked: Asked) -> bool:
    """Return whether the task succeeded with this generation, and was cleared after that."""
    if not asked.kept:
        # A first try after a clear of a task with a good generation is taken for a clear of a success.
        return asked.first_since_clear
    if record is None or record.delivered_in is None or record.fingerprint != asked.fingerprint:
        return False
    return generation <= record.generation and asked.clears > record.delivered_in
