"""Waiting for room at the account: who goes when, in a triggerer and in a worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.api.errors import KlingThrottledError
from airflow_provider_kling.waiting.pacing import RoomPacing
from airflow_provider_kling.waiting.room import Room, WaitForRoom
from tests.unit.waiting.virtual import HOUR, NOW, elapsed, in_no_time

STEADY = RoomPacing(jitter=0.0)


class Queue:
    """Waits for room, and remembers who was let go, and when, in that order."""

    def __init__(self, pacing: RoomPacing = STEADY) -> None:
        self.room = Room(pacing)
        self.names: list[str] = []
        self.instants: list[float] = []
        self.given_up: list[tuple[str, float]] = []
        self.waiting: dict[str, asyncio.Task[None]] = {}

    async def join(self, name: str, since: float = 0.0, tries: int = 1, lasts: float = 9 * HOUR) -> None:
        async def wait() -> None:
            now = NOW + elapsed()
            if await self.room.wait(WaitForRoom(since, tries, now + lasts), now):
                self.names.append(name)
                self.instants.append(elapsed())
            else:
                self.given_up.append((name, elapsed()))

        self.waiting[name] = asyncio.create_task(wait())
        await asyncio.sleep(0.001)

    async def leave(self, name: str) -> None:
        self.waiting.pop(name).cancel()
        await asyncio.sleep(0.001)

    async def freed(self, times: int = 1) -> list[str]:
        for _ in range(times):
            self.room.freed()
        await asyncio.sleep(0.001)
        return self.names

    async def all_gone(self) -> None:
        await asyncio.gather(*self.waiting.values())


@in_no_time
async def test_each_end_lets_one_go_and_who_waits_longest_goes_first_also_who_comes_back() -> None:
    queue = Queue()
    for name, since in {"third": 30.0, "second": 20.0, "fourth": 30.0}.items():
        await queue.join(name, since)
    await queue.join("first", since=10.0, tries=5)

    assert await queue.freed() == ["first"]
    assert await queue.freed(2) == ["first", "second", "third"]
    assert await queue.freed(3) == ["first", "second", "third", "fourth"]  # and nobody else waits
    await queue.all_gone()


@pytest.mark.parametrize("lasts", [-100.0, 0.0, 3.5])
@in_no_time
async def test_who_has_left_or_given_up_at_the_deadline_is_passed_over(lasts: float) -> None:
    queue = Queue()
    await queue.join("left")
    await queue.join("gives up", lasts=lasts)
    await queue.join("stays")
    await queue.leave("left")
    await queue.waiting["gives up"]

    ((name, at),) = queue.given_up
    assert name == "gives up"
    assert at == pytest.approx(max(lasts, 0.0), abs=0.005)
    assert await queue.freed() == ["stays"]


@in_no_time
async def test_without_ends_one_goes_at_a_time_and_the_pauses_shrink() -> None:
    queue = Queue()
    for name in "abcd":
        await queue.join(name)
    await queue.all_gone()

    assert queue.names == list("abcd")
    assert queue.instants == pytest.approx([15, 22.5, 27.5, 32.5], abs=0.1)


@in_no_time
async def test_the_pauses_grow_to_two_minutes_when_who_was_let_go_comes_back() -> None:
    queue = Queue()
    await queue.join("patient", since=2.0)
    for tries in range(1, 8):
        await queue.join("back again", since=1.0, tries=tries)
        await queue.waiting["back again"]

    pauses = [after - before for before, after in zip([0, *queue.instants], queue.instants, strict=False)]
    # Whenever it comes back, the next timer runs already.
    assert pauses == pytest.approx([15, 7.5, 15, 30, 60, 60, 60], abs=0.1)
    await queue.leave("patient")
    alone = Queue(replace(STEADY, first=100.0))
    started = elapsed()
    await alone.join("back again", tries=2)
    await alone.all_gone()
    assert alone.instants == pytest.approx([started + 120], abs=0.1)


@in_no_time
async def test_a_timer_that_finds_nobody_is_not_set_again_until_somebody_comes() -> None:
    queue = Queue()
    await queue.join("a")
    await queue.leave("a")
    await asyncio.sleep(100.0)
    await queue.join("b")
    await queue.all_gone()

    assert queue.names == ["b"]
    assert queue.instants == pytest.approx([107.5], abs=0.01)


@in_no_time
async def test_the_pauses_of_many_triggerers_stray() -> None:
    queues = [Queue(RoomPacing()) for _ in range(100)]
    for queue in queues:
        await queue.join("a")
    await asyncio.gather(*(queue.all_gone() for queue in queues))
    instants = [queue.instants[0] for queue in queues]

    assert 11.25 <= min(instants) < 12.5
    assert 17.5 < max(instants) <= 18.9


# A worker, and what it hands to a triggerer


def test_the_waiting_begins_with_the_first_refusal_and_counts_them_all() -> None:
    assert WaitForRoom.after_refusal(None, 100.0) == WaitForRoom(100.0, 1)
    assert WaitForRoom.after_refusal(WaitForRoom(100.0, 7, 200.0), 150.0) == WaitForRoom(100.0, 8, 200.0)


@pytest.mark.parametrize("tries", [1, 2, 3, 4, 5, 6, 50, 100_000])
def test_the_pauses_of_a_worker_grow_twofold_up_to_a_minute(tries: int) -> None:
    longest = min(2.0 * 2.0 ** min(tries - 1, 50), 60.0)
    pauses = [WaitForRoom(0.0, tries).pause(RoomPacing()) for _ in range(200)]

    assert longest / 2 <= min(pauses) < 0.55 * longest
    assert 0.95 * longest < max(pauses) <= longest  # so that those who wait do not come back together


TOLD = {"since": 1.5, "tries": 3, "deadline": 2.5}
WITHOUT = [{name: value for name, value in TOLD.items() if name != missing} for missing in TOLD]


@pytest.mark.parametrize(
    "event", [None, *WITHOUT, {**TOLD, "since": None}, {**TOLD, "tries": "many"}], ids=str
)
def test_what_comes_back_from_a_triggerer_is_what_it_was_told_or_a_defect_that_says_what_came(
    event: dict[str, Any] | None,
) -> None:
    waited = WaitForRoom(1.5, 3, 2.5)
    assert waited.as_event() == TOLD
    assert WaitForRoom.from_event(TOLD) == waited
    with pytest.raises(RuntimeError, match="The trigger's event cannot be read: "):
        WaitForRoom.from_event(event)


def test_the_error_that_ends_it_says_that_nothing_was_made_and_for_how_long_was_waited() -> None:
    facts: dict[str, Any] = {"code": 1303, "http_status": 429, "request_id": "r-1", "gateway": "official"}
    refused = KlingThrottledError("The gateway refused: parallel task over resource pack limit.", **facts)
    over = WaitForRoom(1000.0, 9).over(refused, 1100.4)

    assert over.message == (
        f"{refused.message} There was no room at the account for 100 seconds (9 submissions were refused, "
        "nothing was made)."
    )
    assert vars(over).items() >= facts.items()
