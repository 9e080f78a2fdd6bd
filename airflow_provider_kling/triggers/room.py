"""The trigger that waits, without holding a worker, until a refused submission may be tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.waiting.per_loop import PerLoop
from airflow_provider_kling.waiting.room import Room, WaitForRoom

rooms: PerLoop[Room] = PerLoop(lambda kling_conn_id: Room(KlingHook.pacing.room))


class KlingRoomTrigger(BaseTrigger):
    """
    Wait for room at the account: for one's turn, or for the deadline.

    It fires one event, which says what it was told, and which
    :meth:`~airflow_provider_kling.waiting.room.WaitForRoom.from_event` reads.

    :param kling_conn_id: The Airflow connection. The others are those of a ``WaitForRoom``.
    """

    def __init__(self, kling_conn_id: str, since: float, tries: int, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kling_conn_id = kling_conn_id
        self.waited = WaitForRoom(since, tries, deadline)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "airflow_provider_kling.triggers.room.KlingRoomTrigger",
            {"kling_conn_id": self.kling_conn_id, **self.waited.as_event()},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(KlingHook.pacing.earliest_question)
        if not await rooms.get(self.kling_conn_id).wait(self.waited, time.time()):
            self.log.debug("The time to wait for room is over")
        yield TriggerEvent(self.waited.as_event())
