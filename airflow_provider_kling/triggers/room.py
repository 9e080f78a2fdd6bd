"""The trigger that waits, without holding a worker, until a refused submission may be tried again."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.waiting import pacing
from airflow_provider_kling.waiting.per_loop import PerLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FIRST_PAUSE_SECONDS = 15.0
SHORTEST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 120.0
# Whoever was let go and comes back makes the pauses longer, whoever does not makes them shorter.
LONGER = 4
SHORTER = 1 / 2


class Room:
    """
    The queue of those whose submission found no room at the account, in one triggerer.

    The first of them is let go whenever a generation that is watched here ends, which is when room becomes
    free; and, as others may use the account too, now and then without that.
    """

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, asyncio.Future[None]]] = []  # a heap, by since when they wait
        self._order = itertools.count()
        self._pause = FIRST_PAUSE_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, since: float, tries: int) -> None:
        """
        Return when it is one's turn.

        :param since: From when on one waits, in seconds since the epoch: who waits longest goes first.
        :param tries: How often one has been let go before, and found no room.
        """
        if tries:
            self._pause = min(self._pause * LONGER, LONGEST_PAUSE_SECONDS)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (since, next(self._order), future))
        if self._timer is None:
            self._set_timer()
        await future

    def freed(self) -> None:
        """Let the first one go: a generation has ended."""
        while self._queue:
            future = heapq.heappop(self._queue)[-1]
            if not future.done():
                future.set_result(None)
                return

    def _set_timer(self) -> None:
        pause = self._pause * random.uniform(0.75, 1.25)
        self._timer = asyncio.get_running_loop().call_later(pause, self._try_one)

    def _try_one(self) -> None:
        self._timer = None
        self.freed()
        self._pause = max(self._pause * SHORTER, SHORTEST_PAUSE_SECONDS)
        if self._queue:
            self._set_timer()


rooms: PerLoop[Room] = PerLoop(lambda kling_conn_id: Room(), lambda room: False)


class KlingRoomTrigger(BaseTrigger):
    """
    Wait for room at the account.

    It fires one event, which says what it was told: ``since``, ``tries`` and ``deadline``.

    :param kling_conn_id: The Airflow connection.
    :param since: From when on the task waits for room, in seconds since the epoch.
    :param tries: How often it found none.
    :param deadline: When to stop, in seconds since the epoch.
    """

    def __init__(self, kling_conn_id: str, since: float, tries: int, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kling_conn_id = kling_conn_id
        self.since = since
        self.tries = tries
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and plain JSON arguments, none of them a secret."""
        return (
            "airflow_provider_kling.triggers.room.KlingRoomTrigger",
            {
                "kling_conn_id": self.kling_conn_id,
                "since": self.since,
                "tries": self.tries,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for one's turn, or for the deadline, and fire once."""
        await asyncio.sleep(pacing.EARLIEST_QUESTION_SECONDS)
        try:
            async with asyncio.timeout(max(self.deadline - time.time(), 0.0)):
                await rooms.get(self.kling_conn_id).wait(self.since, self.tries - 1)
        except TimeoutError:
            self.log.debug("The time to wait for room is over")
        yield TriggerEvent({"since": self.since, "tries": self.tries, "deadline": self.deadline})
