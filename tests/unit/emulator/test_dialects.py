"""What every gateway does, and the words in which each does it."""

from __future__ import annotations

import time
from functools import partial

import pytest
from kling_emulator import Counters, State
from kling_emulator.tasks import last_look

from tests.unit.emulator.dialects import (
    BREAK,
    CODE_OF_NEW_API,
    EVERY_GATEWAY,
    SUCCESS_WORDS,
    Emulate,
    seen,
    word_of,
)
from tests.unit.emulator.goldens import PERSONALITIES, answers_of, sighting_of, stored


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_each_answer_is_word_for_word_what_it_was(personality: str) -> None:
    assert answers_of(personality) == stored(f"{personality}.json")


@pytest.mark.parametrize(
    ("prompt", "states"),
    [
        ("a deer", {0: "submitted", 1.99: "submitted", 2: "processing", 9.99: "processing"}),
        ("a deer", {10: "succeeded", 1e6: "succeeded"}),
        ("a deer [fail]", {9.99: "processing", 10: "failed"}),
        ("a deer [moderation]", {10: "failed"}),
        ("a deer [slow]", {19: "submitted", 99: "processing", 100: "succeeded"}),
        ("a deer [slow][fail]", {100: "failed"}),
    ],
)
def test_the_state_follows_from_the_age(prompt: str, states: dict[float, str]) -> None:
    task = sighting_of(State.SUBMITTED, prompt, lasts=10).task

    assert {age: task.state_at(age) for age in states} == states


def test_a_change_is_dated_when_it_happened_or_when_the_relay_noticed() -> None:
    for state, happened, noticed in (("submitted", 0, 0), ("processing", 4, 15), ("succeeded", 20, 30)):
        sighting = sighting_of(State(state))
        created_at = sighting.task.created_at
        assert sighting.task.changed_at(State(state)) - created_at == pytest.approx(happened)
        assert sighting.noticed_at(State(state)) - created_at == pytest.approx(noticed)


def test_whoever_looks_at_intervals_knows_of_the_last_look() -> None:
    assert [last_look(age, 15) for age in (0, 14.9, 15, 31)] == [0, 0, 15, 30]
    assert last_look(7.5, 0) == 7.5


@EVERY_GATEWAY
def test_only_what_new_api_s_code_does_is_late_by_itself(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, seconds_per_video=0.01)
    task_id = caller.created()
    time.sleep(0.01)

    # The first look after that of the create is 15 seconds later.
    assert (word_of(caller.report(task_id)) not in SUCCESS_WORDS) == (gateway in CODE_OF_NEW_API)


def test_a_relay_notices_the_end_when_it_next_looks_also_after_a_start(emulate: Emulate) -> None:
    caller = emulate("newapi", seconds_per_video=0.01, status_age_seconds=1)
    task_id = caller.created()
    caller.emulator.stop()
    caller.emulator.start()

    give_up = time.monotonic() + 60
    while (row := caller.report(task_id))["status"] != "SUCCESS":
        assert time.monotonic() < give_up, row
        time.sleep(0.05)
    assert row["finish_time"] - row["submit_time"] == pytest.approx(1, abs=1)


@EVERY_GATEWAY
def test_html_and_outage_answer_queries_with_pages_and_lost_hangs_up(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    html, outage = caller.created(prompt="a deer [html]"), caller.created(prompt="a deer [outage]")

    pages = [caller.query(html) for _ in range(5)]
    recovering = [caller.query(outage) for _ in range(4)]
    lost = seen(partial(caller.create, prompt="a deer [lost]"))

    assert [answer.status_code for answer in pages + recovering] == [200] * 5 + [502] * 3 + [200]
    assert {answer.headers["Content-Type"][:9] for answer in pages + recovering[:3]} == {"text/html"}
    assert lost.startswith(BREAK)
    assert caller.query(caller.emulator.tasks()[2].task_id).status_code == 200


@EVERY_GATEWAY
def test_everything_that_comes_in_with_a_good_key_is_counted(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    task_id = caller.created()
    caller.create(prompt=None)
    caller.send(b"\xff")
    caller.query(task_id)
    caller.query("unknown")
    caller.session.headers["Authorization"] = "Bearer wrong-key"
    assert [caller.create().status_code, caller.query(task_id).status_code] == [401, 401]

    assert caller.emulator.counters() == Counters(
        creates_received=3, creates_accepted=1, polls=2, downloads=0, connections=1
    )
    smallest = caller.smallest_create
    assert caller.emulator.creates() == [smallest, {**smallest, "prompt": None}, None]


@EVERY_GATEWAY
def test_a_create_over_a_limit_makes_nothing(emulate: Emulate, gateway: str) -> None:
    def made(creates: int, **limit: float) -> tuple[list[int], int]:
        caller = emulate(gateway, seconds_per_video=60, **limit)
        statuses = [caller.create().status_code // 100 for _ in range(creates)]
        assert caller.emulator.counters().creates_received == creates
        return statuses, caller.emulator.counters().creates_accepted

    assert made(3, parallel_tasks=2) == ([2, 2, 4], 2)
    assert made(2, requests_per_second=0.01) == ([2, 4], 1)
    assert made(1, units=0) == ([4], 0)


def test_the_row_of_new_api_has_an_id_that_only_kling_knows(emulate: Emulate) -> None:
    newapi = emulate("newapi")
    task_id = newapi.created()

    kling_id, same = (newapi.report(task_id)["data"]["data"]["task_id"] for _ in range(2))

    assert kling_id == same
    assert newapi.query(kling_id).status_code == 400
