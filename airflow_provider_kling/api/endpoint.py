"""What both clients share: timeouts, how an answer is taken in, what a failed exchange means for money."""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingRequestError,
    KlingServerError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.gateways import Ability, Gateway
    from airflow_provider_kling.api.requests import Text2VideoRequest

log = logging.getLogger(__name__)

CREATE_CONNECT_SECONDS = 10.0
CREATE_SECONDS = 60.0
READ_CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# A page of 500 generations, the largest answer there is, has about a quarter of it.
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
PORTION_BYTES = 64 * 1024
# No gateway says how many requests it bears; this is what one impatient user of a website may cause.
REQUESTS_PER_SECOND = 10.0
_COMPRESSIONS = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # it looks at the header


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A gateway at an address, with our key to it.

    :param gateway: Its kind; None where neither the connection nor the host tells it.
    :param base_url: Scheme, host and port, without a slash at the end.
    :param timeout: Seconds to wait for an answer; None means 60 for a submission and 30 for a question.
    :param connect_timeout: Seconds to wait for a connection; None means 10 and 5.
    :param requests_per_second: How many requests all waitings of a triggerer together may send.
    """

    gateway: Gateway | None
    base_url: str
    credentials: Credentials
    timeout: float | None = None
    connect_timeout: float | None = None
    requests_per_second: float = REQUESTS_PER_SECOND

    def url(self, call: Call[Any]) -> str:
        """Return the address that a call goes to."""
        return f"{self.base_url}{call.path}"

    def has(self, url: str) -> bool:
        """Return whether a link leads to the gateway itself, and may be opened with its key."""
        own, other = urlsplit(self.base_url), urlsplit(url)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def headers(self) -> dict[str, str]:
        """Return the headers of a call that is sent now; a JWT in them is made for this moment."""
        return {"Authorization": self.credentials.authorization(), "Accept-Encoding": "identity"}

    def can(self, gateway: Gateway, ability: Ability) -> bool:
        """Return whether a gateway can do this, asked with our kind of key."""
        denied = ability in gateway.api_key_only and not self.credentials.is_api_key
        return ability in gateway.abilities and not denied

    def seconds(self, call: Call[Any]) -> tuple[float, float]:
        """Return how long to wait for a connection, and for the answer to a call."""
        connect, answer = (
            (CREATE_CONNECT_SECONDS, CREATE_SECONDS) if call.creates else (READ_CONNECT_SECONDS, READ_SECONDS)
        )
        return self.connect_timeout or connect, self.timeout or answer

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return what came back."""
        body = _unpacked(body, headers.get("Content-Encoding"))
        return Answer(
            status,
            body[:LARGEST_ANSWER_BYTES].decode("utf-8", errors="replace"),
            cut=len(body) > LARGEST_ANSWER_BYTES,
            retry_after=retry_after_seconds(headers.get("Retry-After")),
            clock_ahead=_clock_ahead(headers.get("Date")),
        )

    def read(self, call: Call[Any], answer: Answer) -> Any:
        """
        Read an answer, and say what it means for money when it is an answer to a submission.

        :raises KlingOutcomeUnknownError: a submission was answered by what tells neither yes nor no.
        :raises KlingError: as the call's reader, without our own secrets, should the gateway repeat them.
        """
        try:
            # Should the gateway repeat our key, it goes first: afterwards it may be cut in two.
            return call.read(replace(answer, text=self.credentials.hide(answer.text)))
        except KlingError as error:
            error.gateway = call.gateway
            if not call.creates or not isinstance(error, KlingServerError | KlingUnreadableAnswerError):
                raise
            raise KlingOutcomeUnknownError(
                error.message,
                code=error.code,
                http_status=error.http_status,
                request_id=error.request_id,
                gateway=call.gateway,
            ) from error

    def trouble(self, call: Call[Any], error: Exception, *, sent: bool) -> KlingError:
        """
        Return what a broken exchange means.

        :param sent: Whether the gateway may have received the call. It is False only when that is certain.
        """
        cause = _root_of(error)
        reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
        kind = KlingOutcomeUnknownError if call.creates and sent else KlingUnreachableError
        return kind(
            f"{call.method} {self.url(call)} got no answer ({self.credentials.hide(reason)}).",
            gateway=call.gateway,
            task_id=call.task_id,
        )


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its compression, but no more of it than is read of any."""
    if (encoding or "identity").strip().lower() not in _COMPRESSIONS:
        return body
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LARGEST_ANSWER_BYTES + 1)
    except zlib.error:
        return body


def report(gateway: Gateway, request: Text2VideoRequest) -> None:
    """
    Warn of what is odd about a request: a field that stays behind, a value beyond the model's known limits.

    :raises KlingRequestError: something is, and the request is strict.
    """
    remarks = gateway.remarks(request)
    if remarks and request.strict:
        raise KlingRequestError(f"The request cannot be sent, being strict: {'; '.join(remarks)}.")
    for remark in remarks:
        log.warning("%s", remark)


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, whether it counts them or names a date."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    instant = _date_of(header)
    return max((instant - (now or _now())).total_seconds(), 0.0) if instant else None


def _clock_ahead(header: str | None) -> float | None:
    instant = _date_of(header)
    return (_now() - instant).total_seconds() if instant else None


def _now() -> datetime:
    return datetime.now(UTC)


def _date_of(header: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _root_of(error: BaseException) -> BaseException:
    """Return what the HTTP libraries wrapped, which says in few words what is wrong: a refused connection."""
    if error.args and isinstance(error.args[0], BaseException):  # requests does not chain, it wraps
        error = error.args[0]
    while error.__cause__ is not None:
        error = error.__cause__
    return error
