"""The answers of relays in forms of their own; see ``forms``."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingForbiddenError,
    KlingOutcomeUnknownError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingRelayKeyError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation, Video
from tests.unit.api.forms import (
    DONE,
    ENDED,
    ENDED_S,
    FAILED,
    KLING_FORMS,
    LINK,
    MADE,
    MADE_S,
    QUEUED,
    RUNNING,
    Form,
    Refused,
    same,
)

_UNKNOWN, _SERVER, _NO = KlingOutcomeUnknownError, KlingServerError, KlingRejectedError


def _middleware(status: int, kind: type[KlingError], words: str, code: str = "") -> Refused:
    body = f'{{"error":{{"message":"{words} (request id: 2026abc)","type":"new_api_error","code":"{code}"}}}}'
    query = KlingTaskNotFoundError if status == 404 else _SERVER if kind is _UNKNOWN else kind
    return Refused(status, body, kind, query, code, words, "2026abc")


def _handler(status: int, code: str, kind: type[KlingError], words: str = "some text") -> Refused:
    body = f'{{"code":"{code}","message":"{words}","data":null}}'
    return Refused(status, body, kind, _SERVER if kind is _UNKNOWN else kind, code, words)


def _passed_on(status: int, code: int, kind: type[KlingError], words: str) -> Refused:
    """What Kling refused: its own body is a string in the relay's."""
    body = (
        '{"code":"fail_to_fetch_task","message":"{\\"code\\":'
        + str(code)
        + ',\\"message\\":\\"'
        + words
        + '\\",'
        '\\"request_id\\":\\"r-1\\"}","data":null}'
    )
    return Refused(status, body, kind, _SERVER if kind is _UNKNOWN else kind, code, words)


_NEW_API_REFUSALS = (
    _middleware(401, KlingAuthError, "Invalid token"),
    _middleware(401, KlingAuthError, "Token not provided"),
    _middleware(401, KlingAuthError, "This token has expired"),
    _middleware(401, KlingQuotaError, "This token quota is exhausted"),
    _middleware(403, KlingForbiddenError, "Your IP is not allowed", "access_denied"),
    _middleware(403, KlingForbiddenError, "This token has no access to model X"),
    _middleware(400, _NO, "Model name not specified, model name cannot be empty"),
    _middleware(503, _NO, "No available channel for model X under group Y (distributor)", "model_not_found"),
    _middleware(404, _NO, "Invalid URL (POST /kling/v1/videos/text2video)"),
    _handler(400, "invalid_request", _NO, "prompt is required"),
    Refused(
        400,
        '{"code":"task_not_exist","message":"task_not_exist","data":null}',
        KlingTaskNotFoundError,
        KlingTaskNotFoundError,
        "task_not_exist",
        "task_not_exist",
    ),
    _handler(403, "insufficient_user_quota", KlingQuotaError),
    _handler(403, "pre_consume_token_quota_failed", KlingQuotaError),
    _handler(400, "model_price_error", _NO),
    _handler(400, "task_failed", _NO, "duration value '99' is invalid"),
    _handler(429, "fail_to_fetch_task", KlingThrottledError, "当前分组上游负载已饱和 请稍后再试"),
    _handler(500, "build_request_failed", _NO),
    _handler(500, "do_request_failed", _UNKNOWN),
    _handler(500, "unmarshal_response_failed", _UNKNOWN),
    _handler(500, "get_channel_failed", _UNKNOWN),
    _handler(500, "get_task_failed", _UNKNOWN),
    _handler(413, "read_request_body_failed", _NO),
    _passed_on(400, 1301, KlingPolicyError, "content safety"),
    _passed_on(400, 1201, _NO, "mode value 'std' is invalid"),
    _passed_on(401, 1000, KlingRelayKeyError, "authentication failed"),
    _passed_on(401, 1004, KlingRelayKeyError, "the token has expired"),
    _passed_on(403, 1103, KlingForbiddenError, "no permission"),
    _passed_on(500, 5000, _UNKNOWN, "internal error"),
    *(
        Refused(status, "<html><h1>Bad gateway</h1></html>", _UNKNOWN, _SERVER, None, "Bad gateway")
        for status in (502, 503, 504, 520, 521, 522, 523, 524)
    ),
)
_SUBMITTED = (
    '{"id":"task_abc","task_id":"task_abc","object":"video","model":"kling-v3","status":"queued",'
    '"progress":0,"created_at":1763600000}'
)
_ACCEPTED = Generation("task_abc", TEXT2VIDEO, QUEUED, created_at=MADE_S)
_WORDS = {
    "NOT_START": QUEUED,
    "SUBMITTED": QUEUED,
    "QUEUED": QUEUED,
    "IN_PROGRESS": RUNNING,
    "SUCCESS": DONE,
    "FAILURE": FAILED,
    "UNKNOWN": RUNNING,
}
_HEAD = (
    '{"code":"success","message":"","data":{"id":1234,"created_at":1763600000,"updated_at":1763600099,'
    '"task_id":"task_abc","platform":"50","user_id":7,"group":"default","channel_id":12,"quota":350000,'
    '"action":"textGenerate","status":"%WORD%",'
)
_TAIL = '"properties":{"input":"","upstream_model_name":"kling-v3","origin_model_name":"kling-v3"},"data":'
# What a relay keeps of Kling's own last answer.
_INSIDE = (
    '{"code":0,"message":"SUCCEED","request_id":"r-k","data":{"task_id":"812345678901234567",'
    '"task_status":"succeed","task_result":{"videos":[{"id":"v-1","url":"' + LINK + '","duration":"5.1"}]}}}'
)
_FAILED_INSIDE = (
    '{"code":0,"message":"SUCCEED","request_id":"r-k","data":{"task_id":"812345678901234567",'
    '"task_status":"failed","task_status_msg":"Failure to pass the risk control system"}}'
)
_DONE_S = Generation("task_abc", TEXT2VIDEO, DONE, (Video(LINK),), created_at=MADE_S, finished_at=ENDED_S)
_FAILED_S = Generation(
    "task_abc",
    TEXT2VIDEO,
    FAILED,
    failure="Failure to pass the risk control system",
    created_at=MADE_S,
    finished_at=ENDED_S,
)
_NEW_API = Form(
    "New API",
    "newapi",
    _WORDS,
    going=_HEAD + '"fail_reason":"","submit_time":1763600000,"start_time":1763600015,"finish_time":0,'
    '"progress":"30%",' + _TAIL + '{"code":0,"data":{"task_id":"812345678901234567"}}}}',
    submitted=_SUBMITTED,
    accepted=_ACCEPTED,
    succeeded=_HEAD + '"fail_reason":"","result_url":"' + LINK + '","submit_time":1763600000,'
    '"start_time":1763600015,"finish_time":1763600090,"progress":"100%",' + _TAIL + _INSIDE + "}}",
    success=replace(_DONE_S, videos=(Video(LINK, duration=5.1),)),
    failed=_HEAD + '"fail_reason":"Failure to pass the risk control system",'
    '"result_url":"Failure to pass the risk control system","submit_time":1763600000,'
    '"start_time":1763600015,"finish_time":1763600090,"progress":"100%",' + _TAIL + _FAILED_INSIDE + "}}",
    failure=_FAILED_S,
    refusals=_NEW_API_REFUSALS,
)
_OLD_NEW_API = Form(
    "New API before its result_url",
    "newapi",
    _WORDS,
    going=_NEW_API.going,
    submitted='{"id":"812345678901234567","task_id":"812345678901234567","object":"video",'
    '"model":"kling-v1","status":"queued","progress":0,"created_at":1763600000}',
    accepted=Generation("812345678901234567", TEXT2VIDEO, QUEUED, created_at=MADE_S),
    succeeded=_HEAD + '"fail_reason":"' + LINK + '","submit_time":1763600000,"start_time":1763600015,'
    '"finish_time":1763600090,"progress":"100%",' + _TAIL + "null}}",
    success=_DONE_S,
    failed=_HEAD + '"fail_reason":"","submit_time":1763600000,"start_time":1763600015,'
    '"finish_time":1763600090,"progress":"100%",' + _TAIL + _FAILED_INSIDE + "}}",
    failure=_FAILED_S,
    refusals=_NEW_API_REFUSALS[:2],
)
_EZ_HEAD = (
    '{"code":"success","message":"","data":{"task_id":"task_abc","action":"textGenerate","status":"%WORD%",'
    '"submit_time":1763600000,"start_time":1763600015,'
)
_EZMODEL = Form(
    "EzModel's code",
    "ezmodel",
    _WORDS,
    going=_EZ_HEAD + '"fail_reason":"","finish_time":0,"progress":"30%","data":null}}',
    submitted=_SUBMITTED,
    accepted=_ACCEPTED,
    succeeded=_EZ_HEAD + '"fail_reason":"' + LINK + '","finish_time":1763600090,"progress":"100%","data":'
    "" + _INSIDE + "}}",
    success=Generation(
        "task_abc", TEXT2VIDEO, DONE, (Video(LINK, "v-1", 5.1),), created_at=MADE_S, finished_at=ENDED_S
    ),
    failed=_EZ_HEAD + '"fail_reason":"Failure to pass the risk control system","finish_time":1763600090,'
    '"progress":"100%","data":' + _FAILED_INSIDE + "}}",
    failure=_FAILED_S,
    refusals=_NEW_API_REFUSALS[-8:-6],
)
_OPENAI = Form(
    "New API's /v1/videos",
    "newapi",
    {"queued": QUEUED, "in_progress": RUNNING, "completed": DONE, "failed": FAILED, "unknown": RUNNING},
    going='{"id":"task_abc","object":"video","model":"","status":"%WORD%","progress":30,'
    '"created_at":1722769557708}',
    submitted=_SUBMITTED,
    accepted=_ACCEPTED,
    succeeded='{"id":"task_abc","object":"video","model":"","status":"%WORD%","progress":100,'
    '"created_at":1722769557708,"completed_at":1722769657000,"seconds":"5.1","metadata":{"url":"'
    + LINK
    + '"}}',
    success=Generation(
        "task_abc", TEXT2VIDEO, DONE, (Video(LINK, duration=5.1),), created_at=MADE, finished_at=ENDED
    ),
    failed='{"id":"task_abc","object":"video","model":"","status":"%WORD%","progress":100,'
    '"created_at":1722769557708,"completed_at":1722769657000,'
    '"error":{"message":"Failure to pass the risk control system","code":"task_failed"}}',
    failure=Generation(
        "task_abc",
        TEXT2VIDEO,
        FAILED,
        failure="Failure to pass the risk control system",
        created_at=MADE,
        finished_at=ENDED,
    ),
)
_ELKAPI = Form(
    "ElkAPI's page",
    "elkapi",
    {"queued": QUEUED, "in_progress": RUNNING, "completed": DONE, "failed": FAILED},
    going='{"task_id":"task_elk","status":"%WORD%","url":"","format":"","metadata":null,"error":null}',
    submitted='{"task_id":"task_elk","status":"queued"}',
    accepted=Generation("task_elk", TEXT2VIDEO, QUEUED),
    succeeded='{"task_id":"task_elk","status":"%WORD%","url":"' + LINK + '","format":"mp4",'
    '"metadata":{"duration":5,"fps":30,"width":1280,"height":720,"seed":7},"error":null}',
    success=Generation("task_elk", TEXT2VIDEO, DONE, (Video(LINK, duration=5.0),)),
    failed='{"task_id":"task_elk","status":"%WORD%","url":"","format":"","metadata":null,'
    '"error":{"message":"the generation was stopped","code":500}}',
    failure=Generation("task_elk", TEXT2VIDEO, FAILED, failure="the generation was stopped"),
    refusals=(
        same(
            400,
            '{"error":{"message":"prompt is empty","type":"invalid_request_error","param":"prompt",'
            '"code":"invalid_request"}}',
            _NO,
            "invalid_request",
            "prompt is empty",
        ),
        same(
            401,
            '{"error":{"message":"Invalid token","type":"new_api_error","param":"","code":""}}',
            KlingAuthError,
            "",
            "Invalid token",
        ),
        same(
            429,
            '{"error":{"message":"too many requests","type":"new_api_error","param":"","code":""}}',
            KlingThrottledError,
            "",
            "too many requests",
        ),
    ),
)
_CRAZYROUTER = Form(
    "Crazyrouter",
    "crazyrouter",
    {"queued": QUEUED, "processing": RUNNING, "succeeded": DONE, "failed": FAILED},
    going='{"code":"success","message":"","data":{"error":null,"format":"","metadata":null,'
    '"status":"%WORD%","task_id":"task_crazy","url":""}}',
    succeeded='{"code":"success","message":"","data":{"error":null,"format":"mp4","metadata":null,'
    '"status":"%WORD%","task_id":"task_crazy","url":"' + LINK + '"}}',
    success=Generation("task_crazy", TEXT2VIDEO, DONE, (Video(LINK),)),
    failed='{"code":"success","message":"","data":{"error":{"message":"no luck this time",'
    '"code":"task_failed"},"format":"","metadata":null,"status":"%WORD%","task_id":"task_crazy","url":""}}',
    failure=Generation("task_crazy", TEXT2VIDEO, FAILED, failure="no luck this time"),
    refusals=_NEW_API_REFUSALS[:1],
)
_ACEDATA = Form(
    "AceData",
    "newapi",
    {
        "succeeded": DONE,
        "completed": DONE,
        "complete": DONE,
        "succeed": DONE,
        "failed": FAILED,
        "error": FAILED,
        "pending": QUEUED,
        "processing": RUNNING,
    },
    going='{"success":true,"data":[{"id":"ace-1","state":"%WORD%"}]}',
    succeeded='{"success":true,"data":[{"id":"ace-1","state":"%WORD%","video_url":"' + LINK + '"}]}',
    success=Generation("ace-1", TEXT2VIDEO, DONE, (Video(LINK),)),
    failure=Generation("ace-1", TEXT2VIDEO, FAILED),
)
_PIAPI = Form(
    "PiAPI",
    "newapi",
    {"pending": QUEUED, "staged": QUEUED, "processing": RUNNING, "completed": DONE, "failed": FAILED},
    going='{"code":200,"message":"success","data":{"task_id":"pi-1","model":"kling",'
    '"task_type":"video_generation","status":"%WORD%","output":{},"error":{"code":0,"message":""}}}',
    submitted='{"code":200,"message":"success","data":{"task_id":"pi-1","status":"pending"}}',
    accepted=Generation("pi-1", TEXT2VIDEO, QUEUED),
    succeeded='{"code":200,"message":"success","data":{"task_id":"pi-1","status":"%WORD%",'
    '"output":{"video_url":"' + LINK + '"},"error":{"code":0,"message":""}}}',
    success=Generation("pi-1", TEXT2VIDEO, DONE, (Video(LINK),)),
    failed='{"code":200,"message":"success","data":{"task_id":"pi-1","status":"%WORD%","output":{},'
    '"error":{"code":10000,"message":"the points ran out"}}}',
    failure=Generation("pi-1", TEXT2VIDEO, FAILED, failure="the points ran out"),
)
_KIE = Form(
    "kie.ai",
    "newapi",
    {"waiting": QUEUED, "fail": FAILED},
    going='{"code":200,"msg":"success","data":{"taskId":"kie-1","state":"%WORD%"}}',
    submitted='{"code":200,"msg":"success","data":{"taskId":"kie-1"}}',
    accepted=Generation("kie-1", TEXT2VIDEO, QUEUED),
    refusals=(
        same(401, '{"code":401,"msg":"no access"}', KlingAuthError, 401, ""),
        same(402, '{"code":402,"msg":"too few credits"}', KlingQuotaError, 402, ""),
        same(422, '{"code":422,"msg":"bad model"}', _NO, 422, ""),
        same(429, '{"code":429,"msg":"too fast"}', KlingThrottledError, 429, ""),
    ),
)
_AIMLAPI = Form(
    "aimlapi",
    "newapi",
    {"queued": QUEUED, "generating": RUNNING, "failed": FAILED, "error": FAILED},
    going='{"id":"aiml-1:kling","status":"%WORD%"}',
    submitted='{"id":"aiml-1:kling","status":"queued"}',
    accepted=Generation("aiml-1:kling", TEXT2VIDEO, QUEUED),
)
_QUEUES = Form(
    "fal, RunComfy, WaveSpeed and OpenRouter",
    "newapi",
    {
        "IN_QUEUE": QUEUED,
        "IN_PROGRESS": RUNNING,
        "in_queue": QUEUED,
        "in_progress": RUNNING,
        "cancelled": FAILED,
    },
    going='{"id":"q-1","status":"%WORD%"}',
)

FORMS = (
    *KLING_FORMS,
    _NEW_API,
    _OLD_NEW_API,
    _EZMODEL,
    _OPENAI,
    _ELKAPI,
    _CRAZYROUTER,
    _ACEDATA,
    _PIAPI,
    _KIE,
    _AIMLAPI,
    _QUEUES,
)
