"""When a call is sent again: one policy for both clients, bounded by time."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential

from airflow_provider_kling.api.errors import (
    KlingClockError,
    KlingError,
    KlingResultMissingError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# For how long one call is tried again before its error is raised. Longer troubles are for whoever waits.
RETRY_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 8.0
# Some gateways report a success a moment before its link, and know an id a moment after they gave it.
MAY_PASS = (KlingResultMissingError, KlingTaskNotFoundError)


class Retry(Enum):
    """What a client tries again by itself; what it does not, its caller wants to know at once."""

    FREELY = auto()
    UNLESS_THROTTLED = auto()
    NEVER = auto()


def retries(*, creates: bool = False, retry: Retry = Retry.FREELY) -> dict[str, Any]:
    """
    Return the retry policy of one exchange, as the arguments of tenacity's ``Retrying`` or ``AsyncRetrying``.

    Pauses grow exponentially with full jitter, and are no shorter than the gateway asks for.

    :param creates: Whether the exchange makes a generation: then only what certainly did not happen is
        tried again.
    :param retry: What is tried again at all.
    """
    return {
        "retry": _MayRepeat(creates, retry),
        "wait": _pause,
        "stop": stop_before_delay(RETRY_SECONDS),
        "reraise": True,
    }


def retries_of_work(seconds: float) -> dict[str, Any]:
    """
    Return the policy for work that consists of several exchanges, each with retries of its own.

    :param seconds: For how long it is tried again.
    """
    return {
        "retry": retry_if_exception(lambda error: isinstance(error, KlingError) and error.retryable),
        "wait": _pause,
        "stop": stop_before_delay(seconds),
        "reraise": True,
    }


class _MayRepeat:
    def __init__(self, creates: bool, retry: Retry) -> None:
        self._creates = creates
        self._retry = retry
        self._signed_anew = False

    def __call__(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if self._retry is Retry.NEVER:
            return False
        if isinstance(error, KlingClockError):
            # A refused token made nothing; the next is signed anew. If that is refused too, a clock is wrong.
            signed_anew, self._signed_anew = self._signed_anew, True
            return not signed_anew
        if isinstance(error, KlingThrottledError):
            return self._retry is Retry.FREELY
        if self._creates:
            # Of a submission it says that nothing left; what left is an unknown outcome.
            return isinstance(error, KlingUnreachableError)
        return isinstance(error, MAY_PASS) or (isinstance(error, KlingError) and error.retryable)


_backoff: Callable[[RetryCallState], float] = wait_random_exponential(
    multiplier=0.5, max=LONGEST_PAUSE_SECONDS
)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, KlingError) else None
    return max(_backoff(state), min(asked or 0.0, RETRY_SECONDS))
