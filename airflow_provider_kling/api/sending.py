"""What both clients share: the retry rule, the timeouts, and what a failed exchange means for money."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential

from airflow_provider_kling.api.answers import Answer
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingResultMissingError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.gateways import Gateway
    from airflow_provider_kling.api.requests import Text2VideoRequest

log = logging.getLogger(__name__)

# For how long one call is tried again before its error is raised. Longer troubles are for whoever waits.
RETRY_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 8.0
CONNECT_SECONDS = 10.0
CREATE_SECONDS = 60.0
READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A gateway at an address, with our key to it.

    :param base_url: Scheme, host and port, without a slash at the end.
    :param timeout: Seconds to wait for an answer; None means 60 for a submission and 30 for a question.
    """

    gateway: Gateway
    base_url: str
    credentials: Credentials
    timeout: float | None = None

    def url(self, call: Call[Any]) -> str:
        """Return the address that a call goes to."""
        return f"{self.base_url}{call.path}"

    def headers(self) -> dict[str, str]:
        """Return the headers of a call that is sent now; a JWT in them is made for this moment."""
        return {"Authorization": self.credentials.authorization()}

    def answer_seconds(self, call: Call[Any]) -> float:
        """Return how long to wait for the answer to a call."""
        return self.timeout or (CREATE_SECONDS if call.creates else READ_SECONDS)

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return what came back."""
        text = body.decode("utf-8", errors="replace")
        return Answer(status, text, retry_after_seconds(headers.get("Retry-After")))

    def read(self, call: Call[Any], answer: Answer) -> Any:
        """
        Read an answer, and say what it means for money when it is an answer to a submission.

        :raises KlingOutcomeUnknownError: a submission was answered by what tells neither yes nor no.
        :raises KlingError: as the call's reader, without our own secrets, should the gateway repeat them.
        """
        try:
            return call.read(answer)
        except KlingError as error:
            error.hide(self.credentials.hide)
            if not call.creates or not isinstance(error, KlingServerError | KlingUnreadableAnswerError):
                raise
            raise KlingOutcomeUnknownError(
                error.message, code=error.code, http_status=error.http_status, request_id=error.request_id
            ) from error

    def trouble(self, call: Call[Any], error: Exception, *, sent: bool) -> KlingError:
        """
        Return what a broken exchange means.

        :param sent: Whether the gateway may have received the call. It is False only when that is certain.
        """
        cause = _root_of(error)
        reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
        message = f"{call.method} {self.url(call)} got no answer ({self.credentials.hide(reason)})."
        return KlingOutcomeUnknownError(message) if call.creates and sent else KlingUnreachableError(message)


def _root_of(error: BaseException) -> BaseException:
    """Return what the HTTP libraries wrapped, which says in few words what is wrong: a refused connection."""
    if error.args and isinstance(error.args[0], BaseException):  # requests does not chain, it wraps
        error = error.args[0]
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def report_left_out(gateway: Gateway, request: Text2VideoRequest) -> None:
    """Warn of each field that was given and that the gateway does not take."""
    for name in gateway.left_out(request):
        log.warning("%s is left out: the %s gateway does not take it", name, gateway.name)


def retries(*, creates: bool = False) -> dict[str, Any]:
    """
    Return the retry policy of an exchange, as the arguments of tenacity's ``Retrying`` or ``AsyncRetrying``.

    :param creates: Whether the exchange makes a generation: then only what certainly did not happen is
        tried again.
    """
    may_retry = _may_create_again if creates else _may_read_again
    return {
        "retry": retry_if_exception(may_retry),
        "wait": _pause,
        "stop": stop_before_delay(RETRY_SECONDS),
        "reraise": True,
    }


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, whether it counts them or names a date."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        instant = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return max((aware - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _may_create_again(error: BaseException) -> bool:
    # For a submission, KlingUnreachableError says that it never left; what left is an unknown outcome.
    return isinstance(error, KlingThrottledError | KlingUnreachableError)


def _may_read_again(error: BaseException) -> bool:
    # Some gateways report a success a moment before its link, and know an id a moment after they gave it.
    early = isinstance(error, KlingResultMissingError | KlingTaskNotFoundError)
    return early or (isinstance(error, KlingError) and error.retryable)


_backoff: Callable[[RetryCallState], float] = wait_random_exponential(
    multiplier=0.5, max=LONGEST_PAUSE_SECONDS
)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, KlingError) else None
    return max(_backoff(state), min(asked or 0.0, RETRY_SECONDS))
