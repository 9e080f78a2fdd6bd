"""One contender, as a process: its triggers, run as Airflow's triggerer runs them, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.connection import get_async_connection

# Imported here for all contenders alike: in a triggerer that has run for a while, all modules are there.
import airflow_provider_kling.api.async_client  # noqa: F401
from airflow_provider_kling.api.gateways import GATEWAYS
from benchmarks.shared import percentile
from benchmarks.waiting.heartbeat import Heartbeat
from benchmarks.waiting.memory import fill_free_memory, resident_kb
from benchmarks.waiting.peers import CONTENDERS, Video

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TextIO

    from benchmarks.waiting.peers import Contender

LONGEST_LINE = 1024 * 1024


class Triggers:
    """
    The triggers of one run, each in an asyncio task of its own.

    :param contender: What makes them.
    """

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at = 0.0
        self.seen: dict[str, float] = {}
        self.wrong: list[str] = []
        self.cpu_seconds = 0.0

    async def start(self, videos: list[Video]) -> None:
        """Make a trigger for each video, and let the others run in between, as the triggerer does."""
        self._started_at = self._started_at or time.process_time()
        for video in videos:
            trigger = self._contender.make(video)
            self._tasks.add(asyncio.create_task(self._run(video, trigger)))
            await asyncio.sleep(0)

    async def ended(self) -> None:
        await asyncio.gather(*self._tasks)

    async def _run(self, video: Video, trigger: Any) -> None:
        try:
            async for event in trigger.run():
                self.seen[video.task_id] = time.time()
                if not self._contender.is_success(event.payload):
                    self.wrong.append(f"{video.task_id}: {event.payload}")
        except Exception:
            self.wrong.append(f"{video.task_id}: {traceback.format_exc()}")
        self.cpu_seconds = time.process_time() - self._started_at


async def run(name: str, gateway: str, channel: TextIO) -> None:
    """Obey the lines on standard input, and tell at the end what was seen."""
    for connection in ("kling_default", "http_default"):
        await get_async_connection(connection)  # the first look loads the secrets backends
    heartbeat = Heartbeat()
    await heartbeat.weigh()
    orders = await _standard_input()
    gc.collect()
    ballast = fill_free_memory()
    memory = before = resident_kb()
    collecting = 0.0
    triggers = Triggers(CONTENDERS[name])
    _say(channel, {"ready": True})
    heartbeat.start()
    while order := json.loads(await orders.readline() or "null"):
        if order["order"] == "wait":
            await triggers.start([Video(task_id, gateway, at) for task_id, at in order["videos"]])
        elif order["order"] == "weigh":
            memory, collecting = _weigh(heartbeat)
            _say(channel, {"seen": len(triggers.seen)})
        else:
            await _first_of(triggers.ended(), orders.read())  # nobody hears us any more when the orders end
            break
    heartbeat.stop()
    ballast.clear()
    _say(
        channel,
        {
            "seen": triggers.seen,
            "wrong": triggers.wrong,
            "cpu_seconds": triggers.cpu_seconds - collecting - heartbeat.cpu_seconds,
            "heartbeat_cpu_seconds": heartbeat.cpu_seconds,
            "memory_kb": memory - before,
            "lag_p95": percentile(heartbeat.late_ms, 0.95),
            "lag_max": max(heartbeat.late_ms),
        },
    )


async def _first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    await asyncio.wait([asyncio.create_task(wait) for wait in waits], return_when=asyncio.FIRST_COMPLETED)


def _weigh(heartbeat: Heartbeat) -> tuple[float, float]:
    """Return what the process occupies (KB), and the CPU time that finding out has taken (seconds)."""
    before = time.process_time()
    gc.collect()
    heartbeat.overlook()
    return resident_kb(), time.process_time() - before


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def _say(channel: TextIO, message: dict[str, Any]) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def _own_channel() -> TextIO:
    """Take standard output for ourselves: what Airflow logs there goes to standard error."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


def main(name: str, gateway: str) -> None:
    """
    Run one contender.

    :param name: Which one.
    :param gateway: What it waits at, by its name in a connection.
    """
    if gateway == "newapi":
        # The real one looks at Kling every 15 s; the emulator of this benchmark always, so there is no
        # reason to hold back.
        GATEWAYS[gateway] = replace(GATEWAYS[gateway], stale_seconds=0.0)
    asyncio.run(run(name, gateway, _own_channel()))


if __name__ == "__main__":
    main(*sys.argv[1:])
