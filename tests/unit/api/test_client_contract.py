"""
What both clients promise, whatever a server does: questions are free, and asked again where that may help;
a create costs money, and is sent again only when it certainly did not happen.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.calls import retry_after_seconds
from airflow_provider_kling.api.endpoint import ApiKey
from airflow_provider_kling.api.errors import (
    KlingClockError,
    KlingOutcomeUnknownError,
    KlingThrottledError,
    KlingUnreachableError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.reading.accounts import Account
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retries, Retry
from tests.unit.api.conftest import (
    ONCE,
    Connect,
    ScriptedServer,
    data_rows,
    endpoint_at,
    outcome_of,
    refused_port,
)
from tests.wire.rows import Row, agrees, described, one_of_each, rows

KLING = GATEWAYS["official"]
QUERY = KLING.query("t")
SUBMIT = KLING.submit(Text2VideoRequest(prompt="a deer"))
PROCESSING = (200, {"code": 0, "data": {"task_id": "t", "task_status": "processing"}})
ACCEPTED = (200, {"code": 0, "data": {"task_id": "t-1", "task_status": "submitted"}})
HTML = b"<html><h1>Welcome</h1></html>"
UNKNOWN = KlingOutcomeUnknownError


def kling(status: int, code: int | str, **headers: str) -> tuple[int, object, dict[str, str]]:
    return status, {"code": code, "message": "no", "request_id": "r-1"}, headers


# What a server does instead of an answer; which error that is, and whether it is worth another try.
QUESTIONS = data_rows("faults")


def seconds_for(fault: dict[str, Any]) -> float:
    return 0.5 if fault["answer"] == "silence" else 20.0


@pytest.mark.parametrize("fault", QUESTIONS)
def test_a_question_is_asked_again_after_a_trouble_that_passes_and_only_then(
    connect: Connect, server: ScriptedServer, fault: dict[str, Any]
) -> None:
    there = endpoint_at(server.url, timeout=seconds_for(fault))
    server.says(fault["answer"])
    with connect(there, ONCE) as client:
        error = outcome_of(client, QUERY)
    assert (type(error).__name__, error.gateway) == (fault["question"], "official")
    # aiohttp itself asks again where a connection was closed, questions only.
    assert len(server.received) == 1 or fault["answer"] == "hang up"
    server.received.clear()
    server.says(fault["answer"], fault["answer"], PROCESSING)
    with connect(there) as client:
        outcome = outcome_of(client, QUERY)
    read = outcome.state if fault["passes"] else type(outcome).__name__
    assert read == (GenerationState.PROCESSING if fault["passes"] else fault["question"])
    assert len(server.received) == (3 if fault["passes"] else 1) or fault["answer"] == "silence"


@pytest.mark.parametrize("fault", [row for row in QUESTIONS if "create" in row.values[0]])
def test_a_create_is_sent_again_only_when_it_certainly_did_not_happen(
    connect: Connect, server: ScriptedServer, fault: dict[str, Any]
) -> None:
    server.says(fault["answer"], fault["answer"], ACCEPTED)
    with connect(endpoint_at(server.url, timeout=seconds_for(fault))) as client:
        outcome = outcome_of(client, SUBMIT)
    assert {request.method for request in server.received} == {"POST"}
    if "made_nothing" in fault:
        assert (outcome.task_id, len(server.received)) == ("t-1", 3)
        assert len({request.body for request in server.received}) == 1
        return
    assert (type(outcome).__name__, len(server.received)) == (fault["create"], 1)
    assert not outcome.retryable
    assert ("may have been made and may be billed" in str(outcome)) is (type(outcome) is UNKNOWN)


@pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])
def test_retries_end_when_their_time_is_over(connect: Connect, server: ScriptedServer, call: Any) -> None:
    server.says(kling(429, 1303))
    with connect(endpoint_at(server.url), Retries(2.0, longest_pause=0.5)) as client:
        assert type(outcome_of(client, call)) is KlingThrottledError
    assert len(server.received) > 1


@pytest.mark.parametrize(
    ("retry", "throttled", "down"),
    [(Retry.FREELY, 2, 2), (Retry.UNLESS_THROTTLED, 1, 2), (Retry.NEVER, 1, 1)],
)
def test_a_caller_says_what_it_wants_to_know_at_once(
    connect: Connect, server: ScriptedServer, retry: Retry, throttled: int, down: int
) -> None:
    for answer, times in ((kling(429, 1303), throttled), ((502, HTML), down)):
        server.received.clear()
        server.says(answer, PROCESSING)
        with connect(endpoint_at(server.url)) as client:
            outcome_of(client, QUERY, retry)
        assert len(server.received) == times


@pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])
def test_a_token_that_is_refused_for_its_time_is_signed_anew_once(
    connect: Connect, server: ScriptedServer, call: Any
) -> None:
    refused = kling(401, 1004)
    server.says(refused, ACCEPTED)
    with connect(endpoint_at(server.url)) as client:
        assert isinstance(client.perform(call), Generation)
        server.received.clear()
        server.says(refused, refused, ACCEPTED)
        assert type(outcome_of(client, call)) is KlingClockError
    assert len(server.received) == 2


def test_clocks_that_differ_are_named_when_a_token_is_refused_for_its_time(
    connect: Connect, server: ScriptedServer
) -> None:
    date = datetime.fromtimestamp(time.time() - 3600, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.says(kling(401, 1003, Date=date))
    with connect(endpoint_at(server.url)) as client:
        said = str(outcome_of(client, SUBMIT))
    assert re.search(r"\(this machine's clock is 3[56]\d\d s ahead of the gateway's\)", said)
    assert "Set the clock of this machine" in said


def test_a_throttled_question_is_asked_again_when_the_gateway_wants_it(
    connect: Connect, server: ScriptedServer
) -> None:
    server.says(kling(429, 1302, **{"Retry-After": "1"}), PROCESSING)
    started = time.monotonic()
    with connect(endpoint_at(server.url)) as client:
        client.perform(QUERY)
    assert time.monotonic() - started >= 1
    assert len(server.received) == 2


@pytest.mark.parametrize("row", data_rows("retry-after"))
def test_retry_after_counts_seconds_or_names_a_date(row: dict[str, Any]) -> None:
    assert retry_after_seconds(row["header"], datetime(2026, 1, 1, 12, tzinfo=UTC)) == row["seconds"]


# Connections that do not come about


@pytest.mark.parametrize("call", [KLING.account(), SUBMIT], ids=["question", "create"])
def test_a_gateway_that_comes_up_in_time_is_reached(connect: Connect, call: Any) -> None:
    emulator = KlingEmulator()
    emulator.start()
    emulator.stop()
    up = threading.Timer(0.3, emulator.start)
    up.start()
    try:
        with connect(endpoint_at(emulator.url), Retries(60.0, longest_pause=0.1)) as client:
            assert isinstance(client.perform(call), Generation | Account)
        assert emulator.counters().creates_received == (1 if call is SUBMIT else 0)
    finally:
        up.join()
        emulator.stop()


def _no_address(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])
@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:{refused}", "http://gateway.invalid", "https://{authority}", "http://[::1"),
        *("http://exa mple", "http://.", "http://a..b", "http://127.0.0.1:99999"),
    ],
)
def test_what_never_left_is_known_not_to_have_left(
    connect: Connect, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, call: Any, url: str
) -> None:
    if "invalid" in url:
        monkeypatch.setattr(socket, "getaddrinfo", _no_address)
    server.says(ACCEPTED)
    address = url.format(refused=refused_port(), authority=server.url.removeprefix("http://"))
    with connect(endpoint_at(address), ONCE) as client:
        error = outcome_of(client, call)
    assert type(error) is KlingUnreachableError
    assert error.retryable
    assert f"{call.method} {address}{call.path} got no answer" in str(error)
    assert "Check host, port and schema" in str(error)
    assert not server.received


@pytest.mark.parametrize("call", [QUERY, SUBMIT], ids=["question", "create"])
def test_the_proxy_that_the_environment_names_is_used(
    connect: Connect, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.says(ACCEPTED)
    with connect(endpoint_at("http://gateway.invalid"), ONCE) as client:
        client.perform(call)
    assert server.received[0].path == f"http://gateway.invalid{call.path}"
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{refused_port()}")
    with connect(endpoint_at("http://gateway.invalid"), ONCE) as client:
        assert type(outcome_of(client, call)) is KlingUnreachableError  # it did not get past the proxy


# Redirects, bodies, keys in bodies


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_create_is_not_followed(
    connect: Connect, server: ScriptedServer, status: int
) -> None:
    server.says((status, HTML, {"Location": "/elsewhere"}), ACCEPTED)
    with connect(endpoint_at(server.url)) as client:
        assert type(outcome_of(client, SUBMIT)) is UNKNOWN
    assert [request.path for request in server.received] == ["/v1/videos/text2video"]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress), ("gzip", bytes)],
    ids=["gzip", "deflate", "GZIP", "not what it says"],
)
def test_an_answer_that_is_compressed_though_nobody_asked_for_it_is_read(
    connect: Connect, server: ScriptedServer, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    server.says((200, compress(json.dumps(PROCESSING[1]).encode()), {"Content-Encoding": encoding}))
    with connect(endpoint_at(server.url)) as client:
        assert client.perform(QUERY).state is GenerationState.PROCESSING
    assert server.received[0].headers["Accept-Encoding"] == "identity"


def test_a_short_key_does_not_spoil_the_answer_that_it_occurs_in(
    connect: Connect, server: ScriptedServer
) -> None:
    server.says(ACCEPTED)
    with connect(endpoint_at(server.url, credentials=ApiKey("task_id"))) as client:
        assert client.perform(SUBMIT).task_id == "t-1"


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in one_of_each(rows())])
def test_an_answer_that_comes_over_a_socket_is_read_as_its_row_says(
    connect: Connect, server: ScriptedServer, row: Row
) -> None:
    server.says((row.status, row.bytes, row.headers))
    call = row.question()
    with connect(endpoint_at(server.url)) as client:
        outcome = outcome_of(client, call, Retry.NEVER)
    if type(outcome) is UNKNOWN:
        assert row.call == "submit"
        assert row.read["error"] in ("KlingServerError", "KlingUnreadableAnswerError")
    else:
        assert agrees(described(outcome, call.task_id), row.read)
    (request,) = server.received
    assert request.method == call.method
    assert unquote(request.path).startswith(unquote(call.path))
