"""How much the emulated account may ask for at a time."""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kling_emulator.pack import ResourcePack
    from kling_emulator.store import TaskStore


class Limit(Enum):
    """What is exceeded: Kling's HTTP status, code and sentence for it."""

    RATE = 429, 1302, "Too many requests, please slow down"
    PARALLEL = 429, 1303, "parallel task over resource pack limit"
    UNITS = 429, 1102, "Account balance not enough"


class Limits:
    """
    The limits of one emulator. Only the server's thread asks.

    :param store: where the tasks are.
    :param pack: the units that are left.
    :param parallel_tasks: how many tasks may be unfinished at once; None for any number.
    :param requests_per_second: how many requests are answered in a second; None for any number.
    """

    def __init__(
        self,
        store: TaskStore,
        pack: ResourcePack,
        *,
        parallel_tasks: int | None,
        requests_per_second: float | None,
    ) -> None:
        self._store = store
        self._pack = pack
        self._parallel_tasks = parallel_tasks
        self._rate = requests_per_second
        self.reset()

    def reset(self) -> None:
        """Forget the requests so far."""
        # The bucket holds what may come in one burst: a second's worth, and one request at least.
        self._tokens = max(1.0, self._rate or 0)
        self._counted_at = time.monotonic()

    def is_too_fast(self) -> bool:
        """Count a request, and tell whether it came too soon."""
        if self._rate is None:
            return False
        now = time.monotonic()
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def reached_by_a_create(self) -> Limit | None:
        """Tell which limit forbids one task more; None if none does."""
        if self._pack.is_used_up:
            return Limit.UNITS
        if self._parallel_tasks is not None and self._unfinished() >= self._parallel_tasks:
            return Limit.PARALLEL
        return None

    def _unfinished(self) -> int:
        return sum(not task.state.is_final for task in self._store.tasks())
