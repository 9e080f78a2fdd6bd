"""What the watcher makes of refused keys, outages and throttles."""

from __future__ import annotations

import asyncio
import math
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.waiting import watcher
from airflow_provider_kling.waiting.watcher import MOST_AT_A_TIME
from tests.unit.waiting.waiting import CONN, event_of, events_of, quickly, statuses, submitted, until

if TYPE_CHECKING:
    from airflow_provider_kling.api.async_client import AsyncKlingClient
    from tests.unit.triggers.conftest import Serve
    from tests.unit.waiting.waiting import Record

pytestmark = pytest.mark.usefixtures("in_a_hurry")

GOOD_KEY, REVOKED_KEY = "good-key-0123456789", "revoked-key-0123456789"
TOO_MANY = {"code": 1302, "message": "Too many requests, please slow down", "request_id": "r"}
each_gateway = pytest.mark.parametrize("gateway", ["official", "ezmodel"])


def reasons(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("reason", event["status"]) for event in events]


# Keys


@each_gateway
async def test_a_key_that_is_rotated_while_they_wait_is_picked_up_without_anybody_noticing(
    gateway: str, serve: Serve, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(gateway, seconds_per_video=0.3, api_keys=(GOOD_KEY,))
    good = quickly(emulator.connection_uri)
    task_ids = await submitted(25)
    monkeypatch.setenv(CONN, good.replace(GOOD_KEY, REVOKED_KEY))
    look = KlingHook.get_async_conn

    async def rotated_after_the_look(self: KlingHook) -> AsyncKlingClient:
        client = await look(self)
        monkeypatch.setenv(CONN, good)
        return client

    monkeypatch.setattr(KlingHook, "get_async_conn", rotated_after_the_look)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert len(record.clients) == 2  # however many were refused at the same time
    assert [question for question in record.questions if question.error]


@each_gateway
async def test_a_key_that_is_refused_and_has_not_changed_ends_the_waiting(
    gateway: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(gateway, seconds_per_video=600, api_keys=(GOOD_KEY,))
    task_ids = await submitted(3)
    monkeypatch.setenv(CONN, emulator.connection_uri.replace(GOOD_KEY, REVOKED_KEY))

    assert reasons(await events_of(task_ids)) == ["KlingAuthError"] * 3


async def test_a_refused_key_is_looked_up_again_only_now_and_then(
    serve: Serve, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "RENEWAL_SECONDS", 600.0)
    emulator = serve("ezmodel", seconds_per_video=600, api_keys=(GOOD_KEY,))
    task_ids = await submitted(20)
    monkeypatch.setenv(CONN, quickly(emulator.connection_uri.replace(GOOD_KEY, REVOKED_KEY)))

    assert reasons(await events_of(task_ids)) == ["KlingAuthError"] * 20
    assert len(record.clients) == 2
    assert [client._session.closed for client in record.clients] == [True, True]


async def test_a_connection_that_is_taken_away_while_they_wait_ends_the_waiting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve("ezmodel", seconds_per_video=600, api_keys=(GOOD_KEY,))
    task_ids = await submitted(2)
    waiting = asyncio.create_task(events_of(task_ids))
    await until(lambda: emulator.counters().polls)
    monkeypatch.delenv(CONN)
    refusal = {"code": 1000, "message": "API key is unknown", "request_id": "r"}
    emulator.plan(on="query", fault="answer", status=401, body=refusal, times=None)

    assert reasons(await waiting) == ["KlingConnectionConfigError"] * 2


# Outages


@each_gateway
async def test_a_gateway_that_is_down_is_asked_by_one_request_at_a_time_and_all_finish_when_it_is_back(
    gateway: str, serve: Serve, record: Record
) -> None:
    emulator = serve(gateway, seconds_per_video=1.0)
    waiting = asyncio.create_task(events_of(await submitted(30), poll_interval=0.2))
    await until(lambda: emulator.counters().polls and not record.under_way)
    emulator.stop()
    before = len(record.questions)
    await until(lambda: len(record.questions) >= before + MOST_AT_A_TIME + 3)
    outage = record.questions[before:]
    emulator.start()

    assert statuses(await waiting) == {"ended"}
    first_failed_at = min(question.ended_at or math.inf for question in outage)
    assert {question.beside for question in outage if question.left_at > first_failed_at} == {0}


@each_gateway
async def test_a_deadline_in_an_outage_names_the_last_error(gateway: str, serve: Serve) -> None:
    emulator = serve(gateway)
    task_ids = await submitted(30)
    emulator.stop()
    events = await events_of(task_ids, deadline=time.time() + 0.5)

    assert reasons(events) == ["KlingTimeoutError"] * 30
    assert all("the last question failed: GET " in event["message"] for event in events)
    assert all("got no answer" in event["message"] for event in events)


async def test_a_gateway_that_is_down_from_the_beginning_is_waited_for(serve: Serve) -> None:
    emulator = serve()
    task_ids = await submitted(3)
    emulator.stop()
    waiting = asyncio.create_task(events_of(task_ids))
    await asyncio.sleep(0.3)
    emulator.start()

    assert statuses(await waiting) == {"ended"}


async def test_a_gateway_of_a_kind_yet_unknown_that_is_down_is_waited_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve()
    task_ids = await submitted(3)
    monkeypatch.setenv(CONN, emulator.connection_uri.partition("?")[0])
    emulator.stop()
    waiting = asyncio.create_task(events_of(task_ids))
    await asyncio.sleep(0.6)
    emulator.start()

    assert statuses(await waiting) == {"ended"}


async def test_a_single_question_that_goes_wrong_does_not_stop_the_others(serve: Serve) -> None:
    serve("ezmodel", seconds_per_video=0.3)
    good = await submitted(5)
    (bad,) = await submitted(prompt="A deer [html]")
    events, event = await asyncio.gather(events_of(good), event_of(bad, deadline=time.time() + 0.7))

    assert statuses(events) == {"ended"}
    assert event["reason"] == "KlingTimeoutError"


@pytest.mark.parametrize("fault", ["error-before", "html", "truncated", "cut-before", "short-body"])
async def test_whatever_goes_wrong_for_a_while_ends_nothing(fault: str, serve: Serve) -> None:
    emulator = serve(seconds_per_video=0.0)
    task_ids = await submitted(3)
    emulator.plan(on="list", fault=fault, times=3)

    assert statuses(await events_of(task_ids)) == {"ended"}


async def test_doubts_about_one_generation_are_no_outage(serve: Serve, record: Record) -> None:
    emulator = serve("ezmodel", seconds_per_video=0.2)
    task_ids = await submitted(4)
    emulator.plan(on="query", fault="no-url", times=2)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert max(question.beside for question in record.questions) > 0


# Throttles


async def test_throttles_slow_it_down_and_end_nothing(
    serve: Serve, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(seconds_per_video=0.0)
    monkeypatch.setenv(CONN, f"{emulator.connection_uri}&requests_per_second=40")
    task_ids = await submitted(3)
    emulator.plan(on="list", fault="answer", status=429, body=TOO_MANY, times=3)

    assert statuses(await events_of(task_ids)) == {"ended"}
    silences = [later.left_at - (earlier.ended_at or 0) for earlier, later in pairwise(record.questions)]
    assert len(silences) == 3
    for silence, rate in zip(silences, (20, 10, 5), strict=True):  # halved each time
        assert silence >= 0.99 / rate


async def test_the_whole_connection_keeps_the_silence_that_the_gateway_asks_for(
    serve: Serve, record: Record
) -> None:
    emulator = serve("ezmodel", seconds_per_video=0.0)
    task_ids = await submitted(20)
    retry_after = {"Retry-After": "1"}
    emulator.plan(on="query", fault="answer", status=429, body=TOO_MANY, headers=retry_after)

    assert statuses(await events_of(task_ids)) == {"ended"}
    throttled = next(question for question in record.questions if question.error)
    heard_at = throttled.ended_at or 0.0
    # What was under way before that was heard, has nothing to do with it.
    after = [question for question in record.questions if question.left_at > heard_at]
    assert after
    assert min(question.left_at for question in after) >= heard_at + 0.99


async def test_a_connection_keeps_to_its_rate_however_many_wait(
    serve: Serve, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve("ezmodel", seconds_per_video=0.0)
    task_ids = await submitted(32)
    monkeypatch.setenv(CONN, f"{emulator.connection_uri}&requests_per_second=20")

    assert statuses(await events_of(task_ids)) == {"ended"}
    left_at = [question.left_at for question in record.questions]
    assert left_at[-1] - left_at[0] >= (len(left_at) - 21) / 20 * 0.99


async def test_an_account_whose_limit_is_lower_than_thought_serves_all_the_same(
    serve: Serve, record: Record
) -> None:
    serve("ezmodel", seconds_per_video=0.0, requests_per_second=30)
    task_ids = await submitted(25)

    assert statuses(await events_of(task_ids)) == {"ended"}


@pytest.mark.parametrize("waiting", [3, 130])
async def test_a_deadline_is_kept_while_the_gateway_finds_everything_too_much(
    waiting: int, serve: Serve
) -> None:
    emulator = serve(seconds_per_video=600)
    task_ids = await submitted(waiting)
    emulator.plan(on="list", fault="answer", status=429, body=TOO_MANY, times=None)
    emulator.plan(on="query", fault="answer", status=429, body=TOO_MANY, times=None)
    async with asyncio.timeout(15):
        events = await events_of(task_ids, deadline=time.time() + 0.5)

    assert reasons(events) == ["KlingTimeoutError"] * waiting


async def test_a_deadline_is_kept_through_the_silence_of_a_gateway_that_is_asked_one_by_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve("ezmodel", seconds_per_video=600)
    monkeypatch.setenv(CONN, emulator.connection_uri)  # at the usual rate
    task_ids = await submitted(25)
    emulator.plan(on="query", fault="answer", status=429, body=TOO_MANY, times=None)
    async with asyncio.timeout(20):  # each refusal is followed by a silence of up to six seconds
        events = await events_of(task_ids, deadline=time.time() + 0.5)

    assert reasons(events) == ["KlingTimeoutError"] * 25


# Ends


@each_gateway
async def test_only_an_end_is_an_end(gateway: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr("airflow_provider_kling.triggers.room.Room.freed", lambda room: ends.append("one"))
    lasts = iter([0.0, 0.0, 600.0])
    serve(gateway, seconds_per_video=lambda: next(lasts))
    task_ids = [*await submitted(), *await submitted(prompt="A deer [fail]"), *await submitted()]
    events = await events_of(task_ids, deadline=time.time() + 0.7)

    assert reasons(events) == ["ended", "ended", "KlingTimeoutError"]
    assert len(ends) == 2
