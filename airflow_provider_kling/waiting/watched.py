"""One trigger's waiting, as the watcher keeps it: what each answer means for it, and when it is due again."""

from __future__ import annotations

import contextvars
import time
from enum import IntEnum
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import KlingClockError, KlingError
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.retrying import DEFAULT_RETRIES, MAY_PASS
from airflow_provider_kling.waiting import pacing
from airflow_provider_kling.waiting.wait import Wait

if TYPE_CHECKING:
    import asyncio

    from airflow_provider_kling.waiting.pacing import Experience, Kind


class Way(IntEnum):
    """How a generation is asked for; a lower one where a higher one did not show it."""

    ALONE = 1
    TOGETHER = 2
    BY_PAGE = 3


class Watched:
    """
    A generation that a trigger waits for.

    :param mode: The mode that it was submitted with, where the trigger knows it.
    :param poll_interval: The longest pause between two questions in seconds; None leaves it to the pacing.
    :param submitted_at: Seconds since the epoch; None where the trigger does not know it.
    :param deadline: Seconds since the epoch.
    :param future: What the trigger awaits.
    """

    __slots__ = (
        "_context",
        "_doubtful_since",
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
        mode: str | None,
        poll_interval: float | None,
        submitted_at: float | None,
        deadline: float,
        future: asyncio.Future[Generation],
    ) -> None:
        self.kind: Kind = (product, mode)
        self.future = future
        self.way = Way.BY_PAGE
        # The instant of the loop's clock before which its trigger must not fire.
        self.earliest = future.get_loop().time() + pacing.EARLIEST_QUESTION_SECONDS
        # Which of its entries among those who are, or will be, due is the one that counts.
        self.turn = 0
        self._poll_interval = poll_interval
        self._submitted_at = submitted_at
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

    def first_pause(self, experience: Experience) -> float:
        """Return the seconds until the first question."""
        now = time.time()
        pause = pacing.first_pause(self._age(now), experience.usual(self.kind))
        pause = min(pause, self._poll_interval or pause, max(self._wait.deadline - now, 0.0))
        return max(pause, pacing.EARLIEST_QUESTION_SECONDS)

    def take(self, outcome: Generation | KlingError, experience: Experience, shortest: float) -> float | None:
        """
        Take what an answer says.

        :param shortest: Seconds that are worth waiting for another answer at least.
        :return: The seconds until the next question; None when the waiting is over.
        """
        now = time.time()
        if isinstance(outcome, Generation) and outcome.created_at:
            self._submitted_at = outcome.created_at.timestamp()
        if self._may_pass(outcome, now):
            return pacing.EARLIEST_QUESTION_SECONDS
        try:
            task = self._context.run(self._wait.ended, outcome, now)
        except KlingError as error:
            self.fail(error)
            return None
        if task is None:
            pause = pacing.next_pause(self._age(now), experience.usual(self.kind), shortest)
            return self._wait.pause(outcome, min(pause, self._poll_interval or pause), now)
        if task.state is GenerationState.SUCCEEDED and self._submitted_at:
            done_at = task.finished_at.timestamp() if task.finished_at else now
            experience.add(self.kind, max(done_at - self._submitted_at, 0.0))
        if not self.future.done():
            self.future.set_result(task)
        return None

    def is_overdue(self, now: float) -> bool:
        """Return whether its deadline has passed (``now`` in seconds since the epoch)."""
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
        return now - self._doubtful_since < DEFAULT_RETRIES.seconds
