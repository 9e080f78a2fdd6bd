from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingClockError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingTimeoutError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.api.retrying import DEFAULT_RETRIES
from airflow_provider_kling.waiting import pacing, watched
from airflow_provider_kling.waiting.pacing import JITTER, Experience
from airflow_provider_kling.waiting.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_790_000_000.0
SHORTEST = 1.5
NOT_FOUND = KlingTaskNotFoundError("The gateway has no such generation.")
NO_LINK = KlingResultMissingError("The generation succeeded, and the answer has no link to a video.")
DOWN = KlingServerError("The gateway refused.")


@dataclass
class Clock:
    """The wall clock of the code under test, which only a test moves."""

    now: float = START

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watched, "time", clock)
    return clock


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Waiting:
    """A waiting as the watcher has it, without the watcher."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **changed: Any) -> None:
        arguments: dict[str, Any] = {
            "task_id": "1",
            "product": TEXT2VIDEO,
            "mode": "std",
            "poll_interval": None,
            "submitted_at": START,
            "deadline": START + 3600,
            "future": loop.create_future(),
        }
        self.watched = Watched(**{**arguments, **changed})
        self.experience = Experience()

    def first_pause(self) -> float:
        return self.watched.first_pause(self.experience)

    def take(self, outcome: Any) -> float | None:
        return self.watched.take(outcome, self.experience, SHORTEST)

    @property
    def error(self) -> BaseException | None:
        return self.watched.future.exception() if self.watched.future.done() else None


def seen(state: GenerationState, **facts: Any) -> Generation:
    videos = (Video("https://example.com/v.mp4"),) if state is GenerationState.SUCCEEDED else ()
    return Generation("1", TEXT2VIDEO, state, videos, **facts)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


GOES_ON = seen(GenerationState.PROCESSING)


def test_the_first_question_waits_until_a_video_can_be_done(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    usual = Experience().usual((TEXT2VIDEO, "std"))

    assert Waiting(loop).first_pause() == pytest.approx(usual.earliest, rel=JITTER)


def test_a_generation_that_was_submitted_long_ago_is_asked_for_as_soon_as_a_trigger_may_fire(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop, submitted_at=START - 500)

    assert waiting.first_pause() == pacing.EARLIEST_QUESTION_SECONDS


def test_a_users_interval_bounds_the_first_pause(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    assert Waiting(loop, poll_interval=7.0).first_pause() == 7.0


def test_a_trigger_never_fires_sooner_than_airflow_can_bear(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop, poll_interval=0.1, deadline=START - 5)

    assert waiting.first_pause() == pacing.EARLIEST_QUESTION_SECONDS


def test_the_deadline_bounds_the_first_pause(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    assert Waiting(loop, deadline=START + 9).first_pause() == 9.0


@given(
    age=st.floats(0, 5000),
    interval=st.none() | st.floats(0.1, 600),
    left=st.floats(0.1, 5000),
)
def test_a_pause_ends_at_the_interval_and_at_the_deadline(
    age: float, interval: float | None, left: float
) -> None:
    loop = asyncio.new_event_loop()
    clock = Clock(START + age)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(watched, "time", clock)
        pause = Waiting(loop, poll_interval=interval, deadline=clock.now + left).take(GOES_ON)
    loop.close()

    assert pause is not None
    assert 0 <= pause <= min(interval or pause, left + 1e-6)


def test_the_gateway_knows_best_when_a_generation_was_made(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop, submitted_at=None)
    waiting.first_pause()
    clock.now += 30
    waiting.take(seen(GenerationState.PROCESSING, created_at=at(-100)))
    clock.now += 50
    waiting.take(seen(GenerationState.SUCCEEDED, created_at=at(-100), finished_at=at(20)))

    for _ in range(pacing.FEWEST_REMEMBERED - 1):
        waiting.experience.add((TEXT2VIDEO, "std"), 120.0)
    assert waiting.experience.usual((TEXT2VIDEO, "std")).median == 120


def test_where_it_does_not_tell_the_waiting_began_when_the_trigger_came(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop, submitted_at=None)
    waiting.first_pause()
    clock.now += 44
    waiting.take(seen(GenerationState.SUCCEEDED))

    for _ in range(pacing.FEWEST_REMEMBERED - 1):
        waiting.experience.add((TEXT2VIDEO, "std"), 44.0)
    assert waiting.experience.usual((TEXT2VIDEO, "std")).median == 44


def test_a_gateway_whose_clock_is_ahead_takes_nobody_below_zero(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)
    waiting.take(seen(GenerationState.SUCCEEDED, created_at=at(3600), finished_at=at(0)))

    for _ in range(pacing.FEWEST_REMEMBERED):
        waiting.experience.add((TEXT2VIDEO, "std"), 0.0)
    assert waiting.experience.usual((TEXT2VIDEO, "std")).median == 0


def test_a_failed_generation_says_nothing_of_how_long_one_takes(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    experience = Experience()
    for _ in range(2 * pacing.FEWEST_REMEMBERED):
        waiting = Waiting(loop)
        waiting.experience = experience
        waiting.take(seen(GenerationState.FAILED, created_at=at(0), finished_at=at(1)))

    assert experience.usual((TEXT2VIDEO, "std")) == Experience().usual((TEXT2VIDEO, "std"))


def test_an_end_ends_it(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    waiting = Waiting(loop)
    ended = seen(GenerationState.FAILED)

    assert waiting.take(ended) is None
    assert waiting.watched.future.result() is ended


@pytest.mark.parametrize("error", [DOWN, KlingThrottledError("Too many.")])
def test_an_error_that_may_pass_does_not_end_it(
    error: Exception, loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)
    for _ in range(100):
        clock.now += 30
        assert waiting.take(error) is not None

    assert not waiting.watched.future.done()


def test_an_error_that_does_not_pass_ends_it(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    waiting = Waiting(loop)

    assert waiting.take(KlingAuthError("No such key.")) is None
    assert isinstance(waiting.error, KlingAuthError)


def test_the_deadline_ends_it_and_names_what_was_seen_last(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)
    clock.now += 3600

    assert waiting.take(GOES_ON) is None
    assert isinstance(waiting.error, KlingTimeoutError)
    assert "processing" in str(waiting.error)


def test_the_silence_that_the_gateway_asks_for_is_kept(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    pause = Waiting(loop, poll_interval=1.0).take(KlingThrottledError("Too many.", retry_after=70.0))

    assert pause == 70.0


@pytest.mark.parametrize("doubt", [NOT_FOUND, NO_LINK])
def test_what_a_gateway_does_not_know_yet_is_asked_again_for_a_while(
    doubt: Exception, loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)
    assert waiting.take(doubt) is not None
    clock.now += DEFAULT_RETRIES.seconds / 2
    assert waiting.take(doubt) is not None
    clock.now += DEFAULT_RETRIES.seconds

    assert waiting.take(doubt) is None
    assert waiting.error is doubt


@pytest.mark.parametrize("between", [GOES_ON, DOWN])
def test_each_doubt_has_its_own_time(between: Any, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    waiting = Waiting(loop)
    assert waiting.take(NOT_FOUND) is not None  # known a moment after it was made
    clock.now += 5
    assert waiting.take(between) is not None
    clock.now += 100

    assert waiting.take(NO_LINK) is not None  # and its link a moment after its end
    assert not waiting.watched.future.done()


def test_nobody_doubts_beyond_the_deadline(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    waiting = Waiting(loop, deadline=START + 1)
    clock.now += 2

    assert waiting.take(NOT_FOUND) is None
    assert waiting.error is NOT_FOUND


def test_a_token_that_came_too_late_is_signed_anew_once(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)

    assert waiting.take(KlingClockError("Expired.")) is not None
    assert waiting.take(KlingClockError("Expired.")) is None
    assert isinstance(waiting.error, KlingClockError)


def test_half_an_hour_later_another_token_may_come_too_late(
    loop: asyncio.AbstractEventLoop, clock: Clock
) -> None:
    waiting = Waiting(loop)
    assert waiting.take(KlingClockError("Expired.")) is not None
    clock.now += 1800
    assert waiting.take(GOES_ON) is not None

    assert waiting.take(KlingClockError("Expired.")) is not None


def test_who_has_left_is_told_nothing(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    waiting = Waiting(loop)
    waiting.watched.future.cancel()

    assert waiting.take(seen(GenerationState.SUCCEEDED)) is None
    waiting.watched.fail(DOWN)
    waiting.watched.give_up(DOWN)
    assert waiting.watched.future.cancelled()
