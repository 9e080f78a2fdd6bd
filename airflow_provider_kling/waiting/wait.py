"""When to ask again and when to stop: decided once, for the worker's loop and the triggerer's."""

from __future__ import annotations

import logging
import math
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import KlingError, KlingTimeoutError

if TYPE_CHECKING:
    from airflow_provider_kling.api.client import KlingClient
    from airflow_provider_kling.api.generation import Generation, GenerationState

log = logging.getLogger(__name__)

# A gateway that wants to be left alone for longer is asked all the same: it may be wrong.
LONGEST_RETRY_AFTER_SECONDS = 300.0
# The trigger itself reports the timeout; Airflow's own only steps in when there is no triggerer to do so.
BACKSTOP_SECONDS = 120.0


class Clock:
    """The wall clock, and a worker's pauses. Handed in, so that a test can have time pass at once."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


CLOCK = Clock()


class Wait:
    """
    The waiting for one generation, fed with what each question brought.

    An error that may pass (the gateway is down, or busy) never ends a waiting; only the deadline does.

    :param deadline: The instant at which to stop, in seconds since the epoch.
    """

    def __init__(self, task_id: str, deadline: float) -> None:
        self.task_id = task_id
        self.deadline = deadline
        self._state: GenerationState | None = None

    def ended(self, outcome: Generation | KlingError, now: float) -> Generation | None:
        """
        Return the generation once it has ended; None means to go on.

        :param outcome: The generation as it was seen, or the error that came instead.
        :param now: Seconds since the epoch.
        :raises KlingError: an error that time does not mend.
        :raises KlingTimeoutError: the deadline has come.
        """
        if isinstance(outcome, KlingError):
            if not outcome.retryable:
                raise outcome
            log.warning("Could not ask for Kling task %s, and will ask again: %s", self.task_id, outcome)
        elif outcome.state.ended:
            return outcome
        else:
            changed = outcome.state is not self._state
            log.log(
                logging.INFO if changed else logging.DEBUG, "Kling task %s is %s", self.task_id, outcome.state
            )
            self._state = outcome.state
        if now >= self.deadline:
            raise self.timeout(outcome)
        return None

    def pause(self, outcome: Generation | KlingError, poll_interval: float, now: float) -> float:
        """
        Return the seconds from ``now`` to the next question.

        They are the caller's, unless the gateway asks for more or the deadline leaves less.
        """
        asked = (outcome.retry_after or 0.0) if isinstance(outcome, KlingError) else 0.0
        pause = max(poll_interval, min(asked, LONGEST_RETRY_AFTER_SECONDS))
        return min(pause, max(self.deadline - now, 0.0))

    def timeout(self, outcome: Generation | KlingError) -> KlingTimeoutError:
        last = f"the last question failed: {outcome}" if isinstance(outcome, KlingError) else outcome.state
        return KlingTimeoutError(f"The time to wait is over ({last}).", task_id=self.task_id)


def wait_for_task(
    client: KlingClient,
    task_id: str,
    product: str,
    *,
    poll_interval: float,
    deadline: float,
    clock: Clock = CLOCK,
) -> Generation:
    """
    Ask, in this process, until the generation has ended, well or not, and return it as it ended.

    :param poll_interval: Seconds from one question to the next.
    :param deadline: Seconds since the epoch.
    :raises KlingTimeoutError: the deadline came first.
    """
    wait = Wait(task_id, deadline)
    while True:
        outcome: Generation | KlingError
        try:
            outcome = client.perform(client.gateway().query(task_id, product))
        except KlingError as error:
            outcome = error
        if task := wait.ended(outcome, clock.now()):
            return task
        clock.sleep(wait.pause(outcome, poll_interval, clock.now()))


def backstop(deadline: float, now: float) -> timedelta:
    """Return the ``timeout`` of a deferral whose trigger stops at ``deadline`` (seconds since the epoch)."""
    return timedelta(seconds=max(deadline - now, 0.0) + BACKSTOP_SECONDS)


def execution_deadline(started: datetime, execution_timeout: timedelta | None) -> float:
    """
    Return when ``execution_timeout`` ends a try that is deferred, in seconds since the epoch.

    Airflow itself does not count while a task is deferred, and begins anew when it is resumed
    (apache/airflow#69678); the start of the try, ``context["ti"].start_date``, survives both.
    """
    return math.inf if execution_timeout is None else (started + execution_timeout).timestamp()
