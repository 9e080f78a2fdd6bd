from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.tasks import State

if TYPE_CHECKING:
    from kling_emulator.store import TaskStore
    from kling_emulator.tasks import VideoRequest

_UNITS_PER_SECOND = 0.6
_UNITS_SHOWN_WITHOUT_A_LIMIT = 1000.0


class ResourcePack:
    """
    The units that were bought. A task that succeeds takes its price out of it.

    :param store: where the tasks are.
    :param units: how many there were; None for no limit.
    """

    def __init__(self, store: TaskStore, units: float | None) -> None:
        self._store = store
        self._is_limited = units is not None
        self.total = float(_UNITS_SHOWN_WITHOUT_A_LIMIT if units is None else units)

    @property
    def remaining(self) -> float:
        """Units that are left."""
        succeeded = (task for task in self._store.tasks() if task.state is State.SUCCEEDED)
        # Rounded: three times 0.6 units are 1.8, not a little less.
        return max(0.0, round(self.total - sum(units(task.request) for task in succeeded), 6))

    @property
    def is_used_up(self) -> bool:
        """Whether another task would have to be refused."""
        return self._is_limited and self.remaining == 0


def units(request: VideoRequest) -> float:
    """
    Tell the price of a video.

    :param request: what it is of.
    """
    return round(request.seconds * _UNITS_PER_SECOND, 6)
