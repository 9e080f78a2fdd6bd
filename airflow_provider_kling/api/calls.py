"""
One exchange with a gateway, as values: what is said, what comes back, and what that means.

A call that makes a generation costs money, so that its outcome is one of three: made, not made, unknown.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingServerError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)

if TYPE_CHECKING:
    from airflow_provider_kling.api.endpoint import Endpoint

T_co = TypeVar("T_co", covariant=True)

# A page of 500 generations, the largest answer there is, has about a quarter of it.
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
PORTION_BYTES = 64 * 1024
_COMPRESSIONS = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # it looks at the header


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came back from a gateway.

    :param status: The HTTP status.
    :param text: The body, decoded.
    :param cut: Whether the body was longer than is read of any.
    :param retry_after: Seconds, from the header of that name.
    :param clock_ahead: Seconds by which our clock is ahead of the gateway's, from its ``Date`` header.
    """

    status: int
    text: str
    cut: bool = False
    retry_after: float | None = None
    clock_ahead: float | None = None

    @classmethod
    def taken_in(
        cls, status: int, body: bytes, headers: Mapping[str, str], hide: Callable[[str], str]
    ) -> Answer:
        """
        Return what came over the wire, without our own secrets, should the gateway repeat them.

        :param hide: Takes them away, before a text may be cut in the midst of one.
        """
        now = datetime.now(UTC)
        body = _unpacked(body, headers.get("Content-Encoding"))
        date = _date_of(headers.get("Date"))
        return cls(
            status,
            hide(body[:LARGEST_ANSWER_BYTES].decode("utf-8", errors="replace")),
            cut=len(body) > LARGEST_ANSWER_BYTES,
            retry_after=retry_after_seconds(headers.get("Retry-After"), now),
            clock_ahead=(now - date).total_seconds() if date else None,
        )


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """
    A request that a client can send, on either loop.

    :param path: Below the gateway's base URL, already escaped.
    :param read: Turns the answer into a value, or raises a KlingError.
    :param gateway: The kind of gateway that it is meant for, to be named in errors.
    :param task_id: The generation that it asks about, likewise.
    :param creates: Whether it makes a generation. That costs money and cannot be taken back, so a client
        repeats it only when it certainly did not happen.
    """

    method: str
    path: str
    read: Callable[[Answer], T_co]
    gateway: str
    query: Mapping[str, str | int] | None = None
    json: Mapping[str, Any] | None = None
    task_id: str | None = None
    creates: bool = False

    def outcome(self, answer: Answer) -> T_co:
        """
        Return what an answer says.

        :raises KlingOutcomeUnknownError: it is the answer to a submission, and tells neither yes nor no.
        :raises KlingError: as the call's reader.
        """
        try:
            return self.read(answer)
        except KlingError as error:
            error.gateway = self.gateway
            if not self.creates or not isinstance(error, KlingServerError | KlingUnreadableAnswerError):
                raise
            raise KlingOutcomeUnknownError(
                error.message,
                code=error.code,
                http_status=error.http_status,
                request_id=error.request_id,
                gateway=self.gateway,
            ) from error

    def unanswered(self, error: Exception, endpoint: Endpoint, *, sent: bool) -> KlingError:
        """
        Return what a broken exchange means.

        :param error: The HTTP library's.
        :param sent: Whether the gateway may have received the call. It is False only when that is certain.
        """
        cause = _root_of(error)
        reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
        kind = KlingOutcomeUnknownError if self.creates and sent else KlingUnreachableError
        return kind(
            f"{self.method} {endpoint.url(self)} got no answer ({endpoint.credentials.hide(reason)}).",
            gateway=self.gateway,
            task_id=self.task_id,
        )


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, whether it counts them or names a date."""
    if header and header.strip().isdecimal():
        return float(header)
    instant = _date_of(header)
    return max((instant - now).total_seconds(), 0.0) if instant else None


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its compression, but no more of it than is read of any."""
    if (encoding or "identity").strip().lower() not in _COMPRESSIONS:
        return body
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LARGEST_ANSWER_BYTES + 1)
    except zlib.error:
        return body


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
