"""What a submission does that the gateway refuses for now: the account makes as much as it may at a time."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.errors import KlingThrottledError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WaitForRoom:
    """
    The waiting for room at the account.

    :param since: When the first submission was refused, in seconds since the epoch.
    :param tries: How many were.
    :param deadline: When to give up, in seconds since the epoch.
    """

    since: float
    tries: int = 1
    deadline: float = math.inf

    @classmethod
    def after_refusal(cls, before: WaitForRoom | None) -> WaitForRoom:
        """Return the waiting, begun or gone on with, after one more refusal."""
        return replace(before, tries=before.tries + 1) if before else cls(time.time())

    @classmethod
    def from_event(cls, event: Mapping[str, Any] | None) -> WaitForRoom:
        """
        Read the event of a :class:`~airflow_provider_kling.triggers.room.KlingRoomTrigger`.

        :raises RuntimeError: it is not one; not an Airflow exception, so that it is not taken for one.
        """
        try:
            event = event or {}
            return cls(float(event["since"]), int(event["tries"]), float(event["deadline"]))
        except (KeyError, TypeError, ValueError) as unreadable:
            raise RuntimeError(f"The trigger's event cannot be read: {event!r}") from unreadable

    def pause(self) -> float:
        """Return the seconds until a worker tries again: growing twofold, with jitter."""
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self.tries - 1, 16), LONGEST_PAUSE_SECONDS)
        return pause * random.uniform(0.5, 1.0)

    def over(self, error: KlingThrottledError) -> KlingThrottledError:
        """Return the error that ends the waiting."""
        return KlingThrottledError(
            f"{error.message} There was no room at the account for {time.time() - self.since:.0f} seconds "
            f"({self.tries} submissions were refused, nothing was made).",
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
            gateway=error.gateway,
        )
