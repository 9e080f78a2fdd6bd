"""What the retry policy makes of each error."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_kling.api import errors
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.retry_policy import kling_retry_policy


def has_retry_policies() -> bool:
    try:
        kling_retry_policy()
    except ImportError:
        return False
    return True


since_33 = pytest.mark.skipif(not has_retry_policies(), reason="Airflow has retry policies since 3.3")
before_33 = pytest.mark.skipif(has_retry_policies(), reason="Airflow has retry policies since 3.3")

IN_15_S, IN_1_MIN, IN_2_MIN = timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=2)
DECISIONS: dict[type[KlingError], tuple[str, timedelta | None]] = {
    errors.KlingError: ("fail", None),
    errors.KlingRequestError: ("fail", None),
    errors.KlingConnectionConfigError: ("fail", None),
    errors.KlingAuthError: ("fail", None),
    errors.KlingClockError: ("fail", None),
    errors.KlingRelayKeyError: ("fail", None),
    errors.KlingQuotaError: ("fail", None),
    errors.KlingForbiddenError: ("fail", None),
    errors.KlingRejectedError: ("fail", None),
    errors.KlingDuplicateError: ("fail", None),
    errors.KlingUnsupportedError: ("fail", None),
    errors.KlingPolicyError: ("fail", None),
    errors.KlingTaskNotFoundError: ("fail", None),
    errors.KlingThrottledError: ("retry", IN_2_MIN),
    errors.KlingServerError: ("retry", IN_1_MIN),
    errors.KlingUnreachableError: ("retry", IN_1_MIN),
    errors.KlingUnreadableAnswerError: ("retry", IN_1_MIN),
    errors.KlingOutcomeUnknownError: ("fail", None),
    errors.KlingUnsettledError: ("retry", IN_15_S),
    errors.KlingUnrecordedError: ("fail", None),
    errors.KlingTaskFailedError: ("fail", None),
    errors.KlingModerationError: ("fail", None),
    errors.KlingNotEndedError: ("fail", None),
    errors.KlingResultMissingError: ("fail", None),
    errors.KlingTargetError: ("retry", IN_1_MIN),
    errors.KlingMediaError: ("retry", IN_15_S),
    errors.KlingTimeoutError: ("fail", None),
}


def decided(policy: Any, error: BaseException) -> tuple[str, timedelta | None]:
    decision = policy.evaluate(error, 1, 3)
    return decision.action.value, decision.retry_delay


def test_the_table_has_every_error() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KlingError)}

    assert kinds == set(DECISIONS)


@pytest.mark.parametrize("kind", DECISIONS)
def test_only_what_is_called_retryable_is_retried(kind: type[KlingError]) -> None:
    assert kind.retryable is (DECISIONS[kind][0] == "retry")


@since_33
@pytest.mark.parametrize("kind", DECISIONS)
def test_each_error_has_its_decision_before_and_after_serialisation(kind: type[KlingError]) -> None:
    policy: Any = kling_retry_policy()
    again = type(policy).deserialize(json.loads(json.dumps(policy.serialize())))

    assert decided(policy, kind("no")) == DECISIONS[kind]
    assert decided(again, kind("no")) == DECISIONS[kind]


@since_33
@pytest.mark.parametrize("error", [ValueError("ours"), OSError("disk"), RuntimeError("defect")], ids=repr)
def test_what_is_no_error_of_this_package_gets_the_retries_of_the_task(error: Exception) -> None:
    assert decided(kling_retry_policy(), error) == ("default", None)


@since_33
@pytest.mark.parametrize("kind", DECISIONS)
def test_each_decision_on_an_error_of_this_package_says_why(kind: type[KlingError]) -> None:
    policy: Any = kling_retry_policy()

    assert policy.evaluate(kind("no"), 1, 3).reason


@before_33
def test_an_airflow_without_retry_policies_is_told_from_a_broken_package() -> None:
    with pytest.raises(ImportError, match="which Airflow has since"):
        kling_retry_policy()
