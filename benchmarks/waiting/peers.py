"""The contenders: ours, and the ways in which a trigger waits for a task over HTTP elsewhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import aiohttp
import requests
from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowException, BaseHook
from airflow.providers.http.hooks.http import HttpAsyncHook
from airflow.providers.http.triggers.http import HttpSensorTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import TEXT2VIDEO
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from benchmarks.waiting.figures import HTTP_SENSOR, OURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow.providers.common.compat.sdk import Connection

# HttpSensorTrigger's own default; the others are given the same.
POLL_SECONDS = 5.0
DEADLINE_SECONDS = 3600.0
SUCCESSES = ("succeed", "SUCCESS")  # Kling's own word, and New API's


@dataclass(frozen=True)
class Video:
    """
    A generation to wait for.

    :param task_id: The gateway's id.
    :param gateway: The gateway, by its name in a connection.
    :param submitted_at: Seconds since the epoch.
    """

    task_id: str
    gateway: str
    submitted_at: float

    @property
    def path(self) -> str:
        return GATEWAYS[self.gateway].query(self.task_id, TEXT2VIDEO).path


def ours(video: Video) -> BaseTrigger:
    return KlingTaskTrigger(
        kling_task_id=video.task_id,
        product=TEXT2VIDEO,
        kling_conn_id="kling_default",
        poll_interval=None,
        deadline=video.submitted_at + DEADLINE_SECONDS,
        mode="std",
        submitted_at=video.submitted_at,
    )


class LookingHook(HttpAsyncHook):
    """
    The hook of HttpSensorTrigger, to which a video that has not ended is one that is not there.

    That trigger takes any good answer for the end, and sleeps only after a 404. So whoever waits for a task
    with it needs an address that is 404 until the end, which Kling has not; this makes one of it.
    """

    async def run(self, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
        """Ask; raises AirflowException, as for a 404, while the video has not ended."""
        response = await super().run(*arguments, **options)
        if not has_ended(await response.read()):
            raise AirflowException("404: the video has not ended")
        return response


class LookingSensorTrigger(HttpSensorTrigger):
    """HttpSensorTrigger as it is, with that hook: a session for every poll, its defaults for everything."""

    def _get_async_hook(self) -> HttpAsyncHook:
        return LookingHook(method=self.method, http_conn_id=self.http_conn_id)


def http_sensor(video: Video) -> BaseTrigger:
    return LookingSensorTrigger(endpoint=video.path)


class PeerTrigger(BaseTrigger):
    """What the two patterns below share: they ask for one video every 5 s."""

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.poll_seconds = POLL_SECONDS

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"path": self.path}


class SessionTrigger(PeerTrigger):
    """One aiohttp session for each trigger, kept while it waits; the connection is looked up once."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        connection = await get_async_connection("http_default")
        url = address(connection, self.path)
        async with aiohttp.ClientSession(headers=connection.extra_dejson) as session:
            await until(partial(self._has_ended, session, url), self.poll_seconds)
        yield TriggerEvent(True)

    async def _has_ended(self, session: aiohttp.ClientSession, url: str) -> bool:
        async with session.get(url) as response:
            response.raise_for_status()
            return has_ended(await response.read())


class BlockingHook:
    """A client that knows no asyncio, made on first use and then kept, as the hooks of providers do it."""

    @cached_property
    def connection(self) -> Connection:
        return BaseHook.get_connection("http_default")

    @cached_property
    def session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(self.connection.extra_dejson)
        return session

    def has_ended(self, path: str) -> bool:
        response = self.session.get(address(self.connection, path), timeout=60)
        response.raise_for_status()
        return has_ended(response.content)


class ThreadTrigger(PeerTrigger):
    """
    A thread for each poll.

    So wait the triggers of providers whose client is not made for asyncio: a hook for each trigger, and its
    blocking call given to a thread. OpenAIBatchTrigger of apache-airflow-providers-openai has the same loop
    around the same kind of hook; where it makes the call on the event loop itself, all other triggers stand
    still meanwhile, which is not measured here.
    """

    async def run(self) -> AsyncIterator[TriggerEvent]:
        hook = BlockingHook()
        await until(partial(asyncio.to_thread, hook.has_ended, self.path), self.poll_seconds)
        yield TriggerEvent(True)


@dataclass(frozen=True)
class Contender:
    """
    One way to wait.

    :param make: Makes the trigger for a video.
    :param is_success: Tells whether an event's payload says that the video is there.
    """

    make: Callable[[Video], BaseTrigger]
    is_success: Callable[[Any], bool] = bool


def is_ended_event(payload: Any) -> bool:
    return bool(payload["status"] == "ended" and not payload["failure"])


CONTENDERS = {
    OURS: Contender(ours, is_ended_event),
    HTTP_SENSOR: Contender(http_sensor),
    "session": Contender(lambda video: SessionTrigger(video.path)),
    "thread": Contender(lambda video: ThreadTrigger(video.path)),
}


async def until(has_ended: Callable[[], Awaitable[bool]], poll_seconds: float) -> None:
    while True:
        if await has_ended():
            return
        await asyncio.sleep(poll_seconds)


def address(connection: Connection, path: str) -> str:
    """Return the URL of a path at a connection whose host is one with a scheme."""
    return f"{connection.host}:{connection.port}{path}"


def has_ended(body: bytes) -> bool:
    """Tell whether an answer says that its video is there; no video of a run fails."""
    data = json.loads(body)["data"]
    return (data.get("task_status") or data["status"]) in SUCCESSES
