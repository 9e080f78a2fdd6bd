"""What is not an answer of a gateway, and what is nearly one."""

from __future__ import annotations

import copy
import json
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingForbiddenError,
    KlingRejectedError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingThrottledError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.reading.answers import read_submitted, read_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.generation import Generation

SECRETS = (
    "Bearer abcdef0123456789",
    "sk-abcdef0123456789",
    "api-key-abcdef0123456789",
    "eyJhbGciOiJI.eyJpc3MiOiJh.c2lnbmF0dXJl",
    "https://cdn.example.com/a.mp4?Expires=1&Signature=abcdef",
)
BODIES = {
    "HTML": "<html><head><title>Welcome</title></head></html>",
    "cut short": '{"code": 0, "data": {"task_id": "t", "task_st',
    "an array": '[{"task_id": "t", "status": "queued"}]',
    "a number": "42",
    "a text": '"queued"',
    "null": "null",
    "true": "true",
    "empty": "",
    "spaces": " \n ",
    "deep": "[" * 100_000,
    "a huge number": "9" * 5000,
    "not UTF-8": "\ufffd\ufffd",
}


def readings(answer: Answer) -> list[Generation | KlingError]:
    """What both readers make of an answer; anything but a task or a KlingError gets out of here."""
    outcomes: list[Generation | KlingError] = []
    readers: list[Callable[[Answer], Generation]] = [
        partial(read_submitted, product="text2video"),
        partial(read_task, product="text2video", asked_id="asked"),
    ]
    for read in readers:
        try:
            outcomes.append(read(answer))
        except KlingError as error:
            outcomes.append(error)
    return outcomes


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        (200, (KlingUnreadableAnswerError, KlingUnreadableAnswerError)),
        (204, (KlingUnreadableAnswerError, KlingUnreadableAnswerError)),
        (302, (KlingUnreadableAnswerError, KlingUnreadableAnswerError)),
        (401, (KlingAuthError, KlingAuthError)),
        (403, (KlingForbiddenError, KlingForbiddenError)),
        (404, (KlingRejectedError, KlingTaskNotFoundError)),
        (413, (KlingRejectedError, KlingRejectedError)),
        (429, (KlingThrottledError, KlingThrottledError)),
        (500, (KlingServerError, KlingServerError)),
        (502, (KlingServerError, KlingServerError)),
        (524, (KlingServerError, KlingServerError)),
    ],
)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_unreadable_body_is_classified_by_its_status(
    body: str, status: int, kinds: tuple[type[KlingError], type[KlingError]]
) -> None:
    outcomes = readings(Answer(status, body))
    assert tuple(type(outcome) for outcome in outcomes) == kinds
    for outcome in outcomes:
        assert isinstance(outcome, KlingError)
        assert outcome.http_status == status
        assert " ".join(body.split())[:20] in str(outcome)


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("secret", SECRETS)
def test_an_unreadable_body_is_quoted_in_200_characters_and_without_secrets(secret: str, status: int) -> None:
    body = f"<p>start {secret} </p>" + "x" * 10_000 + "end"
    for outcome in readings(Answer(status, body)):
        for shown in (str(outcome), repr(outcome)):
            assert "start" in shown
            assert "abcdef" not in shown
            assert "eyJ" not in shown
            assert "end" not in shown
            assert "x" * 201 not in shown


@pytest.mark.parametrize("cut", range(170, 215, 3))
def test_a_secret_at_the_place_where_a_quotation_ends_is_masked_as_well(cut: int) -> None:
    for secret in SECRETS:
        for outcome in readings(Answer(502, "x" * (cut - 10) + " " + secret)):
            assert "abc" not in str(outcome).replace("abc.example", "")
            assert "eyJ" not in str(outcome)


ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    5.5,
    10**25,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    " ",
    "succeed",
    "failed",
    "1303",
    "https://",
    "https://x/y?z",
    "{",
    '{"message": "x", "code": {}}',
    '{"message": "x", "code": 1301}',
    '{"message": 5}',
    "\ud800",
    [],
    [None],
    [[]],
    ["succeed"],
    [{}],
    [{"url": "https://x/y", "duration": {}}],
    {},
    {"url": 5},
    {"videos": 5},
    {"videos": [5, None, {"url": None}]},
    {"message": {}, "code": []},
    {"data": {"data": {"data": {"data": {"url": "https://x/y"}}}}},
]
WHOLE: list[dict[str, Any]] = [
    {
        "code": 0,
        "message": "SUCCEED",
        "request_id": "r",
        "data": {
            "task_id": "t",
            "task_status": "succeed",
            "task_status_msg": "",
            "task_info": {"external_task_id": "e"},
            "task_result": {"videos": [{"id": "v", "url": "https://x/y", "duration": "5.1"}]},
            "final_unit_deduction": "1.5",
            "created_at": 1722769557708,
            "updated_at": 1722769557708,
        },
    },
    {
        "code": "success",
        "data": {
            "task_id": "t",
            "status": "FAILURE",
            "fail_reason": "no",
            "submit_time": 1,
            "finish_time": 2,
            "data": {"data": {"task_status_msg": "no"}},
        },
    },
    {
        "id": "t",
        "task_id": "t",
        "status": "completed",
        "state": "completed",
        "url": "https://x/y",
        "result_url": "https://x/y",
        "video_url": "https://x/y",
        "seconds": "5",
        "outputs": [{"type": "video", "url": "https://x/y"}],
        "output": {"video_url": "https://x/y"},
        "metadata": {"url": "https://x/y", "duration": 5},
        "error": {"message": "m", "type": "t", "code": "c"},
    },
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inner for place in ((value, key), *places(item))]


@pytest.mark.parametrize("seed", range(40))
def test_any_value_in_any_place_makes_a_task_or_a_kling_error_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    for whole in WHOLE:
        for odd in ODD:
            body = copy.deepcopy(whole)
            for _ in range(chance.randint(1, 3)):
                container, key = chance.choice(places(body))
                container[key] = copy.deepcopy(odd)
            status = chance.choice([200, 200, 200, 400, 429, 500])
            for outcome in readings(Answer(status, json.dumps(body))):
                assert str(outcome)


@pytest.mark.parametrize("code", ["9" * 5000, "²", "٣", "-1", "1e3", "0x10"], ids=lambda code: code[:5])
def test_a_code_of_odd_digits_is_a_refusal_like_any_other(code: str) -> None:
    for outcome in readings(Answer(400, json.dumps({"code": code, "message": "no"}))):
        assert type(outcome) is KlingRejectedError
