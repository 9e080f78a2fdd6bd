"""Questions are free: both clients ask again where that may help, and only there."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.auth import ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingForbiddenError,
    KlingQuotaError,
    KlingRejectedError,
    KlingResultMissingError,
    KlingServerError,
    KlingThrottledError,
    KlingUnreachableError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer

PROCESSING = (200, {"code": 0, "data": {"task_id": "t", "task_status": "processing"}})
HTML = b"<html><h1>502 Bad Gateway</h1></html>"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param((502, HTML), id="502 in HTML"),
        pytest.param((500, {"code": 5000, "message": "internal"}), id="5000"),
        pytest.param((503, {"code": 5001, "message": "maintenance"}), id="5001"),
        pytest.param((429, {"code": 1302, "message": "too fast"}), id="1302"),
        pytest.param((429, {"code": 1303, "message": "too many"}), id="1303"),
        pytest.param((429, b""), id="429 without a body"),
        pytest.param((200, {"data": {"task_id": "t", "task_status": "succeed"}}), id="no link yet"),
        pytest.param((400, {"code": "task_not_exist", "message": "", "data": None}), id="id not known yet"),
        pytest.param("hang up", id="hung up"),
    ],
)
def test_a_question_is_asked_again_after_a_passing_trouble(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    trouble: tuple[int, object] | str,
) -> None:
    server.says(trouble, trouble, PROCESSING)
    assert reader.get_task(endpoint(server.url), "t").state is GenerationState.PROCESSING
    assert len(server.received) == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"code": 1000, "message": "no"}), KlingAuthError),
        ((401, b""), KlingAuthError),
        ((403, {"code": 1103, "message": "no"}), KlingForbiddenError),
        ((429, {"code": 1102, "message": "Account balance not enough"}), KlingQuotaError),
        ((429, {"code": 1304, "message": "no"}), KlingForbiddenError),
        ((400, {"code": 1200, "message": "no"}), KlingRejectedError),
    ],
)
def test_a_question_is_not_asked_again_when_the_answer_stands(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    answer: tuple[int, object],
    kind: type[KlingError],
) -> None:
    server.says(answer)
    with pytest.raises(KlingError) as caught:
        reader.get_task(endpoint(server.url), "t")
    assert type(caught.value) is kind
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((502, HTML), KlingServerError),
        ((429, {"code": 1303, "message": "too many"}), KlingThrottledError),
        ((200, {"data": {"task_id": "t", "task_status": "succeed"}}), KlingResultMissingError),
        ((200, HTML), KlingUnreadableAnswerError),
        ((200, b""), KlingUnreadableAnswerError),
        ((200, b'{"code": 0, "data": {"task_'), KlingUnreadableAnswerError),
        ((200, {"code": 0}), KlingUnreadableAnswerError),
        ("hang up", KlingUnreachableError),
    ],
)
def test_a_trouble_that_does_not_pass_is_raised_when_the_retry_time_is_over(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, object] | str,
    kind: type[KlingError],
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 1.5)
    server.says(answer)
    started = time.monotonic()
    with pytest.raises(kind):
        reader.get_task(endpoint(server.url), "t")
    assert time.monotonic() - started < 20
    assert len(server.received) > 1


def test_a_gateway_that_hears_but_does_not_answer_is_unreachable(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    server.says("silence")
    with pytest.raises(KlingUnreachableError):
        reader.get_task(endpoint(server.url, timeout=0.1), "t")
    assert len(server.received) == 1


def test_a_refused_connection_is_tried_again_until_the_gateway_is_up(
    reader: Reader, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 10.0)
    emulator = KlingEmulator(seconds_per_video=60)
    with emulator, KlingClient(endpoint(emulator.url)) as client:
        task_id = client.submit(Text2VideoRequest(prompt="a deer")).task_id
    back = threading.Timer(0.3, emulator.start)
    back.start()
    try:
        assert reader.get_task(endpoint(emulator.url), task_id).task_id == task_id
    finally:
        back.join()
        emulator.stop()


def test_a_host_where_nobody_listens_is_unreachable(
    reader: Reader, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(KlingUnreachableError) as caught:
        reader.get_task(endpoint(f"http://127.0.0.1:{port}"), "t")
    assert f"GET http://127.0.0.1:{port}/v1/videos/text2video/t got no answer" in str(caught.value)
    assert "Check host, port and schema" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://exa mple", "http://.", "http://a..b", "http://127.0.0.1:99999"]
)
def test_an_address_that_is_none_is_a_kling_error(
    reader: Reader, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)
    with pytest.raises(KlingUnreachableError):
        reader.get_task(endpoint(url), "t")


def test_the_proxy_that_the_environment_names_is_used(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.says(PROCESSING)
    assert reader.get_task(endpoint("http://gateway.invalid"), "t").task_id == "t"
    assert server.received[0].path == "http://gateway.invalid/v1/videos/text2video/t"


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("fate", ["", "[outage]", "[unknown-status]"])
def test_every_gateways_generation_can_be_followed_to_its_video(
    reader: Reader, endpoint: Callable[..., Endpoint], gateway: str, fate: str
) -> None:
    with KlingEmulator(gateway=gateway, seconds_per_video=0, status_age_seconds=0) as emulator:
        there = endpoint(emulator.url, gateway)
        with KlingClient(there) as client:
            submitted = client.submit(Text2VideoRequest(prompt=f"a deer {fate}"))
        task = reader.get_task(there, submitted.task_id)
    assert submitted.state is GenerationState.SUBMITTED
    assert (task.task_id, task.state) == (submitted.task_id, GenerationState.SUCCEEDED)
    (video,) = task.videos
    assert video.url.startswith(f"{emulator.url}/files/")
    assert video.duration in (5.0, None)  # which some relays do not tell


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_free_probe_tells_a_good_key_from_a_bad_one(
    endpoint: Callable[..., Endpoint], gateway: str
) -> None:
    with KlingEmulator(gateway=gateway, api_keys=["right"]) as emulator:
        with KlingClient(endpoint(emulator.url, gateway, ApiKey("right"))) as client:
            client.probe()
        with (
            KlingClient(endpoint(emulator.url, gateway, ApiKey("left"))) as client,
            pytest.raises(KlingAuthError),
        ):
            client.probe()
        assert emulator.counters().creates_received == 0


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
def test_an_answer_that_is_compressed_though_nobody_asked_for_it_is_read(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    encoding: str,
    compress: Callable[[bytes], bytes],
) -> None:
    body = compress(json.dumps(PROCESSING[1]).encode())
    server.says((200, body, {"Content-Encoding": encoding}))
    assert reader.get_task(endpoint(server.url), "t").state is GenerationState.PROCESSING
    assert server.received[0].headers["Accept-Encoding"] == "identity"


def test_an_answer_that_is_not_compressed_as_it_says_is_read_as_it_is(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says((*PROCESSING, {"Content-Encoding": "gzip"}))
    assert reader.get_task(endpoint(server.url), "t").state is GenerationState.PROCESSING
