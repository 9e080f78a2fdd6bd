"""Who is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """
    One way to write the batch.

    :param dag_id: Its DAG in ``dags``.
    :param title: What it is called in tables.
    :param name: What it is called where there is little room.
    """

    dag_id: str
    title: str
    name: str


BEST = Contender("one_task", "one task: `KlingText2VideoOperator(path=..., deferrable=True)`", "one task")
BATCH = (
    Contender("by_hand", "by hand: `requests`, `HttpSensor(deferrable=True)`, `requests`", "by hand"),
    Contender("by_hand_rescheduled", 'by hand, with `mode="reschedule"`', "by hand, rescheduled"),
    Contender("three_tasks", "three tasks: operator, sensor, transfer", "three tasks"),
    BEST,
)
# At an account that takes a few videos at a time; nothing is retried.
ONE_TASK_LIMITED = Contender("one_task_limited", "one task", "one task")
LIMITED = (
    ONE_TASK_LIMITED,
    Contender("one_task_in_pool", "one task, in a pool with `include_deferred`", "in a pool"),
)
