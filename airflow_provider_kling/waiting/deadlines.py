"""When a task stops waiting, as instants of wall-clock time: they mean the same in every process."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

# The trigger itself reports the timeout; Airflow's own only steps in when there is no triggerer to do so.
BACKSTOP_SECONDS = 120.0


def backstop(deadline: float) -> timedelta:
    """Return the ``timeout`` of a deferral whose trigger stops at ``deadline`` (seconds since the epoch)."""
    return timedelta(seconds=max(deadline - time.time(), 0.0) + BACKSTOP_SECONDS)


def execution_deadline(context: Context, execution_timeout: timedelta | None) -> float:
    """
    Return when ``execution_timeout`` ends a try that is deferred, in seconds since the epoch.

    Airflow itself does not count while a task is deferred, and begins anew when it is resumed
    (apache/airflow#69678); the start of the try survives both.
    """
    if execution_timeout is None:
        return math.inf
    return float((context["ti"].start_date + execution_timeout).timestamp())


def is_over(context: Context, execution_timeout: timedelta | None) -> bool:
    """Return whether ``execution_timeout`` has ended the try."""
    return time.time() >= execution_deadline(context, execution_timeout)
