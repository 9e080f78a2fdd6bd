"""
One trigger's waiting, as the watcher keeps it: what each answer means for it, and when it is due again.

The caller has the clock: ``now`` is in seconds since the epoch.
"""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import KlingClockError, KlingError
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.retrying import MAY_PASS
from airflow_provider_kling.waiting.wait import Wait

if TYPE_CHECKING:
    from airflow_provider_kling.waiting.pacing import Experience, Pacing


class Way(IntEnum):
    """How a generation is asked for; a lower one where a higher one did not show it."""

    ALONE = 1
    TOGETHER = 2
    BY_PAGE = 3


@dataclass(frozen=True, slots=True)
class Awaited:
    """
    A generation that is waited for.

    :param kling_task_id: The gateway's id of the generation.
    :param product: The path family of the generation.
    :param deadline: Seconds since the epoch, because it has to mean the same in another process.
    :param poll_interval: The longest pause before a question in seconds; None leaves it to the pacing.
    :param mode: The mode of the generation, where it is known; the time that it takes depends on it.
    :param submitted_at: Seconds since the epoch, where they are known.
    """

    kling_task_id: str
    product: str
    deadline: float
    poll_interval: float | None = None
    mode: str | None = None
    submitted_at: float | None = None


class Watched:
    """The waiting for a generation, made in the event loop and the context of the trigger that waits."""

    def __init__(self, awaited: Awaited, pacing: Pacing, experience: Experience) -> None:
        loop = asyncio.get_running_loop()
        self.task_id = awaited.kling_task_id
        self.product = awaited.product
        self.future: asyncio.Future[Generation] = loop.create_future()  # what the trigger awaits
        # The instant of the loop's clock before which the trigger must not fire.
        self.earliest = loop.time() + pacing.earliest_question
        self.way = Way.BY_PAGE
        # Which of its entries among those who are, or will be, due is the one that counts.
        self.turn = 0
        self._kind = (awaited.product, awaited.mode)
        self._poll_interval = awaited.poll_interval
        self._submitted_at = awaited.submitted_at
        self._pacing = pacing
        self._experience = experience
        self._wait = Wait(awaited.kling_task_id, awaited.deadline)
        # What is said of it belongs into the log of the trigger that waits for it.
        self._context = contextvars.copy_context()
        self._doubtful_since: float | None = None
        self._signed_anew = False

    def has_turn(self, turn: int) -> bool:
        """Return whether an entry is the one that counts, and somebody still waits."""
        return turn == self.turn and not self.future.done()

    def first_pause(self, now: float) -> float:
        """Return the seconds until the first question."""
        pause = self._pacing.before_first(self._age(now), self._experience.usual(self._kind))
        pause = min(pause, self._poll_interval or pause, max(self._wait.deadline - now, 0.0))
        return max(pause, self._pacing.earliest_question)

    def take(self, outcome: Generation | KlingError, shortest: float, now: float) -> float | None:
        """
        Take what an answer says.

        :param shortest: Seconds that are worth waiting for another answer at least.
        :return: The seconds until the next question; None when the waiting is over.
        """
        if isinstance(outcome, Generation) and outcome.created_at:
            self._submitted_at = outcome.created_at.timestamp()
        if self._may_pass(outcome, now):
            return self._pacing.earliest_question
        try:
            task = self._context.run(self._wait.ended, outcome, now)
        except KlingError as error:
            self.fail(error)
            return None
        if task is None:
            usual = self._experience.usual(self._kind)
            pause = self._pacing.before_next(self._age(now), usual, shortest)
            return self._wait.pause(outcome, min(pause, self._poll_interval or pause), now)
        if task.state is GenerationState.SUCCEEDED and self._submitted_at:
            done_at = task.finished_at.timestamp() if task.finished_at else now
            self._experience.add(self._kind, max(done_at - self._submitted_at, 0.0))
        if not self.future.done():
            self.future.set_result(task)
        return None

    def give_up_if_overdue(self, error: KlingError, now: float) -> None:
        """End the waiting if its deadline has passed, at which the gateway could not be asked."""
        if now >= self._wait.deadline:
            self.fail(self._wait.timeout(error))

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def _age(self, now: float) -> float:
        if self._submitted_at is None:
            self._submitted_at = now
        return max(now - self._submitted_at, 0.0)  # the gateway's clock may be ahead of ours

    def _may_pass(self, outcome: Generation | KlingError, now: float) -> bool:
        """Return whether it is an error that ends a waiting, and may still turn out to be none."""
        signed_anew, self._signed_anew = self._signed_anew, isinstance(outcome, KlingClockError)
        if self._signed_anew:
            return not signed_anew
        if not isinstance(outcome, MAY_PASS) or now >= self._wait.deadline:
            self._doubtful_since = None
            return False
        self._doubtful_since = self._doubtful_since or now
        return now - self._doubtful_since < self._pacing.doubt
