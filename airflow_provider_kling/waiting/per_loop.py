"""What the triggers of an event loop share: one of it per connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """
    One of something per event loop and connection, made on first use.

    Airflow's triggerer has one loop for as long as it lives; ``dag.test()`` runs each trigger in its own.

    :param make: Makes it, given the connection's id; called in the event loop.
    :param is_over: Whether one of them is of no more use.
    """

    def __init__(self, make: Callable[[str], T], is_over: Callable[[T], bool] = lambda _: False) -> None:
        self._make = make
        self._is_over = is_over
        self._of_loops: dict[asyncio.AbstractEventLoop, dict[str, T]] = {}

    def get(self, kling_conn_id: str) -> T:
        """Return the running loop's."""
        self._of_loops = {loop: its for loop, its in self._of_loops.items() if not loop.is_closed()}
        shared = self._of_loops.setdefault(asyncio.get_running_loop(), {})
        if kling_conn_id not in shared or self._is_over(shared[kling_conn_id]):
            shared[kling_conn_id] = self._make(kling_conn_id)
        return shared[kling_conn_id]
