"""What is left in an account at Kling, and how its answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.reading.answers import read_object
from airflow_provider_kling.api.reading.values import at, first_text, instant, number, objects_in

if TYPE_CHECKING:
    from airflow_provider_kling.api.calls import Answer


@dataclass(frozen=True, slots=True)
class ResourcePack:
    """
    Units that were bought together (Kling's docs, ``/account/costs``). The figures lag up to 12 hours.

    :param name: Such as ``Trial-Video-100Units-5Con-1Months``, where 5 is how many may run in parallel.
    :param kind: ``decreasing_total``, or ``constant_period`` for one that is filled up again.
    :param status: ``toBeOnline``, ``online``, ``expired`` or ``runOut``.
    :param total: Units that were in it, of which ``remaining`` are left.
    :param effective_at: From when on it can be used, until ``expires_at``.
    """

    name: str
    id: str | None
    kind: str | None
    status: str | None
    total: float | None
    remaining: float | None
    effective_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """The resource packs of an account, those that have run out or expired included."""

    packs: tuple[ResourcePack, ...]

    @property
    def remaining(self) -> float:
        """Units that can be used now, in all packs together."""
        return sum(pack.remaining or 0.0 for pack in self.packs if pack.status == "online")


def read_account(answer: Answer) -> Account:
    """Read what is left in an account (Kling's docs, ``/account/costs``)."""
    packs = at(read_object(answer), "data", "resource_pack_subscribe_infos")
    return Account(tuple(_pack(pack) for pack in objects_in(packs)))


def _pack(pack: dict[str, Any]) -> ResourcePack:
    return ResourcePack(
        name=first_text(pack.get("resource_pack_name")) or "unnamed",
        id=first_text(pack.get("resource_pack_id")),
        kind=first_text(pack.get("resource_pack_type")),
        status=first_text(pack.get("status")),
        total=number(pack.get("total_quantity")),
        remaining=number(pack.get("remaining_quantity")),
        effective_at=instant(pack.get("effective_time")),
        expires_at=instant(pack.get("invalid_time")),
    )
