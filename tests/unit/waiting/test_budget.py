from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.waiting.budget import (
    BURST_SECONDS,
    LEAST,
    LONGEST_SILENCE_SECONDS,
    Budget,
)

RATES = st.floats(0.05, 200)
# How long nobody wants to send anything before each request, in seconds.
IDLE = st.lists(st.just(0.0) | st.floats(0, 30), min_size=1, max_size=60)
ROUNDING = 1e-6


def sent(budget: Budget, idle: list[float], now: float = 1000.0) -> list[float]:
    """Send requests as soon as they are wanted and allowed, and return when that was."""
    instants = []
    for seconds in idle:
        now = max(now + seconds, budget.ready_at())
        budget.spend(now)
        instants.append(now)
    return instants


@given(rate=RATES, idle=IDLE)
def test_in_no_stretch_of_time_more_is_sent_than_the_rate_and_a_second_saved_up(
    rate: float, idle: list[float]
) -> None:
    instants = sent(Budget(rate), idle)

    for first, start in enumerate(instants):
        for last in range(first, len(instants)):
            stretch = instants[last] - start
            assert last - first + 1 <= rate * (stretch + BURST_SECONDS) + 1 + ROUNDING


@given(rate=RATES)
def test_what_is_allowed_is_also_sent(rate: float) -> None:
    instants = sent(Budget(rate), [0.0] * 100)

    assert instants[-1] - instants[0] <= 99 / rate + ROUNDING


def test_what_nobody_used_for_an_hour_does_not_come_all_at_once() -> None:
    budget = Budget(10.0)
    sent(budget, [0.0] * 50)
    instants = sent(budget, [3600.0, *[0.0] * 50], now=2000.0)

    assert sum(instant == instants[0] for instant in instants) <= 10 * BURST_SECONDS + 1


def test_one_is_always_allowed_at_once() -> None:
    assert Budget(0.01).ready_at() <= 0.0


def test_a_flight_of_refused_requests_halves_the_rate_once() -> None:
    budget = Budget(8.0)
    for refused_at in (2.0, 2.1, 2.2):
        budget.throttled(refused_at, sent_at=1.0, retry_after=None)
    assert budget.rate == 4.0

    budget.throttled(3.0, sent_at=2.5, retry_after=None)
    assert budget.rate == 2.0


def test_however_often_it_is_refused_it_asks_now_and_then() -> None:
    budget = Budget(10.0)
    for minute in range(1, 100):
        budget.throttled(60.0 * minute, sent_at=60.0 * minute - 1, retry_after=None)

    assert budget.rate == pytest.approx(10.0 * LEAST)
    assert budget.ready_at() <= 60.0 * 99 + 1 / budget.rate


@given(rate=RATES, asked=st.floats(0.001, 1e6))
def test_the_silence_that_the_gateway_asks_for_is_kept_unless_it_is_absurd(rate: float, asked: float) -> None:
    budget = Budget(rate)
    sent(budget, [0.0] * 3)
    budget.throttled(1005.0, sent_at=1004.0, retry_after=asked)

    assert budget.ready_at() >= 1005.0 + min(asked, LONGEST_SILENCE_SECONDS) - ROUNDING


def test_a_gateway_that_asks_for_a_year_is_asked_again_after_a_minute() -> None:
    budget = Budget(10.0)
    budget.throttled(1000.0, sent_at=999.0, retry_after=365 * 86400.0)

    assert budget.ready_at() == pytest.approx(1000.0 + LONGEST_SILENCE_SECONDS)


def test_a_silence_is_not_followed_by_a_burst() -> None:
    budget = Budget(10.0)
    budget.throttled(1000.0, sent_at=999.0, retry_after=30.0)
    first, second, third = sent(budget, [0.0] * 3, now=1000.0)

    assert first >= 1030.0
    assert second - first == pytest.approx(1 / budget.rate)
    assert third - second == pytest.approx(1 / budget.rate)


def test_a_later_refusal_never_shortens_a_silence() -> None:
    budget = Budget(10.0)
    budget.throttled(1000.0, sent_at=999.0, retry_after=30.0)
    budget.throttled(1001.0, sent_at=999.5, retry_after=None)

    assert budget.ready_at() >= 1030.0


@given(ceiling=RATES, refusals=st.integers(1, 20))
def test_answers_bring_back_the_whole_rate(ceiling: float, refusals: int) -> None:
    budget = Budget(ceiling)
    for second in range(1, refusals + 1):
        budget.throttled(float(second), sent_at=float(second), retry_after=None)
    for _ in range(20):
        before = budget.rate
        budget.answered()
        assert before <= budget.rate <= ceiling

    assert budget.rate == pytest.approx(ceiling)


@given(ceiling=RATES, answers=st.lists(st.booleans(), max_size=100))
def test_whatever_happens_the_rate_stays_between_its_bounds(ceiling: float, answers: list[bool]) -> None:
    budget = Budget(ceiling)
    for second, good in enumerate(answers, start=1):
        if good:
            budget.answered()
        else:
            budget.throttled(float(second), sent_at=float(second), retry_after=None)
        assert ceiling * LEAST - ROUNDING <= budget.rate <= ceiling + ROUNDING


@pytest.mark.parametrize("borne", [0.5, 3.0, 9.0])
def test_what_the_gateway_bears_is_found_and_mostly_used(borne: float) -> None:
    budget = Budget(10.0)
    now, counted_at, tokens, answered, refused = 0.0, 0.0, max(borne, 1.0), 0, 0
    while now < 1000.0:
        now = max(now, budget.ready_at())
        budget.spend(now)
        tokens = min(tokens + (now - counted_at) * borne, max(borne, 1.0))
        counted_at = now
        if tokens >= 1:
            tokens -= 1
            answered += 1
            budget.answered()
        else:
            refused += 1
            budget.throttled(now, sent_at=now, retry_after=None)

    assert answered >= 0.4 * borne * 1000
    assert refused <= answered
