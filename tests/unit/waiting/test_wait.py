"""A worker that waits by itself: why and when it ends, and what it says."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingTimeoutError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video
from airflow_provider_kling.waiting.wait import Clock, wait_for_task

NOW = 1_790_000_000.0
DOWN = KlingServerError("The gateway refused.")


class Worker(Clock):
    """A worker whose pauses take no time, and a client that brings the outcomes one after the other."""

    def __init__(self, *outcomes: Generation | KlingError) -> None:
        self.outcomes = list(outcomes)
        self.asked_at: list[float] = []
        self._now = NOW

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self._now += seconds

    def gateway(self) -> Any:
        return GATEWAYS["official"]

    def perform(self, call: Any) -> Generation:
        assert call.path.endswith("/text2video/t")
        self.asked_at.append(self._now - NOW)
        outcome = self.outcomes.pop(0) if self.outcomes[1:] else self.outcomes[0]
        if isinstance(outcome, KlingError):
            raise outcome
        return outcome

    def waits(self, poll_interval: float = 10.0, lasts: float = 100.0) -> Generation:
        client, deadline = cast("Any", self), NOW + lasts
        return wait_for_task(
            client, "t", TEXT2VIDEO, poll_interval=poll_interval, deadline=deadline, clock=self
        )


def seen(state: str) -> Generation:
    return Generation("t", TEXT2VIDEO, GenerationState(state), (Video("https://cdn/a.mp4"),))


SUBMITTED, PROCESSING, SUCCEEDED = map(seen, ("submitted", "processing", "succeeded"))


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_it_asks_at_the_pauses_that_it_was_told_until_the_end(end: str) -> None:
    worker = Worker(SUBMITTED, PROCESSING, PROCESSING, seen(end))

    assert worker.waits(poll_interval=7) == seen(end)
    assert worker.asked_at == [0, 7, 14, 21]


def test_at_its_deadline_it_asks_once_more_and_says_that_the_generation_goes_on() -> None:
    worker = Worker(PROCESSING)
    with pytest.raises(KlingTimeoutError, match=r"\(processing\).*goes on and is billed") as caught:
        worker.waits(poll_interval=60)

    assert worker.asked_at == [0, 60, 100]
    assert caught.value.task_id == "t"
    assert Worker(SUCCEEDED).waits(lasts=-100) is SUCCEEDED
    late = Worker(PROCESSING)
    with pytest.raises(KlingTimeoutError):
        late.waits(lasts=-100)
    assert late.asked_at == [0]


@pytest.mark.parametrize(
    "kind", [KlingServerError, KlingUnreachableError, KlingThrottledError, KlingUnreadableAnswerError]
)
def test_what_may_pass_ends_it_only_at_its_deadline_which_names_it(
    kind: type[KlingError], caplog: pytest.LogCaptureFixture
) -> None:
    trouble = kind("Not now.")
    assert Worker(*[trouble] * 9, SUCCEEDED).waits() is SUCCEEDED
    assert f"Could not ask for Kling task t, and will ask again: {trouble}" in caplog.text
    with pytest.raises(KlingTimeoutError, match="the last question failed: ") as caught:
        Worker(trouble).waits()
    assert str(trouble) in str(caught.value)


@pytest.mark.parametrize(("asked", "kept"), [(5.0, 10.0), (30.0, 30.0), (9000.0, 300.0), (None, 10.0)])
def test_the_silence_that_the_gateway_asks_for_is_kept_unless_it_is_absurd(
    asked: float | None, kept: float
) -> None:
    worker = Worker(KlingThrottledError("Busy.", retry_after=asked), SUCCEEDED)
    worker.waits(lasts=1000)

    assert worker.asked_at == [0, kept]


@pytest.mark.parametrize("kind", [KlingAuthError, KlingTaskNotFoundError, KlingResultMissingError])
def test_what_time_does_not_mend_ends_it_at_once(kind: type[KlingError]) -> None:
    worker = Worker(PROCESSING, kind("No."), SUCCEEDED)
    with pytest.raises(kind):
        worker.waits()

    assert len(worker.asked_at) == 2


def test_only_a_change_of_state_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_kling")
    Worker(SUBMITTED, SUBMITTED, PROCESSING, DOWN, PROCESSING, PROCESSING, SUCCEEDED).waits()
    said = [(entry.levelname, entry.getMessage()) for entry in caplog.records]

    assert said == [
        ("INFO", "Kling task t is submitted"),
        ("DEBUG", "Kling task t is submitted"),
        ("INFO", "Kling task t is processing"),
        ("WARNING", f"Could not ask for Kling task t, and will ask again: {DOWN}"),
        ("DEBUG", "Kling task t is processing"),
        ("DEBUG", "Kling task t is processing"),
    ]
