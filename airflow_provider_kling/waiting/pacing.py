"""When to ask for a generation: not before it can be done, then more often the nearer its usual end is."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from statistics import median

from airflow_provider_kling.api.generation import TEXT2VIDEO

# Of how many generations of a kind the median is taken, and from how many on it says something.
MOST_REMEMBERED = 99
FEWEST_REMEMBERED = 5
# Before this part of the median next to none is done.
EARLIEST_PART = 2 / 3
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
        """Keep how many seconds a generation took from its submission to its end."""
        seen = self._seen.setdefault(kind, deque(maxlen=MOST_REMEMBERED))
        seen.append(seconds)
        if len(seen) >= FEWEST_REMEMBERED:
            middle = median(seen)
            self._usual[kind] = Usual(middle * EARLIEST_PART, middle)

    def usual(self, kind: Kind) -> Usual:
        """Return how long a kind takes: as seen lately, or else as others have seen it."""
        return self._usual.get(kind) or _USUAL.get(kind, _USUAL_OF_ANY)


@dataclass(frozen=True, slots=True)
class RoomPacing:
    """
    The pauses of those whose submission found no room at the account, in seconds.

    :param first: Of a triggerer, until it lets the first of them go.
    :param shortest: Of a triggerer, when who was let go found room.
    :param longest: Of a triggerer, when who was let go came back.
    :param first_of_worker: Of a worker that waits by itself; they grow twofold.
    :param longest_of_worker: Of a worker that waits by itself.
    :param jitter: How far a triggerer's pause strays, as a part of it.
    """

    first: float = 15.0
    shortest: float = 5.0
    longest: float = 120.0
    first_of_worker: float = 2.0
    longest_of_worker: float = 60.0
    jitter: float = 0.25


@dataclass(frozen=True, slots=True)
class Pacing:
    """
    The seconds between the things that a waiting does.

    They suit Kling and the relays, so no user sets them; tests that take real time hand in smaller ones.

    :param earliest_question: From a deferral to the first question at least: a trigger that fires within a
        second or two can fail its task (apache/airflow#66374).
    :param shortest_pause: Where many are asked for at once: one more costs next to nothing.
    :param shortest_pause_alone: Where each question costs a request.
    :param longest_pause: From one question to the next.
    :param jitter: How far a pause strays, as a part of it, so that what began together is not asked for
        together for ever.
    :param tick: Longer pauses end on multiples of it, so that many become due together: waking up is most of
        the work.
    :param doubt: For how long an error that some gateways give too early may still turn out to be none.
    :param renewal: How often, at most, a refused key has the connection looked up again.
    :param shortest_outage: Between two requests to a gateway that is down, at first.
    :param longest_outage: Between two such requests, in the end.
    :param room: The pauses while the account has no room.
    """

    earliest_question: float = 2.0
    shortest_pause: float = 1.5
    shortest_pause_alone: float = 4.5
    longest_pause: float = 10.0
    jitter: float = 0.1
    tick: float = 0.75
    doubt: float = 15.0
    renewal: float = 5.0
    shortest_outage: float = 0.5
    longest_outage: float = 5.0
    room: RoomPacing = RoomPacing()

    def before_first(self, age: float, usual: Usual) -> float:
        """Return the seconds until a generation of this age (seconds) can be done."""
        return max(usual.earliest - age, 0.0) * self._jitter()

    def before_next(self, age: float, usual: Usual, shortest: float) -> float:
        """Return the seconds until the next question, of which ``shortest`` are worth waiting at least."""
        pause = min(abs(usual.median - age) * PART_OF_DISTANCE, self.longest_pause)
        return max(pause * self._jitter(), shortest)

    def _jitter(self) -> float:
        return random.uniform(1 - self.jitter, 1 + self.jitter)
