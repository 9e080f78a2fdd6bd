"""
Pay once: what a submission leaves behind, and whether the next try may take it over.

Airflow runs a task again after a crash or an error, and a generation cannot be cancelled. So a submission is
recorded before it is sent, with a fingerprint of what is asked for, and its id is added once it is
accepted. A next try that asks for the same adopts the id; where there is none it stops, because the earlier
one died in between; a try that asks for something else submits anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from airflow_provider_kling.api.requests import Text2VideoRequest

RECORD_KEY = "kling_submission"


@dataclass(frozen=True, slots=True)
class Submission:
    """
    A submission, about to be sent or accepted.

    :param fingerprint: Of what is asked for, and of whom.
    :param kling_task_id: The gateway's id, once it is accepted.
    """

    fingerprint: str
    kling_task_id: str | None = None

    def as_record(self) -> dict[str, JsonValue]:
        """Return the record as plain JSON."""
        return asdict(self)


def fingerprint(request: Text2VideoRequest, kling_conn_id: str) -> str:
    """Return a short text that is the same exactly when the same is asked for over the same connection."""
    asked = f"{kling_conn_id}\n{json.dumps(request.model_dump(), sort_keys=True)}"
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def adoptable(record: object, asked: str) -> str | None:
    """
    Return the id of the generation to take over, or None when one has to be submitted.

    :param record: What an earlier try left, or None.
    :param asked: The fingerprint of what this try asks for.
    """
    if not isinstance(record, dict) or record.get("fingerprint") != asked:
        return None
    task_id = record.get("kling_task_id")
    return task_id if isinstance(task_id, str) and task_id else None


def was_interrupted(record: object, asked: str) -> bool:
    """
    Return whether an earlier try died between sending what this try asks for and hearing of it.

    :param record: What an earlier try left, or None.
    :param asked: The fingerprint of what this try asks for.
    """
    return (
        isinstance(record, dict)
        and record.get("fingerprint") == asked
        and record.get("kling_task_id") is None
    )
