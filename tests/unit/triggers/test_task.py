"""Triggers that wait at an emulated gateway, over sockets; what the watcher does has tests without them."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.events import read_event
from airflow_provider_kling.triggers.task import KlingTaskTrigger, _watchers
from tests.unit.triggers.triggers import CONN, Serve, event_of, events_of, reasons, submitted, until

JWT = {"access_key": "access-key", "secret_key": "secret-key-of-the-tests-0123456789"}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[AsyncKlingClient]:
    """The clients that are made from now on, which are the look-ups of the connection."""
    made: list[AsyncKlingClient] = []
    look = KlingHook.get_async_conn

    async def counted(self: KlingHook) -> AsyncKlingClient:
        made.append(await look(self))
        return made[-1]

    monkeypatch.setattr(KlingHook, "get_async_conn", counted)
    return made


FEWEST = {
    "kling_task_id": "task_1",
    "product": "text2video",
    "kling_conn_id": "kling_default",
    "poll_interval": 10.0,
    "deadline": 1790000000.5,
}
MOST = {**FEWEST, "mode": "pro", "submitted_at": 1789990000.5, "order": {"take": 1}}


@pytest.mark.parametrize("given", [FEWEST, MOST])
def test_its_arguments_are_plain_json_and_make_the_same_trigger_again(given: dict[str, Any]) -> None:
    path, arguments = KlingTaskTrigger(**given).serialize()

    assert path == "airflow_provider_kling.triggers.task.KlingTaskTrigger"
    assert arguments == {**dict.fromkeys(MOST), **given} == json.loads(json.dumps(arguments))
    assert KlingTaskTrigger(**arguments).serialize() == (path, arguments)


# What it asks


@pytest.mark.parametrize(
    ("gateway", "settings", "waiting", "most"),
    [
        ("official", {}, 45, 20),
        ("official", {}, 90, 10),
        ("official", JWT, 30, 10),
        ("official", JWT, 2, 20),
        ("ezmodel", {}, 40, 400),
    ],
    ids=["batches", "pages", "pages with an access key", "singles with one", "singles at a relay"],
)
async def test_each_way_of_asking_is_one_that_the_gateway_answers(
    gateway: str, settings: dict[str, Any], waiting: int, most: int, serve: Serve
) -> None:
    emulator = serve(gateway, seconds_per_video=0.0, **settings)
    task_ids = await submitted(waiting)
    before = emulator.counters()
    events = await events_of(task_ids)

    assert [read_event(event).task_id for event in events] == task_ids
    assert emulator.counters().polls - before.polls <= most
    assert emulator.counters().connections - before.connections <= 8
    assert "Signature" not in json.dumps(events)


async def test_all_triggers_of_a_loop_share_one_look_at_the_connection_and_its_questions(
    serve: Serve, clients: list[AsyncKlingClient]
) -> None:
    emulator = serve("ezmodel", seconds_per_video=0.4)
    (task_id,) = await submitted()
    before = emulator.counters()

    assert reasons(await events_of([task_id] * 200)) == ["ended"] * 200
    assert len(clients) == 1
    assert emulator.counters().connections - before.connections == 1
    assert emulator.counters().polls - before.polls < 20


PROMPTS = {
    "A deer": "succeeded",
    "[unknown-status]": "succeeded",
    "[outage]": "succeeded",
    "[fail]": "failed",
    "[moderation]": "failed",
}


@pytest.mark.parametrize("gateway", ["official", "ezmodel", "elkapi"])
async def test_whatever_becomes_of_one_generation_touches_no_other(gateway: str, serve: Serve) -> None:
    serve(gateway, seconds_per_video=0.1)
    task_ids = [task_id for prompt in [*PROMPTS, "[html]"] for task_id in await submitted(prompt=prompt)]
    *good, bad = task_ids
    (*ends, none, dots), broken = await asyncio.gather(
        events_of([*good, "none", ".."]), event_of(bad, deadline=time.time() + 2)
    )

    ended = [read_event(event) for event in ends]
    assert [task.state for task in ended] == list(PROMPTS.values())
    assert [bool(task.failure) for task in ended] == [False, False, False, True, True]
    assert (none["reason"], dots["status"]) == ("KlingTaskNotFoundError", "error")
    # Kling's batch tells of those that are asked for together with it, also where a single answer is broken.
    assert reasons([broken]) == ["ended" if gateway == "official" else "KlingTimeoutError"]


async def test_waiting_never_blocks_the_loop(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(seconds_per_video=0.2)
    task_ids = await submitted(3)
    ours = asyncio.get_running_loop()

    def only_elsewhere(original: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            assert asyncio._get_running_loop() is not ours, f"{original} blocks the event loop"
            return original(*arguments, **named)

        return guarded

    for owner, name in ((time, "sleep"), (requests.Session, "send"), (BaseHook, "get_connection")):
        monkeypatch.setattr(owner, name, only_elsewhere(getattr(owner, name)))

    assert reasons(await events_of(task_ids)) == ["ended"] * 3


# Troubles


async def test_a_missing_connection_is_an_event_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONN, "kling://127.0.0.1:9/http")

    assert reasons([await event_of("task_1")]) == ["KlingConnectionConfigError"]


async def test_a_key_that_is_rotated_while_they_wait_is_picked_up_without_anybody_noticing(
    serve: Serve, clients: list[AsyncKlingClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(api_keys=("good-key-0123456789",))
    task_ids = await submitted(25)
    look = KlingHook.get_async_conn

    async def look_before_it_is_rotated(hook: KlingHook) -> AsyncKlingClient:
        client = await look(hook)
        monkeypatch.setenv(CONN, emulator.connection_uri)
        return client

    monkeypatch.setattr(KlingHook, "get_async_conn", look_before_it_is_rotated)
    monkeypatch.setenv(CONN, emulator.connection_uri.replace("good-key", "revoked-key"))

    assert reasons(await events_of(task_ids)) == ["ended"] * 25
    assert len(clients) == 2


@pytest.mark.parametrize("known", [True, False])
async def test_a_gateway_that_is_down_from_the_beginning_is_waited_for_also_if_its_kind_is_unknown(
    known: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve()
    task_ids = await submitted(3)
    if not known:
        monkeypatch.setenv(CONN, emulator.connection_uri.partition("?")[0])
    emulator.stop()
    waiting = asyncio.create_task(events_of(task_ids))
    given_up = await event_of(task_ids[0], deadline=time.time() + 0.5)
    emulator.start()

    assert reasons([given_up, *await waiting]) == ["KlingTimeoutError", *["ended"] * 3]
    assert "the last question failed: GET " in given_up["message"]
    assert "got no answer" in given_up["message"]


async def test_a_defect_is_an_event_and_touches_nobody_who_comes_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(seconds_per_video=0.0)
    task_ids = await submitted(2)
    with monkeypatch.context() as broken:
        broken.setattr("airflow_provider_kling.triggers.task.ended_event", lambda task: 1 / 0)
        events = await events_of(task_ids)
    assert reasons(events) == ["defect"] * 2
    assert all("ZeroDivisionError" in event["message"] for event in events)

    assert reasons(await events_of(task_ids)) == ["ended"] * 2


# Who leaves, and who comes


@pytest.mark.parametrize("cancelled", [True, False])
async def test_nothing_is_left_when_nobody_waits(
    cancelled: bool, serve: Serve, clients: list[AsyncKlingClient], recwarn: pytest.WarningsRecorder
) -> None:
    gc.collect()  # what earlier tests left behind, an event loop of Airflow's for one
    recwarn.clear()
    emulator = serve(seconds_per_video=600 if cancelled else 0.2)
    waiting = [asyncio.create_task(event_of(task_id)) for task_id in await submitted(5)]
    await until(lambda: emulator.counters().polls)
    for one in waiting if cancelled else ():
        one.cancel()
    await asyncio.wait(waiting)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    clients.clear()
    gc.collect()

    assert [str(warning.message) for warning in recwarn if "nclosed" in str(warning.message)] == []


def test_each_event_loop_has_its_own_watcher_and_a_loop_that_was_closed_is_forgotten(
    serve: Serve, clients: list[AsyncKlingClient]
) -> None:
    serve(seconds_per_video=0.2)

    async def leave() -> str:
        (task_id,) = await submitted()
        asyncio.create_task(event_of(task_id)).add_done_callback(lambda _: None)
        await until(lambda: clients)
        return task_id

    task_id = asyncio.run(leave())
    for _ in range(2):  # as dag.test() does, which runs each trigger in a loop of its own
        assert reasons([asyncio.run(event_of(task_id))]) == ["ended"]
    assert len(clients) == 3
    assert len(_watchers._of_loops) == 1
