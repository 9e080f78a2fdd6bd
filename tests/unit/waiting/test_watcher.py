"""Which requests the watcher sends, and that it is gone when nobody waits."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kling.api.gateways import GATEWAYS, MOST_AT_ONCE
from airflow_provider_kling.triggers import task as trigger_module
from airflow_provider_kling.waiting import pacing, watcher
from airflow_provider_kling.waiting.pacing import Usual
from airflow_provider_kling.waiting.watched import Watched
from airflow_provider_kling.waiting.watcher import MOST_AT_A_TIME
from tests.unit.waiting.waiting import (
    CONN_ID,
    LONGEST_SECONDS,
    event_of,
    events_of,
    statuses,
    submitted,
    until,
)

if TYPE_CHECKING:
    from airflow_provider_kling.api.errors import KlingError
    from airflow_provider_kling.api.generation import Generation
    from airflow_provider_kling.waiting.pacing import Experience
    from tests.unit.triggers.conftest import Serve
    from tests.unit.waiting.waiting import Record

pytestmark = pytest.mark.usefixtures("in_a_hurry")

SECRET_KEY = "secret-key-of-the-tests-0123456789"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four, and pages twice as long as the list of those who wait."""
    monkeypatch.setattr(watcher, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(watcher, "QUESTIONS_FOR_A_PAGE", 3)
    monkeypatch.setattr(watcher, "PAGE_MARGIN", 2)
    monkeypatch.setattr(watcher, "SHORTEST_PAGE", 1)


@pytest.fixture
def all_at_once(in_a_hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is asked for together with the first, so that requests can be counted."""
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 0.0)
    monkeypatch.setattr(watcher, "TICK_SECONDS", LONGEST_SECONDS)


# How it asks


@pytest.mark.usefixtures("all_at_once")
async def test_twenty_are_read_with_one_request(serve: Serve, record: Record) -> None:
    emulator = serve(seconds_per_video=0.0)
    task_ids = await submitted(45)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert emulator.counters().polls == 3
    assert [len(question.ids) for question in record.batches] == [20, 20, 5]
    assert sorted(asked for question in record.batches for asked in question.ids) == sorted(task_ids)


@pytest.mark.usefixtures("all_at_once")
async def test_one_that_is_alone_is_asked_for_by_itself(serve: Serve, record: Record) -> None:
    serve(seconds_per_video=0.0)
    (task_id,) = await submitted()

    await event_of(task_id)
    assert [question.ids for question in record.singles] == [[task_id]]
    assert len(record.questions) == 1


@pytest.mark.usefixtures("all_at_once")
async def test_many_are_read_with_one_page_of_the_accounts_list(serve: Serve, record: Record) -> None:
    emulator = serve(seconds_per_video=0.0)
    task_ids = await submitted(5 * MOST_AT_ONCE + 10)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert emulator.counters().polls == len(record.pages) == 1


@pytest.mark.usefixtures("all_at_once", "small_batches")
async def test_those_whom_the_pages_do_not_show_are_asked_for_by_their_ids(
    serve: Serve, record: Record
) -> None:
    emulator = serve(seconds_per_video=0.0)
    *old, another = await submitted(6)
    others, new = await submitted(150), await submitted(25)

    events = await events_of([*old, *new])

    assert [event["kling_task_id"] for event in events] == [*old, *new]
    assert statuses(events) == {"ended"}
    # One page shows the new ones; another one may have looked for the old ones, which are far from the top.
    assert [question.query["pageNum"] for question in record.pages] in ([1], [1, 2])
    left = [asked for question in record.questions for asked in question.ids]
    assert sorted(left) == sorted(old)
    assert emulator.counters().polls == len(record.questions) <= 4
    assert not {another, *others} & set(left)


@pytest.mark.usefixtures("all_at_once", "small_batches")
async def test_who_is_not_on_a_page_is_asked_for_by_id_from_then_on(serve: Serve, record: Record) -> None:
    lasts = iter([0.6] * 30)
    serve(seconds_per_video=lambda: next(lasts, 600.0))
    old = await submitted(30)
    await submitted(150)

    assert statuses(await events_of(old, poll_interval=0.2)) == {"ended"}
    assert len(record.pages) <= 2  # whose generations are all of others
    assert len(record.batches) >= 8


async def test_a_gateway_without_batches_is_asked_one_by_one_over_a_few_connections(
    serve: Serve, record: Record
) -> None:
    emulator = serve("ezmodel", seconds_per_video=0.0)
    task_ids = await submitted(40)
    emulator.plan(on="query", fault="slow", seconds=0.03, times=None)
    before = emulator.counters()

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert len(record.singles) == len(record.questions) == 40
    assert emulator.counters().polls - before.polls == 40
    assert emulator.counters().connections - before.connections <= MOST_AT_A_TIME
    assert max(question.beside for question in record.questions) == MOST_AT_A_TIME - 1


@pytest.mark.parametrize(("waiting", "paged"), [(2, False), (30, True)])
async def test_an_access_key_reads_lists_and_single_generations(
    waiting: int, paged: bool, serve: Serve, record: Record
) -> None:
    serve(seconds_per_video=0.0, access_key="access-key", secret_key=SECRET_KEY)
    task_ids = await submitted(waiting)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert record.batches == []
    assert bool(record.pages) == paged
    assert len(record.questions) < waiting if paged else len(record.singles) == waiting


@pytest.mark.usefixtures("all_at_once")
async def test_a_host_without_batches_is_found_out_once(serve: Serve, record: Record) -> None:
    emulator = serve(seconds_per_video=0.3)
    task_ids = await submitted(6)
    # Kling's older host has the lists of the legacy standard, and not the newer one's.
    refusal = {"code": 1203, "message": "GET /tasks does not exist", "request_id": "r"}
    emulator.plan(on="list", fault="answer", status=404, body=refusal, times=None)

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert len(record.batches) == 1
    assert {asked for question in record.singles for asked in question.ids} == set(task_ids)


@pytest.mark.usefixtures("all_at_once", "small_batches")
async def test_a_host_without_lists_is_asked_for_a_batch_at_once(serve: Serve, record: Record) -> None:
    emulator = serve(seconds_per_video=0.3)
    task_ids = await submitted(24)
    emulator.plan(on="list", fault="answer", status=404, body={"code": 1203, "message": "no such page"})

    assert statuses(await events_of(task_ids)) == {"ended"}
    assert len(record.pages) == 1
    assert len(record.batches) >= 6


@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.usefixtures("all_at_once")
async def test_one_bad_id_in_a_batch_is_told_to_that_one_only(
    refused: bool, serve: Serve, record: Record
) -> None:
    emulator = serve(seconds_per_video=0.3)
    task_ids = await submitted(5)
    if refused:  # as a whole, where Kling leaves out what it does not know
        body = {"code": 1201, "message": "task_ids is invalid", "request_id": "r"}
        emulator.plan(on="list", fault="answer", status=400, body=body, times=None)

    *good, bad = await events_of([*task_ids, "no-such-task"])

    assert statuses(good) == {"ended"}
    assert (bad["status"], bad["reason"]) == ("error", "KlingTaskNotFoundError")
    assert record.batches


@pytest.mark.parametrize("bad", ["..", ""])
@pytest.mark.parametrize("gateway", ["official", "ezmodel"])
async def test_an_id_that_cannot_be_asked_for_is_told_to_that_one_only(
    bad: str, gateway: str, serve: Serve
) -> None:
    serve(gateway, seconds_per_video=0.3)
    task_ids = await submitted(2)

    *good, other = await events_of([*task_ids, bad])

    assert statuses(good) == {"ended"}
    assert other["status"] == "error"


# When it asks


async def test_what_a_relay_heard_lately_is_not_asked_for_again(
    serve: Serve, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = 0.4
    monkeypatch.setattr(type(GATEWAYS["ezmodel"]), "stale_seconds", stale)
    monkeypatch.setattr(pacing, "_USUAL_OF_ANY", Usual(0.0, 0.1))
    serve("ezmodel", seconds_per_video=0.8)
    (task_id,) = await submitted()

    assert (await event_of(task_id, poll_interval=None))["status"] == "ended"
    first, second, *_ = record.questions
    assert second.left_at - first.left_at >= stale * (1 - pacing.JITTER)


async def test_a_user_may_ask_a_relay_more_often_all_the_same(serve: Serve, record: Record) -> None:
    serve("ezmodel", seconds_per_video=0.5)  # which is taken to look at Kling every 15 seconds
    (task_id,) = await submitted()
    started = time.monotonic()

    assert (await event_of(task_id, poll_interval=0.1))["status"] == "ended"
    assert len(record.questions) >= 2
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("same", [True, False])
async def test_what_others_ask_lets_no_trigger_fire_sooner_than_airflow_can_bear(
    same: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "TICK_SECONDS", 0.75)
    serve(seconds_per_video=0.0)
    task_id, other = await submitted(2)
    first = asyncio.create_task(event_of(task_id))
    await asyncio.sleep(0.01)
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 0.6)
    started = time.monotonic()
    await event_of(task_id if same else other)

    assert time.monotonic() - started >= 0.59
    await first


async def test_ticks_let_no_trigger_fire_sooner_than_airflow_can_bear(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "TICK_SECONDS", 0.75)
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 1.0)
    serve(seconds_per_video=0.0)
    (task_id,) = await submitted()
    loop = asyncio.get_running_loop()
    # So that the nearest tick comes 0.3 seconds before.
    await asyncio.sleep(0.75 - (loop.time() + 1.0 - 0.3) % 0.75)
    started = time.monotonic()
    await event_of(task_id)

    assert time.monotonic() - started >= 0.99


# Who leaves, and who comes


@pytest.mark.parametrize(
    ("gateway", "leaving"), [("official", 0), ("official", 1), ("official", 2), ("ezmodel", 0)]
)
async def test_who_leaves_leaves_the_others_alone(gateway: str, leaving: int, serve: Serve) -> None:
    emulator = serve(gateway, seconds_per_video=0.3)
    waiting = [asyncio.create_task(event_of(task_id)) for task_id in await submitted(3)]
    await until(lambda: emulator.counters().polls)
    waiting[leaving].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    left = results.pop(leaving)
    assert isinstance(left, asyncio.CancelledError)
    assert statuses(result for result in results if isinstance(result, dict)) == {"ended"}
    assert len(results) == 2


@pytest.mark.parametrize("cancelled", [True, False])
async def test_nothing_is_left_when_nobody_waits(cancelled: bool, serve: Serve, record: Record) -> None:
    emulator = serve(seconds_per_video=600 if cancelled else 0.2)
    waiting = [asyncio.create_task(event_of(task_id)) for task_id in await submitted(5)]
    await until(lambda: emulator.counters().polls)
    for one in waiting if cancelled else ():
        one.cancel()
    await asyncio.wait(waiting)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [client._session.closed for client in record.clients] == [True]


async def test_who_leaves_before_anything_was_asked_leaves_nothing_either(
    serve: Serve, record: Record, recwarn: pytest.WarningsRecorder
) -> None:
    serve()
    (task_id,) = await submitted()
    waiting = asyncio.create_task(event_of(task_id))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gc.collect()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert record.questions == []
    assert [str(warning.message) for warning in recwarn if "never awaited" in str(warning.message)] == []


async def test_the_next_trigger_after_that_has_a_new_one(serve: Serve, record: Record) -> None:
    serve(seconds_per_video=0.0)
    for task_id in await submitted(3):
        assert (await event_of(task_id))["status"] == "ended"

    assert len(record.clients) == 3


def test_another_event_loop_has_another_one(serve: Serve, record: Record) -> None:
    serve(seconds_per_video=0.0)

    async def one() -> str:
        (task_id,) = await submitted()
        return str((await event_of(task_id))["status"])

    assert [asyncio.run(one()) for _ in range(3)] == ["ended"] * 3
    assert [client._session.closed for client in record.clients] == [True] * 3


def test_a_loop_that_was_closed_while_a_trigger_waited_is_forgotten(serve: Serve) -> None:
    serve(seconds_per_video=0.2)

    async def leave() -> str:
        (task_id,) = await submitted()
        asyncio.create_task(event_of(task_id)).add_done_callback(lambda _: None)
        await asyncio.sleep(0.1)
        return task_id

    task_id = asyncio.run(leave())

    assert asyncio.run(event_of(task_id))["status"] == "ended"
    assert [loop for loop in trigger_module._watchers._of_loops if not loop.is_closed()] == []


async def test_who_comes_while_it_wakes_up_finds_the_same_one(serve: Serve) -> None:
    serve(seconds_per_video=0.0)
    (task_id,) = await submitted()
    first = asyncio.create_task(event_of(task_id))
    await asyncio.sleep(0.01)
    one = trigger_module._watchers.get(CONN_ID)
    seen: list[watcher.Watcher] = []
    # The loop is busy, and then finds that it is time to ask, and that another trigger has come.
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 0.2, lambda: seen.append(trigger_module._watchers.get(CONN_ID)))
    time.sleep(0.3)  # noqa: ASYNC251 - a busy loop is the point
    await first

    try:
        assert seen == [one]
    finally:
        for other in seen:
            other._runner.cancel()


# What is said


async def test_what_is_said_of_a_generation_is_in_the_log_of_its_own_trigger(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = serve(seconds_per_video=0.3)
    task_ids = await submitted(3)
    of_trigger: contextvars.ContextVar[str] = contextvars.ContextVar("of_trigger", default="nobody")
    said: list[tuple[str, str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(("Kling task", "Could not ask")):
                said.append((of_trigger.get(), record.getMessage()))

    async def wait(task_id: str) -> None:
        of_trigger.set(task_id)
        await event_of(task_id)

    emulator.plan(on="list", fault="error-before", status=503)
    handler = Handler()
    caplog.set_level(logging.INFO, "airflow_provider_kling")
    logging.getLogger("airflow_provider_kling").addHandler(handler)
    try:
        await asyncio.gather(*(wait(task_id) for task_id in task_ids))
    finally:
        logging.getLogger("airflow_provider_kling").removeHandler(handler)

    assert {whose for whose, _ in said} == set(task_ids)
    assert all(whose in message for whose, message in said)
    assert {message.split()[0] for _, message in said} == {"Kling", "Could"}


# What is ours


async def test_a_defect_reaches_all_who_wait_and_nobody_who_comes_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(seconds_per_video=0.2)
    first, *others = await submitted(3)
    take = Watched.take

    def broken(
        self: Watched, outcome: Generation | KlingError, experience: Experience, shortest: float
    ) -> float | None:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(Watched, "take", broken)
    events = await asyncio.gather(event_of(first), *(event_of(other, poll_interval=50) for other in others))
    assert statuses(events) == {"defect"}
    assert all("a defect of ours" in event["message"] for event in events)
    assert emulator.counters().polls == 1

    monkeypatch.setattr(Watched, "take", take)
    assert statuses(await events_of([first, *others])) == {"ended"}
    assert asyncio.all_tasks() == {asyncio.current_task()}
