"""Where neither the connection nor the host tells the kind of gateway, it is asked, once and for free."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_kling.api import retrying
from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.auth import ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingConnectionConfigError,
    KlingError,
    KlingForbiddenError,
    KlingServerError,
    KlingThrottledError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from airflow_provider_kling.api.gateways import Gateway
    from tests.unit.api.conftest import ScriptedServer

DEER = Text2VideoRequest(prompt="a deer")
HTML = b"<!doctype html><html><h1>Welcome</h1></html>"
AT_KLING, AT_RELAY = "/v1/videos/text2video/", "/kling/v1/videos/text2video/"
UNKNOWN_AT_KLING = (
    400,
    {"code": 1201, "message": "Task not found by id/external id: connection-test", "request_id": "r-1"},
)
NO_SUCH_PATH = (
    404,
    {"error": {"message": "Invalid URL (GET /v1)", "type": "invalid_request_error", "param": "", "code": ""}},
)
UNKNOWN_AT_NEW_API = (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None})
UNKNOWN_AT_CONTRACT = (404, {"code": 1203, "message": "no such task", "request_id": "r-1", "data": None})
PROCESSING = (200, {"code": 0, "data": {"task_id": "t-1", "task_status": "processing"}})


@pytest.fixture(autouse=True)
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "RETRY_SECONDS", 0.0)


def unsaid(url: str) -> Endpoint:
    """An address that says nothing of its kind."""
    return Endpoint(None, url, ApiKey("key-0123456789"), 5.0)


class Asker(Protocol):
    """Either client: the kind of its gateway, asked for twice, and then for a generation."""

    def kinds(self, endpoint: Endpoint) -> tuple[Gateway, Gateway]: ...

    def kind_after_a_refusal(self, endpoint: Endpoint) -> Gateway: ...

    def ask_often(self, endpoint: Endpoint) -> None: ...


class _OnRequests:
    def kinds(self, endpoint: Endpoint) -> tuple[Gateway, Gateway]:
        with KlingClient(endpoint) as client:
            return client.gateway(), client.gateway()

    def kind_after_a_refusal(self, endpoint: Endpoint) -> Gateway:
        with KlingClient(endpoint) as client:
            with pytest.raises(KlingError):
                assert client.gateway().name
            return client.gateway()

    def ask_often(self, endpoint: Endpoint) -> None:
        with KlingClient(endpoint) as client:
            for _ in range(3):
                client.get_task("t-1")


class _OnAiohttp:
    def kinds(self, endpoint: Endpoint) -> tuple[Gateway, Gateway]:
        async def ask() -> tuple[Gateway, Gateway]:
            async with AsyncKlingClient(endpoint) as client:
                return await client.gateway(), await client.gateway()

        return asyncio.run(ask())

    def kind_after_a_refusal(self, endpoint: Endpoint) -> Gateway:
        async def ask() -> Gateway:
            async with AsyncKlingClient(endpoint) as client:
                with pytest.raises(KlingError):
                    await client.gateway()
                return await client.gateway()

        return asyncio.run(ask())

    def ask_often(self, endpoint: Endpoint) -> None:
        async def ask() -> None:
            async with AsyncKlingClient(endpoint) as client:
                await asyncio.gather(*(client.get_task("t-1") for _ in range(3)))

        asyncio.run(ask())


@pytest.fixture(params=[_OnRequests, _OnAiohttp], ids=["requests", "aiohttp"])
def asker(request: pytest.FixtureRequest) -> Asker:
    made: Asker = request.param()
    return made


def asked(server: ScriptedServer) -> list[tuple[str, str]]:
    """What was asked: the method, and the path without the id."""
    return [(request.method, request.path.rpartition("/")[0] + "/") for request in server.received]


@pytest.mark.parametrize(
    ("answers", "kind", "paths"),
    [
        pytest.param([UNKNOWN_AT_KLING], "official", [AT_KLING], id="Kling"),
        pytest.param([NO_SUCH_PATH, UNKNOWN_AT_NEW_API], "newapi", [AT_KLING, AT_RELAY], id="New API"),
        pytest.param(
            [(404, HTML), UNKNOWN_AT_NEW_API], "newapi", [AT_KLING, AT_RELAY], id="behind a website"
        ),
        pytest.param([NO_SUCH_PATH, UNKNOWN_AT_CONTRACT], "envelope", [AT_KLING, AT_RELAY], id="contract"),
        pytest.param([(404, b""), UNKNOWN_AT_KLING], "envelope", [AT_KLING, AT_RELAY], id="gpt-best"),
        pytest.param(
            [UNKNOWN_AT_CONTRACT, UNKNOWN_AT_CONTRACT],
            "envelope",
            [AT_KLING, AT_RELAY],
            id="404 and 1203 twice",
        ),
        pytest.param(
            [UNKNOWN_AT_NEW_API, UNKNOWN_AT_NEW_API], "newapi", [AT_KLING, AT_RELAY], id="one answer to all"
        ),
        pytest.param(
            [(405, b"Method Not Allowed"), UNKNOWN_AT_NEW_API], "newapi", [AT_KLING, AT_RELAY], id="405"
        ),
    ],
)
def test_a_gateway_is_known_by_how_it_says_that_there_is_no_such_generation(
    asker: Asker, server: ScriptedServer, answers: list[Any], kind: str, paths: list[str]
) -> None:
    server.says(*answers)
    assert asker.kinds(unsaid(server.url)) == (GATEWAYS[kind], GATEWAYS[kind])
    assert asked(server) == [("GET", path) for path in paths]
    assert not any(request.body for request in server.received)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param([(404, HTML), (404, HTML)], KlingConnectionConfigError, id="a website, 404"),
        pytest.param([(200, HTML)], KlingConnectionConfigError, id="a website, 200"),
        pytest.param([(404, HTML), (200, HTML)], KlingConnectionConfigError, id="a website, 404 and 200"),
        pytest.param([(404, b""), (404, b"")], KlingConnectionConfigError, id="nothing at all"),
        pytest.param([NO_SUCH_PATH, NO_SUCH_PATH], KlingConnectionConfigError, id="a relay without Kling"),
        pytest.param([(200, {}), (200, {})], KlingConnectionConfigError, id="some other API"),
        pytest.param([(404, {"detail": "Not Found"})] * 2, KlingConnectionConfigError, id="yet another API"),
        pytest.param([(400, HTML), (400, HTML)], KlingConnectionConfigError, id="a proxy"),
    ],
)
def test_what_is_no_gateway_is_told_clearly_and_nothing_is_submitted(
    asker: Asker, server: ScriptedServer, answers: list[Any], error: type[KlingError]
) -> None:
    server.says(*answers)
    with pytest.raises(error) as caught:
        asker.kinds(unsaid(server.url))
    assert "host" in str(caught.value)
    assert not caught.value.retryable
    if error is KlingConnectionConfigError:
        assert server.url in str(caught.value)
        assert "official, ezmodel, elkapi, newapi, crazyrouter, envelope" in str(caught.value)
    server.says(*answers)
    with KlingClient(unsaid(server.url)) as client, pytest.raises(error):
        client.submit(DEER)
    assert {request.method for request in server.received} == {"GET"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"code": 1002, "message": "Authorization is invalid", "request_id": "r-1"}), KlingAuthError),
        ((401, {"error": {"message": "Invalid token", "type": "new_api_error", "code": ""}}), KlingAuthError),
        ((401, HTML), KlingAuthError),
        ((403, {"code": 1103, "message": "no permission"}), KlingForbiddenError),
        ((429, {"code": 1302, "message": "too fast"}), KlingThrottledError),
        ((502, HTML), KlingServerError),
    ],
)
def test_an_answer_that_tells_of_trouble_is_that_trouble_and_the_question_is_asked_anew(
    asker: Asker, server: ScriptedServer, answer: Any, error: type[KlingError]
) -> None:
    server.says(answer)
    with pytest.raises(error) as caught:
        asker.kinds(unsaid(server.url))
    assert type(caught.value) is error
    assert asked(server) == [("GET", AT_KLING)]
    server.received.clear()
    server.says(answer, UNKNOWN_AT_KLING)
    assert asker.kind_after_a_refusal(unsaid(server.url)) is GATEWAYS["official"]
    assert asked(server) == [("GET", AT_KLING)] * 2


def test_the_question_is_asked_once_however_often_the_client_is_used(
    asker: Asker, server: ScriptedServer
) -> None:
    server.says(NO_SUCH_PATH, UNKNOWN_AT_NEW_API, PROCESSING)
    asker.ask_often(unsaid(server.url))
    assert [request.path for request in server.received[2:]] == [f"{AT_RELAY}t-1"] * 3
    assert asked(server)[:2] == [("GET", AT_KLING), ("GET", AT_RELAY)]
    assert len({request.path for request in server.received}) == 3


def test_a_client_that_was_told_the_kind_does_not_ask(asker: Asker, server: ScriptedServer) -> None:
    server.says(PROCESSING)
    told = Endpoint(GATEWAYS["elkapi"], server.url, ApiKey("key-0123456789"), 5.0)
    assert asker.kinds(told) == (GATEWAYS["elkapi"], GATEWAYS["elkapi"])
    assert server.received == []


@pytest.mark.parametrize(
    ("answers", "path", "field"),
    [
        ([UNKNOWN_AT_KLING], "/v1/videos/text2video", "model_name"),
        ([NO_SUCH_PATH, UNKNOWN_AT_NEW_API], "/kling/v1/videos/text2video", "metadata"),
        ([NO_SUCH_PATH, UNKNOWN_AT_CONTRACT], "/kling/v1/videos/text2video", "model"),
    ],
)
def test_a_submission_follows_the_question_and_is_the_only_post(
    server: ScriptedServer, answers: list[Any], path: str, field: str
) -> None:
    server.says(
        *answers, (200, {"code": 0, "data": {"task_id": "t-1", "task_status": "submitted"}}), PROCESSING
    )
    with KlingClient(unsaid(server.url)) as client:
        assert client.submit(DEER).task_id == "t-1"
        assert client.get_task("t-1").task_id == "t-1"
    methods = [request.method for request in server.received]
    assert methods == ["GET"] * len(answers) + ["POST", "GET"]
    posted = server.received[-2]
    assert posted.path == path
    assert field in json.loads(posted.body)
