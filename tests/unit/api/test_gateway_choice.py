from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from airflow_provider_kling.api.errors import KlingConnectionConfigError, KlingRequestError
from airflow_provider_kling.api.gateways import GATEWAYS, gateway_for
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("auto", "api-singapore.klingai.com", "official"),
        ("auto", "klingai.com", "official"),
        ("auto", "api.ezmodel.cloud", "ezmodel"),
        ("auto", "ezmodel.cloud", "ezmodel"),
        ("auto", "api.elkapi.com", "elkapi"),
        ("auto", "API.EzModel.Cloud", "ezmodel"),  # a host has no case
        ("auto", "api.crazyrouter.com", "crazyrouter"),
        ("auto", "ai.comfly.chat", "envelope"),
        ("auto", "api.notezmodel.cloud", None),
        ("auto", "ezmodel.cloud.example.com", None),
        ("auto", "127.0.0.1", None),
        ("auto", "", None),
        ("elkapi", "api.ezmodel.cloud", "elkapi"),
        ("official", "api.elkapi.com", "official"),
        ("ezmodel", "relay.example.com", "ezmodel"),
    ],
)
def test_a_gateway_is_known_by_its_name_or_by_its_host(name: str, host: str, expected: str | None) -> None:
    gateway = gateway_for(name, host)
    assert (gateway and gateway.name) == expected


@pytest.mark.parametrize("name", ["stock-newapi", "EZMODEL", "None", ""])
def test_an_unknown_name_is_refused_with_the_names_that_there_are(name: str) -> None:
    with pytest.raises(KlingConnectionConfigError) as caught:
        gateway_for(name, "api.ezmodel.cloud")
    assert f"gateway={name!r}" in str(caught.value)
    assert "auto, official, ezmodel, elkapi, newapi, crazyrouter, envelope" in str(caught.value)


@pytest.mark.parametrize(
    ("gateway", "scale", "fine"),
    [
        ("official", 0, True),
        ("official", 1, True),
        ("official", 1.01, False),
        ("official", -0.01, False),
        ("official", "nan", False),
        ("elkapi", 1, True),
        ("elkapi", 5, False),
        ("ezmodel", 5, True),
        ("ezmodel", 100, True),
        ("ezmodel", 100.5, False),
        ("ezmodel", -1, False),
    ],
)
def test_cfg_scale_stays_in_the_range_of_the_gateways_page(
    gateway: str, scale: float | str, fine: bool
) -> None:
    request = Text2VideoRequest.checked({"prompt": "a deer", "cfg_scale": scale})
    if fine:
        assert GATEWAYS[gateway].submit(request).creates
        return
    with pytest.raises(KlingRequestError) as caught:
        GATEWAYS[gateway].submit(request)
    highest = 100 if gateway == "ezmodel" else 1
    assert f"cfg_scale={scale} is outside 0 to {highest}" in str(caught.value)
    assert f"the {gateway} gateway" in str(caught.value)


@pytest.mark.parametrize("mode", ["std", "pro", "4k"])
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_mode_is_one_of_those_on_the_gateways_page(gateway: str, mode: str) -> None:
    request = Text2VideoRequest.checked({"prompt": "a deer", "mode": mode})
    if (gateway, mode) != ("ezmodel", "4k"):
        assert GATEWAYS[gateway].submit(request).creates
        return
    with pytest.raises(KlingRequestError, match="mode='4k' is not one of std, pro, the modes of the ezmodel"):
        GATEWAYS[gateway].submit(request)


@pytest.mark.parametrize(
    ("gateway", "path"),
    [
        ("official", "/v1/videos/text2video"),
        ("ezmodel", "/kling/v1/videos/text2video"),
        ("elkapi", "/kling/v1/videos/text2video"),
        ("newapi", "/kling/v1/videos/text2video"),
        ("crazyrouter", "/kling/v1/videos/text2video"),
        ("envelope", "/kling/v1/videos/text2video"),
    ],
)
def test_a_submission_is_a_post_that_costs_and_a_query_a_get_that_does_not(gateway: str, path: str) -> None:
    submit = GATEWAYS[gateway].submit(Text2VideoRequest(prompt="a deer"))
    query = GATEWAYS[gateway].query("task-1")
    assert (submit.method, submit.path, submit.creates) == ("POST", path, True)
    assert (query.method, query.path, query.creates) == ("GET", f"{path}/task-1", False)
    assert query.json is None


@pytest.mark.parametrize("task_id", ["a/b?c", "a b", "100%", "a#b", "ä", "%2F", "CjNQrmck-t8AAAAAAD17MA"])
def test_a_task_id_is_one_segment_of_the_path_whatever_is_in_it(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint], task_id: str
) -> None:
    server.says((200, {"code": 0, "data": {"task_status": "processing"}}))
    assert reader.get_task(endpoint(server.url), task_id).task_id == task_id
    segments = server.received[0].path.split("/")
    assert segments[:-1] == ["", "v1", "videos", "text2video"]
    assert unquote(segments[-1]) == task_id
    assert not {"?", "#", " "} & set(segments[-1])
