"""
The answers of the gateways, as they go over the wire: literal JSON, with ``%WORD%`` where a status word is.

What is expected of each is said here as well, by hand and not by the code that is under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingClockError,
    KlingDuplicateError,
    KlingError,
    KlingForbiddenError,
    KlingOutcomeUnknownError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, GenerationState, Video

if TYPE_CHECKING:
    from collections.abc import Mapping

LINK = "https://cdn.example.com/deer.mp4?Expires=1&Signature=abc"
MADE = datetime(2024, 8, 4, 11, 5, 57, 708000, UTC)  # 1722769557708
ENDED = datetime(2024, 8, 4, 11, 7, 37, tzinfo=UTC)  # 1722769657000
MADE_S = datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC)  # 1763600000
ENDED_S = datetime(2025, 11, 20, 0, 54, 50, tzinfo=UTC)  # 1763600090
QUEUED, RUNNING = GenerationState.SUBMITTED, GenerationState.PROCESSING
DONE, FAILED = GenerationState.SUCCEEDED, GenerationState.FAILED


@dataclass(frozen=True)
class Refused:
    """An answer that is an error: what it is for a create and what it is for a question."""

    status: int
    body: str
    create: type[KlingError]
    query: type[KlingError]
    code: int | str | None
    words: str
    request_id: str | None = None


@dataclass(frozen=True)
class Form:
    """
    How one kind of server answers.

    :param gateway: Which of our gateways is asked.
    :param many: Whether the question is the one for many generations.
    """

    name: str
    gateway: str
    words: Mapping[str, GenerationState]
    going: str
    submitted: str | None = None
    accepted: Generation | None = None
    succeeded: str | None = None
    success: Generation | None = None
    failed: str | None = None
    failure: Generation | None = None
    refusals: tuple[Refused, ...] = ()
    many: bool = False

    def body(self, word: str) -> str:
        """Return the answer in which a generation has this status."""
        other = {DONE: self.succeeded, FAILED: self.failed}.get(self.words[word])
        return (other or self.going).replace("%WORD%", word)


def same(status: int, body: str, kind: type[KlingError], code: int | str | None, words: str) -> Refused:
    """What is the same error for a create and for a question."""
    return Refused(status, body, kind, kind, code, words)


def official(
    status: int, code: int, kind: type[KlingError], words: str, *, query: type[KlingError]
) -> Refused:
    body = f'{{"code":{code},"message":"{words}","request_id":"r-{code}"}}'
    return Refused(status, body, kind, query, code, words, f"r-{code}")


_UNKNOWN, _SERVER, _NO = KlingOutcomeUnknownError, KlingServerError, KlingRejectedError
_OFFICIAL_REFUSALS = (
    *(
        official(status, code, kind, words, query=kind)
        for status, code, kind, words in (
            (401, 1000, KlingAuthError, "authentication failed"),
            (401, 1001, KlingAuthError, "Authorization is empty"),
            (401, 1002, KlingAuthError, "Authorization is invalid"),
            (401, 1003, KlingClockError, "the token is not valid yet"),
            (401, 1004, KlingClockError, "the token has expired"),
            (429, 1100, KlingQuotaError, "account abnormal"),
            (429, 1101, KlingQuotaError, "account in arrears"),
            (429, 1102, KlingQuotaError, "Account balance not enough"),
            (403, 1103, KlingForbiddenError, "no permission for this model"),
            (400, 1200, _NO, "invalid parameters"),
            (400, 1201, _NO, "mode value 'std' is invalid"),
            (400, 1201, _NO, "duration value '99' is invalid"),
            (400, 1201, _NO, "camera_control is only supported in std mode with 5s duration and kling-v1"),
            (400, 1201, _NO, "sound on is not supported with video input"),
            (400, 1201, _NO, "Duration only supports 5 or 10 seconds when no refer_image is provided"),
            (400, 1201, KlingDuplicateError, "External_task_id mine-1 already exists"),
            (400, 1300, KlingPolicyError, "platform policy"),
            (400, 1301, KlingPolicyError, "content safety policy"),
            (429, 1302, KlingThrottledError, "requests too fast"),
            (429, 1303, KlingThrottledError, "parallel task over resource pack limit"),
            (429, 1304, KlingForbiddenError, "the IP is not on the whitelist"),
        )
    ),
    official(400, 1201, _NO, "Task not found by id/external id: asked-1", query=KlingTaskNotFoundError),
    official(404, 1203, _NO, "no such resource", query=KlingTaskNotFoundError),
    official(500, 5000, _UNKNOWN, "internal error", query=_SERVER),
    official(503, 5001, _UNKNOWN, "temporarily unavailable", query=_SERVER),
    official(504, 5002, _UNKNOWN, "time-out", query=_SERVER),
    Refused(404, '{"code":1202,"message":"wrong method"}', _NO, KlingTaskNotFoundError, 1202, "wrong method"),
    Refused(500, "<html>Whitelabel</html>", _UNKNOWN, _SERVER, None, "Whitelabel"),
)
_WORDS = {"submitted": QUEUED, "processing": RUNNING, "succeed": DONE, "failed": FAILED}
_OFFICIAL = Form(
    "official legacy",
    "official",
    _WORDS,
    going='{"code":0,"message":"SUCCEED","request_id":"r-2","data":{"task_id":"812345678901234567",'
    '"task_status":"%WORD%","task_status_msg":"","task_info":{},"task_result":{},'
    '"created_at":1722769557708,"updated_at":1722769557708}}',
    submitted='{"code":0,"message":"SUCCEED","request_id":"r-1","data":{"task_id":"812345678901234567",'
    '"task_status":"submitted","task_info":{"external_task_id":"mine-1"},'
    '"created_at":1722769557708,"updated_at":1722769557708}}',
    accepted=Generation(
        "812345678901234567",
        TEXT2VIDEO,
        QUEUED,
        external_task_id="mine-1",
        created_at=MADE,
        request_id="r-1",
    ),
    succeeded='{"code":0,"message":"SUCCEED","request_id":"r-2","data":{"task_id":"812345678901234567",'
    '"task_status":"%WORD%","task_status_msg":"","task_info":{"external_task_id":"mine-1"},'
    '"task_result":{"videos":[{"id":"v-1","url":"' + LINK + '","watermark_url":"https://cdn/w.mp4",'
    '"duration":"5.1"}]},"watermark_info":{"enabled":false},"final_unit_deduction":"1.5",'
    '"final_balance_deduction":{"quota":"0","list_price":"0"},'
    '"created_at":1722769557708,"updated_at":1722769657000}}',
    success=Generation(
        "812345678901234567",
        TEXT2VIDEO,
        DONE,
        (Video(LINK, "v-1", 5.1),),
        external_task_id="mine-1",
        units=1.5,
        created_at=MADE,
        finished_at=ENDED,
        request_id="r-2",
    ),
    failed='{"code":0,"message":"SUCCEED","request_id":"r-3","data":{"task_id":"812345678901234567",'
    '"task_status":"%WORD%","task_status_msg":"Failure to pass the risk control system",'
    '"task_info":{},"task_result":{"videos":[]},"created_at":1722769557708,"updated_at":1722769657000}}',
    failure=Generation(
        "812345678901234567",
        TEXT2VIDEO,
        FAILED,
        failure="Failure to pass the risk control system",
        created_at=MADE,
        finished_at=ENDED,
        request_id="r-3",
    ),
    refusals=_OFFICIAL_REFUSALS,
)
_TASKS = Form(
    "official new standard, /tasks",
    "official",
    {"submitted": QUEUED, "processing": RUNNING, "succeeded": DONE, "failed": FAILED},
    going='{"code":0,"message":"SUCCEED","request_id":"r-2","data":[{"id":"new-1","status":"%WORD%",'
    '"message":"","create_time":1722769557708,"update_time":1722769557708,"outputs":[],"billing":[]}]}',
    submitted='{"code":0,"message":"SUCCEED","request_id":"r-1","data":{"id":"new-1","status":"submitted",'
    '"create_time":1722769557708,"update_time":1722769557708,"external_id":"mine-1"}}',
    accepted=Generation(
        "new-1", TEXT2VIDEO, QUEUED, external_task_id="mine-1", created_at=MADE, request_id="r-1"
    ),
    succeeded='{"code":0,"message":"SUCCEED","request_id":"r-2","data":[{"id":"other","status":"processing"},'
    '{"id":"new-1","status":"%WORD%","message":"","create_time":1722769557708,"update_time":1722769657000,'
    '"external_id":"mine-1","outputs":[{"type":"audio","id":"a","mp3_url":"https://cdn/a.mp3"},'
    '{"type":"video","id":"v-1","url":"' + LINK + '","watermark_url":"https://cdn/w.mp4","duration":"5.1"}],'
    '"billing":[{"charge_type":"unit","amount":"3","package_type":"video"},'
    '{"charge_type":"cash","amount":"0.42","cash_type":"balance","currency":"USD","list_price":"0.42"}]}]}',
    success=Generation(
        "new-1",
        TEXT2VIDEO,
        DONE,
        (Video(LINK, "v-1", 5.1),),
        external_task_id="mine-1",
        units=3.0,
        created_at=MADE,
        finished_at=ENDED,
        request_id="r-2",
    ),
    failed='{"code":0,"message":"SUCCEED","request_id":"r-3","data":[{"id":"new-1","status":"%WORD%",'
    '"message":"Failure to pass the risk control system","create_time":1722769557708,'
    '"update_time":1722769657000,"outputs":[]}]}',
    failure=Generation(
        "new-1",
        TEXT2VIDEO,
        FAILED,
        failure="Failure to pass the risk control system",
        created_at=MADE,
        finished_at=ENDED,
        request_id="r-3",
    ),
    refusals=(
        official(401, 1002, KlingAuthError, "The current API does not support AK/SK", query=KlingAuthError),
        official(400, 1201, _NO, "contents[0].text: size must be between 0 and 3072", query=_NO),
        official(400, 1201, _NO, "contents cannot be empty", query=_NO),
        official(400, 1201, _NO, "task_ids cannot exceed 20 in total", query=_NO),
    ),
    many=True,
)
_N3_FAILED = (
    '{"code":0,"message":"SUCCEED","request_id":"r-3","data":{"task_id":"task_n3","task_status":"%WORD%",'
    '"task_status_msg":"task expired","created_at":1763600000,"updated_at":1763600090}}'
)


def _contract(status: int, code: int, create: type[KlingError], query: type[KlingError]) -> Refused:
    body = f'{{"code":{code},"message":"no such luck","request_id":"r-9","data":null}}'
    return Refused(status, body, create, query, code, "no such luck", "r-9")


_CONTRACT = Form(
    "the contract fork of New API",
    "envelope",
    _WORDS,
    going='{"code":0,"message":"SUCCEED","request_id":"r-2","data":{"task_id":"task_n3",'
    '"task_status":"%WORD%","task_status_msg":"","created_at":1763600000,"updated_at":1763600000}}',
    submitted='{"code":0,"message":"SUCCEED","request_id":"r-1",'
    '"data":{"task_id":"task_n3","task_status":"submitted"}}',
    accepted=Generation("task_n3", TEXT2VIDEO, QUEUED, request_id="r-1"),
    succeeded='{"code":0,"message":"SUCCEED","request_id":"r-2","data":{"task_id":"task_n3",'
    '"task_status":"%WORD%","task_status_msg":"","created_at":1763600000,"updated_at":1763600090,'
    '"task_result":{"videos":[{"url":"' + LINK + '"}]}}}',
    success=Generation(
        "task_n3",
        TEXT2VIDEO,
        DONE,
        (Video(LINK),),
        created_at=MADE_S,
        finished_at=ENDED_S,
        request_id="r-2",
    ),
    failed=_N3_FAILED,
    failure=Generation(
        "task_n3",
        TEXT2VIDEO,
        FAILED,
        failure="task expired",
        created_at=MADE_S,
        finished_at=ENDED_S,
        request_id="r-3",
    ),
    refusals=(
        _contract(401, 1000, KlingAuthError, KlingAuthError),
        _contract(402, 1101, KlingQuotaError, KlingQuotaError),
        _contract(403, 1103, KlingForbiddenError, KlingForbiddenError),
        _contract(404, 1203, _NO, KlingTaskNotFoundError),
        _contract(429, 1303, KlingThrottledError, KlingThrottledError),
        _contract(400, 1200, _NO, _NO),
        _contract(422, 1200, _NO, _NO),
        _contract(500, 5000, _UNKNOWN, _SERVER),
        _contract(502, 5000, _UNKNOWN, _SERVER),
        _contract(503, 5001, _UNKNOWN, _SERVER),
        _contract(504, 5002, _UNKNOWN, _SERVER),
    ),
)


def _envelope(name: str, task_id: str) -> Form:
    """Kling's own bodies, under a relay's path."""
    head = f'{{"code":0,"message":"SUCCEED","request_id":"r-2","data":{{"task_id":"{task_id}",'
    return Form(
        name,
        "envelope",
        _WORDS,
        going=head + '"task_status":"%WORD%","created_at":1722769557708,"updated_at":1722769557708}}',
        submitted=head + '"task_status":"submitted","created_at":1722769557708}}',
        accepted=Generation(task_id, TEXT2VIDEO, QUEUED, created_at=MADE, request_id="r-2"),
        succeeded=head + '"task_status":"%WORD%","task_status_msg":"","task_result":{"videos":[{"id":"v-1",'
        '"url":"' + LINK + '","duration":"5.1"}]},"created_at":1722769557708,"updated_at":1722769657000}}',
        success=Generation(
            task_id,
            TEXT2VIDEO,
            DONE,
            (Video(LINK, "v-1", 5.1),),
            created_at=MADE,
            finished_at=ENDED,
            request_id="r-2",
        ),
        failed=head + '"task_status":"%WORD%","task_status_msg":"the picture is too small"}}',
        failure=Generation(task_id, TEXT2VIDEO, FAILED, failure="the picture is too small", request_id="r-2"),
        refusals=_OFFICIAL_REFUSALS[:3],
    )


KLING_FORMS = (
    _OFFICIAL,
    _TASKS,
    _CONTRACT,
    _envelope("gpt-best and comfly", "CjNQrmck-t8AAAAAAD17MA"),
    _envelope("Baidu Qianfan", "812345678901234568"),
)
