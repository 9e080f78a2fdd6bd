"""Which error a refusal is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingClockError,
    KlingDuplicateError,
    KlingError,
    KlingForbiddenError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingRelayKeyError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.reading.refusals import refusal

SATURATED = "当前分组上游负载已饱和"


def kling(code: int, message: str = "no") -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": "r-1"}


def handler(code: str, message: str = "no") -> dict[str, Any]:
    return {"code": code, "message": message, "data": None}


def middleware(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "new_api_error", "code": code}}


def refused(status: int, body: dict[str, Any], task_id: str | None = None) -> KlingError:
    error = refusal(status, body, task_id=task_id)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 1000, KlingAuthError),
        (401, 1001, KlingAuthError),
        (401, 1002, KlingAuthError),
        (401, 1003, KlingClockError),
        (401, 1004, KlingClockError),
        (429, 1100, KlingQuotaError),
        (429, 1101, KlingQuotaError),
        (429, 1102, KlingQuotaError),
        (403, 1103, KlingForbiddenError),
        (400, 1200, KlingRejectedError),
        (400, 1201, KlingRejectedError),
        (404, 1202, KlingRejectedError),
        (404, 1203, KlingRejectedError),
        (400, 1300, KlingPolicyError),
        (400, 1301, KlingPolicyError),
        (429, 1302, KlingThrottledError),
        (429, 1303, KlingThrottledError),
        (429, 1304, KlingForbiddenError),
        (500, 5000, KlingServerError),
        (503, 5001, KlingServerError),
        (504, 5002, KlingServerError),
        (400, 1999, KlingRejectedError),
        (429, 1999, KlingThrottledError),
        (500, 1999, KlingServerError),
    ],
)
@pytest.mark.parametrize("as_text", [False, True], ids=["number", "text"])
def test_klings_codes_decide_before_the_status(
    status: int, code: int, kind: type[KlingError], *, as_text: bool
) -> None:
    body = {**kling(code), "code": str(code) if as_text else code}
    error = refused(status, body)
    assert type(error) is kind
    assert (error.http_status, error.request_id) == (status, "r-1")
    assert str(error.code) == str(code)
    assert error.retryable is (kind in (KlingThrottledError, KlingServerError))
    if not as_text and code != 1999:  # the code counts on HTTP 200 as well
        assert type(refused(200, body)) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, middleware("Invalid token (request id: 1)"), KlingAuthError),
        (401, middleware("Token not provided"), KlingAuthError),
        (401, middleware("This token quota is exhausted"), KlingQuotaError),
        (401, middleware("该令牌额度已用尽"), KlingQuotaError),
        (403, middleware("用户余额不足"), KlingQuotaError),
        (403, middleware("This token has no access to model X"), KlingForbiddenError),
        (403, middleware("Your IP is not allowed", "access_denied"), KlingForbiddenError),
        (400, middleware("Model name not specified, model name cannot be empty"), KlingRejectedError),
        (503, middleware("No available channel for model X", "model_not_found"), KlingRejectedError),
        (404, middleware("Invalid URL (POST /v1)"), KlingRejectedError),
        (402, middleware("Payment required"), KlingQuotaError),
        (502, middleware("upstream"), KlingServerError),
        (200, middleware("late trouble"), KlingRejectedError),
        (400, handler("invalid_request", "prompt is required"), KlingRejectedError),
        (400, handler("task_not_exist"), KlingTaskNotFoundError),
        (403, handler("insufficient_user_quota"), KlingQuotaError),
        (403, handler("pre_consume_token_quota_failed"), KlingQuotaError),
        (400, handler("model_price_error"), KlingRejectedError),
        (400, handler("task_failed", "mode value 'std' is invalid"), KlingRejectedError),
        (500, handler("build_request_failed"), KlingRejectedError),
        (500, handler("do_request_failed"), KlingServerError),
        (500, handler("unmarshal_response_failed"), KlingServerError),
        (500, handler("get_channel_failed"), KlingServerError),
        (500, handler("get_task_failed"), KlingServerError),
        (413, handler("read_request_body_failed"), KlingRejectedError),
        (429, handler("fail_to_fetch_task", SATURATED), KlingThrottledError),
        (429, handler("fail_to_fetch_task", "Account balance not enough"), KlingQuotaError),
        (429, handler("fail_to_fetch_task", "The account is in Arrears"), KlingQuotaError),
        (401, handler("fail_to_fetch_task", "operator's key"), KlingRelayKeyError),
        (400, handler("task_failed", "Failure to pass the risk control system"), KlingPolicyError),
        (200, {"code": "some_word", "message": "no"}, KlingRejectedError),
        (429, {}, KlingThrottledError),
        (500, {"error": "a text"}, KlingServerError),
        (400, {"error": "a text"}, KlingRejectedError),
        (400, {"code": None}, KlingRejectedError),
    ],
)
def test_a_relays_words_and_shapes_are_understood(
    status: int, body: dict[str, Any], kind: type[KlingError]
) -> None:
    assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, 1102, "Account balance not enough", KlingQuotaError),
        (429, 1303, "parallel task over resource pack limit", KlingThrottledError),
        (429, 1304, "ip not on the whitelist", KlingForbiddenError),
        (400, 1301, "content safety", KlingPolicyError),
        (400, 1201, "duration value '99' is invalid", KlingRejectedError),
        (500, 5000, "internal", KlingServerError),
        (400, 1000, "operator's key", KlingRelayKeyError),
        (401, 1003, "operator's clock", KlingRelayKeyError),
    ],
)
@pytest.mark.parametrize("outer", [handler, lambda code, text: middleware(text, code)])
def test_klings_whole_body_inside_a_relays_message_is_unpacked(
    outer: Any, status: int, code: int, message: str, kind: type[KlingError]
) -> None:
    error = refused(status, outer("fail_to_fetch_task", json.dumps(kling(code, message))))
    assert type(error) is kind
    assert error.code == code
    assert message in str(error)
    assert "{" not in str(error)


@pytest.mark.parametrize(
    "message", ["{", '{"code": 1301}', '{"message": 5}', "{}", "[1]", '{"message": null}']
)
def test_a_message_that_only_looks_like_klings_body_is_a_message(message: str) -> None:
    error = refused(400, handler("fail_to_fetch_task", message))
    assert type(error) is KlingRejectedError
    assert error.code == "fail_to_fetch_task"
    assert message in str(error)


@pytest.mark.parametrize(
    ("status", "body", "asked", "kind"),
    [
        (400, kling(1201, "Task not found by id/external id: 7"), "7", KlingTaskNotFoundError),
        (400, kling(1201, "Task not found by id/external id: 7"), None, KlingRejectedError),
        (400, kling(1201, "duration value '99' is invalid"), "7", KlingRejectedError),
        (404, kling(1203, "no such resource"), "7", KlingTaskNotFoundError),
        (404, kling(1203, "model x not found"), None, KlingRejectedError),
        (404, middleware("Invalid URL"), "7", KlingTaskNotFoundError),
        (400, handler("task_not_exist"), "7", KlingTaskNotFoundError),
        (401, kling(1000, "user not found"), "7", KlingAuthError),
    ],
)
def test_not_found_is_about_a_generation_only_when_one_was_asked_for(
    status: int, body: dict[str, Any], asked: str | None, kind: type[KlingError]
) -> None:
    error = refused(status, body, asked)
    assert type(error) is kind
    assert error.task_id == asked


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": {}},
        {"code": 200, "data": {}},
        {"code": "0"},
        {"code": "200"},
        {"code": "success", "message": "", "data": {}},
        {"code": "", "task_id": "t"},
        {"task_id": "t", "status": "queued"},
        {"task_id": "t", "status": "failed", "error": {"code": "task_failed", "message": "no"}},
        {"task_id": "t", "status": "completed", "error": None},
    ],
    ids=str,
)
def test_an_answer_that_is_no_refusal_is_left_alone(body: dict[str, Any]) -> None:
    assert refusal(200, body) is None


def test_a_refusal_keeps_what_the_gateways_support_asks_for() -> None:
    error = refusal(429, kling(1303, "parallel task over limit."), task_id="t-1", retry_after=7.0)
    assert error is not None
    assert error.retry_after == 7.0
    assert str(error) == (
        "The gateway refused: parallel task over limit. "
        "[Kling task t-1, HTTP 429, code 1303, request id r-1] " + KlingThrottledError.remedy
    )


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": 5}, {"error": {}}], ids=str)
def test_a_refusal_without_words_says_that_there_are_none(body: dict[str, Any]) -> None:
    assert "The gateway refused: it gives no reason." in str(refused(400, body))


@pytest.mark.parametrize("wrapped", [False, True], ids=["at Kling", "through a relay"])
def test_an_external_task_id_that_is_taken_is_told_apart_from_a_bad_value(wrapped: bool) -> None:
    taken = kling(1201, "External_task_id nightly-7 already exists")
    body = handler("fail_to_fetch_task", json.dumps(taken)) if wrapped else taken
    assert type(refused(400, body)) is KlingDuplicateError


@pytest.mark.parametrize(
    ("clock_ahead", "words"),
    [
        (3600.4, "(this machine's clock is 3600 s ahead of the gateway's)"),
        (-3600.0, "(this machine's clock is 3600 s behind the gateway's)"),
    ],
)
def test_a_token_that_is_refused_for_its_time_says_how_far_the_clocks_are_apart(
    clock_ahead: float, words: str
) -> None:
    error = refusal(401, kling(1003, "not valid yet"), clock_ahead=clock_ahead)
    assert words in str(error)
    assert "Set the clock of this machine" in str(error)


@pytest.mark.parametrize(("code", "clock_ahead"), [(1003, 1.0), (1003, None), (1000, 3600.0)])
def test_clocks_are_not_blamed_for_what_they_did_not_do(code: int, clock_ahead: float | None) -> None:
    error = refusal(401, kling(code), clock_ahead=clock_ahead)
    assert error is not None
    assert "this machine's clock" not in error.message


def test_the_request_id_is_found_in_a_relays_words() -> None:
    assert refused(401, middleware("Invalid token (request id: 2026-abc)")).request_id == "2026-abc"
