"""The rows of this folder: what servers said, and how it is to be read. README.md says what is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_kling.api.calls import Answer, Call
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.reading.accounts import Account
from airflow_provider_kling.api.reading.answers import failure_of
from airflow_provider_kling.api.requests import Text2VideoRequest

FOLDER = Path(__file__).parent
DEER = Text2VideoRequest(prompt="a deer")


@dataclass(frozen=True)
class Row:
    name: str
    call: str
    status: int
    body: Any
    read: Any
    source: str
    asked: Any = "asked-1"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        said = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return said.encode()

    @property
    def answer(self) -> Answer:
        return Answer.taken_in(self.status, self.bytes, self.headers, str)

    def question(self) -> Call[Any]:
        """The call that is answered so; how an answer is read does not depend on the kind of gateway."""
        kling = GATEWAYS["official"]
        calls = {
            "submit": lambda: kling.submit(DEER),
            "query": lambda: kling.query(self.asked),
            "find": lambda: kling.find(self.asked),
            "query_many": lambda: kling.query_many(self.asked),
            "list": lambda: kling.list_tasks(page=1, page_size=30),
            "account": kling.account,
        }
        return calls[self.call]()


def rows() -> list[Row]:
    return [
        Row(name=f"{path.stem}: {line.pop('name')}", **line)
        for path in sorted(FOLDER.glob("*.jsonl"))
        for line in map(json.loads, path.read_text().splitlines())
    ]


def one_of_each(some: Iterable[Row]) -> list[Row]:
    """Of each file the first row of each kind of call and of outcome."""
    first: dict[tuple[str, str, object], Row] = {}
    for row in some:
        read = row.read or {}
        first.setdefault((row.name.partition(":")[0], row.call, read.get("state") or read.get("error")), row)
    return list(first.values())


def described(outcome: Any, asked: Any = None) -> Any:
    """Say what was read in the words of a row, where what is not told is not there."""
    if isinstance(outcome, Generation):
        return _told(_of_generation(outcome))
    if isinstance(outcome, KlingError):
        return _told(_of_error(outcome, asked))
    if isinstance(outcome, Account):
        packs = [
            _told({name: _text(getattr(pack, name)) for name in pack.__slots__}) for pack in outcome.packs
        ]
        return {"packs": packs, "remaining": outcome.remaining}
    if isinstance(outcome, dict):
        return {"tasks": {task_id: described(one, task_id) for task_id, one in outcome.items()}}
    return outcome


def agrees(read: Any, expected: Any) -> bool:
    """Say whether what was read is what a row expects; of a message it may have but words that it holds."""
    if not isinstance(read, dict) or not isinstance(expected, dict):
        return bool(read == expected)
    if read.keys() | {"text"} != expected.keys() | {"text"}:
        return False
    return all(
        bool(re.search(rf"(?<!\w){re.escape(value)}", read["text"]))
        if name == "text"
        else agrees(read[name], value)
        for name, value in expected.items()
    )


def _of_generation(task: Generation) -> dict[str, Any]:
    failed = task.state is GenerationState.FAILED
    return {
        "state": task.state.value,
        "task_id": task.task_id,
        "urls": [video.url for video in task.videos],
        "ids": [video.id for video in task.videos],
        "durations": [video.duration for video in task.videos],
        "external_task_id": task.external_task_id,
        "failure": task.failure,
        "failure_type": type(failure_of(task)).__name__ if failed else None,
        "units": task.units,
        "created_at": _text(task.created_at),
        "finished_at": _text(task.finished_at),
        "request_id": task.request_id,
    }


def _of_error(error: KlingError, asked: Any) -> dict[str, Any]:
    return {
        "error": type(error).__name__,
        "text": error.message,
        "code": error.code,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
        "task_id": error.task_id if error.task_id != asked else None,
    }


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in facts.items()
        if value is not None and not (isinstance(value, list) and set(value) <= {None})
    }
