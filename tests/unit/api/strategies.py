"""Answers and requests that nobody thought of, for hypothesis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from airflow_provider_kling.api.calls import Answer, Call
from airflow_provider_kling.api.endpoint import ApiKey
from airflow_provider_kling.api.gateways import GATEWAYS, questions
from airflow_provider_kling.api.requests import Text2VideoRequest

SECRET_KEY = "key-that-nobody-may-see-0123456789"
SIGNATURE = "Signature=s1gn3d"
BOUNDED = settings(derandomize=True, deadline=None, max_examples=150, database=None)

STATUSES = st.integers(200, 599) | st.sampled_from((200, 201, 202, 302, 400, 401, 404, 429, 500, 503))
_WORDS = (
    *("submitted", "processing", "succeed", "succeeded", "failed", "queued", "in_progress", "completed"),
    *("SUCCESS", "FAILURE", "UNKNOWN", "NOT_START", "IN-PROGRESS", "canceled", "error", "staged", "成功"),
)
_TEXTS = (
    *("", " ", "success", "SUCCEED", "0", "200", "1303", "9" * 30, "²", "nan", "1e400", "-1", "5.1", "video"),
    *("unit", "online", "task_not_exist", "fail_to_fetch_task", "model_not_found", "\x00"),
    *("Task not found by id/external id: 7", "External_task_id mine-1 already exists"),
    *("Account balance not enough", "Failure to pass the risk control system", "text (request id: r-7)"),
    *('{"code":1102,"message":"Account balance not enough"}', '{"code":[],"message":"odd"}'),
    *("{" * 50, "[" * 3000),
)
LINKS = st.sampled_from(
    (
        f"https://cdn.example.com/deer.mp4?Expires=1&{SIGNATURE}",
        f"http://127.0.0.1:1/a.mp4?{SIGNATURE}",
        f"https://cdn.example.com/?{SIGNATURE}",
        "https://",
        "ftp://cdn.example.com/deer.mp4",
        "//cdn.example.com/deer.mp4",
    )
)
_CODES = (0, 200, 1000, 1003, 1102, 1201, 1203, 1301, 1302, 1303, 1304, 5000, 5001, 7, -1, 429, 10**25)
_TIMES = (0, 1, 1763600000, 1722769557708, 10**15, -5, 1e11, 253402300800, 0.5)
_NUMBERS = st.integers() | st.floats() | st.sampled_from((*_CODES, *_TIMES, 1e308, 10**400))
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.text(max_size=8) | st.sampled_from((*_TEXTS, *_WORDS))

ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)

_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("task_status", "status", "state"), st.sampled_from(_WORDS)),
    **dict.fromkeys(("url", "result_url", "video_url", "fail_reason"), LINKS),
    **dict.fromkeys(("task_id", "id", "taskId", "external_id", "external_task_id"), st.text(max_size=6)),
    **dict.fromkeys(("created_at", "updated_at", "finish_time", "create_time"), st.sampled_from(_TIMES)),
    **dict.fromkeys(("duration", "seconds", "amount", "final_unit_deduction"), st.sampled_from(_TEXTS)),
    **dict.fromkeys(("total_quantity", "remaining_quantity", "invalid_time"), _NUMBERS),
    **dict.fromkeys(("message", "msg", "task_status_msg", "request_id", "type"), st.sampled_from(_TEXTS)),
    "charge_type": st.just("unit"),
    "code": st.sampled_from((*_CODES, *_TEXTS)),
}
_BRANCHES = (
    *("data", "task_info", "task_result", "videos", "outputs", "output", "metadata", "error", "billing"),
    *("result", "resource_pack_subscribe_infos"),
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of known keys, with what belongs there; hypothesis is slow with large ones."""
    branches = dict.fromkeys(_BRANCHES, inner | st.lists(inner, max_size=2))
    entries = [st.tuples(st.just(name), value) for name, value in (_LEAVES | branches).items()]
    return st.lists(st.one_of(entries), max_size=6).map(dict)


_ODD = st.tuples(st.sampled_from((*_LEAVES, *_BRANCHES)), ANY_JSON)
_RECORD = _objects(_objects(_SCALARS))
PLAUSIBLE = st.tuples(_objects(_RECORD), st.lists(_ODD, max_size=1)).map(
    lambda parts: parts[0] | dict(parts[1])
)
BODIES = (PLAUSIBLE | PLAUSIBLE | ANY_JSON).map(json.dumps)


def taken_in(status: int, body: str | bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer as it comes from the wire, where our own key is taken out of it."""
    said = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    return Answer.taken_in(status, said, headers or {}, ApiKey(SECRET_KEY).hide)


def calls() -> dict[str, Call[Any]]:
    """Return one call of each kind that there is."""
    official, relay = GATEWAYS["official"], GATEWAYS["newapi"]
    return {
        "submit": official.submit(Text2VideoRequest(prompt="a deer")),
        "query": official.query("asked-1"),
        "find": official.find("mine-1"),
        "query_many": official.query_many(["asked-1", "asked-2"]),
        "list": official.list_tasks(page=1, page_size=30),
        "account": official.account(),
        "probe of Kling": official.probe(),
        "probe of a relay": relay.probe(),
        **{f"recognition {number}": question for number, question in enumerate(questions())},
    }


_IMAGES = st.sampled_from(
    ("https://example.com/a.png?Signature=1", "iVBORw0KGgoAAAAAAAAAAAAAAAAAAAAAAAAAAA==")
)
_KEYS = (
    *("style", "sound", "voice_list", "camera_control", "multi_shot", "watermark_info", "callback_url"),
    *("external_task_id", "size", "ü"),
)
_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_USERS_OWN: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(_KEYS), _VALUES | st.just({"enabled": False}) | st.just([{}]), max_size=4
)
_MODELS = (
    *("kling-v1", "kling-v1-5", "kling-v2-master", "kling-v2-6", "kling-v3", "kling-video-o1", "kling-v9"),
)
_REQUEST_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(_MODELS) | st.text(max_size=8),
    "negative_prompt": st.text(max_size=20),
    "duration": st.sampled_from((5, 10, "5", " 7.5 ", 3, 15, 0.001, 1e300))
    | st.floats(min_value=0, exclude_min=True, allow_infinity=False)
    | st.integers(1, 10**30),
    "aspect_ratio": st.sampled_from(("16:9", "9:16", "1:1", "")),
    "mode": st.sampled_from(("std", "pro", "4k", "")),
    "cfg_scale": st.floats() | st.sampled_from((0, 1, 0.5, "0.5", 50)),
    "image": _IMAGES,
    "image_tail": _IMAGES,
    "width": st.integers(1),
    "height": st.integers(1),
    "fps": st.integers(1, 240),
    "seed": st.integers(),
    "n": st.integers(1, 9),
    "response_format": st.sampled_from(("url", "b64_json")) | st.text(max_size=5),
    "user": st.text(max_size=8) | st.integers(),
    "metadata": _USERS_OWN,
    "extra": _USERS_OWN,
    "strict": st.booleans() | st.sampled_from(("true", "false")),
}
REQUESTS = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=40) | st.just("ü" * 2500) | st.integers()},
    optional={name: value | st.none() for name, value in _REQUEST_FIELDS.items()},
)
