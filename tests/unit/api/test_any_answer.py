"""Whatever answers, in whatever words, becomes what was asked for or a KlingError."""

from __future__ import annotations

import dataclasses
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingThrottledError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.gateways import Gateway
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.reading.accounts import Account
from tests.unit.api.conftest import value_or_error
from tests.unit.api.strategies import (
    BODIES,
    BOUNDED,
    PLAUSIBLE,
    SECRET_KEY,
    SIGNATURE,
    STATUSES,
    calls,
    taken_in,
)

CALLS = calls()
DECLARED: dict[str, tuple[type, ...]] = {
    "submit": (Generation,),
    "query": (Generation,),
    "find": (Generation, type(None)),
    "query_many": (dict,),
    "list": (dict,),
    "account": (Account,),
    "probe of Kling": (Account, type(None)),
    "probe of a relay": (type(None),),
    "recognition 0": (Gateway, type(None)),
    "recognition 1": (Gateway, type(None)),
}
FAR_HEADERS = st.text(string.printable, max_size=30) | st.sampled_from(
    (
        *("9" * 400, "-1", "٣", "0 Jan 0 0:0:0", "Mon, 01 Jan 0001 00:00:00 +2359"),
        *("Fri, 31 Dec 9999 23:59:59 -2359", "Wed, 21 Oct 2026 07:28:00 GMT"),
        "Wed, 99 Oct 2026 07:28:00 +999999999",
    )
)


def outcomes_of(name: str, answer: Answer) -> list[Any]:
    """What a reader makes of an answer, and what the call does; neither may raise but a KlingError."""
    return [value_or_error(read, answer) for read in (CALLS[name].read, CALLS[name].outcome)]


def check_task(task: Generation) -> None:
    """The promises of a Generation, whoever told of it."""
    assert task.task_id.strip()
    assert isinstance(task.state, GenerationState)
    assert all(video.url.startswith(("http://", "https://")) for video in task.videos)
    assert not task.videos or task.state is GenerationState.SUCCEEDED
    stored = json.loads(json.dumps(task.as_dict(), allow_nan=False))
    assert not any("?" in video["url"] for video in stored["videos"])
    again = Generation.from_dict(stored, failure=task.failure)
    assert again.as_dict() == task.as_dict()
    assert again == dataclasses.replace(task, videos=again.videos)


def check(name: str, outcome: Any) -> None:
    if isinstance(outcome, KlingError):
        assert SECRET_KEY not in f"{outcome} {outcome!r}"
        return
    assert isinstance(outcome, DECLARED[name])
    if isinstance(outcome, Generation):
        check_task(outcome)
        if name != "submit":
            assert bool(outcome.videos) is (outcome.state is GenerationState.SUCCEEDED)
    elif isinstance(outcome, dict):
        for task_id, one in outcome.items():
            assert isinstance(task_id, str)
            check("query", one)
    elif isinstance(outcome, Account):
        assert isinstance(outcome.remaining, float | int)


@BOUNDED
@given(body=BODIES, status=STATUSES)
def test_any_json_is_what_was_asked_for_or_a_kling_error(body: str, status: int) -> None:
    for name in CALLS:
        for outcome in outcomes_of(name, Answer(status, body)):
            check(name, outcome)


@BOUNDED
@given(body=PLAUSIBLE, name=st.sampled_from(("query", "find", "query_many", "list")))
def test_what_is_stored_of_a_generation_holds_no_signature_of_a_link(body: dict[str, Any], name: str) -> None:
    for outcome in outcomes_of(name, Answer(200, json.dumps(body))):
        tasks = outcome.values() if isinstance(outcome, dict) else [outcome]
        assert SIGNATURE not in json.dumps([task.as_dict() for task in tasks if isinstance(task, Generation)])


@BOUNDED
@given(
    body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    status=STATUSES,
    header=FAR_HEADERS,
    date=FAR_HEADERS,
)
def test_any_bytes_under_any_headers_are_what_was_asked_for_or_a_kling_error(
    body: bytes, status: int, header: str, date: str
) -> None:
    answer = taken_in(status, body, {"Retry-After": header, "Date": date})
    assert answer.retry_after is None or answer.retry_after >= 0
    for name in CALLS:
        for outcome in outcomes_of(name, answer):
            check(name, outcome)


@BOUNDED
@given(body=BODIES | st.text(max_size=100), status=STATUSES)
def test_no_answer_to_a_create_is_an_invitation_to_pay_twice(body: str, status: int) -> None:
    outcome = outcomes_of("submit", Answer(status, body))[1]
    if isinstance(outcome, KlingError):
        assert not outcome.retryable or type(outcome) is KlingThrottledError
        assert not isinstance(outcome, KlingUnreadableAnswerError)


NO_OBJECT = st.text(max_size=50).filter(lambda text: not text.strip().startswith("{")) | st.lists(
    st.integers(), max_size=3
).map(json.dumps)


@BOUNDED
@given(body=NO_OBJECT, status=st.integers(200, 399) | st.integers(500, 599))
def test_a_create_that_is_answered_by_no_object_has_an_unknown_outcome(body: str, status: int) -> None:
    assert type(outcomes_of("submit", Answer(status, body))[1]) is KlingOutcomeUnknownError


@BOUNDED
@given(body=PLAUSIBLE, status=st.integers(200, 299) | st.integers(500, 599))
def test_a_create_that_is_answered_without_a_code_or_an_error_is_made_or_its_outcome_is_unknown(
    body: dict[str, Any], status: int
) -> None:
    silent = {key: value for key, value in body.items() if key not in ("code", "error", "message")}
    outcome = outcomes_of("submit", Answer(status, json.dumps(silent)))[1]
    assert type(outcome) is KlingOutcomeUnknownError or (status < 300 and isinstance(outcome, Generation))


def test_our_key_is_in_nothing_that_is_read_wherever_the_gateway_repeats_it() -> None:
    body = {"message": f"no, {SECRET_KEY}", "code": SECRET_KEY, "data": [{"id": "a", "echo": SECRET_KEY}]}
    assert taken_in(200, json.dumps(body)).text.count("***") == 3
    assert SECRET_KEY not in taken_in(200, json.dumps(body)).text


SHRINKING = "https://cdn.example.com/a.mp4?" + "s" * 69 + " "  # becomes much shorter when it is masked
SECRETS = (SECRET_KEY, "sk-abcdef0123456789abcdef", "eyJhbGciOiJI.eyJpc3MiOiJhYWFhYWFh.c2lnbmF0dXJl")


@pytest.mark.parametrize("secret", SECRETS, ids=["our key", "a key", "a JWT"])
@pytest.mark.parametrize("filling", ["x", SHRINKING], ids=["letters", "links"])
@pytest.mark.parametrize(
    "body",
    [
        {"code": 1201, "message": "%TEXT%"},
        {"code": "%TEXT%", "message": "no"},
        {"code": 1201, "message": "no", "request_id": "%TEXT%"},
        {"code": 0, "data": {"task_status": "failed", "task_status_msg": "%TEXT%"}},
        {"echo": "%TEXT%"},
    ],
    ids=["message", "code", "request id", "reason of a failure", "unreadable"],
)
def test_a_secret_where_a_long_text_is_cut_does_not_show_in_part(
    body: dict[str, Any], filling: str, secret: str
) -> None:
    """A dozen characters of it at most: that is no more than the name of a kind of key."""
    for longest in (100, 200, 1000, 2000, 4000):
        for missing in range(14, len(secret) + 24, 4):  # 21 of them are our own words before a message
            before = (filling * longest)[: longest - missing - 1]
            said = json.dumps(body).replace("%TEXT%", f"{before} {secret} and more")
            outcome = outcomes_of("query", taken_in(200, said))[1]
            shown = outcome.failure if isinstance(outcome, Generation) else str(outcome)
            assert secret[:13] not in (shown or ""), (longest, missing)
