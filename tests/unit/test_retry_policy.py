"""What the retry policy makes of each error."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
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

# What is done with each error, and after how many seconds.
DECISIONS = json.loads(Path(__file__).with_name("retry_decisions.json").read_text())
each_error = pytest.mark.parametrize(("name", "decision"), DECISIONS.items())


def decided(policy: Any, error: BaseException) -> list[Any]:
    decision = policy.evaluate(error, 1, 3)
    return [decision.action.value, decision.retry_delay and decision.retry_delay.total_seconds()]


def test_the_table_has_every_error() -> None:
    kinds = dict(inspect.getmembers(errors, inspect.isclass))

    assert {name for name, kind in kinds.items() if issubclass(kind, KlingError)} == set(DECISIONS)


@each_error
def test_only_what_is_called_retryable_is_retried(name: str, decision: list[Any]) -> None:
    assert getattr(errors, name).retryable is (decision[0] == "retry")


@since_33
@each_error
def test_each_error_has_its_decision_and_why_before_and_after_serialisation(
    name: str, decision: list[Any]
) -> None:
    policy: Any = kling_retry_policy()
    again = type(policy).deserialize(json.loads(json.dumps(policy.serialize())))
    error = getattr(errors, name)("no")

    assert decided(policy, error) == decided(again, error) == decision
    assert policy.evaluate(error, 1, 3).reason


@since_33
@pytest.mark.parametrize("error", [ValueError("ours"), OSError("disk"), RuntimeError("defect")], ids=repr)
def test_what_is_no_error_of_this_package_gets_the_retries_of_the_task(error: Exception) -> None:
    assert decided(kling_retry_policy(), error) == ["default", None]


@before_33
def test_an_airflow_without_retry_policies_is_told_from_a_broken_package() -> None:
    with pytest.raises(ImportError, match="which Airflow has since"):
        kling_retry_policy()
