"""A gateway's refusal, classified: by its own code first, by the HTTP status where the code says nothing."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingForbiddenError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)

# Kling's own numbers (docs: error codes). Several of those that come with HTTP 429 are permanent.
_BY_NUMBER: dict[int, type[KlingError]] = {
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004), KlingAuthError),
    **dict.fromkeys((1100, 1101, 1102), KlingQuotaError),
    **dict.fromkeys((1103, 1304), KlingForbiddenError),
    **dict.fromkeys((1200, 1201, 1202, 1203), KlingRejectedError),
    **dict.fromkeys((1300, 1301), KlingPolicyError),
    **dict.fromkeys((1302, 1303), KlingThrottledError),
    **dict.fromkeys((5000, 5001, 5002), KlingServerError),
}
# The words of relays that run New API.
_BY_WORD: dict[str, type[KlingError]] = {
    "task_not_exist": KlingTaskNotFoundError,
    "insufficient_user_quota": KlingQuotaError,
    "pre_consume_token_quota_failed": KlingQuotaError,
    "access_denied": KlingForbiddenError,
    "invalid_request": KlingRejectedError,
    "model_price_error": KlingRejectedError,
    "model_not_found": KlingRejectedError,
    "build_request_failed": KlingRejectedError,
}
_BY_STATUS: dict[int, type[KlingError]] = {
    401: KlingAuthError,
    402: KlingQuotaError,
    403: KlingForbiddenError,
    429: KlingThrottledError,
}
_LONGEST_NUMBER = 9  # digits; what is longer is no code
_EMPTY_ACCOUNT = ("balance", "arrears")
_FINE_CODES = (None, "", 0, 200, "0", "200", "success")


def refusal(
    status: int, body: dict[str, Any], *, task_id: str | None = None, retry_after: float | None = None
) -> KlingError | None:
    """
    Return the error that an answer is, or None where it is none.

    Three shapes are known: Kling's ``{code, message, request_id}``, a relay's handler
    ``{code: "word", message, data: null}``, and its middleware ``{error: {message, type, code}}``.

    :param status: The HTTP status.
    :param body: The answer's JSON object.
    :param task_id: The generation that was asked about, None for a submission.
    :param retry_after: Seconds, where the answer said so.
    """
    inner = body.get("error")
    # An `error` beside a status is the failure of a generation, which is an answer like any other.
    is_error_shape = isinstance(inner, dict) and not isinstance(body.get("status"), str)
    source: dict[str, Any] = inner if isinstance(inner, dict) and is_error_shape else body
    code = source.get("code")
    fine = isinstance(code, dict | list) or code in _FINE_CODES
    if status < 400 and fine and not is_error_shape:
        return None
    code, message = _unpacked(code, source.get("message"))
    if not message and isinstance(body.get("error"), str):
        message = body["error"]
    kind = _kind(status, code, message.lower(), asked_about_task=task_id is not None)
    return kind(
        f"The gateway refused: {message.rstrip('.') or 'it gives no reason'}.",
        code=code if isinstance(code, int | str) else None,
        http_status=status,
        request_id=body["request_id"] if isinstance(body.get("request_id"), str) else None,
        task_id=task_id,
        retry_after=retry_after,
    )


def _kind(status: int, code: object, text: str, *, asked_about_task: bool) -> type[KlingError]:
    if isinstance(code, str) and code.isdecimal() and len(code) <= _LONGEST_NUMBER:
        code = int(code)
    kind: type[KlingError] | None = None
    if isinstance(code, int):
        kind = _BY_NUMBER.get(code)
    elif isinstance(code, str):
        kind = _BY_WORD.get(code)
    kind = kind or _BY_STATUS.get(status) or (KlingServerError if status >= 500 else KlingRejectedError)
    if kind is KlingThrottledError and any(word in text for word in _EMPTY_ACCOUNT):
        return KlingQuotaError
    if kind is KlingRejectedError and asked_about_task and (status == 404 or "not found" in text):
        return KlingTaskNotFoundError
    return kind


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
