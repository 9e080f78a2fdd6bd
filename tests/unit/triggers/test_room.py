from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.room import KlingRoomTrigger, rooms
from tests.unit.triggers.triggers import CONN_ID, LONGEST_SECONDS, event_of, fired, submitted

if TYPE_CHECKING:
    from tests.unit.triggers.conftest import Serve


def trigger(since: float = 1000.0, tries: int = 1, left: float = 3600.0) -> KlingRoomTrigger:
    return KlingRoomTrigger(CONN_ID, since, tries, time.time() + left)


async def a_moment() -> None:
    """Let those who have just begun to wait join the queue."""
    await asyncio.sleep(3 * KlingHook.pacing.earliest_question)


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again() -> None:
    path, arguments = KlingRoomTrigger(CONN_ID, 1790000000.5, 3, 1790003600.25).serialize()

    assert path == "airflow_provider_kling.triggers.room.KlingRoomTrigger"
    assert arguments == {
        "kling_conn_id": CONN_ID,
        "since": 1790000000.5,
        "tries": 3,
        "deadline": 1790003600.25,
    }
    assert KlingRoomTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


@pytest.mark.usefixtures("room_soon")
def test_it_fires_once_with_what_it_was_told_in_every_event_loop_anew() -> None:
    for _ in range(2):  # as dag.test() does, which runs each trigger in a loop of its own
        waiting = KlingRoomTrigger(CONN_ID, 1000.5, 3, time.time() + 3600)
        assert asyncio.run(fired(waiting)) == {
            "since": 1000.5,
            "tries": 3,
            "deadline": waiting.waited.deadline,
        }


@pytest.mark.parametrize("left", [-100.0, 0.2])
async def test_the_deadline_lets_it_go_too_but_no_sooner_than_airflow_can_bear(
    left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KlingHook, "pacing", replace(KlingHook.pacing, earliest_question=0.5))
    started = time.monotonic()

    assert (await fired(trigger(since=7.0, left=left)))["since"] == 7.0
    assert time.monotonic() - started >= 0.49


async def test_one_is_let_go_when_a_generation_ends(serve: Serve) -> None:
    lasts = iter([0.2, 600.0])
    serve(seconds_per_video=lambda: next(lasts))
    ends, goes_on = await submitted(2)
    late, early = (asyncio.create_task(fired(trigger(since=since))) for since in (20.0, 10.0))
    watched = asyncio.create_task(event_of(goes_on))
    await a_moment()
    assert (await event_of(ends))["status"] == "ended"

    async with asyncio.timeout(LONGEST_SECONDS):
        assert (await early)["since"] == 10.0
    assert not late.done()
    for task in (late, watched):
        task.cancel()
    await asyncio.gather(late, watched, return_exceptions=True)


async def test_what_ends_on_another_connection_says_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve(seconds_per_video=0.0)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", emulator.connection_uri)
    waiting = asyncio.create_task(fired(trigger()))
    await a_moment()
    (task_id,) = await submitted()
    assert (await event_of(task_id, kling_conn_id="other"))["status"] == "ended"
    await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()


async def test_a_trigger_that_is_cancelled_costs_nobody_his_turn() -> None:
    first, second = (asyncio.create_task(fired(trigger(since=since))) for since in (1.0, 2.0))
    await a_moment()
    first.cancel()
    await asyncio.sleep(0)
    rooms.get(CONN_ID).freed()

    assert (await second)["since"] == 2.0
