"""How each kind of gateway is asked, and by what it is known. ``data/bodies.jsonl`` has what each is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingRejectedError,
    KlingRequestError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingUnsupportedError,
)
from airflow_provider_kling.api.gateways import GATEWAYS, Gateway, gateway_for, is_not_served
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import Connect, ScriptedServer, data_rows, endpoint_at

RELAYS = [gateway for name, gateway in GATEWAYS.items() if name != "official"]


@pytest.mark.parametrize("row", data_rows("bodies"))
def test_a_request_is_sent_as_the_gateways_page_has_it_and_what_is_odd_about_it_is_said(
    row: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Byte for byte: the text of JSON tells 5 from 5.0 and from "5"."""
    request, gateway = Text2VideoRequest.checked(row["fields"]), GATEWAYS[row["gateway"]]
    if "refused" in row:
        with pytest.raises(KlingRequestError) as caught:
            gateway.submit(request)
        assert str(caught.value) == row["refused"]
    else:
        assert json.dumps(gateway.submit(request).json) == json.dumps(row["body"])
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == row.get("warnings", [])


@pytest.mark.parametrize("row", data_rows("bodies", "every field", "a prompt alone"))
def test_the_body_that_arrives_is_accepted_as_it_is(row: dict[str, Any]) -> None:
    with (
        KlingEmulator(gateway=row["gateway"]) as emulator,
        KlingClient(endpoint_at(emulator.url, row["gateway"])) as client,
    ):
        client.perform(client.gateway().submit(Text2VideoRequest.checked(row["fields"])))
        assert emulator.creates() == [row["body"]]
        assert emulator.counters().creates_accepted == 1


# The calls


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_a_submission_is_a_post_that_costs_and_a_query_a_get_that_does_not(gateway: Gateway) -> None:
    path = f"{'/v1' if gateway.name == 'official' else '/kling/v1'}/videos/text2video"
    submit, query = gateway.submit(Text2VideoRequest(prompt="a deer")), gateway.query("task-1")
    assert (submit.method, submit.path, submit.creates) == ("POST", path, True)
    assert (query.method, query.path, query.creates) == ("GET", f"{path}/task-1", False)
    assert (query.task_id, query.json) == ("task-1", None)
    assert {submit.gateway, query.gateway} == {gateway.name}


def test_kling_can_be_asked_for_more_than_that() -> None:
    kling = GATEWAYS["official"]
    submit = kling.submit(Text2VideoRequest(prompt="a deer"), "mine-1")
    assert (submit.json or {})["external_task_id"] == "mine-1"
    asked = [kling.find("mine-1"), kling.query_many(["a", "b"]), kling.list_tasks(page=2, page_size=30)]
    assert [(call.path, call.query) for call in asked] == [
        ("/v1/videos/text2video/mine-1", None),
        ("/tasks", {"task_ids": "a,b"}),
        ("/v1/videos/text2video", {"pageNum": 2, "pageSize": 30}),
    ]
    account = kling.account()
    assert account.path == "/account/costs"
    assert account.query is not None
    assert int(account.query["end_time"]) - int(account.query["start_time"]) == 24 * 60 * 60 * 1000


@pytest.mark.parametrize("gateway", RELAYS, ids=lambda gateway: gateway.name)
def test_what_a_gateway_cannot_do_is_an_error_before_anything_is_sent(gateway: Gateway) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: gateway.find("nightly-1"),
        lambda: gateway.query_many(["1"]),
        lambda: gateway.list_tasks(page=1, page_size=30),
        gateway.account,
        lambda: gateway.submit(Text2VideoRequest(prompt="a deer"), "nightly-1"),
    ]
    for ask in asks:
        with pytest.raises(KlingUnsupportedError, match=f"The {gateway.name} gateway cannot ") as caught:
            ask()
        assert caught.value.gateway == gateway.name


@pytest.mark.parametrize("task_id", ["a/b?c", "a b", "100%", "a#b", "ä", "%2F", "CjNQrmck-t8AAAAAAD17MA"])
def test_a_task_id_is_one_segment_of_the_path_whatever_is_in_it(
    connect: Connect, server: ScriptedServer, task_id: str
) -> None:
    server.says((200, {"code": 0, "data": {"task_status": "processing"}}))
    with connect(endpoint_at(server.url)) as client:
        assert client.perform(GATEWAYS["official"].query(task_id)).task_id == task_id
    segments = server.received[0].path.split("/")
    assert segments[:-1] == ["", "v1", "videos", "text2video"]
    assert unquote(segments[-1]) == task_id
    assert not {"?", "#", " "} & set(segments[-1])


@pytest.mark.parametrize("task_id", ["", ".", "..", "t-\ud800"], ids=ascii)
@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_an_id_that_no_address_can_hold_is_refused(gateway: Gateway, task_id: str) -> None:
    with pytest.raises(KlingRequestError, match="No gateway has such a product or gives such an id"):
        gateway.query(task_id)


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (KlingRejectedError("Invalid URL", http_status=404), True),
        (KlingRejectedError("too many ids", http_status=400), False),
        (KlingServerError("down", http_status=500), False),
        (KlingTaskNotFoundError("not this one", http_status=404), False),
    ],
    ids=lambda value: getattr(value, "message", None),
)
def test_a_way_of_asking_that_a_server_lacks_is_told_by_a_404(error: KlingError, missing: bool) -> None:
    assert is_not_served(error) is missing


# Which kind it is


@pytest.mark.parametrize("row", data_rows("hosts"))
def test_a_gateway_is_known_by_its_name_or_by_its_host(row: dict[str, Any]) -> None:
    gateway = gateway_for(row["name"], row["host"])
    assert (gateway and gateway.name) == row["gateway"]
