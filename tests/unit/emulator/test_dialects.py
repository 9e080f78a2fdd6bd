"""What every gateway does, and the words in which each does it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from kling_emulator import Counters, KlingEmulator, State
from kling_emulator.tasks import Sighting, VideoRequest, VideoTask, last_look

from tests.unit.emulator.dialects import (
    CODE_OF_NEW_API,
    EVERY_GATEWAY,
    GATEWAYS,
    SUCCESS_WORDS,
    url_of,
    word_of,
)
from tests.unit.emulator.goldens import GOLDEN, PERSONALITIES, answers_of

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_each_answer_is_word_for_word_what_it_was(personality: str) -> None:
    golden = json.loads((GOLDEN / f"{personality}.json").read_text(encoding="utf-8"))

    assert answers_of(personality) == golden


def new_task(prompt: str = "a deer", lasts: float = 10) -> VideoTask:
    request = VideoRequest(model="kling-v3", prompt=prompt, seconds=5, width=64, height=64)
    return VideoTask(task_id="1", request=request, lasts=lasts, created_at=1_000_000)


@pytest.mark.parametrize(
    ("prompt", "age", "state"),
    [
        ("a deer", 0, State.SUBMITTED),
        ("a deer", 1.99, State.SUBMITTED),
        ("a deer", 2, State.PROCESSING),
        ("a deer", 9.99, State.PROCESSING),
        ("a deer", 10, State.SUCCEEDED),
        ("a deer", 1e6, State.SUCCEEDED),
        ("a deer [fail]", 9.99, State.PROCESSING),
        ("a deer [fail]", 10, State.FAILED),
        ("a deer [moderation]", 10, State.FAILED),
        ("a deer [slow]", 19, State.SUBMITTED),
        ("a deer [slow]", 99, State.PROCESSING),
        ("a deer [slow]", 100, State.SUCCEEDED),
        ("a deer [slow][fail]", 100, State.FAILED),
    ],
)
def test_the_state_follows_from_the_age(prompt: str, age: float, state: State) -> None:
    assert new_task(prompt).state_at(age) is state


@pytest.mark.parametrize(
    ("state", "happened", "noticed"),
    [(State.SUBMITTED, 0, 0), (State.PROCESSING, 4, 15), (State.SUCCEEDED, 20, 30)],
)
def test_a_change_is_dated_when_it_happened_or_when_the_relay_noticed(
    state: State, happened: float, noticed: float
) -> None:
    task = new_task(lasts=20)
    sighting = Sighting(task=task, state=state, fates=frozenset(), status_age=15, url="")

    assert task.changed_at(state) - task.created_at == pytest.approx(happened)
    assert sighting.noticed_at(state) - task.created_at == pytest.approx(noticed)


@pytest.mark.parametrize(
    ("age", "status_age", "looked_at"), [(0, 15, 0), (14.9, 15, 0), (15, 15, 15), (31, 15, 30), (7.5, 0, 7.5)]
)
def test_whoever_looks_at_intervals_knows_of_the_last_look(
    age: float, status_age: float, looked_at: float
) -> None:
    assert last_look(age, status_age) == looked_at


def test_a_task_goes_through_all_words_to_its_end(emulate: Emulate) -> None:
    caller = emulate("official", seconds_per_video=1.5)

    assert caller.watch(caller.created()) == ["submitted", "processing", "succeed"]


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

    assert caller.watch(task_id)[-1] == "SUCCESS"
    row = caller.report(task_id)
    assert row["finish_time"] - row["submit_time"] == pytest.approx(1, abs=1)


@EVERY_GATEWAY
def test_html_and_outage_answer_queries_with_pages_and_outage_recovers(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)
    html, outage = caller.created(prompt="a deer [html]"), caller.created(prompt="a deer [outage]")

    pages = [caller.query(html) for _ in range(5)]
    recovering = [caller.query(outage) for _ in range(4)]

    assert [answer.status_code for answer in pages + recovering] == [200] * 5 + [502] * 3 + [200]
    assert {answer.headers["Content-Type"][:9] for answer in pages + recovering[:3]} == {"text/html"}
    assert caller.emulator.counters().polls == 9


@EVERY_GATEWAY
def test_lost_accepts_the_create_and_closes_the_connection_before_the_answer(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)

    with pytest.raises(requests.ConnectionError):
        caller.create(prompt="a deer [lost]")

    assert caller.emulator.counters().creates_accepted == 1
    (task,) = caller.emulator.tasks()
    assert caller.query(task.task_id).status_code == 200


@EVERY_GATEWAY
def test_unknown_status_is_a_word_nobody_knows_until_the_end(emulate: Emulate, gateway: str) -> None:
    seconds = iter([600.0, 0.0])
    caller = emulate(gateway, seconds_per_video=lambda: next(seconds), status_age_seconds=0)

    words = [word_of(caller.report(caller.created(prompt="a deer [unknown-status]"))) for _ in range(2)]

    assert words[0] == "REVIEWING"
    assert words[1] in SUCCESS_WORDS


@EVERY_GATEWAY
def test_a_planned_lie_is_for_one_answer_and_no_url_waits_for_a_success(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)
    failed, task_id = caller.created(prompt="a deer [fail]"), caller.created()
    caller.emulator.plan(on="query", fault="no-url")
    caller.emulator.plan(on="query", fault="unknown-status")

    assert word_of(caller.report(failed)) == "REVIEWING"
    bare, true = caller.report(task_id), caller.report(task_id)

    assert {word_of(bare), word_of(true)} <= SUCCESS_WORDS
    assert url_of(bare) == ""
    assert "http" not in str(bare)
    assert requests.head(url_of(true), timeout=30).status_code == 200


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
def test_a_refused_create_makes_nothing(emulate: Emulate, gateway: str) -> None:
    crowded = emulate(gateway, parallel_tasks=2, seconds_per_video=60)
    answers = [crowded.create().status_code for _ in range(3)]
    hasty = emulate(gateway, requests_per_second=0.01)
    hasty.created()
    poor = emulate(gateway, units=0)

    assert answers == [200, 200, 429]
    assert (hasty.create().status_code, poor.create().status_code // 100) == (429, 4)
    assert [
        (counters.creates_received, counters.creates_accepted)
        for counters in (crowded.emulator.counters(), hasty.emulator.counters(), poor.emulator.counters())
    ] == [(3, 2), (2, 1), (1, 0)]


def test_the_connection_names_the_dialect_not_the_version() -> None:
    versions = {"newapi-old": "newapi", "ezmodel-code": "ezmodel"}

    for gateway in GATEWAYS:
        uri = KlingEmulator(gateway=gateway).connection_uri
        assert uri.endswith(f"/http?gateway={versions.get(gateway, gateway)}")


def test_the_row_of_new_api_repeats_kling_s_own_answer_with_an_id_that_only_kling_knows(
    emulate: Emulate,
) -> None:
    newapi = emulate("newapi")
    task_id = newapi.created()

    row: dict[str, Any] = newapi.report(task_id)
    kling_id = row["data"]["data"]["task_id"]

    assert row["data"]["data"]["task_result"]["videos"][0]["url"] == row["result_url"]
    assert newapi.query(kling_id).status_code == 400
    assert newapi.report(task_id)["data"]["data"]["task_id"] == kling_id
