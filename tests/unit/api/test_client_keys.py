"""Which key goes where, and what is never shown."""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import jwt
import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.auth import AccessKey, ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer

KEY = "an-api-key-that-nobody-may-see"
SECRET_KEY = "a-secret-key-that-nobody-may-see"
ACCESS_KEY = "an-access-key"
PROCESSING = (200, {"code": 0, "data": {"task_id": "t", "task_status": "processing"}})
CREDENTIALS = [ApiKey(KEY), AccessKey(ACCESS_KEY, SECRET_KEY)]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc that has something to say about every host."""
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login me password mine\ndefault login me password mine\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


def test_an_api_key_is_sent_as_it_is(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(PROCESSING)
    reader.get_task(endpoint(server.url, credentials=ApiKey(KEY)), "t")
    assert server.received[0].headers["Authorization"] == f"Bearer {KEY}"


def test_a_token_is_signed_anew_for_each_request_even_for_a_repeated_one(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = iter(range(1_800_000_000, 1_800_010_000, 1000))
    clock = SimpleNamespace(time=lambda: next(instants) + 0.9)
    monkeypatch.setattr("airflow_provider_kling.api.auth.time", clock)
    server.says((502, b""), PROCESSING)
    reader.get_task(endpoint(server.url, credentials=AccessKey(ACCESS_KEY, SECRET_KEY)), "t")
    tokens = [request.headers["Authorization"].removeprefix("Bearer ") for request in server.received]
    claims = [
        jwt.decode(
            token, SECRET_KEY, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
        )
        for token in tokens
    ]
    assert claims == [
        {"iss": ACCESS_KEY, "exp": instant + 1800, "nbf": instant - 5}
        for instant in (1_800_000_000, 1_800_001_000)
    ]


def test_kling_accepts_the_token_of_its_pair_of_keys(
    reader: Reader, endpoint: Callable[..., Endpoint]
) -> None:
    with KlingEmulator(access_key=ACCESS_KEY, secret_key=SECRET_KEY, api_keys=["other"]) as emulator:
        there = endpoint(emulator.url, credentials=AccessKey(ACCESS_KEY, SECRET_KEY))
        with KlingClient(there) as client:
            task_id = client.submit(Text2VideoRequest(prompt="a deer")).task_id
        assert reader.get_task(there, task_id).task_id == task_id


@pytest.mark.usefixtures("netrc")
def test_a_netrc_entry_does_not_take_the_place_of_the_key(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(PROCESSING)
    there = endpoint(server.url, credentials=ApiKey(KEY))
    reader.get_task(there, "t")
    with KlingClient(there) as client:
        client.submit(Text2VideoRequest(prompt="a deer"))
    assert [request.headers["Authorization"] for request in server.received] == [f"Bearer {KEY}"] * 2


@pytest.mark.usefixtures("netrc")
def test_a_netrc_entry_does_not_take_the_place_of_the_key_on_a_redirect(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says((302, b"", {"Location": "/elsewhere"}), PROCESSING)
    with suppress(KlingError):  # whether a redirect is followed at all is another matter
        reader.get_task(endpoint(server.url, credentials=ApiKey(KEY)), "t")
    assert {request.headers["Authorization"] for request in server.received} == {f"Bearer {KEY}"}


def test_a_redirect_to_another_server_does_not_take_the_key_there(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    with KlingEmulator() as elsewhere:
        server.says((302, b"", {"Location": f"{elsewhere.url}/v1/videos/text2video/t"}))
        with pytest.raises(KlingError):
            reader.get_task(endpoint(server.url, credentials=ApiKey(KEY)), "t")
        assert server.received
        assert elsewhere.counters().polls == 0  # only what comes with a key is counted


ECHO = "you sent %AUTHORIZATION% for https://cdn.example.com/a.mp4?Expires=1&Signature=nobody-may-see"
TROUBLES = [
    pytest.param((401, {"code": 1000, "message": ECHO}), id="401"),
    pytest.param((400, {"code": "x", "message": ECHO, "data": None}), id="400"),
    pytest.param((400, {"code": ECHO, "message": "no", "request_id": ECHO}), id="in code and request id"),
    pytest.param((429, {"error": {"message": ECHO, "code": ""}}), id="429"),
    pytest.param((502, ECHO.encode()), id="502"),
    pytest.param((200, ECHO.encode()), id="200"),
    pytest.param((200, {"note": ECHO}), id="no status"),
    pytest.param((200, {"status": "succeed", "note": ECHO}), id="no link"),
    pytest.param("hang up", id="hung up"),
    pytest.param("silence", id="time-out"),
]


def everything_shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    chain = "".join(traceback.format_exception(error))
    return "\n".join([str(error), repr(error), repr(error.args), chain, caplog.text])


def assert_no_secret(shown: str) -> None:
    for secret in (KEY, SECRET_KEY, "nobody-may-see", "eyJ", "Signature="):
        assert secret not in shown


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["key", "pair"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_error_of_a_question_shows_a_secret(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: tuple[int, object] | str,
    credentials: Credentials,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    server.says(trouble)
    with pytest.raises(KlingError) as caught:
        reader.wait_for_task(
            endpoint(server.url, "official", credentials, 0.2), "t", poll_interval=0, deadline=time.time()
        )
    assert_no_secret(everything_shown(caught.value, caplog))


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["key", "pair"])
@pytest.mark.parametrize("trouble", [case for case in TROUBLES if case.id != "no link"])
def test_no_error_of_a_create_shows_a_secret(
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: tuple[int, object] | str,
    credentials: Credentials,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    server.says(trouble)
    with (
        KlingClient(endpoint(server.url, "official", credentials, 0.2)) as client,
        pytest.raises(KlingError) as caught,
    ):
        client.submit(Text2VideoRequest(prompt="a deer"))
    assert_no_secret(everything_shown(caught.value, caplog))


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["key", "pair"])
def test_credentials_do_not_show_themselves(
    credentials: Credentials, endpoint: Callable[..., Endpoint]
) -> None:
    there = endpoint("http://127.0.0.1:1", credentials=credentials)
    assert_no_secret(repr(credentials) + str(credentials) + repr(there))
    assert credentials.hide(f"x {KEY} {SECRET_KEY}") != f"x {KEY} {SECRET_KEY}"
