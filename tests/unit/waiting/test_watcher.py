"""Which questions the watcher asks, and when; and that it is gone when nobody waits."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api.errors import (
    KlingRejectedError,
    KlingRequestError,
    KlingServerError,
    KlingTaskNotFoundError,
)
from airflow_provider_kling.api.gateways import MOST_AT_ONCE
from airflow_provider_kling.waiting.pacing import Experience, Usual
from airflow_provider_kling.waiting.watched import Watched
from tests.unit.waiting.virtual import HOUR, NOW, Kling, elapsed, in_no_time, names, outcome_of, outcomes_of

TABLES = json.loads(Path(__file__).with_name("watcher.json").read_text())
# From which on a page is read in place of questions by ids: so many besides the first.
MANY = 1 + 3 * MOST_AT_ONCE


# How it asks


@pytest.mark.parametrize(("gateway", "waiting", "questions"), TABLES["how it asks"])
@in_no_time
async def test_as_many_are_read_with_one_request_as_the_gateway_can(
    gateway: dict[str, Any], waiting: int, questions: list[str]
) -> None:
    kling = Kling(**gateway, seconds=1.0)
    task_ids = kling.make(waiting)

    assert names(await outcomes_of(kling.watcher(), task_ids)) == ["succeeded"] * waiting
    assert [question.what for question in kling.questions] == questions
    # Who came first is asked for first, each once, in at most eight requests at a time.
    assert [asked for question in kling.questions for asked in question.ids] in (task_ids, [])
    assert [question.beside for question in kling.questions] == ([*range(8)] * 5)[: len(questions)]


@in_no_time
async def test_one_that_many_wait_for_is_asked_for_once() -> None:
    kling = Kling()

    assert names(await outcomes_of(kling.watcher(), kling.make() * 5)) == ["succeeded"] * 5
    assert (len(kling.questions), kling.ends) == (1, 5)


# As many pages as would be paid for by the questions that they may spare.
@pytest.mark.parametrize(("hidden", "pages", "batches"), [(MANY, [1, 2, 3], 4), (15, [1], 1)])
@in_no_time
async def test_those_whom_the_pages_do_not_show_are_asked_for_by_their_ids(
    hidden: int, pages: list[int], batches: int
) -> None:
    kling = Kling()
    old, _of_others, new = kling.make(hidden), kling.make(4000), kling.make(2 * MANY)

    assert names(await outcomes_of(kling.watcher(), [*old, *new])) == ["succeeded"] * (hidden + 2 * MANY)
    assert [question.page for question in kling.asked("page")] == pages
    assert sorted(asked for question in kling.questions for asked in question.ids) == sorted(old)
    assert len(kling.questions) == len(pages) + batches


@in_no_time
async def test_a_list_that_is_over_is_read_no_further() -> None:
    kling = Kling()
    strangers = [f"unknown-{number}" for number in range(200)]
    outcomes = await outcomes_of(kling.watcher(), [*kling.make(200), *strangers], lasts=60.0)

    assert names(outcomes) == ["succeeded"] * 200 + ["KlingTaskNotFoundError"] * 200
    assert [question.page for question in kling.asked("page")] == [1]


@in_no_time
async def test_who_is_not_on_a_page_is_asked_for_by_id_from_then_on() -> None:
    kling = Kling()
    old = kling.make(MANY, lasts=100.0)
    kling.make(2000)

    assert names(await outcomes_of(kling.watcher(), old)) == ["succeeded"] * MANY
    assert [question.page for question in kling.asked("page")] == [1]
    assert len(kling.asked("batch")) >= 30


@in_no_time
async def test_what_a_page_tells_of_others_who_wait_is_taken_as_well() -> None:
    kling = Kling()
    watcher = kling.watcher()
    early, late = kling.make(MANY, lasts=20.0), kling.make(10, lasts=20.0)
    waiting = asyncio.gather(
        outcomes_of(watcher, early, poll_interval=30.0), outcomes_of(watcher, late, mode="4k")
    )

    assert [names(some) for some in await waiting] == [["succeeded"] * MANY, ["succeeded"] * 10]
    assert len(kling.questions) == 1
    assert elapsed() < 31  # a video in 4k is not asked for before 90 seconds have passed


@in_no_time
async def test_each_product_is_asked_for_at_its_own_address() -> None:
    kling = Kling(access_key=True)
    watcher, (one, two) = kling.watcher(), kling.make(2)
    other = outcome_of(watcher, two, product="image2video")
    await asyncio.gather(outcome_of(watcher, one), other, outcome_of(watcher, two))

    paths = [f"image2video/{two}", f"text2video/{one}", f"text2video/{two}"]
    assert sorted(question.path for question in kling.questions) == [f"/v1/videos/{path}" for path in paths]


@in_no_time
async def test_a_host_without_batches_is_found_out_once_and_asked_one_by_one_at_longer_pauses() -> None:
    kling = Kling()
    not_served = KlingRejectedError("GET /tasks does not exist.", http_status=404)
    kling.fault = lambda question: not_served if question.what == "batch" else None
    task_ids = kling.make(6, lasts=59.0)

    assert names(await outcomes_of(kling.watcher(), task_ids)) == ["succeeded"] * 6
    assert [question.what for question in kling.questions[:7]] == ["batch", *["single"] * 6]
    assert len(kling.asked("batch")) == 1
    each = [question.at for question in kling.asked("single") if question.ids == task_ids[:1]]
    assert min(later - earlier for earlier, later in pairwise(each)) >= 4


@in_no_time
async def test_a_host_without_lists_is_asked_for_a_batch_at_once() -> None:
    kling = Kling()
    kling.fault = lambda question: KlingRejectedError("No.") if question.what.startswith("page") else None
    task_ids = kling.make(MANY, lasts=40.0)

    assert names(await outcomes_of(kling.watcher(), task_ids)) == ["succeeded"] * MANY
    assert [question.what for question in kling.questions[:4]] == ["page of 244", *["batch"] * 3]
    assert len(kling.asked("page")) == 1
    assert kling.questions[1].at == kling.questions[0].ended_at


@pytest.mark.parametrize("refused", [None, KlingRejectedError("task_ids is invalid.", http_status=400)])
@in_no_time
async def test_one_bad_id_in_a_batch_is_told_to_that_one_only(refused: KlingRejectedError | None) -> None:
    kling = Kling()
    kling.fault = lambda question: refused if "none" in question.ids and question.what == "batch" else None
    outcomes = await outcomes_of(kling.watcher(), [*kling.make(5, lasts=50.0), "none"], lasts=100.0)

    assert names(outcomes) == [*["succeeded"] * 5, "KlingTaskNotFoundError"]
    # They are together until only one is left; or, once refused, by themselves from then on.
    assert len(kling.asked("batch")) == (1 if refused else len(kling.questions) - 1)


@pytest.mark.parametrize("bad", ["..", ""])
@pytest.mark.parametrize("gateway", ["official", "ezmodel"])
@in_no_time
async def test_an_id_that_cannot_be_asked_for_is_told_to_that_one_only(bad: str, gateway: str) -> None:
    kling = Kling(gateway)
    *good, other = await outcomes_of(kling.watcher(), [*kling.make(2), bad])

    assert names(good) == ["succeeded"] * 2
    assert isinstance(other, KlingRequestError | KlingTaskNotFoundError)


# When it asks


@pytest.mark.parametrize(("facts", "instant", "why"), TABLES["when it asks first"])
@pytest.mark.parametrize("gateway", ["official", "ezmodel"])
@in_no_time
async def test_the_first_question_comes_when_it_can_tell_something(
    gateway: str, facts: dict[str, Any], instant: float, why: str
) -> None:
    kling = Kling(gateway)
    if "ago" in facts:
        facts = {"submitted_at": NOW - facts["ago"]}
    await outcome_of(kling.watcher(), *kling.make(), **facts)

    assert kling.instants() == pytest.approx([instant], abs=0.3), why


@in_no_time
async def test_no_pause_is_longer_than_a_user_wants_it_not_even_at_a_relay() -> None:
    kling = Kling("ezmodel")
    await outcome_of(kling.watcher(), *kling.make(lasts=20.0), poll_interval=3.0)

    assert kling.instants() == [3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0]


@pytest.mark.parametrize(
    ("gateway", "submitted_at", "age", "took"),
    [
        ("official", NOW - 7, 0.0, 40.0),  # it says best when a generation was made, and when it ended
        ("official", None, -50.0, 0.0),  # also if by a clock that is ahead
        ("ezmodel", NOW - 7, 0.0, 67.0),  # else it counts from what the trigger knows until it was heard of
        ("ezmodel", None, 0.0, 60.0),  # or from when the trigger came
    ],
)
@pytest.mark.parametrize("state", ["succeeded", "failed"])
@in_no_time
async def test_how_long_it_took_says_when_to_ask_for_the_next_ones(
    gateway: str, submitted_at: float | None, age: float, took: float, state: str
) -> None:
    kling, experience = Kling(gateway), Experience()
    facts = {"submitted_at": submitted_at, "poll_interval": 60.0, "mode": "4k"}
    await outcomes_of(kling.watcher(experience), kling.make(5, 40.0, state, age), **facts)

    usual = experience.usual(("text2video", "4k"))
    if state == "failed":  # of which one says nothing
        assert usual == Usual(90, 240)
    else:
        assert (usual.median, usual.earliest) == pytest.approx((took, took * 2 / 3), abs=0.2)


@pytest.mark.parametrize(
    ("gateway", "lasts", "instants"),
    [
        # Not before half of the usual minute has passed, then at an eighth of what is left of it, on ticks.
        ("official", 29.0, [30]),
        ("official", 61.0, [*(30, 33.75, 36.75, 39.75, 42, 44.25, 46.5), *(48 + 1.5 * n for n in range(10))]),
        # Long after it, at an eighth of what has passed since, and every ten seconds in the end.
        ("official", 300.0, None),
        # A relay looks at Kling every fifteen seconds.
        ("ezmodel", 61.0, [30, 45, 60, 75]),
    ],
)
@in_no_time
async def test_the_questions_for_one_come_at_these_instants(
    gateway: str, lasts: float, instants: list[float] | None
) -> None:
    kling = Kling(gateway)
    (task_id,) = kling.make(lasts=lasts)

    assert names(await outcomes_of(kling.watcher(), [task_id])) == ["succeeded"]
    if instants:
        assert kling.instants() == instants
    else:
        later = [after - before for before, after in pairwise(kling.instants()) if before > 70]
        assert later == sorted(later)
        assert (round(later[0]), later[-5:]) == (2, [9.75] * 5)


@in_no_time
async def test_those_who_become_due_with_the_next_tick_are_asked_for_together_with_the_first() -> None:
    kling = Kling()
    watcher, (now, soon) = kling.watcher(), kling.make(2)
    first, second = outcome_of(watcher, now, poll_interval=3.0), outcome_of(watcher, soon, poll_interval=3.7)
    await asyncio.gather(first, second)

    assert [(question.at, question.ids) for question in kling.questions] == [(3.0, [now, soon])]


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.5, 6.1, 6.4, 6.7])
@pytest.mark.parametrize("same", [True, False])
@in_no_time
async def test_neither_what_others_ask_nor_ticks_let_a_trigger_fire_sooner_than_airflow_can_bear(
    same: bool, gap: float
) -> None:
    kling = Kling()
    watcher, (task_id, other) = kling.watcher(), kling.make(2, lasts=gap)
    first = asyncio.create_task(outcome_of(watcher, other, poll_interval=2.0))
    await asyncio.sleep(gap)
    started = elapsed()
    await outcome_of(watcher, other if same else task_id, submitted_at=NOW - HOUR)

    assert 2.0 <= elapsed() - started <= 2.45
    await first


# Who leaves, and who comes


@pytest.mark.parametrize("leaving", [0, 1, 2])
@pytest.mark.parametrize("gateway", ["official", "ezmodel"])
@pytest.mark.parametrize("after", [0.0, 29.0, 30.02, 31.0])
@in_no_time
async def test_who_leaves_leaves_the_others_alone(gateway: str, leaving: int, after: float) -> None:
    kling = Kling(gateway)
    watcher = kling.watcher()
    waiting = [asyncio.create_task(outcome_of(watcher, task_id)) for task_id in kling.make(3, lasts=40.0)]
    await asyncio.sleep(after)
    left = waiting.pop(leaving)
    left.cancel()

    assert names(await asyncio.gather(*waiting)) == ["succeeded"] * 2
    assert left.cancelled()
    assert str(leaving) not in [asked for question in kling.questions[3:] for asked in question.ids]


@pytest.mark.parametrize(("after", "clients"), [(0.0, 0), (10.0, 0), (30.02, 1), (None, 1)])
@in_no_time
async def test_nothing_is_left_when_all_have_left_or_are_done(after: float | None, clients: int) -> None:
    kling = Kling()
    watcher = kling.watcher()
    waiting = [asyncio.create_task(outcome_of(watcher, task_id)) for task_id in kling.make(3, lasts=40.0)]
    if after is not None:
        await asyncio.sleep(after)
        assert not watcher.is_over
        for one in waiting:
            one.cancel()
        await asyncio.sleep(0)
        assert watcher.is_over  # at once, so that nobody who comes now joins one that goes
    await asyncio.wait(waiting)

    assert watcher.is_over
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert kling.closed() == [True] * clients


@in_no_time
async def test_who_comes_while_it_wakes_up_finds_it_at_work() -> None:
    kling = Kling()
    watcher, (task_id, other) = kling.watcher(), kling.make(2)
    first = asyncio.create_task(outcome_of(watcher, task_id))
    await asyncio.sleep(0)
    over: list[bool] = []
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 30.0, lambda: over.append(watcher.is_over))
    await asyncio.gather(first, outcome_of(watcher, other))

    assert over == [False]


# What is said


@in_no_time
async def test_what_is_said_of_a_generation_is_in_the_log_of_its_own_trigger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kling = Kling()
    kling.fault = lambda question: KlingServerError("Down.") if len(kling.questions) == 1 else None
    of_trigger: contextvars.ContextVar[str] = contextvars.ContextVar("of_trigger", default="nobody")
    said: list[tuple[str, str]] = []
    watcher = kling.watcher()

    def note(record: logging.LogRecord) -> bool:
        said.append((of_trigger.get(), record.getMessage()))
        return True

    async def wait(task_id: str) -> None:
        of_trigger.set(task_id)
        await outcome_of(watcher, task_id)

    caplog.set_level(logging.INFO, "airflow_provider_kling")
    with caplog.filtering(note):  # type: ignore[arg-type]
        await asyncio.gather(*(wait(task_id) for task_id in kling.make(3, lasts=50.0)))

    down = "Could not ask for Kling task {0}, and will ask again: Down. Try again later."
    sentences = (down, "Kling task {0} is processing")
    assert sorted(said) == sorted((whose, text.format(whose)) for whose in "012" for text in sentences)


# What is ours


@in_no_time
async def test_a_defect_reaches_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Watched, *arguments: Any) -> None:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(Watched, "take", broken)
    kling = Kling()
    watcher, (one, *others) = kling.watcher(), kling.make(3)
    waiting = outcome_of(watcher, one), outcomes_of(watcher, others, mode="4k")
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(result) for result in results] == ["a defect of ours"] * 2
    assert watcher.is_over
    assert len(kling.questions) == 1
