"""What a Kling error means to Airflow."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.errors import KlingError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def permanent_errors_fail_at_once() -> Iterator[None]:
    """
    Let an error that time does not mend fail the task without using up its retries.

    :raises AirflowFailException: in place of a KlingError that is not retryable, which is its cause.
    """
    try:
        yield
    except KlingError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
