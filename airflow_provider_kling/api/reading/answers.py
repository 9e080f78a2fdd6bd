"""
Any gateway's answer, read by one tolerant reader: it becomes what was asked for, or a KlingError.

The gateways' pages, and what their servers were seen to send beyond them, differ in where the record is:
bare, in an envelope, in a list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.errors import (
    KlingError,
    KlingModerationError,
    KlingTaskFailedError,
    KlingTaskNotFoundError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.generation import Generation, GenerationState, Outcomes
from airflow_provider_kling.api.masking import mask
from airflow_provider_kling.api.reading.generations import (
    created_at,
    external_task_id_of,
    id_of,
    state_of,
    task_of,
)
from airflow_provider_kling.api.reading.refusals import MODERATED, refusal
from airflow_provider_kling.api.reading.values import at, first_text, number_as_id, objects_in

if TYPE_CHECKING:
    from airflow_provider_kling.api.calls import Answer

QUOTED_CHARACTERS = 200
_LOOKED_AT_CHARACTERS = 2000


def read_submitted(answer: Answer, product: str) -> Generation:
    """
    Read the answer to a submission.

    :raises KlingUnreadableAnswerError: no task id can be found in it.
    """
    body = read_object(answer)
    data = body.get("data")
    record = data if isinstance(data, dict) else body
    inner = data if isinstance(data, dict) else {}
    task_id = first_text(
        inner.get("task_id"), inner.get("id"), body.get("task_id"), body.get("id"), inner.get("taskId")
    ) or number_as_id(inner.get("task_id"), body.get("task_id"))
    if task_id is None:
        raise _unreadable(answer, "no task id in the answer to a submission")
    state = state_of(record) or GenerationState.SUBMITTED
    return Generation(
        task_id=task_id,
        product=product,
        # Whether it has ended is told, with its videos or its reason, by a query.
        state=GenerationState.PROCESSING if state.ended else state,
        external_task_id=external_task_id_of(record),
        created_at=created_at(record),
        request_id=first_text(body.get("request_id")),
    )


def read_task(answer: Answer, product: str, asked_id: str) -> Generation:
    """
    Read the answer to a query of one generation.

    :param asked_id: The id that was asked for; the answer's own, where it has one, comes first.
    :raises KlingTaskNotFoundError: it does not know the id.
    :raises KlingResultMissingError: the generation is a success and there is no link.
    :raises KlingUnreadableAnswerError: nothing in it tells a state.
    """
    body = read_object(answer, task_id=asked_id)
    record = _record(body, asked_id)
    if record is None:
        raise KlingTaskNotFoundError("The gateway has no such generation.", task_id=asked_id)
    request_id = first_text(body.get("request_id"))
    task = task_of(record, product=product, task_id=asked_id, request_id=request_id)
    if task is None:
        raise _unreadable(answer, "no status in the answer to a query", task_id=asked_id)
    return task


def read_found(answer: Answer, product: str, external_task_id: str) -> Generation | None:
    """Read the answer to a search by the customer's own id; None where there is no such generation."""
    try:
        return read_task(answer, product, external_task_id)
    except KlingTaskNotFoundError:
        return None


def read_tasks(answer: Answer, product: str, asked_ids: Sequence[str] = ()) -> Outcomes:
    """
    Read a list of generations; what is wrong with one of them is told in its place.

    :param asked_ids: The ids that were asked for; those that are not in the list get an error that says so.
    :raises KlingUnreadableAnswerError: there is no list in it.
    """
    body = read_object(answer)
    data = body.get("data")
    listed = data if isinstance(data, list) else at(data, "result")
    if not isinstance(listed, list):
        raise _unreadable(answer, "no list of generations")
    request_id = first_text(body.get("request_id"))
    outcomes: Outcomes = {
        task_id: KlingTaskNotFoundError("The gateway has no such generation.", task_id=task_id)
        for task_id in asked_ids
    }
    for record in objects_in(listed):
        task_id = id_of(record)
        if task_id is None:
            continue
        try:
            task = task_of(record, product=product, task_id=task_id, request_id=request_id)
        except KlingError as error:
            outcomes[task_id] = error
        else:
            outcomes[task_id] = task or _unreadable(answer, "no status in a record", task_id=task_id)
    return outcomes


def read_object(answer: Answer, *, task_id: str | None = None) -> dict[str, Any]:
    """
    Return the JSON object of an answer that is not an error.

    :param task_id: The generation that was asked about, to be named in errors.
    :raises KlingError: the answer is a refusal, by its status or by its body.
    :raises KlingUnreadableAnswerError: the body is not a JSON object, or is too long to be one of a gateway.
    """
    body = None
    what = "no JSON object"
    if answer.cut:
        what = f"more than {len(answer.text)} characters"
    elif HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        what = f"a redirect (HTTP {answer.status})"
    else:
        with suppress(ValueError, RecursionError):
            body = json.loads(answer.text)
    if not isinstance(body, dict):
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise _unreadable(answer, what, task_id=task_id)
        body = {"message": f"An unreadable body: {_quoted(answer.text)}"}
    error = refusal(answer, body, task_id)
    if error is not None:
        raise error
    return body


def failure_of(task: Generation) -> KlingTaskFailedError:
    """Return the error that a failed generation is, told apart by the gateway's words."""
    reason = task.failure or "the gateway gives no reason"
    error = KlingModerationError if MODERATED.search(reason) else KlingTaskFailedError
    return error(f"The generation failed: {reason}.", task_id=task.task_id, request_id=task.request_id)


def _unreadable(answer: Answer, what: str, *, task_id: str | None = None) -> KlingUnreadableAnswerError:
    return KlingUnreadableAnswerError(
        f"Cannot read the gateway's answer, {what}: {_quoted(answer.text)}.",
        http_status=answer.status,
        task_id=task_id,
    )


def _quoted(text: str) -> str:
    """Return the beginning of a body for an error message, on one line, with secrets masked."""
    return repr(mask(" ".join(text[:_LOOKED_AT_CHARACTERS].split()), QUOTED_CHARACTERS))


def _record(body: dict[str, Any], asked_id: str) -> dict[str, Any] | None:
    """Return the record that was asked for; in a list it is the one with its id, or the only one."""
    data = body.get("data")
    if isinstance(data, list):
        records = objects_in(data)
        asked = (item for item in records if asked_id in (id_of(item), external_task_id_of(item)))
        return next(asked, records[0] if len(records) == 1 else None)
    return data if isinstance(data, dict) else body
