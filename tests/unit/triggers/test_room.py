from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.room import KlingRoomTrigger
from airflow_provider_kling.waiting.pacing import RoomPacing
from tests.unit.triggers.triggers import CONN_ID, LONGEST_SECONDS, Serve, event_of, fired, submitted


def trigger(since: float = 1000.0, left: float = 3600.0) -> KlingRoomTrigger:
    return KlingRoomTrigger(CONN_ID, since, 3, time.time() + left)


def test_its_arguments_are_plain_json_and_make_the_same_trigger_again() -> None:
    arguments = {"kling_conn_id": CONN_ID, "since": 1.5, "tries": 3, "deadline": 1790003600.25}
    serialized = ("airflow_provider_kling.triggers.room.KlingRoomTrigger", arguments)

    assert KlingRoomTrigger(CONN_ID, 1.5, 3, 1790003600.25).serialize() == serialized
    assert KlingRoomTrigger(**json.loads(json.dumps(arguments))).serialize() == serialized


def test_it_fires_once_with_what_it_was_told_in_every_event_loop_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soon = RoomPacing(first=0.05, shortest=0.05)
    monkeypatch.setattr(KlingHook, "pacing", replace(KlingHook.pacing, room=soon))
    for _ in range(2):  # as dag.test() does, which runs each trigger in a loop of its own
        waiting = trigger(1000.5)
        told = {"since": 1000.5, "tries": 3, "deadline": waiting.waited.deadline}
        assert asyncio.run(fired(waiting)) == told


@pytest.mark.parametrize("left", [-100.0, 0.2])
async def test_the_deadline_lets_it_go_too_but_no_sooner_than_airflow_can_bear(
    left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KlingHook, "pacing", replace(KlingHook.pacing, earliest_question=0.5))
    started = time.monotonic()

    assert (await fired(trigger(since=7.0, left=left)))["since"] == 7.0
    assert time.monotonic() - started >= 0.49


async def test_one_is_let_go_when_a_generation_ends_on_its_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts = iter([0.2, 0.2, 600.0])
    emulator = serve(seconds_per_video=lambda: next(lasts))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", emulator.connection_uri)
    elsewhere, ends, goes_on = await submitted(3)
    late, early = (asyncio.create_task(fired(trigger(since))) for since in (20.0, 10.0))
    watched = asyncio.create_task(event_of(goes_on))
    await asyncio.sleep(3 * KlingHook.pacing.earliest_question)  # until they have joined the queue
    assert (await event_of(elsewhere, kling_conn_id="other"))["status"] == "ended"
    await asyncio.sleep(0)
    assert not early.done()
    assert (await event_of(ends))["status"] == "ended"

    async with asyncio.timeout(LONGEST_SECONDS):
        assert (await early)["since"] == 10.0
    assert not late.done()
    for task in (late, watched):
        task.cancel()
    await asyncio.gather(late, watched, return_exceptions=True)
