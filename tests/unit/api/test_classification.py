"""Which error a refusal is, by a table of its own: it has to notice any change of the code's tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingClockError,
    KlingDuplicateError,
    KlingError,
    KlingForbiddenError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.reading import refusals
from airflow_provider_kling.api.reading.refusals import refusal

Row = tuple[int, int | str | None, str, bool, type[KlingError]]

# status, code, text, whether a generation was asked about, the error. Each code is here with a status that
# would make something else of it, so that the code is what decides.
TABLE: list[Row] = [
    (401, 1000, "authentication failed", False, KlingAuthError),
    (200, 1000, "authentication failed", False, KlingAuthError),
    (200, 1001, "Authorization is empty", False, KlingAuthError),
    (200, 1002, "Authorization is invalid", True, KlingAuthError),
    (401, 1003, "not valid yet", False, KlingClockError),
    (401, 1004, "expired", True, KlingClockError),
    (429, 1100, "account abnormal", False, KlingQuotaError),
    (429, 1101, "in arrears", False, KlingQuotaError),
    (429, 1101, "no", False, KlingQuotaError),
    (429, 1102, "Account balance not enough", False, KlingQuotaError),
    (429, 1102, "no", True, KlingQuotaError),
    (200, 1103, "no permission", False, KlingForbiddenError),
    (500, 1200, "invalid parameters", False, KlingRejectedError),
    (500, 1201, "duration value '99' is invalid", False, KlingRejectedError),
    (500, 1202, "wrong method", False, KlingRejectedError),
    (500, 1203, "no such resource", False, KlingRejectedError),
    (404, 1202, "wrong method", False, KlingRejectedError),
    (404, 1203, "no such resource", False, KlingRejectedError),
    (404, 1203, "no such resource", True, KlingTaskNotFoundError),
    (400, 1201, "Task not found by id/external id: 7", True, KlingTaskNotFoundError),
    (400, 1201, "Task not found by id/external id: 7", False, KlingRejectedError),
    (400, 1201, "External_task_id mine-1 already exists", False, KlingDuplicateError),
    (400, 1300, "platform policy", False, KlingPolicyError),
    (400, 1301, "the input", False, KlingPolicyError),
    (200, 1302, "too fast", False, KlingThrottledError),
    (200, 1303, "parallel task over resource pack limit", False, KlingThrottledError),
    (429, 1303, "Account balance not enough", False, KlingQuotaError),
    (429, 1304, "not on the whitelist", False, KlingForbiddenError),
    (200, 5000, "internal", True, KlingServerError),
    (200, 5001, "maintenance", True, KlingServerError),
    (200, 5002, "backlog", True, KlingServerError),
    (400, "task_not_exist", "task_not_exist", True, KlingTaskNotFoundError),
    (400, "task_not_exist", "no", False, KlingTaskNotFoundError),
    (500, "insufficient_user_quota", "no", False, KlingQuotaError),
    (403, "pre_consume_token_quota_failed", "no", False, KlingQuotaError),
    (400, "access_denied", "Your IP is not allowed", False, KlingForbiddenError),
    (500, "invalid_request", "prompt is required", False, KlingRejectedError),
    (500, "model_price_error", "no price", False, KlingRejectedError),
    (503, "model_not_found", "No available channel for model X", False, KlingRejectedError),
    (500, "build_request_failed", "no", False, KlingRejectedError),
    (200, "do_request_failed", "no", True, KlingServerError),
    (200, "unmarshal_response_failed", "no", False, KlingServerError),
    (200, "get_channel_failed", "no", False, KlingServerError),
    (200, "get_task_failed", "no", True, KlingServerError),
    (200, 500, "some relays put the status there", False, KlingServerError),
    (200, 429, "some relays put the status there", False, KlingThrottledError),
    (200, 402, "some relays put the status there", False, KlingQuotaError),
    (400, "task_failed", "Failure to pass the risk control system", False, KlingPolicyError),
    (429, "fail_to_fetch_task", "busy", False, KlingThrottledError),
    (401, None, "Invalid token", False, KlingAuthError),
    (401, "", "This token quota is exhausted", False, KlingQuotaError),
    (402, None, "no", False, KlingQuotaError),
    (403, None, "no", False, KlingForbiddenError),
    (403, "", "用户余额不足", False, KlingQuotaError),
    (429, None, "", False, KlingThrottledError),
    (429, 1999, "no", False, KlingThrottledError),
    (429, None, "arrears", False, KlingQuotaError),
    (400, None, "no", False, KlingRejectedError),
    (413, None, "no", False, KlingRejectedError),
    (422, None, "no", False, KlingRejectedError),
    (404, None, "no", False, KlingRejectedError),
    (404, None, "no", True, KlingTaskNotFoundError),
    (500, None, "no", True, KlingServerError),
    (503, None, "no", True, KlingServerError),
    (524, None, "no", True, KlingServerError),
    (500, 1999, "no", True, KlingServerError),
]


def kind_of(status: int, code: object, text: str, *, asked: bool) -> type[KlingError]:
    error = refusal(status, {"code": code, "message": text}, task_id="t-1" if asked else None)
    assert error is not None
    return type(error)


def check() -> None:
    """Hold the code against the table."""
    for status, code, text, asked, kind in TABLE:
        assert kind_of(status, code, text, asked=asked) is kind, (status, code, text, asked)


def test_every_refusal_is_the_error_of_the_table() -> None:
    check()


TABLES: list[tuple[str, int]] = [("BY_NUMBER", 1), ("BY_WORD", 1), ("BY_STATUS", 0)]
ENTRIES = [
    pytest.param(name, key, kind, id=f"{name} {key}")
    for name, _ in TABLES
    for key, kind in getattr(refusals, name).items()
]


@pytest.mark.parametrize(("name", "column"), TABLES)
def test_every_entry_of_the_code_has_a_row(name: str, column: int) -> None:
    assert set(getattr(refusals, name)) <= {row[column] for row in TABLE}


@pytest.mark.parametrize(("name", "key", "kind"), ENTRIES)
def test_the_table_notices_an_entry_that_became_another_error(
    monkeypatch: pytest.MonkeyPatch, name: str, key: int | str, kind: type[KlingError]
) -> None:
    others = {KlingQuotaError, KlingServerError, KlingAuthError, KlingThrottledError, KlingForbiddenError}
    for other in others - {kind}:
        monkeypatch.setitem(getattr(refusals, name), key, other)
        with pytest.raises(AssertionError):
            check()


@pytest.mark.parametrize(("name", "key", "kind"), ENTRIES)
def test_the_table_notices_an_entry_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, name: str, key: int | str, kind: type[KlingError]
) -> None:
    assert issubclass(kind, KlingError)
    monkeypatch.delitem(getattr(refusals, name), key)
    with pytest.raises(AssertionError):
        check()


BOUNDED = settings(derandomize=True, deadline=None, max_examples=200, database=None)
CODES: st.SearchStrategy[Any] = (
    st.sampled_from(
        (*refusals.BY_NUMBER, *refusals.BY_WORD, "fail_to_fetch_task", "task_failed", 0, "success")
    )
    | st.integers()
    | st.text(max_size=8)
    | st.none()
    | st.booleans()
    | st.floats()
    | st.just([])
    | st.just({})
)
TEXTS = st.text(max_size=20) | st.sampled_from([row[2] for row in TABLE])
SHAPES = st.sampled_from(("flat", "in error", "number as text"))


@BOUNDED
@given(status=st.integers(300, 599), code=CODES, text=TEXTS, asked=st.booleans(), shape=SHAPES)
def test_every_refusal_is_some_kling_error(
    status: int, code: object, text: str, asked: bool, shape: str
) -> None:
    said = {"code": str(code) if shape == "number as text" else code, "message": text}
    body = {"error": said} if shape == "in error" else said
    error = refusal(status, body, task_id="t-1" if asked else None)
    if error is None:
        assert status < 400
        assert said["code"] in (None, "", 0, 200, "0", "success", [], {}) or code in (0, False)
        return
    assert type(error) is not KlingError
    assert isinstance(error, KlingError)
    assert error.http_status == status
    assert str(error)


PERMANENT = st.sampled_from((1100, 1101, 1102, 1304))
OTHER_CODES = st.none() | st.integers(6000, 9999) | st.sampled_from((1302, 1303, "", "fail_to_fetch_task"))
EMPTY = st.sampled_from(
    (
        "Account balance not enough",
        "your BALANCE is 0",
        "The account is in Arrears",
        "This token quota is exhausted",
        "quota exhausted",
        "用户余额不足",
        "账户已欠费",
        "该令牌额度已用尽",
    )
)


@BOUNDED
@given(status=st.integers(200, 599), code=PERMANENT, text=TEXTS, as_text=st.booleans())
def test_a_permanent_429_is_never_worth_repeating(status: int, code: int, text: str, as_text: bool) -> None:
    for asked in (True, False):
        kind = kind_of(status, str(code) if as_text else code, text, asked=asked)
        assert not kind.retryable
        assert kind in (KlingQuotaError, KlingForbiddenError)


@BOUNDED
@given(status=st.sampled_from((401, 402, 403, 429)), code=OTHER_CODES, text=EMPTY, before=st.text(max_size=9))
def test_an_empty_account_is_never_worth_asking_again(
    status: int, code: object, text: str, before: str
) -> None:
    assert kind_of(status, code, f"{before} {text}", asked=False) is KlingQuotaError


@pytest.mark.parametrize(
    "text",
    [
        "the load balancer is busy",
        "An unreadable body: '<html><h1>429</h1><p>Load Balancer</p></html>'",
    ],
)
def test_a_load_balancer_that_is_busy_is_no_empty_account(text: str) -> None:
    assert kind_of(429, None, text, asked=True) is KlingThrottledError
