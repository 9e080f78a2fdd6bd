"""The trigger that waits for a generation: serialised state, and one await."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.failures import goes_on
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.events import defect_event, ended_event, error_event
from airflow_provider_kling.triggers.room import rooms
from airflow_provider_kling.waiting.pacing import Experience
from airflow_provider_kling.waiting.per_loop import PerLoop
from airflow_provider_kling.waiting.watched import Awaited
from airflow_provider_kling.waiting.watcher import Watcher

# What was seen of each connection; it outlives the watchers, which go when nobody waits.
_experience: defaultdict[str, Experience] = defaultdict(Experience)


def _watcher(kling_conn_id: str) -> Watcher:
    return Watcher(
        KlingHook(kling_conn_id).get_async_conn,
        _experience[kling_conn_id],
        lambda: rooms.get(kling_conn_id).freed(),
        KlingHook.pacing,
    )


_watchers: PerLoop[Watcher] = PerLoop(_watcher, lambda watcher: watcher.is_over)


class KlingTaskTrigger(BaseTrigger):
    """
    Wait for a generation without holding a worker, with one loop for all that wait on a connection.

    It fires one event, which :func:`~airflow_provider_kling.triggers.events.read_event` reads.
    The arguments are those of :class:`~airflow_provider_kling.waiting.watched.Awaited`, and:

    :param kling_conn_id: The Airflow connection.
    :param order: What was ordered, for whoever is resumed: plain JSON that the event carries along.
    """

    def __init__(
        self,
        kling_task_id: str,
        product: str,
        kling_conn_id: str,
        poll_interval: float | None,
        deadline: float,
        mode: str | None = None,
        submitted_at: float | None = None,
        order: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.awaited = Awaited(kling_task_id, product, deadline, poll_interval, mode, submitted_at)
        self.kling_conn_id = kling_conn_id
        self.order = order

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "airflow_provider_kling.triggers.task.KlingTaskTrigger",
            {**asdict(self.awaited), "kling_conn_id": self.kling_conn_id, "order": self.order},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once: with the generation as it ended, or with the error that ended the waiting."""
        task_id = self.awaited.kling_task_id
        try:
            event = ended_event(await _watchers.get(self.kling_conn_id).watch(self.awaited))
        except KlingError as error:
            event = error_event(task_id, error)
        except Exception as error:  # ours: Airflow would turn it into one that soft_fail hides
            self.log.exception("The trigger for Kling task %s failed", task_id)
            event = defect_event(task_id, error)
        yield TriggerEvent({**event, "order": self.order})

    async def on_kill(self) -> None:
        """Say that nothing stops at the gateway when a waiting task is cleared or marked (Airflow 3.3)."""
        self.log.warning(goes_on(self.awaited.kling_task_id))
