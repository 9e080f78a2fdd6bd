"""Good answers that went bad on their way, and answers that are far too long."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingRejectedError,
    KlingServerError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.generation import Generation
from airflow_provider_kling.api.reading.accounts import Account
from tests.unit.api.conftest import ONCE, Connect, ScriptedServer, endpoint_at, outcome_of, value_or_error
from tests.unit.api.strategies import calls, taken_in
from tests.wire.rows import rows

MUTATED = 3000
GOOD = [json.dumps(row.body) for row in rows() if isinstance(row.body, dict) and row.body]
GOOD += 20 * [json.dumps(row.body) for row in rows() if row.call == "account" and row.status == 200]
# What JSON text may hold and a Python value may not, so it is put in as text.
ODD = [
    *("1e400", "-1e400", "1" * 5000, "-" + "9" * 300, "1." + "0" * 5000, "NaN", "-Infinity", "5.5e-324"),
    *('"\\ud800"', '"\\ud83d\\ude00 \\udc00"', '"\\u0000"', "null", "true", "[]", "{}", '""', "-1", "0"),
    *('"succeed"', '"failed"', '"1303"', "[[null]]", "tru", "'text'", "", "1763600000000000"),
    '{"data":' * 100 + '{"url":"https://cdn.example.com/deep.mp4"}' + "}" * 100,
    "[" * 5000 + "]" * 5000,
    '{"data":' * 3000 + "{}" + "}" * 3000,
    '"' + "{" * 50_000 + '"',
    '"https://cdn.example.com/a.mp4?' + "s" * 50_000 + '"',
]
TWICE = [
    *('"code":0', '"code":1102', '"code":"task_not_exist"', '"data":null', '"data":[]', '"task_id":7'),
    *('"task_status":"failed"', '"status":"SUCCESS"', '"error":{}', '"error":{"message":"no"}'),
    '"message":{}',
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inner for place in ((value, key), *places(item))]


def with_odd_text(body: str, chance: random.Random) -> str:
    value = json.loads(body)
    container, key = chance.choice(places(value))
    container[key] = "%HERE%"
    return json.dumps(value).replace('"%HERE%"', chance.choice(ODD))


def with_another_value(body: str, chance: random.Random) -> str:
    value = json.loads(body)
    container, key = chance.choice(places(value))
    other, name = chance.choice(places(json.loads(body)))
    container[key] = other[name]
    return json.dumps(value)


def truncated(body: str, chance: random.Random) -> str:
    return body[: chance.randrange(len(body))]


def garbled(body: str, chance: random.Random) -> str:
    at = chance.randrange(len(body))
    return body[:at] + chance.choice('\x00"{}[],:\\9e\ufffd\ud800') + body[at + chance.randint(0, 2) :]


def with_a_key_twice(body: str, chance: random.Random) -> str:
    entry = chance.choice(TWICE)
    if chance.random() < 0.5:
        return body.replace("{", "{" + entry + ",", 1)
    return body[: body.rindex("}")] + "," + entry + "}"


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    *(with_odd_text, with_odd_text, with_another_value, truncated, garbled, with_a_key_twice)
]
READERS = {name: calls()[name].read for name in ("submit", "query", "find", "query_many", "account")}


def test_thousands_of_mutated_answers_are_values_or_kling_errors_in_bounded_time() -> None:
    chance = random.Random(20261120)
    seen: set[str] = set()
    started = time.process_time()
    for _ in range(MUTATED):
        body = chance.choice(MUTATIONS)(chance.choice(GOOD), chance)
        status = chance.choice((200, 200, 200, 200, 200, 200, 302, 400, 404, 429, 500))
        for name, read in READERS.items():
            outcome = value_or_error(read, Answer(status, body))
            assert isinstance(outcome, Generation | Account | dict | None | KlingError), (name, outcome)
            seen.add(type(outcome).__name__)
            if name == "query":  # saying an error takes longer than making it
                assert str(outcome)
    assert time.process_time() - started < 60
    assert {"Generation", "Account", "KlingUnreadableAnswerError", "KlingResultMissingError"} <= seen


# Each of these begins something that is masked, over and over.
STARTS = ("http://a", "-eyJa", "sk-abcdefgh ", "bearer ")
LONG = {
    "message": '{"code":1201,"message":"%LONG%"}',
    "request id": '{"code":1201,"message":"no","request_id":"%LONG%"}',
    "code": '{"code":"%LONG%","message":"no"}',
    "reason of a failure": '{"code":0,"data":{"task_status":"failed","task_status_msg":"%LONG%"}}',
    "status": '{"code":0,"data":{"task_status":"%LONG%"}}',
    "unreadable": '{"code":0,"data":{"echo":"%LONG%"}}',
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_the_time_to_read_a_long_text_grows_no_faster_than_the_text(body: str, start: str) -> None:
    """Half a megabyte takes some hundredths of a second; were it quadratic, it would take minutes."""
    answer = taken_in(200, body.replace("%LONG%", start * (500_000 // len(start))))
    started = time.process_time()
    assert str(value_or_error(calls()["query"].outcome, answer))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("body", list(LONG.values())[:3], ids=list(LONG)[:3])
def test_a_long_text_of_a_gateway_is_cut_in_an_error(body: str) -> None:
    with pytest.raises(KlingRejectedError) as caught:
        READERS["query"](Answer(400, body.replace("%LONG%", "x" * 100_000)))
    assert len(str(caught.value)) < 3000


MIB = 1024 * 1024
FLOOD = 50 * MIB
START = b'{"code":0,"data":{"task_id":"t-1","task_status":"submitted","echo":"'
PACKED = zlib.compress(bytes(FLOOD))
QUERY, SUBMIT = (calls()[name] for name in ("query", "submit"))


@pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])
@pytest.mark.parametrize(
    ("status", "start", "headers"),
    [
        (200, START, {}),
        (200, START, {"Content-Length": ""}),
        (200, None, {"Content-Encoding": "deflate"}),
        (500, b"<html><h1>Oops</h1>", {}),
    ],
    ids=["long", "without a length", "packed", "HTML under 500"],
)
def test_a_flood_is_not_read_whole(
    connect: Connect,
    server: ScriptedServer,
    call: Any,
    status: int,
    start: bytes | None,
    headers: dict[str, str],
) -> None:
    server.says((status, PACKED if start is None else start.ljust(FLOOD, b"x"), headers))
    tracemalloc.start()
    try:
        with connect(endpoint_at(server.url), ONCE) as client:
            error = outcome_of(client, call)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    kind = KlingServerError if status == 500 else KlingUnreadableAnswerError
    assert type(error) is (KlingOutcomeUnknownError if call.creates else kind)
    assert error.http_status == status
    assert peak < 32 * MIB
    assert len(server.received) == 1
    assert server.sent < FLOOD // 2
    assert ("Oops" if status == 500 else "more than 4194304 characters") in str(error)
    assert len(str(error)) < 3000
