from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.waiting.budget import LEAST, LONGEST_SILENCE_SECONDS, Breaker, Budget

RATES = st.floats(0.05, 200)
# How long nobody wants to send anything before each request, in seconds.
IDLE = st.lists(st.just(0.0) | st.floats(0, 3600), min_size=1, max_size=60)
ROUNDING = 1e-6
START = 1000.0
SHORTEST, LONGEST = 0.5, 5.0


def sent(budget: Budget, idle: list[float]) -> list[float]:
    """Send requests as soon as they are wanted and allowed, and return when that was."""
    instants, now = [], START
    for seconds in idle:
        now = max(now + seconds, budget.ready_at())
        budget.spend(now)
        instants.append(now)
    return instants


# The rate


@given(rate=RATES, idle=IDLE)
def test_in_no_stretch_of_time_more_is_sent_than_the_rate_and_a_second_saved_up(
    rate: float, idle: list[float]
) -> None:
    instants = sent(Budget(rate), idle)

    for first, start in enumerate(instants):
        for count, end in enumerate(instants[first:], start=1):
            assert count <= rate * (end - start + 1) + 1 + ROUNDING


@given(rate=RATES)
def test_what_is_allowed_is_also_sent(rate: float) -> None:
    first, *_, last = sent(Budget(rate), [0.0] * 100)

    assert last - first <= 99 / rate + ROUNDING


# What the gateway finds too much


def test_a_flight_of_refused_requests_halves_the_rate_once() -> None:
    budget = Budget(8.0)
    for refused_at in (2.0, 2.1, 2.2):
        budget.throttled(refused_at, sent_at=1.0, retry_after=None)
    assert budget.rate == 4.0

    budget.throttled(3.0, sent_at=2.5, retry_after=None)
    assert budget.rate == 2.0


@given(rate=RATES, asked=st.floats(0.001, 1e6))
def test_the_silence_that_the_gateway_asks_for_is_kept_unless_it_is_absurd(rate: float, asked: float) -> None:
    budget = Budget(rate)
    budget.throttled(START, sent_at=START - 1, retry_after=asked)

    assert budget.ready_at() == pytest.approx(START + min(asked, LONGEST_SILENCE_SECONDS))


def test_where_it_asks_for_none_the_silence_is_that_of_the_new_rate_and_no_burst_follows() -> None:
    budget = Budget(10.0)
    budget.throttled(START, sent_at=START - 1, retry_after=None)

    assert sent(budget, [0.0] * 3) == pytest.approx([START + 0.2, START + 0.4, START + 0.6])


def test_a_later_refusal_never_shortens_a_silence() -> None:
    budget = Budget(10.0)
    budget.throttled(START, sent_at=START - 1, retry_after=30.0)
    budget.throttled(START + 1, sent_at=START - 0.5, retry_after=None)

    assert budget.ready_at() == START + 30


@given(ceiling=RATES, answers=st.lists(st.booleans(), max_size=100))
def test_whatever_happens_the_rate_stays_between_its_bounds_and_twenty_answers_bring_it_back(
    ceiling: float, answers: list[bool]
) -> None:
    budget = Budget(ceiling)
    for second, good in enumerate(answers, start=1):
        if good:
            budget.answered()
        else:
            budget.throttled(float(second), sent_at=float(second), retry_after=None)
        assert ceiling * LEAST - ROUNDING <= budget.rate <= ceiling + ROUNDING
    low = budget.rate
    for answer in range(1, 21):
        budget.answered()
        assert budget.rate == pytest.approx(min(low + answer * ceiling / 20, ceiling))


# A gateway that is down


def probes(breaker: Breaker, until: float, seconds: float = 0.0) -> list[float]:
    """Ask a gateway that is down whenever that is allowed, and return when that was."""
    instants, now = [], START
    while now < until:
        instants.append(now)
        breaker.failed(now + seconds, sent_at=now)
        now = max(now + seconds, breaker.ready_at())
    return instants


def test_a_failure_opens_it_an_answer_closes_it_and_then_the_pauses_begin_anew() -> None:
    breaker = Breaker(SHORTEST, LONGEST)
    assert (breaker.is_open, breaker.ready_at()) == (False, 0.0)
    probes(breaker, START + 60)
    assert breaker.is_open
    breaker.answered()
    assert (breaker.is_open, breaker.ready_at()) == (False, 0.0)
    breaker.failed(START, sent_at=START - 1)  # a straggler of before
    assert not breaker.is_open
    breaker.failed(START + 100, sent_at=START + 99)
    assert 0 < breaker.ready_at() - (START + 100) <= SHORTEST


@given(seconds=st.floats(0, 30))
def test_the_pauses_grow_twofold_and_no_longer_than_allowed(seconds: float) -> None:
    instants = probes(Breaker(SHORTEST, LONGEST), START + 2000, seconds)

    for failures, (earlier, later) in enumerate(pairwise(instants)):
        usual = min(SHORTEST * 2.0**failures, LONGEST)
        assert 0.75 * usual - ROUNDING <= later - earlier - seconds <= usual + ROUNDING


@pytest.mark.parametrize("under_way", [1, 8, 1000])
def test_all_that_left_before_a_failure_say_the_same_and_count_once(under_way: int) -> None:
    breaker = Breaker(SHORTEST, LONGEST)
    for number in range(under_way):
        breaker.failed(START + 1 + number / 1000, sent_at=START)
    longest = START + 1 + SHORTEST

    assert breaker.ready_at() <= longest
    breaker.failed(longest, sent_at=START + 1)  # and the next one is the second
    assert longest + 0.75 * 2 * SHORTEST <= breaker.ready_at() <= longest + 2 * SHORTEST
