"""How late an event loop is: a coroutine that sleeps 10 ms, over and over."""

from __future__ import annotations

import asyncio
import time

BEAT_SECONDS = 0.01
WEIGHING_SECONDS = 3.0


class Heartbeat:
    """Beats in the running loop, and notes how late each beat was. What it costs itself is known too."""

    def __init__(self) -> None:
        self._cost_of_a_beat = 0.0
        self._is_overlooked = False
        self.late_ms: list[float] = []

    @property
    def cpu_seconds(self) -> float:
        """CPU time that its beats have taken."""
        return len(self.late_ms) * self._cost_of_a_beat

    async def weigh(self) -> None:
        """Find out what a beat costs, in a loop that has nothing else to do."""
        began = time.process_time()
        self.start()
        await asyncio.sleep(WEIGHING_SECONDS)
        self.stop()
        self._cost_of_a_beat = (time.process_time() - began) / len(self.late_ms)
        self.late_ms.clear()

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    def stop(self) -> None:
        self._task.cancel()

    def overlook(self) -> None:
        """Leave the next beat out: what holds it up is our own doing."""
        self._is_overlooked = True

    async def _beat(self) -> None:
        while True:
            due = time.perf_counter() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            if not self._is_overlooked:
                self.late_ms.append((time.perf_counter() - due) * 1000)
            self._is_overlooked = False
