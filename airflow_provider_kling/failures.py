"""What a Kling error means to Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.errors import KlingError


def goes_on(kling_task_id: str) -> str:
    """Return what is to be said when a task ends and its generation does not."""
    return (
        f"Kling task {kling_task_id} goes on at the gateway and is billed, since Kling has no cancel; "
        "the next try of this task takes it over (docs/guarantees.md)"
    )


@contextmanager
def naming(kling_task_id: str | None) -> Iterator[None]:
    """Let every error name the generation that goes on without us, so that nobody has to look for its id."""
    try:
        yield
    except Exception as error:
        if kling_task_id and kling_task_id not in str(error):
            error.add_note(goes_on(kling_task_id))
        raise


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


@contextmanager
def nothing_is_paid_again(is_remembered: Callable[[], bool]) -> Iterator[None]:
    """
    Let an error fail the task without a retry where the retry could not know of the generation.

    :param is_remembered: Returns whether it could; asked when there is an error.
    :raises AirflowFailException: in place of the error, which is its cause.
    """
    try:
        yield
    except Exception as error:
        if (isinstance(error, KlingError) and not error.retryable) or is_remembered():
            raise
        raise AirflowFailException(f"{error} Not retried, so as not to pay again.") from error
