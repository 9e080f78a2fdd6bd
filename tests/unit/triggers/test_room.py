from __future__ import annotations

import asyncio
import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.triggers.room import KlingRoomTrigger, Room, rooms
from airflow_provider_kling.waiting import pacing, room
from tests.unit.waiting.waiting import CONN_ID, LONGEST_SECONDS, event_of, submitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.triggers.conftest import Serve

pytestmark = pytest.mark.usefixtures("in_a_hurry")

HOUR = 3600.0


def trigger(since: float = 1000.0, tries: int = 1, deadline: float | None = None) -> KlingRoomTrigger:
    return KlingRoomTrigger(CONN_ID, since, tries, time.time() + HOUR if deadline is None else deadline)


async def fired(waiting: KlingRoomTrigger) -> dict[str, Any]:
    async with asyncio.timeout(LONGEST_SECONDS):
        events = [event.payload async for event in waiting.run()]
    (event,) = events
    assert isinstance(event, dict)
    return event


async def turns() -> None:
    """Let everybody do what they can do now."""
    for _ in range(5):
        await asyncio.sleep(0)


class Timers:
    """The loop's timers, which go off when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        self._callbacks: list[Callable[[], None]] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)
        monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)

    def _call_later(self, pause: float, callback: Callable[[], None]) -> object:
        self.pauses.append(pause)
        self._callbacks.append(callback)
        return object()

    async def go_off(self) -> None:
        self._callbacks.pop(0)()
        await turns()


class Queue:
    """Waits for room, and remembers who was let go, in that order."""

    def __init__(self) -> None:
        self.room = Room()
        self.let_go: list[str] = []
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def join(self, name: str, since: float = 0.0, tries: int = 0) -> None:
        async def wait() -> None:
            await self.room.wait(since, tries)
            self.let_go.append(name)

        self._waiting[name] = asyncio.create_task(wait())
        await turns()

    async def leave(self, name: str) -> None:
        self._waiting[name].cancel()
        await turns()

    async def freed(self) -> None:
        self.room.freed()
        await turns()


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again() -> None:
    path, arguments = trigger(since=1790000000.5, tries=3, deadline=1790003600.25).serialize()

    assert path == "airflow_provider_kling.triggers.room.KlingRoomTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert KlingRoomTrigger(**arguments).serialize() == (path, arguments)


async def test_who_waits_longest_goes_first() -> None:
    queue = Queue()
    for name, since in {"second": 20.0, "first": 10.0, "third": 30.0}.items():
        await queue.join(name, since)
    for _ in range(3):
        await queue.freed()

    assert queue.let_go == ["first", "second", "third"]


async def test_who_comes_back_does_not_go_to_the_end_of_the_queue() -> None:
    queue = Queue()
    await queue.join("other", since=20.0)
    await queue.join("back again", since=10.0, tries=5)
    await queue.freed()

    assert queue.let_go == ["back again"]


async def test_those_who_came_together_go_in_that_order() -> None:
    queue = Queue()
    for name in "abc":
        await queue.join(name, since=10.0)
    for _ in range(3):
        await queue.freed()

    assert queue.let_go == ["a", "b", "c"]


async def test_each_end_lets_one_go() -> None:
    queue = Queue()
    for name in "abc":
        await queue.join(name)
    await queue.freed()

    assert queue.let_go == ["a"]


async def test_an_end_that_nobody_waits_for_is_fine() -> None:
    await Queue().freed()


async def test_who_has_left_is_passed_over() -> None:
    queue = Queue()
    for name in "abc":
        await queue.join(name)
    await queue.leave("a")
    await queue.leave("b")
    await queue.freed()

    assert queue.let_go == ["c"]


async def test_without_ends_a_timer_lets_one_go_at_a_time_and_the_pauses_shrink(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers, queue = Timers(monkeypatch), Queue()
    for name in "abcd":
        await queue.join(name)
    assert queue.let_go == []
    for _ in range(3):
        await timers.go_off()
    assert queue.let_go == ["a", "b", "c"]
    await timers.go_off()
    assert queue.let_go == ["a", "b", "c", "d"]

    first = room.FIRST_PAUSE_SECONDS
    assert timers.pauses == [first, first / 2, room.SHORTEST_PAUSE_SECONDS, room.SHORTEST_PAUSE_SECONDS]


async def test_the_pauses_grow_when_who_was_let_go_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, queue = Timers(monkeypatch), Queue()
    await queue.join("a", since=1.0)
    await queue.join("b", since=2.0)
    for tries in range(1, 10):
        await timers.go_off()
        await queue.join("a", since=1.0, tries=tries)

    assert queue.let_go == ["a"] * 9
    # The second was set when nobody had come back yet.
    assert timers.pauses[1:] == sorted(timers.pauses[1:])
    assert timers.pauses[1] < timers.pauses[2] < timers.pauses[3]
    assert room.LONGEST_PAUSE_SECONDS / 2 <= timers.pauses[-1] <= room.LONGEST_PAUSE_SECONDS


async def test_one_timer_is_enough_for_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, queue = Timers(monkeypatch), Queue()
    for number in range(1000):
        asyncio.create_task(queue.room.wait(number, 0)).add_done_callback(lambda _: None)
    await turns()

    assert len(timers.pauses) == 1


async def test_a_timer_that_finds_nobody_is_not_set_again_until_somebody_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers, queue = Timers(monkeypatch), Queue()
    await queue.join("a")
    await queue.leave("a")
    await timers.go_off()
    assert len(timers.pauses) == 1

    await queue.join("b")
    assert len(timers.pauses) == 2
    await timers.go_off()
    assert queue.let_go == ["b"]


async def test_the_trigger_fires_once_with_how_long_and_how_often_was_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "FIRST_PAUSE_SECONDS", 0.01)

    assert await fired(trigger(since=1000.5, tries=3)) | {"deadline": 0} == {
        "since": 1000.5,
        "tries": 3,
        "deadline": 0,
    }


@pytest.mark.parametrize("left", [-100.0, 0.1])
async def test_the_deadline_lets_it_go_too(left: float) -> None:
    assert await fired(trigger(since=7.0, tries=2, deadline=time.time() + left)) | {"deadline": 0} == {
        "since": 7.0,
        "tries": 2,
        "deadline": 0,
    }


async def test_no_trigger_fires_sooner_than_airflow_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "EARLIEST_QUESTION_SECONDS", 0.5)
    monkeypatch.setattr(room, "FIRST_PAUSE_SECONDS", 0.0)
    started = time.monotonic()
    await asyncio.gather(fired(trigger()), fired(trigger(deadline=0.0)))

    assert time.monotonic() - started >= 0.49


async def test_one_is_let_go_when_a_generation_ends(serve: Serve) -> None:
    lasts = iter([0.2, 600.0])
    serve(seconds_per_video=lambda: next(lasts))
    ends, goes_on = await submitted(2)
    order: list[str] = []

    async def wait(name: str, since: float) -> None:
        await fired(trigger(since=since))
        order.append(name)

    waiting = [
        asyncio.create_task(wait(name, since)) for name, since in {"late": 20.0, "early": 10.0}.items()
    ]
    watched = asyncio.create_task(event_of(goes_on))
    assert (await event_of(ends))["status"] == "ended"
    await asyncio.wait(waiting, timeout=LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    await turns()

    assert order == ["early"]  # long before any timer
    for task in (*waiting, watched):
        task.cancel()
    await asyncio.gather(*waiting, watched, return_exceptions=True)


async def test_what_ends_on_another_connection_says_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(seconds_per_video=0.0)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", emulator.connection_uri)
    waiting = asyncio.create_task(fired(trigger()))
    await asyncio.sleep(2 * pacing.EARLIEST_QUESTION_SECONDS)
    (task_id,) = await submitted()
    assert (await event_of(task_id, kling_conn_id="other"))["status"] == "ended"
    await turns()

    assert not waiting.done()
    waiting.cancel()


async def test_a_trigger_that_is_cancelled_costs_nobody_his_turn() -> None:
    first, second = (asyncio.create_task(fired(trigger(since=since))) for since in (1.0, 2.0))
    await asyncio.sleep(3 * pacing.EARLIEST_QUESTION_SECONDS)
    first.cancel()
    await turns()
    rooms.get(CONN_ID).freed()

    assert await second | {"deadline": 0} == {"since": 2.0, "tries": 1, "deadline": 0}


def test_another_event_loop_has_another_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FIRST_PAUSE_SECONDS", 0.01)

    for _ in range(2):  # as dag.test() does, which runs each trigger in a loop of its own
        assert asyncio.run(fired(trigger(since=1.0))) | {"deadline": 0} == {
            "since": 1.0,
            "tries": 1,
            "deadline": 0,
        }
