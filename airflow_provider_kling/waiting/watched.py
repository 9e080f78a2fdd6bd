"""
One trigger's waiting, as the watcher keeps it: what each answer means for it, and when it is due again.

The caller has the clock: ``now`` is in seconds since the epoch.
"""

from __future__ import annotations

import asyncio
import contextvars
from enum import IntEnum
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import KlingClockError, KlingError
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.retrying import MAY_PASS
from airflow_provider_kling.waiting.wait import Wait

if TYPE_CHECKING:
    from airflow_provider_kling.waiting.pacing import Experience, Kind, Pacing


class Way(IntEnum):
    """How a generation is asked for; a lower one where a higher one did not show it."""

    ALONE = 1
    TOGETHER = 2
    BY_PAGE = 3


class Watched:
    """
    A generation that a trigger waits for.

    :param deadline: Seconds since the epoch.
    :param mode: The mode that it was submitted with, where the trigger knows it.
    :param poll_interval: The longest pause between two questions in seconds; None leaves it to the pacing.
    :param submitted_at: Seconds since the epoch; None where the trigger does not know it.
    :param future: What the trigger awaits.
    :param earliest: The instant of the loop's clock before which the trigger must not fire.
    """

    __slots__ = (
        "_context",
        "_doubtful_since",
        "_experience",
        "_pacing",
        "_poll_interval",
        "_signed_anew",
        "_submitted_at",
        "_wait",
        "earliest",
        "future",
        "kind",
        "turn",
        "way",
    )

    def __init__(
        self,
        task_id: str,
        product: str,
        deadline: float,
        *,
        mode: str | None,
        poll_interval: float | None,
        submitted_at: float | None,
        future: asyncio.Future[Generation],
        earliest: float,
        pacing: Pacing,
        experience: Experience,
    ) -> None:
        self.kind: Kind = (product, mode)
        self.future = future
        self.earliest = earliest
        self.way = Way.BY_PAGE
        # Which of its entries among those who are, or will be, due is the one that counts.
        self.turn = 0
        self._poll_interval = poll_interval
        self._submitted_at = submitted_at
        self._pacing = pacing
        self._experience = experience
        self._wait = Wait(task_id, deadline)
        # What is said of it belongs into the log of the trigger that waits for it.
        self._context = contextvars.copy_context()
        self._doubtful_since: float | None = None
        self._signed_anew = False

    @property
    def task_id(self) -> str:
        """The gateway's id."""
        return self._wait.task_id

    @property
    def product(self) -> str:
        """The path family."""
        return self.kind[0]

    def has_turn(self, turn: int) -> bool:
        """Return whether an entry is the one that counts, and somebody still waits."""
        return turn == self.turn and not self.future.done()

    def first_pause(self, now: float) -> float:
        """Return the seconds until the first question."""
        pause = self._pacing.before_first(self._age(now), self._experience.usual(self.kind))
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
            usual = self._experience.usual(self.kind)
            pause = self._pacing.before_next(self._age(now), usual, shortest)
            return self._wait.pause(outcome, min(pause, self._poll_interval or pause), now)
        if task.state is GenerationState.SUCCEEDED and self._submitted_at:
            done_at = task.finished_at.timestamp() if task.finished_at else now
            self._experience.add(self.kind, max(done_at - self._submitted_at, 0.0))
        if not self.future.done():
            self.future.set_result(task)
        return None

    def is_overdue(self, now: float) -> bool:
        """Return whether its deadline has passed."""
        return now >= self._wait.deadline

    def give_up(self, error: KlingError) -> None:
        """End the waiting at its deadline, at which the gateway could not be asked."""
        self.fail(self._wait.timeout(error))

    def fail(self, error: Exception) -> None:
        """End the waiting with an error."""
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
        if not isinstance(outcome, MAY_PASS) or self.is_overdue(now):
            self._doubtful_since = None
            return False
        self._doubtful_since = self._doubtful_since or now
        return now - self._doubtful_since < self._pacing.doubt
