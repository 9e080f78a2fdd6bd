"""When a task stops waiting, as instants of wall-clock time: they mean the same in every process."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

# The trigger itself reports the timeout; Airflow's own only steps in when there is no triggerer to do so.
BACKSTOP_SECONDS = 120.0


def backstop(deadline: float, now: float) -> timedelta:
    """Return the ``timeout`` of a deferral whose trigger stops at ``deadline`` (seconds since the epoch)."""
    return timedelta(seconds=max(deadline - now, 0.0) + BACKSTOP_SECONDS)


def execution_deadline(started: datetime, execution_timeout: timedelta | None) -> float:
    """
    Return when ``execution_timeout`` ends a try that is deferred, in seconds since the epoch.

    Airflow itself does not count while a task is deferred, and begins anew when it is resumed
    (apache/airflow#69678); the start of the try survives both.

    :param started: The start of the try: ``context["ti"].start_date``.
    """
    return math.inf if execution_timeout is None else (started + execution_timeout).timestamp()
