"""What each answer means for one that waits; the rest of its stories is the watcher's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.errors import (
    KlingClockError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingTimeoutError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.waiting.pacing import FEWEST_REMEMBERED, Experience
from airflow_provider_kling.waiting.watched import Watched
from tests.unit.waiting.virtual import NOW, STEADY, VirtualLoop

KIND = (TEXT2VIDEO, "std")
SHORTEST = 1.5
NOT_FOUND = KlingTaskNotFoundError("The gateway has no such generation.")
NO_LINK = KlingResultMissingError("The generation succeeded, and the answer has no link to a video.")
DOWN = KlingServerError("The gateway refused.")
EXPIRED = KlingClockError("Expired.")


def seen(state: GenerationState, **facts: Any) -> Generation:
    videos = (Video("https://example.com/v.mp4"),) if state is GenerationState.SUCCEEDED else ()
    return Generation("1", TEXT2VIDEO, state, videos, **facts)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


GOES_ON, SUCCEEDED = seen(GenerationState.PROCESSING), seen(GenerationState.SUCCEEDED)


class Waiting:
    """A waiting as the watcher has it, without the watcher. ``age`` is in seconds since NOW."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **changed: Any) -> None:
        arguments: dict[str, Any] = {
            "task_id": "1",
            "product": TEXT2VIDEO,
            "deadline": NOW + 3600,
            "mode": "std",
            "poll_interval": None,
            "submitted_at": NOW,
            "future": loop.create_future(),
            "earliest": 0.0,
            "pacing": STEADY,
            "experience": Experience(),
        }
        self.experience: Experience = changed.get("experience", arguments["experience"])
        self.watched = Watched(**{**arguments, **changed})

    def first_pause(self, age: float = 0.0) -> float:
        return self.watched.first_pause(NOW + age)

    def take(self, outcome: Any, age: float = 0.0) -> float | None:
        return self.watched.take(outcome, SHORTEST, NOW + age)

    @property
    def error(self) -> BaseException | None:
        return self.watched.future.exception() if self.watched.future.done() else None

    def took(self) -> float:
        """How long it has seen the generation take, as the middle of what else might be."""
        for seconds in (0.0, 0.0, 9e9, 9e9)[: FEWEST_REMEMBERED - 1]:
            self.experience.add(KIND, seconds)
        return self.experience.usual(KIND).median


@pytest.fixture
def waiting() -> Iterator[Callable[..., Waiting]]:
    loop = VirtualLoop()
    yield lambda **changed: Waiting(loop, **changed)
    loop.close()


@pytest.mark.parametrize(
    ("changed", "pause"),
    [
        ({}, 30.0),  # until such a video can be done
        ({"mode": "pro"}, 60.0),
        ({"submitted_at": NOW - 20}, 10.0),
        ({"submitted_at": NOW - 500}, 2.0),  # no trigger may fire sooner
        ({"submitted_at": NOW + 500}, 30.0),  # a gateway's clock may be ahead
        ({"submitted_at": None}, 30.0),
        ({"poll_interval": 7.0}, 7.0),
        ({"poll_interval": 700.0}, 30.0),
        ({"deadline": NOW + 9}, 9.0),
        ({"poll_interval": 0.1, "deadline": NOW - 5}, 2.0),
    ],
)
def test_the_first_question_comes_when_it_can_tell_something(
    changed: dict[str, Any], pause: float, waiting: Callable[..., Waiting]
) -> None:
    assert waiting(**changed).first_pause() == pause


@given(age=st.floats(0, 5000), interval=st.none() | st.floats(0.1, 600), left=st.floats(0.1, 5000))
def test_a_pause_ends_at_the_interval_and_at_the_deadline(
    age: float, interval: float | None, left: float
) -> None:
    loop = VirtualLoop()
    pause = Waiting(loop, poll_interval=interval, deadline=NOW + age + left).take(GOES_ON, age)
    loop.close()

    usual = max(min(abs(60 - age) / 8, 10), SHORTEST)
    assert pause == pytest.approx(min(usual, interval or usual, left), abs=1e-5)


@pytest.mark.parametrize(
    ("before", "answer", "took"),
    [
        (None, seen(GenerationState.SUCCEEDED, created_at=at(-100), finished_at=at(20)), 120.0),
        (NOW - 7, seen(GenerationState.SUCCEEDED, created_at=at(-100)), 180.0),  # until it was heard of
        (NOW - 7, SUCCEEDED, 87.0),
        (None, SUCCEEDED, 80.0),  # since the trigger came
        (NOW, seen(GenerationState.SUCCEEDED, created_at=at(3600), finished_at=at(0)), 0.0),
    ],
)
def test_how_long_it_took_counts_from_its_submission_to_its_end(
    before: float | None, answer: Generation, took: float, waiting: Callable[..., Waiting]
) -> None:
    one = waiting(submitted_at=before)
    one.first_pause()
    one.take(GOES_ON, 40.0)
    one.take(answer, 80.0)

    assert one.took() == pytest.approx(took)


def test_a_failed_generation_says_nothing_of_how_long_one_takes(waiting: Callable[..., Waiting]) -> None:
    experience = Experience()
    for _ in range(FEWEST_REMEMBERED):
        waiting(experience=experience).take(seen(GenerationState.FAILED, created_at=at(0), finished_at=at(1)))

    assert experience.usual(KIND) == Experience().usual(KIND)


def test_an_error_that_may_pass_does_not_end_it_before_its_deadline(waiting: Callable[..., Waiting]) -> None:
    one = waiting()
    for age in range(0, 3600, 30):
        assert one.take((DOWN, KlingThrottledError("Too many."))[age % 60 // 30], age) is not None
    assert not one.watched.future.done()
    assert (one.watched.is_overdue(NOW + 3599.9), one.watched.is_overdue(NOW + 3600)) == (False, True)

    assert one.take(DOWN, 3600) is None
    assert isinstance(one.error, KlingTimeoutError)


@pytest.mark.parametrize("doubt", [NOT_FOUND, NO_LINK])
def test_what_a_gateway_does_not_know_yet_is_asked_again_for_a_while(
    doubt: Exception, waiting: Callable[..., Waiting]
) -> None:
    one = waiting()

    assert [one.take(doubt, age) for age in (0, 7, 14.9)] == [2.0] * 3
    assert one.take(doubt, 15) is None
    assert one.error is doubt


@pytest.mark.parametrize("between", [GOES_ON, DOWN])
def test_each_doubt_has_its_own_time(between: Any, waiting: Callable[..., Waiting]) -> None:
    one = waiting()
    assert one.take(NOT_FOUND) is not None  # known a moment after it was made
    assert one.take(between, 5) is not None

    assert one.take(NO_LINK, 105) is not None  # and its link a moment after its end
    assert not one.watched.future.done()


def test_nobody_doubts_beyond_the_deadline(waiting: Callable[..., Waiting]) -> None:
    one = waiting(deadline=NOW + 1)

    assert one.take(NOT_FOUND, 2) is None
    assert one.error is NOT_FOUND


def test_a_token_that_came_too_late_is_signed_anew_once_and_half_an_hour_later_again(
    waiting: Callable[..., Waiting],
) -> None:
    one = waiting()
    assert one.take(EXPIRED) == 2.0
    assert one.take(GOES_ON, 2) is not None
    assert one.take(EXPIRED, 1800) == 2.0

    assert one.take(EXPIRED, 1802) is None
    assert one.error is EXPIRED


def test_who_has_left_is_told_nothing(waiting: Callable[..., Waiting]) -> None:
    one = waiting()
    one.watched.turn = 5
    assert (one.watched.has_turn(5), one.watched.has_turn(4)) == (True, False)
    one.watched.future.cancel()

    assert not one.watched.has_turn(5)
    assert one.take(SUCCEEDED) is None
    one.watched.fail(DOWN)
    one.watched.give_up(DOWN)
    assert one.watched.future.cancelled()
