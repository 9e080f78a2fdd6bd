"""
Which kind of gateway answers, where neither the connection nor the host says it.

It is asked, for free, for a generation that does not exist: each kind says so in words of its own. A wrong
guess would only be found out by a submission, which is where guessing ends.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.errors import (
    KlingConnectionConfigError,
    KlingRejectedError,
    KlingTaskNotFoundError,
)
from airflow_provider_kling.api.gateways import AUTO, GATEWAYS, Gateway
from airflow_provider_kling.api.gateways.relay import NO_TASK
from airflow_provider_kling.api.reading.answers import read_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.calls import Answer


def questions() -> tuple[Call[Gateway | None], ...]:
    """Return what to ask, one after the other, until an answer tells the kind."""
    return (_question("official", _read_at_kling), _question("newapi", _read_at_relay))


def unrecognised(base_url: str) -> KlingConnectionConfigError:
    """Return the error that no answer told the kind."""
    return KlingConnectionConfigError(
        f"What answers at {base_url} cannot be recognised as a Kling gateway; check the connection's host, "
        f"or name the gateway in its extra: one of {', '.join(GATEWAYS)} instead of {AUTO}."
    )


def _question(asked_as: str, kind_of: Callable[[KlingTaskNotFoundError], str | None]) -> Call[Gateway | None]:
    path = GATEWAYS[asked_as].query(NO_TASK).path
    return Call("GET", path, partial(_recognise, kind_of), asked_as)


def _recognise(kind_of: Callable[[KlingTaskNotFoundError], str | None], answer: Answer) -> Gateway | None:
    try:
        read_object(answer, task_id=NO_TASK)
    except KlingTaskNotFoundError as error:
        kind = kind_of(error)
        return GATEWAYS[kind] if kind else None
    except KlingRejectedError:
        return None
    return None


def _read_at_kling(error: KlingTaskNotFoundError) -> str | None:
    # Kling says 400 and 1201 of an unknown task. A 404 is that of a path that is not served.
    return "official" if error.http_status == 400 and isinstance(error.code, int) else None


def _read_at_relay(error: KlingTaskNotFoundError) -> str | None:
    if isinstance(error.code, int):
        return "envelope"
    return "newapi" if error.code else None
