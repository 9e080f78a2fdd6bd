"""Generations to wait for, and triggers that wait for them as the triggerer has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from airflow.triggers.base import BaseTrigger
from kling_emulator import KlingEmulator

from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.task import KlingTaskTrigger

Serve = Callable[..., "KlingEmulator"]
CONN_ID, CONN = "kling_default", "AIRFLOW_CONN_KLING_DEFAULT"
# A test that hangs fails by this; nothing takes nearly as long, however busy the machine is.
LONGEST_SECONDS = 60.0


async def submitted(count: int = 1, prompt: str = "A deer") -> list[str]:
    """Make generations, and return their ids, oldest first."""
    hook = KlingHook(CONN_ID)
    return await asyncio.to_thread(lambda: [hook.submit(prompt=prompt).task_id for _ in range(count)])


def trigger(task_id: str, **changed: Any) -> KlingTaskTrigger:
    arguments = {
        "kling_conn_id": CONN_ID,
        "poll_interval": 0.1,
        "deadline": time.time() + 2 * LONGEST_SECONDS,
    }
    return KlingTaskTrigger(task_id, "text2video", **{**arguments, **changed})


async def fired(waiting: BaseTrigger) -> dict[str, Any]:
    """Run a trigger as the triggerer does, and return the one event."""
    async with asyncio.timeout(LONGEST_SECONDS):
        (event,) = [event.payload async for event in waiting.run()]
    assert isinstance(event, dict)
    return event


async def event_of(task_id: str, **changed: Any) -> dict[str, Any]:
    return await fired(trigger(task_id, **changed))


async def events_of(task_ids: Iterable[str], **changed: Any) -> list[dict[str, Any]]:
    """Wait for generations at the same time."""
    return await asyncio.gather(*(event_of(task_id, **changed) for task_id in task_ids))


def reasons(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event.get("reason", event["status"]) for event in events]


async def until(condition: Callable[[], object]) -> None:
    """Return when something has come true."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not condition():  # noqa: ASYNC110 - what changes is in another thread
            await asyncio.sleep(0.005)
