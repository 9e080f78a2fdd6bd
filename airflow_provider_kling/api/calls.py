"""One exchange with a gateway, as a value: what is said, and how the answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_kling.api.answers import Answer

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """
    A request that a client can send, on either loop.

    :param path: Below the gateway's base URL, already escaped.
    :param read: Turns the answer into a value, or raises a KlingError.
    :param creates: Whether it makes a generation. That costs money and cannot be taken back, so a client
        repeats it only when it certainly did not happen.
    """

    method: str
    path: str
    read: Callable[[Answer], T_co]
    query: Mapping[str, str | int] | None = None
    json: Mapping[str, Any] | None = None
    creates: bool = False
