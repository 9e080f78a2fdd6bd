"""Where records are kept: in Airflow's task state store, or nowhere."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_kling.generations.record import Record, Settled, read_record

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor


class Store(Protocol):
    """Keeps records by their key."""

    def recall(self, key: str) -> Record | None: ...

    def remember(self, key: str, record: Record | None) -> None:
        """Keep a record in the place of what was there; None takes that away."""


class AsyncStore(Protocol):
    """The same on an event loop, which it must not block."""

    async def recall(self, key: str) -> Record | None: ...

    async def remember(self, key: str, record: Record | None) -> None: ...


class TaskState:
    """
    Airflow's task state store, which outlives the tries and the clears of a task.

    ``lasts`` says whether there is one; otherwise nothing is kept.

    :param accessor: ``context["task_state_store"]``, which Airflow has since 3.3.
    """

    def __init__(self, accessor: TaskStateStoreAccessor | None) -> None:
        self._accessor = accessor
        self.lasts = accessor is not None

    def recall(self, key: str) -> Record | None:
        return read_record(self._accessor.get(key)) if self._accessor is not None else None

    def remember(self, key: str, record: Record | None) -> None:
        if self._accessor is None:
            return
        if record is None:
            self._accessor.delete(key)
        else:
            self._accessor.set(key, asdict(record))


def keep_delivered(store: Store, settled: Settled) -> None:
    """Keep that the task has succeeded, so that a clear after that can be told from a crash."""
    record = store.recall(settled.record_key) or Record()
    store.remember(settled.record_key, replace(record, take=settled.take, delivered_in=settled.clears))


def keep_failed(store: Store, settled: Settled, *, lost: bool) -> None:
    """
    Keep that the recorded generation will never have a video, so that the next try makes another one.

    :param lost: Whether the gateway does not know it any more. Then it may still be there, so that only a
        clear makes another one.
    """
    record = store.recall(settled.record_key)
    if record is not None:
        lost_in = replace(record, kling_task_id=None, stopped_in=settled.clears)
        store.remember(settled.record_key, lost_in if lost else replace(record, failed=True))
