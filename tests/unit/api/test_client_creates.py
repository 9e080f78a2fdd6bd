"""A create costs money: it is sent again only when it certainly did not happen."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.auth import ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingOutcomeUnknownError,
    KlingPolicyError,
    KlingQuotaError,
    KlingRejectedError,
    KlingRequestError,
    KlingThrottledError,
    KlingUnreachableError,
)
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import ScriptedServer

DEER = Text2VideoRequest(prompt="a deer")
ACCEPTED = (200, {"code": 0, "data": {"task_id": "t-1", "task_status": "submitted"}})
HTML = b"<html><h1>Welcome</h1></html>"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((502, HTML), id="502 in HTML"),
        pytest.param((500, {"code": 5000, "message": "internal"}), id="5000"),
        pytest.param((503, {"code": 5001, "message": "maintenance"}), id="5001"),
        pytest.param((504, {"code": 5002, "message": "backlog"}), id="5002"),
        pytest.param((500, {"code": "do_request_failed", "message": "x", "data": None}), id="relay"),
        pytest.param((200, HTML), id="200 in HTML"),
        pytest.param((200, b""), id="200 without a body"),
        pytest.param((200, b'{"code": 0, "data": {"task_'), id="cut JSON"),
        pytest.param((200, {"code": 0, "data": {}}), id="no task id"),
        pytest.param((200, b"{}", {"Content-Length": "1000"}), id="cut body"),
        pytest.param("hang up", id="hung up"),
        pytest.param("silence", id="time-out"),
    ],
)
def test_a_create_is_not_sent_again_after_an_answer_that_tells_neither_yes_nor_no(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], answer: tuple[int, object] | str
) -> None:
    server.says(answer, ACCEPTED)
    timeout = 0.2 if answer == "silence" else 5
    with (
        KlingClient(endpoint(server.url, timeout=timeout)) as client,
        pytest.raises(KlingOutcomeUnknownError) as caught,
    ):
        client.submit(DEER)
    assert not caught.value.retryable
    assert "A generation may have been made and may be billed" in str(caught.value)
    assert [request.method for request in server.received] == ["POST"]


@pytest.mark.parametrize("gateway", ["official", "ezmodel", "elkapi"])
def test_a_create_is_not_sent_again_after_a_lost_answer(
    endpoint: Callable[..., Endpoint], gateway: str
) -> None:
    with KlingEmulator(gateway=gateway) as emulator, KlingClient(endpoint(emulator.url, gateway)) as client:
        with pytest.raises(KlingOutcomeUnknownError):
            client.submit(Text2VideoRequest(prompt="a deer [lost]"))
        assert emulator.counters().creates_received == 1
        assert emulator.counters().creates_accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((429, {"code": 1302, "message": "too fast"}), id="1302"),
        pytest.param((429, {"code": 1303, "message": "too many"}), id="1303"),
        pytest.param((429, b""), id="429 without a body"),
        pytest.param((429, {"code": "fail_to_fetch_task", "message": "busy", "data": None}), id="relay"),
    ],
)
def test_a_throttled_create_is_sent_again_because_nothing_was_made(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], answer: tuple[int, object]
) -> None:
    server.says(answer, answer, ACCEPTED)
    with KlingClient(endpoint(server.url)) as client:
        assert client.submit(DEER).task_id == "t-1"
    assert len(server.received) == 3
    assert len({request.body for request in server.received}) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"code": 1000, "message": "no"}), KlingAuthError),
        ((429, {"code": 1102, "message": "Account balance not enough"}), KlingQuotaError),
        ((400, {"code": 1301, "message": "content safety"}), KlingPolicyError),
        ((400, {"code": 1201, "message": "duration value '99' is invalid"}), KlingRejectedError),
        ((404, HTML), KlingRejectedError),
    ],
)
def test_a_refused_create_is_sent_once_and_its_outcome_is_known(
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    answer: tuple[int, object],
    kind: type[KlingError],
) -> None:
    server.says(answer)
    with KlingClient(endpoint(server.url)) as client, pytest.raises(KlingError) as caught:
        client.submit(DEER)
    assert type(caught.value) is kind
    assert len(server.received) == 1


def test_a_create_that_stays_throttled_is_given_up_when_the_retry_time_is_over(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 2.0)
    server.says((429, {"code": 1303, "message": "too many"}))
    with KlingClient(endpoint(server.url)) as client, pytest.raises(KlingThrottledError):
        client.submit(DEER)
    assert len(server.received) > 1


def test_a_create_whose_connection_is_refused_is_tried_again_and_then_said_not_to_have_left(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    started = time.monotonic()
    with (
        KlingClient(endpoint(f"http://127.0.0.1:{port}")) as client,
        pytest.raises(KlingUnreachableError) as caught,
    ):
        client.submit(DEER)
    assert 0.2 < time.monotonic() - started < 20
    assert caught.value.retryable


def test_a_create_reaches_a_gateway_that_comes_up_within_the_retry_time(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 10.0)
    emulator = KlingEmulator()
    emulator.start()
    emulator.stop()
    up = threading.Timer(0.3, emulator.start)
    up.start()
    try:
        with KlingClient(endpoint(emulator.url)) as client:
            client.submit(DEER)
        assert emulator.counters().creates_received == 1
    finally:
        up.join()
        emulator.stop()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://{authority}", id="https to a server that speaks http"),
        pytest.param("http://exa mple", id="a host that is none"),
    ],
)
def test_a_create_that_never_left_is_not_said_to_have_an_unknown_outcome(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    server.says(ACCEPTED)
    address = url.format(authority=server.url.removeprefix("http://"))
    with KlingClient(endpoint(address)) as client, pytest.raises(KlingUnreachableError):
        client.submit(DEER)
    assert not server.received


def test_a_create_to_a_host_without_an_address_is_not_said_to_have_an_unknown_outcome(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_address(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    with (
        KlingClient(endpoint("http://gateway.invalid")) as client,
        pytest.raises(KlingUnreachableError, match="gateway"),
    ):
        client.submit(DEER)


def test_a_create_that_did_not_get_past_the_proxy_is_not_said_to_have_an_unknown_outcome(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    with (
        KlingClient(endpoint("http://gateway.invalid")) as client,
        pytest.raises(KlingUnreachableError),
    ):
        client.submit(DEER)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_create_is_not_followed(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], status: int
) -> None:
    server.says((status, HTML, {"Location": "/elsewhere"}), ACCEPTED)
    with KlingClient(endpoint(server.url)) as client, pytest.raises(KlingOutcomeUnknownError):
        client.submit(DEER)
    assert [request.path for request in server.received] == ["/v1/videos/text2video"]


def test_a_value_outside_the_gateways_limits_is_found_before_anything_is_sent(
    server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(ACCEPTED)
    with KlingClient(endpoint(server.url)) as client, pytest.raises(KlingRequestError):
        client.submit(Text2VideoRequest(prompt="a deer", cfg_scale=7))
    assert not server.received


@pytest.mark.parametrize("key", ["s", "t", "task_id", "data", "e"])
def test_a_short_key_does_not_spoil_the_answer_that_it_occurs_in(
    server: ScriptedServer, endpoint: Callable[..., Endpoint], key: str
) -> None:
    server.says(ACCEPTED)
    with KlingClient(endpoint(server.url, credentials=ApiKey(key))) as client:
        assert client.submit(DEER).task_id == "t-1"
