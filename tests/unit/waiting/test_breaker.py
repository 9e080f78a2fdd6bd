from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.waiting.breaker import (
    LONGEST_PAUSE_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    Breaker,
)

START = 1000.0


def probes(breaker: Breaker, until: float, seconds: float = 0.0) -> list[float]:
    """Ask a gateway that is down whenever that is allowed, and return when that was."""
    now = START
    instants = []
    while now < until:
        instants.append(now)
        breaker.failed(now + seconds, sent_at=now)
        now = max(now + seconds, breaker.ready_at())
    return instants


def test_it_is_closed_at_first() -> None:
    breaker = Breaker()

    assert not breaker.is_open
    assert breaker.ready_at() <= 0.0


def test_a_failure_opens_it() -> None:
    breaker = Breaker()
    breaker.failed(START, sent_at=START - 1)

    assert breaker.is_open
    assert breaker.ready_at() > START


def test_an_answer_closes_it() -> None:
    breaker = Breaker()
    probes(breaker, START + 60)
    breaker.answered()

    assert not breaker.is_open
    assert breaker.ready_at() <= START


def test_after_an_answer_the_pauses_begin_anew() -> None:
    breaker = Breaker()
    probes(breaker, START + 60)
    breaker.answered()
    breaker.failed(START + 100, sent_at=START + 99)

    assert breaker.ready_at() <= START + 100 + SHORTEST_PAUSE_SECONDS


@given(seconds=st.floats(0, 30))
def test_the_pauses_grow_twofold_and_no_longer_than_allowed(seconds: float) -> None:
    breaker = Breaker()
    pauses = [
        later - earlier - seconds for earlier, later in pairwise(probes(breaker, START + 2000, seconds))
    ]

    for failures, pause in enumerate(pauses):
        usual = min(SHORTEST_PAUSE_SECONDS * 2.0**failures, LONGEST_PAUSE_SECONDS)
        assert 0.75 * usual - 1e-6 <= pause <= usual + 1e-6


@pytest.mark.parametrize("under_way", [1, 8, 1000])
def test_all_that_left_before_a_failure_say_the_same_and_count_once(under_way: int) -> None:
    breaker = Breaker()
    for number in range(under_way):
        breaker.failed(START + 1 + number / 1000, sent_at=START)
    longest = START + 1 + SHORTEST_PAUSE_SECONDS

    assert breaker.ready_at() <= longest
    breaker.failed(longest, sent_at=longest)  # and the next one is the second
    assert breaker.ready_at() <= longest + 2 * SHORTEST_PAUSE_SECONDS


def test_a_straggler_of_before_an_outage_does_not_open_it_again() -> None:
    breaker = Breaker()
    breaker.failed(START + 1, sent_at=START)
    breaker.answered()
    breaker.failed(START + 2, sent_at=START)

    assert not breaker.is_open


@given(seconds=st.floats(0, 5))
def test_a_minute_of_outage_takes_no_more_than_two_requests_in_any_second(seconds: float) -> None:
    instants = probes(Breaker(), START + 60, seconds)

    assert all(third - first >= 1 for first, third in zip(instants, instants[2:], strict=False))
    assert len(instants) <= 25


@given(outage=st.floats(0, 3600))
def test_who_comes_back_is_noticed_within_the_longest_pause(outage: float) -> None:
    breaker = Breaker()
    probes(breaker, START + outage)

    assert breaker.ready_at() <= START + outage + LONGEST_PAUSE_SECONDS
