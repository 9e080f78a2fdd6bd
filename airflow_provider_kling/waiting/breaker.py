"""A gateway that is down is asked by one, not by a thousand. Pure: the caller has the clock."""

from __future__ import annotations

import random

SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


class Breaker:
    """
    Open while the gateway is down: then one request at a time finds out whether it is back.

    The first failure opens it. Should that have been the trouble of a single request, the next one, half a
    second later, closes it again.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._failed_at = 0.0
        self._probe_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the gateway is taken to be down."""
        return self._failures > 0

    def ready_at(self) -> float:
        """Return the instant from which on a request may be sent."""
        return self._probe_at

    def failed(self, now: float, sent_at: float) -> None:
        """
        Learn that a request found the gateway down.

        :param sent_at: When it left. What left before the last failure says nothing new.
        """
        if sent_at < self._failed_at:
            return
        self._failed_at = now
        pause = min(SHORTEST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        self._probe_at = now + pause * random.uniform(0.75, 1.0)

    def answered(self) -> None:
        """Learn that the gateway is there."""
        self._failures = 0
        self._probe_at = 0.0
