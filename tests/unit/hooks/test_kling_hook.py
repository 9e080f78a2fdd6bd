from __future__ import annotations

import asyncio
import io
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import KlingConnectionConfigError, KlingRequestError
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.hooks.kling import KlingHook

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEWAYS = ["official", "ezmodel", "elkapi"]
KEY = "right-key-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(params=GATEWAYS)
def emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingEmulator]:
    with KlingEmulator(gateway=request.param, seconds_per_video=0, api_keys=[KEY]) as started:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", started.connection_uri)
        yield started


def test_a_missing_connection_is_named_with_the_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_OTHER", raising=False)
    with pytest.raises(KlingConnectionConfigError) as caught:
        KlingHook("kling_other").get_conn()
    assert "The Airflow connection 'kling_other' is not defined" in str(caught.value)
    assert "set AIRFLOW_CONN_KLING_OTHER='kling://:API_KEY@api.ezmodel.cloud'" in str(caught.value)


def test_the_connection_test_of_a_missing_connection_says_the_same() -> None:
    worked, message = KlingHook("kling_other").test_connection()
    assert not worked
    assert "AIRFLOW_CONN_KLING_OTHER" in message


def test_a_connection_test_accepts_a_good_key_and_makes_nothing(emulator: KlingEmulator) -> None:
    worked, message = KlingHook().test_connection()
    assert worked
    assert f"gateway at {emulator.url} accepts the key" in message
    assert emulator.counters().creates_received == 0


def test_a_connection_test_tells_a_key_that_is_refused(
    emulator: KlingEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = emulator.connection_uri.replace(KEY, "left-key-that-nobody-may-see")
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
    worked, message = KlingHook().test_connection()
    assert not worked
    assert message.startswith("The gateway answers, and does not accept the key.")
    assert "nobody-may-see" not in message
    assert emulator.counters().creates_received == 0


def test_a_connection_test_tells_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", f"kling://:{KEY}@127.0.0.1:{port}/http")
    worked, message = KlingHook().test_connection()
    assert not worked
    assert message.startswith("The gateway does not answer.")
    assert f"127.0.0.1:{port}" in message
    assert "Connection refused" in message
    assert KEY not in message


def test_a_connection_test_tells_a_relay_that_is_taken_for_klings_own_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with KlingEmulator(gateway="elkapi") as emulator:
        uri = emulator.connection_uri.replace("gateway=elkapi", "gateway=official")
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
        worked, message = KlingHook().test_connection()
    assert not worked
    assert "Invalid URL (GET /account/costs)" in message


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html><h1>Not Found</h1></html>"),
        (404, b""),
        (404, b'{"error": {"message": "Invalid URL", "type": "invalid_request_error", "code": ""}}'),
        (200, b"<html><h1>Welcome</h1></html>"),
    ],
)
def test_a_website_in_the_gateways_place_does_not_pass_the_connection_test(
    monkeypatch: pytest.MonkeyPatch, gateway: str, status: int, body: bytes
) -> None:
    class Website(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Website) as website:
        answering = threading.Thread(target=website.handle_request)
        answering.start()
        uri = f"kling://:{KEY}@127.0.0.1:{website.server_port}/http?gateway={gateway}"
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
        worked, message = KlingHook().test_connection()
        answering.join()
    assert not worked, message


@pytest.mark.parametrize("by_name", [True, False], ids=["fields", "request"])
def test_a_hook_submits_waits_and_downloads(emulator: KlingEmulator, *, by_name: bool) -> None:
    hook = KlingHook()
    if by_name:
        submitted = hook.submit(prompt="a deer", duration="5", model="kling-v1")
    else:
        submitted = hook.submit(Text2VideoRequest(prompt="a deer", model="kling-v1"))
    task = hook.wait_for_task(submitted.task_id, poll_interval=0.05, timeout=10)
    assert task.state is GenerationState.SUCCEEDED
    sink = io.BytesIO()
    file = hook.download(hook.get_task(submitted.task_id).videos[0], sink)
    assert file.bytes == len(sink.getvalue())
    assert emulator.counters().creates_accepted == 1


def test_a_wrong_value_is_found_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with KlingEmulator() as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        with pytest.raises(KlingRequestError, match="prompt"):
            KlingHook().submit(prompt="")
        assert emulator.counters().creates_received == 0


def test_a_client_is_made_once_per_hook_and_anew_for_each_loop(emulator: KlingEmulator) -> None:
    hook = KlingHook()
    task_id = hook.submit(prompt="a deer", model="kling-v1").task_id
    assert hook.get_conn() is hook.get_conn()

    async def ask() -> GenerationState:
        async with await hook.get_async_conn() as client:
            return (await client.get_task(task_id)).state

    assert asyncio.run(ask()) is GenerationState.SUCCEEDED
    assert emulator.counters().creates_accepted == 1


def test_a_missing_connection_is_named_on_the_event_loop_as_well() -> None:
    with pytest.raises(KlingConnectionConfigError, match="set AIRFLOW_CONN_KLING_OTHER="):
        asyncio.run(KlingHook("kling_other").get_async_conn())
