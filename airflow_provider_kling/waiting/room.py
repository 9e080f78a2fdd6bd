"""What a submission does that the gateway refuses for now: the account makes as much as it may at a time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.errors import KlingThrottledError

if TYPE_CHECKING:
    from airflow_provider_kling.waiting.pacing import RoomPacing

# Whoever was let go and comes back makes the pauses longer, whoever does not makes them shorter.
LONGER = 4
SHORTER = 1 / 2


@dataclass(frozen=True, slots=True)
class WaitForRoom:
    """
    The waiting of one submission for room at the account.

    :param since: When it was first refused, in seconds since the epoch.
    :param tries: How often it was.
    :param deadline: When to give up, in seconds since the epoch.
    """

    since: float
    tries: int = 1
    deadline: float = math.inf

    @classmethod
    def after_refusal(cls, before: WaitForRoom | None, now: float) -> WaitForRoom:
        """Return the waiting, begun or gone on with, after one more refusal."""
        return replace(before, tries=before.tries + 1) if before else cls(now)

    @classmethod
    def from_event(cls, event: Mapping[str, Any] | None) -> WaitForRoom:
        """
        Read what :meth:`as_event` wrote.

        :raises RuntimeError: it is something else; not an Airflow exception, so that it is not taken for one.
        """
        told = event or {}
        try:
            return cls(float(told["since"]), int(told["tries"]), float(told["deadline"]))
        except (KeyError, TypeError, ValueError) as unreadable:
            raise RuntimeError(f"The trigger's event cannot be read: {event!r}") from unreadable

    def as_event(self) -> dict[str, Any]:
        return asdict(self)

    def pause(self, pacing: RoomPacing) -> float:
        """Return the seconds until a worker tries again: growing twofold, with jitter."""
        pause = min(pacing.first_of_worker * 2.0 ** min(self.tries - 1, 16), pacing.longest_of_worker)
        return pause * random.uniform(0.5, 1.0)

    def over(self, error: KlingThrottledError, now: float) -> KlingThrottledError:
        return KlingThrottledError(
            f"{error.message} There was no room at the account for {now - self.since:.0f} seconds "
            f"({self.tries} submissions were refused, nothing was made).",
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
            gateway=error.gateway,
        )


class Room:
    """
    The queue of those whose submission found no room at the account, in one triggerer.

    The first of them is let go whenever a generation that is watched here ends, which is when room becomes
    free; and, as others may use the account too, now and then without that.
    """

    def __init__(self, pacing: RoomPacing) -> None:
        self._pacing = pacing
        self._queue: list[tuple[float, int, asyncio.Future[None]]] = []  # a heap, by since when they wait
        self._order = itertools.count()
        self._pause = pacing.first
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, waited: WaitForRoom, now: float) -> bool:
        """
        Return when it is one's turn, who waits longest first: True; or at one's deadline: False.

        :param now: Seconds since the epoch.
        """
        if waited.tries > 1:  # it was let go before, and found no room
            self._pause = min(self._pause * LONGER, self._pacing.longest)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (waited.since, next(self._order), future))
        if self._timer is None:
            self._set_timer()
        try:
            async with asyncio.timeout(max(waited.deadline - now, 0.0)):
                await future
        except TimeoutError:
            return False
        return True

    def freed(self) -> None:
        """Let the first one go: a generation has ended."""
        while self._queue:
            future = heapq.heappop(self._queue)[-1]
            if not future.done():
                future.set_result(None)
                return

    def _set_timer(self) -> None:
        pause = self._pause * random.uniform(1 - self._pacing.jitter, 1 + self._pacing.jitter)
        self._timer = asyncio.get_running_loop().call_later(pause, self._try_one)

    def _try_one(self) -> None:
        self._timer = None
        self.freed()
        self._pause = max(self._pause * SHORTER, self._pacing.shortest)
        if self._queue:
            self._set_timer()
