"""What is kept of an order, where, and what of it is understood again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_provider_kling.generations.record import Record, Settled, read_record
from airflow_provider_kling.generations.stores import TaskState, keep_delivered, keep_failed
from tests.unit.generations.tries import Task

NOW = 1_790_000_000.0


def test_records_are_kept_in_airflows_task_state_as_plain_json_and_nowhere_without_it() -> None:
    task: Any = Task()
    kept, lost = TaskState(task), TaskState(None)
    record = Record(2, NOW, "t-2", failed=True, delivered_in=1, stopped_in=0, waited_in=3, waits_since=NOW)
    for store in (kept, lost):
        assert store.recall("key") is None
        store.remember("key", record)

    assert (kept.lasts, lost.lasts) == (True, False)
    assert (kept.recall("key"), lost.recall("key")) == (record, None)
    kept.remember("key", None)
    assert task.records == {}


def store_with(record: Record | None) -> TaskState:
    store = TaskState(cast("Any", Task()))
    store.remember("key", record)
    return store


SETTLED = Settled("t-3", 3, NOW, "key", 2)


@pytest.mark.parametrize("before", [None, Record(2, NOW, "t-2", waited_in=2, waits_since=NOW)])
def test_what_is_delivered_is_kept_with_its_take_beside_what_was_known(before: Record | None) -> None:
    store = store_with(before)
    keep_delivered(store, SETTLED)

    assert store.recall("key") == replace(before or Record(), take=3, delivered_in=2)


@pytest.mark.parametrize("before", [None, Record(3, NOW, "t-3")])
@pytest.mark.parametrize(
    ("lost", "change"), [(False, {"failed": True}), (True, {"kling_task_id": None, "stopped_in": 2})]
)
def test_what_failed_or_got_lost_is_kept_where_it_was_on_record(
    lost: bool, change: dict[str, Any], before: Record | None
) -> None:
    store = store_with(before)
    keep_failed(store, SETTLED, lost=lost)

    assert store.recall("key") == (before and replace(before, **change))


@pytest.mark.parametrize(
    ("stored", "understood"),
    [
        ({"kling_task_id": "t-1", "newer": {"field": 1}}, Record(1, 0.0, "t-1")),
        *(("t-1", Record()), (5, Record()), (True, Record()), ([], Record())),
        *(({name: odd}, Record()) for name, odd in (("kling_task_id", ""), ("take", "2"), ("sent_at", None))),
    ],
)
def test_fields_may_be_missing_or_new_and_what_cannot_be_read_is_taken_for_an_intent(
    stored: object, understood: Record
) -> None:
    assert read_record(stored) == understood
