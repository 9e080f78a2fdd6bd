"""A retry policy for tasks that use Kling, made of the error types."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import (
    KlingError,
    KlingMediaError,
    KlingServerError,
    KlingTargetError,
    KlingThrottledError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
    KlingUnsettledError,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import RetryPolicy

# Which errors are retried when, and why.
RETRIED: tuple[tuple[timedelta, list[type[KlingError]], str], ...] = (
    # A generation at the account's limit ends within minutes.
    (timedelta(minutes=2), [KlingThrottledError], "The account or the gateway is busy"),
    (timedelta(minutes=1), [KlingUnreachableError, KlingServerError], "The gateway is down"),
    (timedelta(minutes=1), [KlingUnreadableAnswerError], "The gateway is down"),
    (timedelta(minutes=1), [KlingTargetError], "The target cannot be written"),
    (timedelta(seconds=15), [KlingUnsettledError, KlingMediaError], "The generation is there, or soon found"),
)


def kling_retry_policy() -> RetryPolicy:
    """
    Return a policy for ``retry_policy=`` of a task: wait as long as the error asks for, or fail at once.

    The operators of this package fail at once on permanent errors without it; a ``@task`` that uses the
    hook does with it. Errors that are not of this package get the task's own retries.

    :raises ImportError: this Airflow has no retry policies; they came with 3.3.
    """
    try:
        from airflow.providers.common.compat.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
    except (ImportError, AttributeError) as missing:
        raise ImportError("kling_retry_policy needs retry policies, which Airflow has since 3.3") from missing

    retried = [
        RetryRule(exception=[*kinds], action=RetryAction.RETRY, retry_delay=delay, reason=reason)
        for delay, kinds, reason in RETRIED
    ]
    fail = RetryRule(exception=KlingError, action=RetryAction.FAIL, reason="Time does not mend this error")
    return ExceptionRetryPolicy(rules=[*retried, fail])
