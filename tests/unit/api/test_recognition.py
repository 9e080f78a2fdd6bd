"""Where neither the connection nor the host tells the kind of gateway, it is asked, once and for free."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.errors import KlingConnectionConfigError, KlingError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import ONCE, Connect, ScriptedServer, data_rows, endpoint_at

DEER = Text2VideoRequest(prompt="a deer")
ROWS = data_rows("recognitions")
KLING, NEW_API = (row.values[0] for row in ROWS[:2])
AT_KLING, AT_RELAY = "/v1/videos/text2video/connection-test", "/kling/v1/videos/text2video/connection-test"
ACCEPTED = [200, {"code": 0, "data": {"task_id": "t-1", "task_status": "submitted"}}]


def asked(server: ScriptedServer) -> list[str]:
    assert {request.method for request in server.received} <= {"GET"}
    assert not any(request.body for request in server.received)
    return [request.path for request in server.received]


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].get("kind")])
def test_a_gateway_is_known_by_how_it_says_that_there_is_no_such_generation_and_is_asked_once(
    connect: Connect, server: ScriptedServer, row: dict[str, Any]
) -> None:
    server.says(*row["answers"], ACCEPTED)
    with connect(endpoint_at(server.url, None), ONCE) as client:
        assert client.gateway() is client.gateway() is GATEWAYS[row["kind"]]
        assert asked(server) == [AT_KLING, AT_RELAY][: len(row["answers"])]
        submit = client.gateway().submit(DEER)
        assert client.perform(submit).task_id == "t-1"
    posted = server.received[len(row["answers"]) :]
    assert [(each.method, each.path, json.loads(each.body)) for each in posted] == [
        ("POST", submit.path, submit.json)
    ]


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].get("kind", "") is None])
def test_what_is_no_gateway_is_told_clearly(
    connect: Connect, server: ScriptedServer, row: dict[str, Any]
) -> None:
    server.says(*row["answers"])
    with (
        connect(endpoint_at(server.url, None), ONCE) as client,
        pytest.raises(KlingConnectionConfigError) as caught,
    ):
        client.gateway()
    assert not caught.value.retryable
    for words in (
        "check the connection's host",
        server.url,
        "official, ezmodel, elkapi, newapi, crazyrouter",
    ):
        assert words in str(caught.value)
    assert asked(server) == [AT_KLING, AT_RELAY]


@pytest.mark.parametrize("row", [row for row in ROWS if "error" in row.values[0]])
def test_an_answer_that_tells_of_trouble_is_that_trouble_and_the_question_is_asked_anew(
    connect: Connect, server: ScriptedServer, row: dict[str, Any]
) -> None:
    server.says(*row["answers"], *KLING["answers"])
    with connect(endpoint_at(server.url, None), ONCE) as client:
        with pytest.raises(KlingError) as caught:
            client.gateway()
        assert type(caught.value).__name__ == row["error"]
        assert client.gateway() is GATEWAYS["official"]
    assert asked(server) == [AT_KLING, AT_KLING]


def test_the_question_is_asked_once_however_many_ask_at_once(server: ScriptedServer) -> None:
    server.says(*NEW_API["answers"])

    async def ask_often() -> list[Any]:
        async with AsyncKlingClient(endpoint_at(server.url, None), ONCE) as client:
            return await asyncio.gather(*(client.gateway() for _ in range(3)))

    assert asyncio.run(ask_often()) == [GATEWAYS["newapi"]] * 3
    assert asked(server) == [AT_KLING, AT_RELAY]


def test_a_client_that_was_told_the_kind_does_not_ask(connect: Connect, server: ScriptedServer) -> None:
    with connect(endpoint_at(server.url, "elkapi")) as client:
        assert client.gateway() is GATEWAYS["elkapi"]
    assert server.received == []
