from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.connection import endpoint_of
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.events import read_event
from airflow_provider_kling.triggers.task import KlingTaskTrigger
from airflow_provider_kling.waiting import pacing

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = 200


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 0.05)
    monkeypatch.setattr(KlingHook, "retries", Retries(0.2))


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    with KlingEmulator(gateway="ezmodel", seconds_per_video=0.4) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield emulator


def submit(prompt: str = "A deer") -> str:
    with KlingClient(endpoint_of(KlingHook.get_connection("kling_default"))) as client:
        return client.perform(client.gateway().submit(Text2VideoRequest.checked({"prompt": prompt}))).task_id


def trigger(task_id: str, **changed: Any) -> KlingTaskTrigger:
    arguments = {
        "kling_task_id": task_id,
        "product": "text2video",
        "kling_conn_id": "kling_default",
        "poll_interval": 0.1,
        "deadline": time.time() + 5,
    }
    return KlingTaskTrigger(**{**arguments, **changed})


async def event_of(waiting: KlingTaskTrigger) -> dict[str, Any]:
    events = [event.payload async for event in waiting.run()]
    (event,) = events
    assert isinstance(event, dict)
    return event


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again() -> None:
    path, arguments = trigger("task_1", deadline=1790000000.5).serialize()

    assert path == "airflow_provider_kling.triggers.task.KlingTaskTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert KlingTaskTrigger(**arguments).serialize() == (path, arguments)


def test_what_version_0_1_0_stored_can_still_be_loaded() -> None:
    stored = (
        '{"kling_task_id": "task_1", "product": "text2video", "kling_conn_id": "kling_default", '
        '"poll_interval": 10.0, "deadline": 1790000000.5}'
    )

    assert KlingTaskTrigger(**json.loads(stored)).serialize()[1].items() >= json.loads(stored).items()


async def test_it_fires_once_with_the_finished_task(emulator: KlingEmulator) -> None:
    task_id = await asyncio.to_thread(submit)

    event = await event_of(trigger(task_id))

    assert read_event(event).task_id == task_id
    assert "Signature" not in json.dumps(event)


async def test_an_error_that_time_does_not_mend_ends_the_waiting_at_once(emulator: KlingEmulator) -> None:
    event = await event_of(trigger("no-such-task", deadline=time.time() + 3600))

    assert (event["status"], event["reason"]) == ("error", "KlingTaskNotFoundError")


async def test_the_deadline_ends_the_waiting_even_while_the_gateway_is_down(emulator: KlingEmulator) -> None:
    task_id = await asyncio.to_thread(submit)
    emulator.stop()

    event = await event_of(trigger(task_id, deadline=time.time() + 0.5))

    assert event["reason"] == "KlingTimeoutError"


async def test_a_missing_connection_is_an_event_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://127.0.0.1:9/http")

    event = await event_of(trigger("task_1"))

    assert event["reason"] == "KlingConnectionConfigError"


async def test_all_triggers_of_a_loop_share_one_look_at_the_connection_and_its_questions(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = KlingHook.get_async_conn

    async def counted(self: KlingHook) -> Any:
        looks.append(self.kling_conn_id)
        return await look(self)

    monkeypatch.setattr(KlingHook, "get_async_conn", counted)
    task_id = await asyncio.to_thread(submit)
    before = emulator.counters()

    events = await asyncio.gather(*(event_of(trigger(task_id)) for _ in range(WAITING)))

    assert [event["status"] for event in events] == ["ended"] * WAITING
    assert looks == ["kling_default"]
    assert emulator.counters().connections - before.connections == 1
    assert emulator.counters().polls - before.polls < WAITING / 10


async def test_cancelling_one_trigger_does_not_touch_the_others(emulator: KlingEmulator) -> None:
    task_id = await asyncio.to_thread(submit)
    first = asyncio.ensure_future(event_of(trigger(task_id)))
    second = asyncio.ensure_future(event_of(trigger(task_id)))
    await asyncio.sleep(0.15)
    first.cancel()

    assert (await second)["status"] == "ended"
    with pytest.raises(asyncio.CancelledError):
        await first


def test_a_closed_loop_leaves_nothing_behind_for_the_next_one(emulator: KlingEmulator) -> None:
    task_id = submit()

    for _ in range(2):  # as dag.test() does, which runs each trigger in a loop of its own
        assert asyncio.run(event_of(trigger(task_id)))["status"] == "ended"


async def test_waiting_never_blocks_the_loop(emulator: KlingEmulator) -> None:
    task_id = await asyncio.to_thread(submit)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - started - 0.01)

    watching = asyncio.ensure_future(watch())
    await event_of(trigger(task_id))
    watching.cancel()

    assert longest < 0.2  # from which on Airflow warns that a trigger blocks
