"""What the watcher makes of refused keys, outages and throttles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest

from airflow_provider_kling.api.endpoint import ApiKey
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingClockError,
    KlingConnectionConfigError,
    KlingError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingUnreachableError,
)
from tests.unit.waiting.virtual import (
    HOUR,
    Client,
    Kling,
    Question,
    elapsed,
    in_no_time,
    names,
    outcome_of,
    outcomes_of,
)

DOWN = KlingUnreachableError("GET http://kling.test got no answer.")
NO_LINK, NOT_FOUND = KlingResultMissingError("No link."), KlingTaskNotFoundError("No such generation.")
TOO_MANY = KlingThrottledError("Too many requests.", http_status=429)
each_gateway = pytest.mark.parametrize("gateway", ["official", "ezmodel"])


def between(start: float, end: float, error: KlingError) -> Callable[[Question], KlingError | None]:
    """Let what is asked in that stretch of time go wrong."""
    return lambda question: error if start <= question.at < end else None


def silences(questions: list[Question]) -> list[float]:
    """The seconds from the end of each question to the next one."""
    return [after.at - before.ended_at for before, after in pairwise(questions)]


# Keys


class Keys:
    """A connection whose key a test rotates; the gateway takes the good one only."""

    def __init__(self, kling: Kling, *keys: str, good: str = "good") -> None:
        self.kling = kling
        self._keys = list(keys)
        kling.fault = lambda question: None if self.in_use == good else KlingAuthError("No such key.")

    @property
    def in_use(self) -> str:
        return cast("ApiKey", self.kling.clients[-1].endpoint.credentials).key

    async def open(self) -> Any:
        client = await self.kling.open()
        key = self._keys.pop(0) if len(self._keys) > 1 else self._keys[0]
        if key == "gone":
            raise KlingConnectionConfigError("The Airflow connection is not defined.")
        client.endpoint = replace(client.endpoint, credentials=ApiKey(key))
        return client


@each_gateway
@in_no_time
async def test_a_key_that_is_rotated_while_they_wait_is_picked_up_without_anybody_noticing(
    gateway: str,
) -> None:
    kling = Kling(gateway, seconds=1.0)
    keys = Keys(kling, "revoked", "good")
    outcomes = await outcomes_of(kling.watcher(open_client=keys.open), kling.make(25))

    assert names(outcomes) == ["succeeded"] * 25
    assert kling.closed() == [True, True]  # however many were refused at the same time
    assert [question for question in kling.questions if question.error]
    assert elapsed() < 40


@pytest.mark.parametrize(("pause", "looks"), [(3.0, 1), (7.0, 1), (9.0, 2)])
@in_no_time
async def test_a_refused_key_that_has_not_changed_ends_the_waiting_and_is_looked_up_only_now_and_then(
    pause: float, looks: int
) -> None:
    kling = Kling("ezmodel")
    watcher, (late, stays, *early) = kling.watcher(open_client=Keys(kling, "revoked").open), kling.make(20)
    waiting = asyncio.gather(
        outcomes_of(watcher, early, poll_interval=3.0),
        outcomes_of(watcher, [late], poll_interval=pause),
        outcomes_of(watcher, [stays]),
    )

    assert [name for outcomes in await waiting for name in names(outcomes)] == ["KlingAuthError"] * 20
    assert kling.closed() == [True] * (1 + looks + 1)
    assert len(kling.questions) == 20


@pytest.mark.parametrize(("keys", "latest"), [(["revoked", "gone"], 90), (["gone"], 30)])
@in_no_time
async def test_a_connection_that_is_taken_away_ends_the_waiting_of_who_is_due_and_one_that_never_was_of_all(
    keys: list[str], latest: float
) -> None:
    kling = Kling("ezmodel")
    watcher, (late, *early) = kling.watcher(open_client=Keys(kling, *keys).open), kling.make(3)
    later = asyncio.create_task(outcome_of(watcher, late, mode="4k"))

    assert names(await outcomes_of(watcher, early)) == ["KlingConnectionConfigError"] * 2
    assert elapsed() == pytest.approx(30, abs=0.5)
    assert names([await later]) == ["KlingConnectionConfigError"]
    assert elapsed() == pytest.approx(latest, abs=0.5)


# Outages


@each_gateway
@in_no_time
async def test_a_gateway_that_is_down_is_asked_by_one_request_at_a_time_and_all_finish_when_it_is_back(
    gateway: str,
) -> None:
    kling = Kling(gateway, seconds=1.0)
    kling.fault = between(30, 100, DOWN)

    assert names(await outcomes_of(kling.watcher(), kling.make(30, lasts=50.0))) == ["succeeded"] * 30
    failed = [question for question in kling.questions if question.error]
    probes = [question for question in failed if question.at > failed[0].ended_at]
    assert {question.beside for question in probes} == {0}
    pauses = silences([failed[0], *probes])
    assert len(probes) >= 10
    assert pauses[0] <= (0.5 if gateway == "ezmodel" else 4)  # nobody else is due after two batches
    assert 0.75 <= min(pauses[1:]) <= max(pauses) <= 5
    assert min(pauses[5:]) >= 3.75
    assert 100 < elapsed() < 125  # a relay tells nothing new for fifteen seconds
    most_beside = max(question.beside for question in kling.questions if question.at > 100)
    assert most_beside == (7 if gateway == "ezmodel" else 0)


@pytest.mark.parametrize("error", [DOWN, TOO_MANY])
@each_gateway
@pytest.mark.parametrize("waiting", [3, 30, 130])
@in_no_time
async def test_a_deadline_is_kept_while_nothing_is_answered_and_names_the_last_error(
    waiting: int, gateway: str, error: KlingError
) -> None:
    kling = Kling(gateway, rate=10.0)
    kling.fault = between(0, HOUR, error)
    outcomes = await outcomes_of(kling.watcher(), kling.make(waiting), lasts=60.0)

    assert names(outcomes) == ["KlingTimeoutError"] * waiting
    assert all(f"the last question failed: {error}" in str(outcome) for outcome in outcomes)
    # Each refusal as too much is followed by a silence of up to six seconds.
    assert 60 <= elapsed() <= (66 if error is DOWN else 70)


@in_no_time
async def test_a_gateway_of_a_kind_yet_unknown_that_is_down_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kling, gateway = Kling(), Client.gateway

    async def unknown(client: Client) -> Any:
        if elapsed() <= 60:
            raise DOWN
        return await gateway(client)

    monkeypatch.setattr(Client, "gateway", unknown)
    watcher, (patient, *impatient) = kling.watcher(), kling.make(3)
    patience = outcome_of(watcher, patient)
    outcome, others = await asyncio.gather(patience, outcomes_of(watcher, impatient, lasts=45.0))

    assert names([outcome, *others]) == ["succeeded", "KlingTimeoutError", "KlingTimeoutError"]
    assert str(DOWN) in str(others[0])
    assert 9 <= len(kling.clients) <= 13
    assert all(kling.closed())
    assert 60 < elapsed() < 67


@in_no_time
async def test_a_single_question_that_goes_wrong_does_not_stop_the_others() -> None:
    kling = Kling("ezmodel")
    bad, *good = kling.make(6, lasts=35.0)
    kling.fault = lambda question: DOWN if question.ids == [bad] else None
    outcomes = await outcomes_of(kling.watcher(), [bad, *good], lasts=100.0)

    assert names(outcomes) == ["KlingTimeoutError", *["succeeded"] * 5]
    assert max(question.ended_at for question in kling.questions if question.ids != [bad]) < 62


@pytest.mark.parametrize("error", [DOWN, KlingServerError("502."), NO_LINK, TOO_MANY])
@each_gateway
@pytest.mark.parametrize("waiting", [1, 3, 61])
@in_no_time
async def test_whatever_goes_wrong_for_a_while_ends_nothing(
    error: KlingError, gateway: str, waiting: int
) -> None:
    kling = Kling(gateway)
    kling.fault = between(30, 40, error)

    assert names(await outcomes_of(kling.watcher(), kling.make(waiting))) == ["succeeded"] * waiting
    assert kling.questions[0].error is error
    assert elapsed() < 75


@in_no_time
async def test_a_token_that_came_too_late_is_signed_anew_once_and_later_again() -> None:
    kling = Kling()
    kling.fault = lambda question: KlingClockError("Expired.") if len(kling.questions) in (1, 3) else None

    assert names([await outcome_of(kling.watcher(), *kling.make(lasts=35.0))]) == ["succeeded"]
    assert kling.instants()[1] - kling.instants()[0] == pytest.approx(2, abs=0.5)
    kling.fault = lambda question: KlingClockError("Expired.")
    assert names([await outcome_of(kling.watcher(), *kling.make())]) == ["KlingClockError"]


@pytest.mark.parametrize("in_between", [None, DOWN])
@in_no_time
async def test_each_doubt_has_its_own_time(in_between: KlingError | None) -> None:
    kling = Kling("ezmodel")
    # Known a moment after it was made, and its link a moment after its end.
    faults = [NOT_FOUND, in_between, NO_LINK, NO_LINK, None]
    kling.fault = lambda question: faults[len(kling.questions) - 1]

    assert names([await outcome_of(kling.watcher(), *kling.make(lasts=40.0))]) == ["succeeded"]
    assert len(kling.questions) == 5


@pytest.mark.parametrize(("lasts", "earliest", "latest"), [(HOUR, 45, 48.5), (30.0, 30, 31)])
@pytest.mark.parametrize("doubt", [NO_LINK, NOT_FOUND])
@in_no_time
async def test_doubts_about_one_generation_are_no_outage_and_end_with_their_time_or_the_deadline(
    doubt: KlingError, lasts: float, earliest: float, latest: float
) -> None:
    kling = Kling("ezmodel", seconds=0.5)
    kling.fault = between(0, HOUR, doubt)

    assert names(await outcomes_of(kling.watcher(), kling.make(4), lasts=lasts)) == [type(doubt).__name__] * 4
    assert [question.beside for question in kling.questions[4:8]] == ([0, 1, 2, 3] if lasts == HOUR else [])
    assert earliest < elapsed() < latest


@in_no_time
async def test_an_outage_while_a_page_is_read_has_nobody_of_so_many_asked_for_less_well() -> None:
    kling = Kling()
    kling.fault = between(0, 40, DOWN)

    assert names(await outcomes_of(kling.watcher(), kling.make(100))) == ["succeeded"] * 100
    assert kling.questions[-1].what.startswith("page")


# Throttles


@in_no_time
async def test_throttles_halve_the_rate_each_time_and_end_nothing() -> None:
    kling = Kling(rate=4.0)
    kling.fault = lambda question: TOO_MANY if len(kling.questions) <= 3 else None

    assert names(await outcomes_of(kling.watcher(), kling.make(3), poll_interval=3.0)) == ["succeeded"] * 3
    assert len(kling.questions) == 4
    assert [silence >= 1 / rate for silence, rate in zip(silences(kling.questions), (2, 1, 0.5), strict=True)]
    # Their usual pause is longer than the first silences; the last is all that it waits for.
    assert elapsed() < 15


@pytest.mark.parametrize(("asked", "kept"), [(20.0, 20.0), (HOUR, 60.0)])
@in_no_time
async def test_the_whole_connection_keeps_the_silence_that_the_gateway_asks_for_unless_it_is_absurd(
    asked: float, kept: float
) -> None:
    kling = Kling("ezmodel", rate=10.0)
    error = KlingThrottledError("Too many requests.", retry_after=asked)
    kling.fault = lambda question: error if question is kling.questions[0] else None

    assert names(await outcomes_of(kling.watcher(), kling.make(20))) == ["succeeded"] * 20
    heard_at = kling.questions[0].ended_at
    # What was under way before that was heard, has nothing to do with it.
    after = [question.at for question in kling.questions if question.at > heard_at]
    assert after[0] == pytest.approx(heard_at + kept)
    assert all(later - earlier >= 1 / 10 - 1e-6 for earlier, later in pairwise(after))


@in_no_time
async def test_a_connection_keeps_to_its_rate_however_many_wait() -> None:
    kling = Kling("ezmodel", rate=5.0)
    await outcomes_of(kling.watcher(), kling.make(106))

    first, *_ = instants = kling.instants()
    assert len(instants) == 106
    # A second's worth may be sent at once.
    assert (instants[5], instants[-1]) == pytest.approx((first, first + 20), abs=0.1)


@in_no_time
async def test_each_page_counts_as_a_request() -> None:
    kling = Kling(rate=1.0)
    old, _of_others = kling.make(181), kling.make(4000)
    await outcomes_of(kling.watcher(), old)

    assert len(kling.asked("page")) == 3
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(kling.instants()[2:]))


# Ends


@each_gateway
@in_no_time
async def test_only_an_end_is_an_end_and_a_deadline_is_kept_to_the_second_and_told_with_the_state(
    gateway: str,
) -> None:
    kling = Kling(gateway)
    task_ids = [*kling.make(), *kling.make(state="failed"), *kling.make(lasts=HOUR), "no-such-generation"]
    outcomes = await outcomes_of(kling.watcher(), task_ids, lasts=100.0)

    assert names(outcomes) == ["succeeded", "failed", "KlingTimeoutError", "KlingTaskNotFoundError"]
    assert "(processing)" in str(outcomes[2])
    assert 100 <= elapsed() < 101
    assert kling.ends == 2
