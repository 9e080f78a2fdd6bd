"""A gateway's refusal, classified: by its own code first, by the HTTP status where the code says nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from airflow_provider_kling.api.calls import Answer

# Kling's own numbers (docs: error codes). Several of those that come with HTTP 429 are permanent.
BY_NUMBER: dict[int, type[KlingError]] = {
    **dict.fromkeys((1000, 1001, 1002), KlingAuthError),
    **dict.fromkeys((1003, 1004), KlingClockError),
    **dict.fromkeys((1100, 1101, 1102), KlingQuotaError),
    1103: KlingForbiddenError,
    **dict.fromkeys((1200, 1201, 1202, 1203), KlingRejectedError),
    **dict.fromkeys((1300, 1301), KlingPolicyError),
    **dict.fromkeys((1302, 1303), KlingThrottledError),
    1304: KlingForbiddenError,
    **dict.fromkeys((5000, 5001, 5002), KlingServerError),
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
MODERATED = re.compile(
    r"risk control|moderation|sensitive (content|information|word)|content (policy|safety)", re.IGNORECASE
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


def refusal(answer: Answer, body: dict[str, Any], task_id: str | None) -> KlingError | None:
    """
    Return the error that an answer is, or None where it is none.

    Three shapes are known: Kling's ``{code, message, request_id}``, a relay's handler
    ``{code: "word", message, data: null}``, and its middleware ``{error: {message, type, code}}``.

    :param body: Its JSON object.
    :param task_id: The generation that was asked about, None for a submission.
    """
    inner = body.get("error")
    # An `error` beside a status is the failure of a generation, which is an answer like any other.
    is_error_shape = isinstance(inner, dict) and not isinstance(body.get("status"), str)
    source: dict[str, Any] = inner if isinstance(inner, dict) and is_error_shape else body
    outer_code = source.get("code")
    fine = isinstance(outer_code, dict | list) or outer_code in _FINE_CODES
    says_nothing = not is_error_shape or not (source.get("message") or source.get("msg"))
    if answer.status < 400 and fine and says_nothing:
        return None
    code, message = _unpacked(outer_code, source.get("message") or source.get("msg"))
    if not message and isinstance(inner, str):
        message = inner
    kind = _kind(answer.status, code, message.lower(), asked_about_task=task_id is not None)
    if issubclass(kind, KlingAuthError) and outer_code == _PASSED_ON:
        kind = KlingRelayKeyError
    request_id = body.get("request_id")
    named = _REQUEST_ID.search(message)
    reason = message.rstrip(".") or "it gives no reason"
    return kind(
        f"The gateway refused: {reason}{_skew(kind, answer.clock_ahead)}.",
        code=code if isinstance(code, int | str) else None,
        http_status=answer.status,
        request_id=request_id if isinstance(request_id, str) else named and named[1],
        task_id=task_id,
        retry_after=answer.retry_after,
    )


def _kind(status: int, code: object, text: str, *, asked_about_task: bool) -> type[KlingError]:
    if isinstance(code, str) and code.isdecimal() and len(code) <= _LONGEST_NUMBER:
        code = int(code)
    by_code = (BY_NUMBER | BY_WORD).get(code) if isinstance(code, int | str) else None
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
    if MODERATED.search(text):
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
