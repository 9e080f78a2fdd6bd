"""One exchange with a gateway, as values: what is said, what comes back, and how that is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T_co = TypeVar("T_co", covariant=True)


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
