"""The hook: an Airflow connection, and what Python code in a task can do over it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingConnectionConfigError,
    KlingOutcomeUnknownError,
    KlingRequestError,
    KlingTaskNotFoundError,
    KlingThrottledError,
)
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.api.conftest import ScriptedServer, refused_port, server

__all__ = ["server"]  # a fixture

GATEWAYS = ["official", "ezmodel", "elkapi"]
KEY = "right-key-that-nobody-may-see"
SECRET = "a-secret-of-thirty-two-characters"
CONN = "AIRFLOW_CONN_KLING_DEFAULT"
Served = Callable[..., KlingEmulator]


@pytest.fixture(autouse=True)
def _no_proxy_and_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(KlingHook, "retries", Retries(0.0))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Start an emulator behind the connection ``kling_default``."""
    served: list[KlingEmulator] = []

    def start(gateway: str = "official", **settings: Any) -> KlingEmulator:
        emulator = KlingEmulator(gateway=gateway, **{"seconds_per_video": 0, "api_keys": [KEY], **settings})
        emulator.start()
        served.append(emulator)
        monkeypatch.setenv(CONN, emulator.connection_uri)
        return emulator

    yield start
    for emulator in served:
        emulator.stop()


def test_a_missing_connection_is_named_with_the_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_OTHER", raising=False)
    hook = KlingHook("kling_other")
    words = "set AIRFLOW_CONN_KLING_OTHER='kling://:API_KEY@api.ezmodel.cloud'"
    with pytest.raises(KlingConnectionConfigError, match="connection 'kling_other' is not defined") as caught:
        hook.get_conn()
    assert words in str(caught.value)
    with pytest.raises(KlingConnectionConfigError) as caught:
        asyncio.run(hook.get_async_conn())
    assert words in str(caught.value)
    worked, message = hook.test_connection()
    assert not worked
    assert words in message


@pytest.mark.parametrize(
    "gateway", [*GATEWAYS, "newapi", "newapi-old", "ezmodel-code", "crazyrouter", "envelope"]
)
def test_a_connection_test_tells_a_good_key_from_a_bad_one_and_makes_nothing(
    serve: Served, monkeypatch: pytest.MonkeyPatch, gateway: str
) -> None:
    emulator = serve(gateway)
    worked, message = KlingHook().test_connection()
    assert worked
    kind = emulator.connection_uri.rpartition("gateway=")[2]
    assert f"The {kind} gateway at {emulator.url} accepts the key" in message
    assert ("units are left in its resource packs" in message) is (gateway == "official")
    monkeypatch.setenv(CONN, emulator.connection_uri.replace(KEY, "left-key-that-nobody-may-see"))
    worked, message = KlingHook().test_connection()
    assert not worked
    assert message.startswith("The gateway answers, and does not accept the key.")
    assert "keys for Singapore and Beijing are not the same" in message
    assert "nobody-may-see" not in message
    assert emulator.counters().creates_received == 0


def test_a_connection_test_tells_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    port = refused_port()
    monkeypatch.setenv(CONN, f"kling://:{KEY}@127.0.0.1:{port}/http")
    worked, message = KlingHook().test_connection()
    assert not worked
    assert message.startswith("The gateway does not answer.")
    assert f"127.0.0.1:{port}" in message
    assert "Connection refused" in message
    assert KEY not in message


def test_a_connection_test_tells_a_relay_that_is_taken_for_klings_own_api(
    serve: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = serve("elkapi")
    monkeypatch.setenv(CONN, emulator.connection_uri.replace("gateway=elkapi", "gateway=official"))
    worked, message = KlingHook().test_connection()
    assert not worked
    assert "Invalid URL (GET /account/costs)" in message


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html><h1>Not Found</h1></html>"),
        (404, b""),
        (404, {"error": {"message": "Invalid URL", "type": "invalid_request_error", "code": ""}}),
        (200, b"<html><h1>Welcome</h1></html>"),
    ],
)
def test_a_website_in_the_gateways_place_does_not_pass_the_connection_test(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, gateway: str, status: int, body: object
) -> None:
    server.says((status, body))
    monkeypatch.setenv(CONN, f"kling://:{KEY}@{server.url.removeprefix('http://')}/http?gateway={gateway}")
    worked, message = KlingHook().test_connection()
    assert not worked, message


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_hook_submits_waits_and_downloads(serve: Served, gateway: str) -> None:
    emulator, hook = serve(gateway), KlingHook()
    with pytest.raises(KlingRequestError, match="prompt"):
        hook.submit(prompt="")
    submitted = hook.submit(prompt="a deer", duration="5", model="kling-v1")
    other = hook.submit(Text2VideoRequest(prompt="a deer", model="kling-v1"))
    task = hook.wait_for_task(submitted.task_id, poll_interval=0.05, timeout=60)
    assert task.state is GenerationState.SUCCEEDED
    sink = io.BytesIO()
    file = hook.download(hook.get_task(submitted.task_id).videos[0], sink)
    assert file.bytes == len(sink.getvalue())
    assert other.task_id != submitted.task_id
    assert emulator.counters().creates_received == emulator.counters().creates_accepted == 2


def test_a_client_is_made_once_per_hook_and_anew_for_each_loop(serve: Served) -> None:
    serve()
    hook = KlingHook()
    task_id = hook.submit(prompt="a deer").task_id
    assert hook.get_conn() is hook.get_conn()

    async def ask() -> Generation:
        async with await hook.get_async_conn() as client:
            assert client.retries is hook.get_conn().retries is KlingHook.retries
            return await client.perform((await client.gateway()).query(task_id))

    assert asyncio.run(ask()).state is GenerationState.SUCCEEDED


@pytest.mark.parametrize("retry_throttled", [True, False])
def test_whether_a_submission_waits_a_little_for_room_is_the_callers_to_say(
    serve: Served, monkeypatch: pytest.MonkeyPatch, *, retry_throttled: bool
) -> None:
    monkeypatch.setattr(KlingHook, "retries", Retries(60.0, longest_pause=0.02))
    emulator = serve()
    full = {"code": 1303, "message": "parallel task over resource pack limit", "request_id": "r"}
    emulator.plan(on="create", fault="answer", status=429, body=full, times=1)
    if retry_throttled:
        assert KlingHook().submit(prompt="a deer").task_id
    else:
        with pytest.raises(KlingThrottledError):
            KlingHook().submit(prompt="a deer", retry_throttled=False)
    assert emulator.counters().creates_received == 1 + retry_throttled


# What only Kling's own API can


def test_a_lost_submission_is_found_by_our_own_id(serve: Served) -> None:
    serve()
    hook = KlingHook()
    assert hook.find_task("nightly-1") is None
    with pytest.raises(KlingOutcomeUnknownError):
        hook.submit(prompt="a deer [lost]", external_task_id="nightly-1")
    found = hook.find_task("nightly-1")
    assert found is not None
    assert found.external_task_id == "nightly-1"


@pytest.mark.parametrize("host", ["new", "old", "with an access key"])
def test_many_are_asked_for_at_once_where_the_server_and_the_key_can(
    serve: Served, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    emulator = serve(access_key="access", secret_key=SECRET)
    if host == "with an access key":
        monkeypatch.setenv(CONN, f"kling://access:{SECRET}@127.0.0.1:{emulator.port}/http")
    if host == "old":  # it has the legacy standard alone
        missing = {"code": 1203, "message": "GET /tasks does not exist", "request_id": "r"}
        emulator.plan(on="list", fault="answer", status=404, body=missing, times=None)
    hook = KlingHook()
    made = [hook.submit(prompt="a deer").task_id for _ in range(21)]
    polls = emulator.counters().polls
    outcomes = hook.get_tasks([*made, "1"])
    assert list(outcomes) == [*made, "1"]
    assert isinstance(outcomes.pop("1"), KlingTaskNotFoundError)
    assert all(isinstance(outcome, Generation) for outcome in outcomes.values())
    assert emulator.counters().polls - polls == {"new": 2, "old": 23, "with an access key": 22}[host]


def test_a_refusal_of_many_is_not_taken_for_a_way_of_asking_that_is_missing(serve: Served) -> None:
    emulator = serve()
    refusal = {"code": 1002, "message": "Authorization is invalid", "request_id": "r"}
    emulator.plan(on="list", fault="answer", status=401, body=refusal, times=None)
    with pytest.raises(KlingAuthError):
        KlingHook().get_tasks(["1"])


def test_the_list_of_an_account_is_read_page_by_page(serve: Served) -> None:
    emulator, hook = serve(), KlingHook()
    full = [{"task_id": f"t-{number}", "task_status": "processing"} for number in range(500)]
    emulator.plan(on="list", fault="answer", status=200, body={"code": 0, "data": full}, times=2)
    assert len(list(hook.list_tasks())) == 2 * len(full)  # and then one that is not full
    assert hook.account().remaining > 0
