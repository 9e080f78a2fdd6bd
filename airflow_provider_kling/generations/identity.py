"""What is ordered, and what it is called wherever it has to be known again: in a record, at a gateway."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest


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


@dataclass(frozen=True)
class Order:
    """
    What a task wants made, and whose it is.

    Its names are the same in every try and every process, and are others as soon as anything else is wanted.

    :param kling_conn_id: The Airflow connection: of whom it is wanted.
    :param item: Whose it is: DAG, run, task, and map index or the user's own key.
    :param clears: How many tries came before the task was last cleared; 0 if it never was.
    :param first_since_clear: Whether this is the first try after a clear.
    """

    request: Text2VideoRequest
    kling_conn_id: str
    item: str
    clears: int = 0
    first_since_clear: bool = False
    on_rerun: OnRerun = OnRerun.REUSE
    on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.STOP

    @cached_property
    def fingerprint(self) -> str:
        """A short text that is the same exactly when the same is wanted over the same connection."""
        wanted = json.dumps(self.request.model_dump(), sort_keys=True)
        return hashlib.sha256(f"{self.kling_conn_id}\n{wanted}".encode()).hexdigest()[:32]

    @property
    def record_key(self) -> str:
        """Where the record is kept: each request has its own, so that one that is changed back is known."""
        return f"kling_submission_{self._digest}"

    def external_task_id(self, take: int) -> str:
        """Return our id of a generation, the same in every try: at most 64 of ``[A-Za-z0-9_-]``."""
        return f"airflow-{self._digest}-{take}"

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(f"{self.item}\n{self.fingerprint}".encode()).hexdigest()[:40]
