"""Each fault at each call ends alike on both clients: what is free is asked again, what costs is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.auth import ApiKey
from airflow_provider_kling.api.errors import (
    KlingClockError,
    KlingError,
    KlingForbiddenError,
    KlingOutcomeUnknownError,
    KlingQuotaError,
    KlingServerError,
    KlingThrottledError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader

KLING = GATEWAYS["official"]


@dataclass(frozen=True)
class Fault:
    """
    A fault, and how each kind of call ends.

    :param lasting: The error that a question ends with when the fault does not pass.
    :param create_once: The error that a submission ends with when the fault comes once; None is a success.
    :param create_lasting: The same when it does not pass.
    """

    plan: dict[str, Any]
    lasting: type[KlingError]
    create_once: type[KlingError] | None
    create_lasting: type[KlingError]
    passes: bool = True


def refusal(status: int, code: int, **headers: str) -> dict[str, Any]:
    body = {"code": code, "message": "no", "request_id": "r-1"}
    return {"fault": "answer", "status": status, "body": body, "headers": headers}


UNKNOWN = KlingOutcomeUnknownError
FAULTS = {
    "a 500": Fault({"fault": "error-before", "status": 500}, KlingServerError, UNKNOWN, UNKNOWN),
    "a 503": Fault({"fault": "error-before", "status": 503}, KlingServerError, UNKNOWN, UNKNOWN),
    "a 504 after it was done": Fault(
        {"fault": "error-after", "status": 504}, KlingServerError, UNKNOWN, UNKNOWN
    ),
    "a cut before it was done": Fault({"fault": "cut-before"}, KlingUnreachableError, UNKNOWN, UNKNOWN),
    "a cut after it was done": Fault({"fault": "cut-after"}, KlingUnreachableError, UNKNOWN, UNKNOWN),
    "silence": Fault({"fault": "slow", "seconds": 3}, KlingUnreachableError, UNKNOWN, UNKNOWN),
    "a 502 in HTML": Fault({"fault": "html", "status": 502}, KlingServerError, UNKNOWN, UNKNOWN),
    "a website": Fault({"fault": "html", "status": 200}, KlingUnreadableAnswerError, UNKNOWN, UNKNOWN),
    "cut JSON": Fault({"fault": "truncated"}, KlingUnreadableAnswerError, UNKNOWN, UNKNOWN),
    "a body that is cut short": Fault({"fault": "short-body"}, KlingUnreachableError, UNKNOWN, UNKNOWN),
    "1302": Fault(refusal(429, 1302), KlingThrottledError, None, KlingThrottledError),
    "1303 with Retry-After": Fault(
        refusal(429, 1303, **{"Retry-After": "0"}), KlingThrottledError, None, KlingThrottledError
    ),
    "a token refused for its time": Fault(refusal(401, 1004), KlingClockError, None, KlingClockError),
    "1102": Fault(refusal(429, 1102), KlingQuotaError, KlingQuotaError, KlingQuotaError, passes=False),
    "1304": Fault(
        refusal(429, 1304), KlingForbiddenError, KlingForbiddenError, KlingForbiddenError, passes=False
    ),
}
# A question changes nothing, so that there is no after.
OF_QUESTIONS = [name for name, fault in FAULTS.items() if not fault.plan["fault"].endswith("-after")]
QUESTIONS: dict[str, tuple[str, Callable[[str], Call[Any]]]] = {
    "query": ("query", KLING.query),
    "query_many": ("list", lambda task_id: KLING.query_many([task_id])),
    "list_tasks": ("list", lambda task_id: KLING.list_tasks(page=1, page_size=30)),
    "find": ("query", lambda task_id: KLING.find("nightly-1")),
    "account": ("account", lambda task_id: KLING.account()),
}


@pytest.fixture
def emulator() -> Iterator[KlingEmulator]:
    with KlingEmulator(seconds_per_video=0) as started:
        yield started


@pytest.fixture
def at_kling(emulator: KlingEmulator, endpoint: Callable[..., Endpoint]) -> Endpoint:
    return endpoint(emulator.url, "official", ApiKey("any-key"), timeout=1.0)


def outcome_of(reader: Reader, endpoint: Endpoint, call: Call[Any]) -> object:
    try:
        return reader.perform(endpoint, call)
    except KlingError as error:
        return error


def submission() -> Call[Any]:
    return KLING.submit(Text2VideoRequest(prompt="a deer"), "nightly-1")


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("name", OF_QUESTIONS)
def test_a_question_survives_a_fault_that_passes(
    reader: Reader,
    emulator: KlingEmulator,
    at_kling: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    asked: str,
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 10.0)
    fault, (place, call) = FAULTS[name], QUESTIONS[asked]
    task_id = reader.perform(at_kling, submission()).task_id
    emulator.plan(on=place, times=1, **fault.plan)

    outcome = outcome_of(reader, at_kling, call(task_id))

    if fault.passes:
        assert not isinstance(outcome, KlingError)
    else:
        assert type(outcome) is fault.lasting


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("name", OF_QUESTIONS)
def test_a_question_ends_with_the_error_that_a_lasting_fault_is(
    reader: Reader,
    emulator: KlingEmulator,
    at_kling: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    asked: str,
) -> None:
    fault, (place, call) = FAULTS[name], QUESTIONS[asked]
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.1)
    task_id = reader.perform(at_kling, submission()).task_id
    emulator.plan(on=place, times=None, **fault.plan)

    outcome = outcome_of(reader, at_kling, call(task_id))

    assert type(outcome) is fault.lasting
    assert outcome.gateway == "official"


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_submission_is_repeated_only_when_it_certainly_did_not_happen(
    reader: Reader,
    emulator: KlingEmulator,
    at_kling: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    times: int | None,
) -> None:
    fault = FAULTS[name]
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.5)
    emulator.plan(on="create", times=times, **fault.plan)

    outcome = outcome_of(reader, at_kling, submission())

    expected = fault.create_once if times else fault.create_lasting
    received, accepted = emulator.counters().creates_received, emulator.counters().creates_accepted
    if expected is None:
        assert not isinstance(outcome, KlingError)
        assert (received, accepted) == (2, 1)
        return
    assert type(outcome) is expected
    if expected in (KlingOutcomeUnknownError, KlingQuotaError, KlingForbiddenError):
        assert received == 1
    assert accepted <= 1
    if expected is not KlingOutcomeUnknownError:
        assert accepted == 0


@pytest.mark.parametrize("asked", [*QUESTIONS, "submit"])
def test_a_gateway_that_cannot_be_reached_may_be_asked_again_whatever_the_call(
    reader: Reader,
    emulator: KlingEmulator,
    at_kling: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.1)
    emulator.stop()
    call = submission() if asked == "submit" else QUESTIONS[asked][1]("1")

    outcome = outcome_of(reader, at_kling, call)

    assert type(outcome) is KlingUnreachableError
    assert outcome.retryable
