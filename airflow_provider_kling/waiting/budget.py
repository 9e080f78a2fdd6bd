"""How much a gateway bears: requests a second, one at a time while it is down. The caller has the clock."""

from __future__ import annotations

import random

# What was saved up while nobody asked may be spent at once: a second's worth.
BURST_SECONDS = 1.0
# The rate falls by half when the gateway finds it too much, and grows back by a little with each answer, as
# TCP does it: so many connections that share a limit come to share it fairly.
FALL = 0.5
GROWTH = 1 / 20
LEAST = 1 / 64
# A gateway that wants to be left alone for longer is asked all the same: it may be wrong.
LONGEST_SILENCE_SECONDS = 60.0


class Budget:
    """
    A token bucket whose rate follows what the gateway bears, shared by all that wait on a connection.

    :param requests_per_second: The rate that is never exceeded.
    """

    def __init__(self, requests_per_second: float) -> None:
        self._ceiling = requests_per_second
        self.rate = requests_per_second
        self._next_at = 0.0
        self._fell_at = 0.0

    def ready_at(self) -> float:
        """Return the instant from which on a request may be sent."""
        return self._next_at - BURST_SECONDS

    def spend(self, now: float) -> None:
        self._next_at = max(self._next_at, now) + 1 / self.rate

    def answered(self) -> None:
        """Grow: the gateway bore a request."""
        self.rate = min(self.rate + self._ceiling * GROWTH, self._ceiling)

    def throttled(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """
        Fall: the gateway found a request too much.

        :param sent_at: When it left. What left before the last fall says nothing about the new rate.
        :param retry_after: The seconds of silence that the gateway asks for.
        """
        if sent_at >= self._fell_at:
            self._fell_at = now
            self.rate = max(self.rate * FALL, self._ceiling * LEAST)
        silence = min(retry_after or 1 / self.rate, LONGEST_SILENCE_SECONDS)
        self._next_at = max(self._next_at, now + silence + BURST_SECONDS)


class Breaker:
    """
    Open while the gateway is down: then one request at a time finds out whether it is back.

    The first failure opens it. Should that have been the trouble of a single request, the next one, a moment
    later, closes it again.

    :param shortest: Seconds until the first such request.
    :param longest: Seconds from one to the next in the end.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._failures = 0
        self._failed_at = 0.0
        self._probe_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures > 0

    def ready_at(self) -> float:
        return self._probe_at

    def failed(self, now: float, sent_at: float) -> None:
        if sent_at < self._failed_at:  # what left before the last failure says nothing new
            return
        self._failed_at = now
        pause = min(self._shortest * 2**self._failures, self._longest)
        self._failures = min(self._failures + 1, 16)
        self._probe_at = now + pause * random.uniform(0.75, 1.0)

    def answered(self) -> None:
        self._failures = 0
        self._probe_at = 0.0
