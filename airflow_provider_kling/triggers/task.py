"""The trigger that waits for a generation: serialised state, and one await."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.exceptions import goes_on
from airflow_provider_kling.hooks.shared import shared_client
from airflow_provider_kling.triggers.events import defect_event, ended_event, error_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A trigger that fires within a second or two of its deferral can fail the task (apache/airflow#66374).
EARLIEST_QUESTION_SECONDS = 2.0


class KlingTaskTrigger(BaseTrigger):
    """
    Wait for a generation without holding a worker.

    It fires one event, which :func:`~airflow_provider_kling.triggers.events.read_event` reads.

    :param kling_task_id: The gateway's id of the generation.
    :param product: The path family of the generation.
    :param kling_conn_id: The Airflow connection.
    :param poll_interval: Seconds from one question to the next.
    :param deadline: Seconds since the epoch, because it has to mean the same in another triggerer.
    """

    def __init__(
        self, kling_task_id: str, product: str, kling_conn_id: str, poll_interval: float, deadline: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kling_task_id = kling_task_id
        self.product = product
        self.kling_conn_id = kling_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and plain JSON arguments, none of them a secret."""
        return (
            "airflow_provider_kling.triggers.task.KlingTaskTrigger",
            {
                "kling_task_id": self.kling_task_id,
                "product": self.product,
                "kling_conn_id": self.kling_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once: with the generation as it ended, or with the error that ended the waiting."""
        try:
            await asyncio.sleep(self._first_pause())
            async with shared_client(self.kling_conn_id) as client:
                task = await client.wait_for_task(
                    self.kling_task_id,
                    self.product,
                    poll_interval=self.poll_interval,
                    deadline=self.deadline,
                )
            event = ended_event(task)
        except KlingError as error:
            event = error_event(self.kling_task_id, error)
        except Exception as error:  # ours: Airflow would turn it into one that soft_fail hides
            self.log.exception("The trigger for Kling task %s failed", self.kling_task_id)
            event = defect_event(self.kling_task_id, error)
        yield TriggerEvent(event)

    async def on_kill(self) -> None:
        """Say that nothing stops at the gateway when a waiting task is cleared or marked (Airflow 3.3)."""
        self.log.warning(goes_on(self.kling_task_id))

    def _first_pause(self) -> float:
        left = max(self.deadline - time.time(), 0.0)
        return max(min(self.poll_interval, left), EARLIEST_QUESTION_SECONDS)
