"""The tries of one task instance, without an Airflow around them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import Context

from airflow_provider_kling.operators.video import KlingText2VideoOperator


class Task:
    """What of a task instance lasts over its tries; each call is a try, and has no retries."""

    dag_id, run_id, task_id = "dag", "run", "generate"
    has_state = True

    def __init__(self, map_index: int = -1) -> None:
        self.map_index = map_index
        self.records: dict[str, Any] = {}
        self.xcoms: dict[str, Any] = {}
        self.try_number = 0
        self.max_tries = 0
        self.start_date = datetime.now(UTC)

    def clear(self) -> None:
        """Let the next call be the first try after a clear."""
        self.max_tries = self.try_number

    def __call__(self, **fields: Any) -> Any:
        self.try_number += 1
        return self.operator(**fields).execute(self.context)

    def deferral(self, **fields: Any) -> TaskDeferred:
        """Of a try that ends in one."""
        with pytest.raises(TaskDeferred) as deferred:
            self(deferrable=True, **fields)
        return deferred.value

    def operator(self, **fields: Any) -> KlingText2VideoOperator:
        return KlingText2VideoOperator(task_id="generate", **{"prompt": "A deer", **fields})

    @property
    def context(self) -> Context:
        return cast("Context", {"ti": self, **({"task_state_store": self} if self.has_state else {})})

    def get(self, key: str) -> Any:
        return self.records.get(key)

    def set(self, key: str, value: Any) -> None:
        self.records[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.records.pop(key, None)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


class TaskBefore33(Task):
    """A task instance of an Airflow that keeps no task state."""

    has_state = False


class FullDisk(Task):
    """A task instance of which nothing can be kept any more after so many records, and pushes of an XCom."""

    def __init__(self, writes: int, pushes: int = 1) -> None:
        super().__init__()
        self.writes, self.pushes = writes, pushes

    def set(self, key: str, value: Any) -> None:
        self.writes = self._one_less(self.writes)
        super().set(key, value)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushes = self._one_less(self.pushes)
        super().xcom_push(key, value)

    def _one_less(self, left: int) -> int:
        if left == 0:
            raise OSError("no space left on device")
        return left - 1
