"""A gateway's refusal, classified: by its own code first, by the HTTP status where the code says nothing."""

from __future__ import annotations

import json
import re
from typing import Any

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

# Kling's own numbers (docs: error codes). Several of those that come with HTTP 429 are permanent.
BY_NUMBER: dict[int, type[KlingError]] = {
    1000: KlingAuthError,
    1001: KlingAuthError,
    1002: KlingAuthError,
    1003: KlingClockError,
    1004: KlingClockError,
    1100: KlingQuotaError,
    1101: KlingQuotaError,
    1102: KlingQuotaError,
    1103: KlingForbiddenError,
    1200: KlingRejectedError,
    1201: KlingRejectedError,
    1202: KlingRejectedError,
    1203: KlingRejectedError,
    1300: KlingPolicyError,
    1301: KlingPolicyError,
    1302: KlingThrottledError,
    1303: KlingThrottledError,
    1304: KlingForbiddenError,
    5000: KlingServerError,
    5001: KlingServerError,
    5002: KlingServerError,
}
# The words of relays that run New API, from its code. What is not here goes by its status.
BY_WORD: dict[str, type[KlingError]] = {
    "task_not_exist": KlingTaskNotFoundError,
    "insufficient_user_quota": KlingQuotaError,
    "pre_consume_token_quota_failed": KlingQuotaError,
    "access_denied": KlingForbiddenError,
    "invalid_request": KlingRejectedError,
    "model_price_error": KlingRejectedError,
    "model_not_found": KlingRejectedError,
    "build_request_failed": KlingRejectedError,
    "do_request_failed": KlingServerError,
    "unmarshal_response_failed": KlingServerError,
    "get_channel_failed": KlingServerError,
    "get_task_failed": KlingServerError,
}
BY_STATUS: dict[int, type[KlingError]] = {
    401: KlingAuthError,
    402: KlingQuotaError,
    403: KlingForbiddenError,
    429: KlingThrottledError,
}
MODERATION_WORDS = (
    "risk control",
    "moderation",
    "sensitive content",
    "sensitive information",
    "sensitive word",
    "content policy",
    "content safety",
)
# Relays say it in the words of an account, in English or Chinese, and mostly with HTTP 401, 403 or 429.
_EMPTY_ACCOUNT = re.compile(
    r"(?<!load )\bbalance\b|\barrears\b|\bquota (is )?exhausted\b|余额|欠费|额度已用尽", re.IGNORECASE
)
# What a relay says when Kling refused what it passed on.
_PASSED_ON = "fail_to_fetch_task"
_REQUEST_ID = re.compile(r"\(request id: ([\w-]+)\)")
_LONGEST_NUMBER = 9  # digits; what is longer is no code
_HTTP_ERRORS = range(400, 600)
_FINE_CODES = (None, "", 0, 200, "0", "200", "success")
# A smaller difference of the clocks is the network's.
_NOTABLE_SKEW_SECONDS = 5.0


def refusal(
    status: int,
    body: dict[str, Any],
    *,
    task_id: str | None = None,
    retry_after: float | None = None,
    clock_ahead: float | None = None,
) -> KlingError | None:
    """
    Return the error that an answer is, or None where it is none.

    Three shapes are known: Kling's ``{code, message, request_id}``, a relay's handler
    ``{code: "word", message, data: null}``, and its middleware ``{error: {message, type, code}}``.

    :param status: The HTTP status.
    :param body: The answer's JSON object.
    :param task_id: The generation that was asked about, None for a submission.
    :param retry_after: Seconds, where the answer said so.
    :param clock_ahead: Seconds by which our clock is ahead of the gateway's, where the answer tells.
    """
    inner = body.get("error")
    # An `error` beside a status is the failure of a generation, which is an answer like any other.
    is_error_shape = isinstance(inner, dict) and not isinstance(body.get("status"), str)
    source: dict[str, Any] = inner if isinstance(inner, dict) and is_error_shape else body
    outer_code = source.get("code")
    fine = isinstance(outer_code, dict | list) or outer_code in _FINE_CODES
    says_nothing = not is_error_shape or not (source.get("message") or source.get("msg"))
    if status < 400 and fine and says_nothing:
        return None
    code, message = _unpacked(outer_code, source.get("message") or source.get("msg"))
    if not message and isinstance(inner, str):
        message = inner
    kind = _kind(status, code, message.lower(), asked_about_task=task_id is not None)
    if issubclass(kind, KlingAuthError) and outer_code == _PASSED_ON:
        kind = KlingRelayKeyError
    request_id = body.get("request_id")
    named = _REQUEST_ID.search(message)
    return kind(
        f"The gateway refused: {message.rstrip('.') or 'it gives no reason'}{_skew(kind, clock_ahead)}.",
        code=code if isinstance(code, int | str) else None,
        http_status=status,
        request_id=request_id if isinstance(request_id, str) else named and named[1],
        task_id=task_id,
        retry_after=retry_after,
    )


def _kind(status: int, code: object, text: str, *, asked_about_task: bool) -> type[KlingError]:
    if isinstance(code, str) and code.isdecimal() and len(code) <= _LONGEST_NUMBER:
        code = int(code)
    by_code: type[KlingError] | None = None
    if isinstance(code, int):
        by_code = BY_NUMBER.get(code)
    elif isinstance(code, str):
        by_code = BY_WORD.get(code)
    if by_code is None and isinstance(code, int) and code in _HTTP_ERRORS:
        status = code  # some relays answer everything with HTTP 200, and put the status here
    kind = by_code or BY_STATUS.get(status) or (KlingServerError if status >= 500 else KlingRejectedError)
    if _EMPTY_ACCOUNT.search(text) and (
        # A relay's 1303 may be but its number for HTTP 429, whatever the reason.
        kind is KlingThrottledError or (by_code is None and kind in (KlingAuthError, KlingForbiddenError))
    ):
        return KlingQuotaError
    return _told_by_text(status, text, asked_about_task) if kind is KlingRejectedError else kind


def _told_by_text(status: int, text: str, asked_about_task: bool) -> type[KlingError]:
    """Tell apart what Kling puts under the one number 1201, and relays under the one status 400."""
    if asked_about_task and (status == 404 or "not found" in text):
        return KlingTaskNotFoundError
    if "external_task_id" in text and "already exists" in text:
        return KlingDuplicateError
    if any(word in text for word in MODERATION_WORDS):
        return KlingPolicyError
    return KlingRejectedError


def _unpacked(code: object, message: object) -> tuple[object, str]:
    """Return code and text; a relay may pass on Kling's whole body as a string in its own message."""
    text = message if isinstance(message, str) else ""
    if text.lstrip().startswith("{"):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return code, text
        if isinstance(inner, dict) and isinstance(inner.get("message"), str):
            return inner.get("code", code), inner["message"]
    return code, text


def _skew(kind: type[KlingError], clock_ahead: float | None) -> str:
    if kind is not KlingClockError or clock_ahead is None or abs(clock_ahead) < _NOTABLE_SKEW_SECONDS:
        return ""
    direction = "ahead of" if clock_ahead > 0 else "behind"
    return f" (this machine's clock is {abs(clock_ahead):.0f} s {direction} the gateway's)"
