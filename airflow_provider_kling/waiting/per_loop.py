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

    def __init__(self, make: Callable[[str], T], is_over: Callable[[T], bool]) -> None:
        self._make = make
        self._is_over = is_over
        self._of_loops: dict[asyncio.AbstractEventLoop, dict[str, T]] = {}

    def get(self, kling_conn_id: str) -> T:
        """Return the running loop's."""
        for loop in [loop for loop in self._of_loops if loop.is_closed()]:
            del self._of_loops[loop]
        of_loop = self._of_loops.setdefault(asyncio.get_running_loop(), {})
        for name in [name for name, shared in of_loop.items() if self._is_over(shared)]:
            del of_loop[name]
        if kling_conn_id not in of_loop:
            of_loop[kling_conn_id] = self._make(kling_conn_id)
        return of_loop[kling_conn_id]
