"""When to ask for a generation: not before it can be done, then more often the nearer its usual end is."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from statistics import median

from airflow_provider_kling.api.generation import TEXT2VIDEO

# A trigger that fires within a second or two of its deferral can fail the task (apache/airflow#66374).
EARLIEST_QUESTION_SECONDS = 2.0
# Of how many generations of a kind the median is taken, and from how many on it says something.
MOST_REMEMBERED = 99
FEWEST_REMEMBERED = 5
# Before this part of the median next to none is done.
EARLIEST_PART = 2 / 3
LONGEST_PAUSE_SECONDS = 10.0
# How far a pause strays, so that what began together is not asked for together for ever.
JITTER = 0.1


# Asking for one more among many costs next to nothing; asking for it alone costs a request.
SHORTEST_PAUSE_SECONDS = 1.5
SHORTEST_PAUSE_ALONE_SECONDS = 4.5
# A pause is this part of the time to, or since, the usual end, so that nobody hears of it much too late.
PART_OF_DISTANCE = 1 / 8
# A product, and the mode where it is known.
Kind = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Usual:
    """
    How long a kind of generation takes, from its submission on.

    :param earliest: Seconds before which none is done.
    :param median: Seconds after which half of them are.
    """

    earliest: float
    median: float


# As people have seen them (Kling has no page on it): 28 s for a fast 3 s clip, 83 s for an omni one, 100 s to
# 250 s for one in pro mode.
_USUAL: dict[Kind, Usual] = {
    (TEXT2VIDEO, "std"): Usual(30, 60),
    (TEXT2VIDEO, "pro"): Usual(60, 150),
    (TEXT2VIDEO, "4k"): Usual(90, 240),
}
_USUAL_OF_ANY = Usual(30, 60)


class Experience:
    """How long the generations of a gateway have taken, as far as this process has seen."""

    def __init__(self) -> None:
        self._seen: dict[Kind, deque[float]] = {}
        self._usual: dict[Kind, Usual] = {}

    def add(self, kind: Kind, seconds: float) -> None:
        """
        Keep how long a generation took.

        :param seconds: From its submission to its end.
        """
        seen = self._seen.setdefault(kind, deque(maxlen=MOST_REMEMBERED))
        seen.append(seconds)
        if len(seen) >= FEWEST_REMEMBERED:
            middle = median(seen)
            self._usual[kind] = Usual(middle * EARLIEST_PART, middle)

    def usual(self, kind: Kind) -> Usual:
        """Return how long a kind takes: as seen lately, or else as others have seen it."""
        return self._usual.get(kind) or _USUAL.get(kind, _USUAL_OF_ANY)


def first_pause(age: float, usual: Usual) -> float:
    """Return the seconds until a generation of this age (seconds) can be done."""
    return max(usual.earliest - age, 0.0) * _jitter()


def next_pause(age: float, usual: Usual, shortest: float) -> float:
    """
    Return the seconds until the next question for a generation of this age (seconds).

    :param shortest: Seconds that are worth waiting at least.
    """
    pause = min(abs(usual.median - age) * PART_OF_DISTANCE, LONGEST_PAUSE_SECONDS)
    return max(pause * _jitter(), shortest)


def _jitter() -> float:
    return random.uniform(1 - JITTER, 1 + JITTER)
