"""When a call is sent again: one policy for both clients, bounded by time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential

from airflow_provider_kling.api.errors import (
    KlingClockError,
    KlingError,
    KlingResultMissingError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingUnreachableError,
)

# Some gateways report a success a moment before its link, and know an id a moment after they gave it.
MAY_PASS = (KlingResultMissingError, KlingTaskNotFoundError)
# A gateway that wants to be left alone for longer is asked all the same: it may be wrong.
MOST_ASKED_SECONDS = 15.0


class Retry(Enum):
    """What a client tries again by itself; what it does not, its caller wants to know at once."""

    FREELY = auto()
    UNLESS_THROTTLED = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Retries:
    """
    For how long something is tried again before its error is raised. Longer troubles are for whoever waits.

    Pauses grow exponentially with full jitter, and are no shorter than the gateway asks for.

    :param seconds: For how long.
    :param longest_pause: Seconds between two tries, unless the gateway asks for more.
    """

    seconds: float = 15.0
    longest_pause: float = 8.0

    def of_call(self, *, creates: bool, retry: Retry = Retry.FREELY) -> dict[str, Any]:
        """
        Return the policy of one call, as the arguments of tenacity's ``Retrying`` or ``AsyncRetrying``.

        :param creates: Whether the call makes a generation: then only what certainly did not happen is tried
            again.
        """
        signed_anew = False

        def may_repeat(error: BaseException) -> bool:
            nonlocal signed_anew
            if retry is Retry.NEVER or not isinstance(error, KlingError):
                return False
            if isinstance(error, KlingClockError):
                # A refused token made nothing; the next is signed anew. Refused again, a clock is wrong.
                before, signed_anew = signed_anew, True
                return not before
            if isinstance(error, KlingThrottledError):
                return retry is Retry.FREELY
            if creates:
                # Of a submission it says that nothing left; what left is an unknown outcome.
                return isinstance(error, KlingUnreachableError)
            return isinstance(error, MAY_PASS) or error.retryable

        return self._policy(may_repeat)

    def of_work(self) -> dict[str, Any]:
        """Return the policy of work that consists of several calls, each with retries of its own."""
        return self._policy(lambda error: isinstance(error, KlingError) and error.retryable)

    def _policy(self, may_repeat: Callable[[BaseException], bool]) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(may_repeat),
            "wait": self._pause,
            "stop": stop_before_delay(self.seconds),
            "reraise": True,
        }

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, KlingError) else None
        pause: float = wait_random_exponential(multiplier=0.5, max=self.longest_pause)(state)
        return max(pause, min(asked or 0.0, MOST_ASKED_SECONDS))


DEFAULT_RETRIES = Retries()
