"""Generations to wait for, triggers that wait for them, and a record of what they ask."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.connection import endpoint_of
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers import task as trigger_module
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from airflow_provider_kling.waiting import breaker, pacing, watcher
from airflow_provider_kling.waiting.pacing import Experience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from airflow_provider_kling.api.calls import Call

CONN_ID = "kling_default"
CONN = "AIRFLOW_CONN_KLING_DEFAULT"
# A test that hangs fails by this; nothing takes nearly as long, however busy the machine is.
LONGEST_SECONDS = 60.0


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every pause small, and forget what other tests have seen of generations."""
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 0.05)
    monkeypatch.setattr(pacing, "SHORTEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(pacing, "SHORTEST_PAUSE_ALONE_SECONDS", 0.05)
    monkeypatch.setattr(watcher, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(watcher, "RENEWAL_SECONDS", 0.0)
    monkeypatch.setattr(breaker, "SHORTEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(KlingHook, "retries", Retries(0.3, longest_pause=0.02))
    monkeypatch.setattr(trigger_module, "_experience", defaultdict(Experience))


def quickly(uri: str) -> str:
    """Return a connection whose budget stands in nobody's way."""
    return f"{uri}&requests_per_second=10000"


async def submitted(count: int = 1, prompt: str = "A deer") -> list[str]:
    """Make generations, and return their ids, oldest first."""

    def submit() -> list[str]:
        with KlingClient(endpoint_of(KlingHook.get_connection(CONN_ID))) as client:
            request = Text2VideoRequest.checked({"prompt": prompt})
            return [client.perform(client.gateway().submit(request)).task_id for _ in range(count)]

    return await asyncio.to_thread(submit)


def trigger(task_id: str, **changed: Any) -> KlingTaskTrigger:
    arguments: dict[str, Any] = {
        "kling_task_id": task_id,
        "product": "text2video",
        "kling_conn_id": CONN_ID,
        "poll_interval": 0.1,
        "deadline": time.time() + 2 * LONGEST_SECONDS,
    }
    return KlingTaskTrigger(**{**arguments, **changed})


async def event_of(task_id: str, **changed: Any) -> dict[str, Any]:
    """Wait for a generation as the triggerer does, and return the one event."""
    async with asyncio.timeout(LONGEST_SECONDS):
        events = [event.payload async for event in trigger(task_id, **changed).run()]
    (event,) = events
    assert isinstance(event, dict)
    return event


async def events_of(task_ids: Iterable[str], **changed: Any) -> list[dict[str, Any]]:
    """Wait for generations at the same time."""
    return await asyncio.gather(*(event_of(task_id, **changed) for task_id in task_ids))


def statuses(events: Iterable[dict[str, Any]]) -> set[str]:
    return {event["status"] for event in events}


async def until(condition: Callable[[], object]) -> None:
    """Return when something has come true."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not condition():  # noqa: ASYNC110 - what changes is in another thread
            await asyncio.sleep(0.005)


@dataclass
class Question:
    """
    A request as it was sent.

    :param beside: How many were under way when it left.
    """

    path: str
    query: dict[str, Any]
    left_at: float
    beside: int
    ended_at: float | None = None
    error: KlingError | None = None

    @property
    def ids(self) -> list[str]:
        """The generations that it names."""
        named = self.query.get("task_ids")
        if named is not None:
            return str(named).split(",")
        return [] if self.is_page else [self.path.rpartition("/")[-1]]

    @property
    def is_batch(self) -> bool:
        return self.path == "/tasks"

    @property
    def is_page(self) -> bool:
        return "pageNum" in self.query

    @property
    def is_single(self) -> bool:
        return not self.is_batch and not self.is_page


@dataclass
class Record:
    """What was asked, in that order; and the clients, which are the look-ups of the connection."""

    questions: list[Question] = field(default_factory=list)
    clients: list[AsyncKlingClient] = field(default_factory=list)
    under_way: int = 0

    @property
    def singles(self) -> list[Question]:
        return [question for question in self.questions if question.is_single]

    @property
    def batches(self) -> list[Question]:
        return [question for question in self.questions if question.is_batch]

    @property
    def pages(self) -> list[Question]:
        return [question for question in self.questions if question.is_page]


def recorded(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Write down what is sent from now on; it is sent all the same."""
    record = Record()
    exchange, look = AsyncKlingClient.exchange, KlingHook.get_async_conn

    async def recorded_exchange(self: AsyncKlingClient, call: Call[Any]) -> Any:
        now = asyncio.get_running_loop().time
        query = dict(call.query or {})
        question = Question(call.path, query, left_at=now(), beside=record.under_way)
        record.questions.append(question)
        record.under_way += 1
        try:
            return await exchange(self, call)
        except KlingError as error:
            question.error = error
            raise
        finally:
            record.under_way -= 1
            question.ended_at = now()

    async def recorded_look(self: KlingHook) -> AsyncKlingClient:
        client = await look(self)
        record.clients.append(client)
        return client

    monkeypatch.setattr(AsyncKlingClient, "exchange", recorded_exchange)
    monkeypatch.setattr(KlingHook, "get_async_conn", recorded_look)
    return record
