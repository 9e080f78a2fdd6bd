"""How each kind of gateway is asked: its body and its paths, what it takes, and by what it is known."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingConnectionConfigError,
    KlingRejectedError,
    KlingRequestError,
    KlingServerError,
    KlingTaskNotFoundError,
    KlingUnsupportedError,
)
from airflow_provider_kling.api.gateways import GATEWAYS, Gateway, gateway_for, is_not_served
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import Connect, ScriptedServer, endpoint_at

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
LINK = "https://example.com/first.png?Signature=abc"
EVERYTHING: dict[str, Any] = {
    "prompt": "a deer",
    "model": "kling-v3",
    "negative_prompt": "blur",
    "duration": 10.0,
    "aspect_ratio": "9:16",
    "mode": "pro",
    "cfg_scale": 0.5,
    "image": LINK,
    "image_tail": PNG,
    "width": 64,
    "height": 128,
    "fps": 30,
    "seed": 20231234,
    "n": 2,
    "response_format": "url",
    "user": "user-1234",
    "metadata": {"style": "film", "quality_level": 3},
    "extra": {"sound": "off", "watermark_info": {"enabled": False}},
}
BODIES: dict[str, dict[str, Any]] = {
    "official": {
        "model_name": "kling-v3",
        "prompt": "a deer",
        "negative_prompt": "blur",
        "cfg_scale": 0.5,
        "mode": "pro",
        "aspect_ratio": "9:16",
        "duration": "10",
        "sound": "off",
        "watermark_info": {"enabled": False},
    },
    "ezmodel": {
        "model": "kling-v3",
        "prompt": "a deer",
        "image_tail": PNG,
        "negative_prompt": "blur",
        "cfg_scale": 0.5,
        "mode": "pro",
        "aspect_ratio": "9:16",
        "duration": "10",
        "sound": "off",
        "watermark_info": {"enabled": False},
    },
    "elkapi": {
        "model": "kling-v3",
        "prompt": "a deer",
        "image": LINK,
        "duration": 10,
        "width": 64,
        "height": 128,
        "fps": 30,
        "seed": 20231234,
        "n": 2,
        "response_format": "url",
        "user": "user-1234",
        "metadata": {
            "negative_prompt": "blur",
            "cfg_scale": 0.5,
            "mode": "pro",
            "aspect_ratio": "9:16",
            "image_tail": PNG,
            "sound": "off",
            "watermark_info": {"enabled": False},
            "style": "film",
            "quality_level": 3,
        },
    },
}
_KLINGS = {name: value for name, value in BODIES["official"].items() if name != "model_name"}
BODIES["newapi"] = BODIES["crazyrouter"] = {
    **_KLINGS,
    "model": "kling-v3",
    "model_name": "kling-v3",
    "size": "720x1280",
    "metadata": {**_KLINGS, "style": "film", "quality_level": 3},
}
BODIES["envelope"] = {"model": "kling-v3", "model_name": "kling-v3", **_KLINGS}
SMALLEST_BODIES: dict[str, dict[str, Any]] = {
    "official": {"model_name": "kling-v3", "prompt": "a deer", "aspect_ratio": "16:9", "duration": "5"},
    "ezmodel": {"model": "kling-v3", "prompt": "a deer", "aspect_ratio": "16:9", "duration": "5"},
    "elkapi": {
        "model": "kling-v3",
        "prompt": "a deer",
        "duration": 5,
        "metadata": {"aspect_ratio": "16:9"},
    },
}
_SMALLEST = {"prompt": "a deer", "aspect_ratio": "16:9", "duration": "5"}
SMALLEST_BODIES["newapi"] = SMALLEST_BODIES["crazyrouter"] = {
    **_SMALLEST,
    "model": "kling-v3",
    "model_name": "kling-v3",
    "size": "1280x720",
    "metadata": _SMALLEST,
}
SMALLEST_BODIES["envelope"] = {"model": "kling-v3", "model_name": "kling-v3", **_SMALLEST}
_RELAY_LEAVES_OUT = {"image", "width", "height", "fps", "seed", "n", "response_format", "user", "metadata"}
LEFT_OUT: dict[str, set[str]] = {
    "official": _RELAY_LEAVES_OUT | {"image_tail"},
    "ezmodel": _RELAY_LEAVES_OUT,
    "elkapi": set(),
    "newapi": _RELAY_LEAVES_OUT - {"metadata"} | {"image_tail"},
    "crazyrouter": _RELAY_LEAVES_OUT - {"metadata"} | {"image_tail"},
    "envelope": _RELAY_LEAVES_OUT | {"image_tail"},
}


def as_sent(value: Any) -> str:
    """JSON text: it tells 5 from 5.0 and from "5"."""
    return json.dumps(value, sort_keys=True)


def body_of(gateway: str, **fields: Any) -> Any:
    call = GATEWAYS[gateway].submit(Text2VideoRequest.checked({"prompt": "a deer", **fields}))
    assert call.json is not None
    return call.json


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("fields", "bodies"),
    [(EVERYTHING, BODIES), ({"prompt": "a deer"}, SMALLEST_BODIES)],
    ids=["every field", "a prompt alone"],
)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_body_that_arrives_is_the_one_of_the_gateways_page(
    gateway: str, fields: dict[str, Any], bodies: dict[str, dict[str, Any]]
) -> None:
    with (
        KlingEmulator(gateway=gateway) as emulator,
        KlingClient(endpoint_at(emulator.url, gateway)) as client,
    ):
        client.perform(client.gateway().submit(Text2VideoRequest.checked(fields)))
        (arrived,) = emulator.creates()
        assert emulator.counters().creates_accepted == 1
    assert as_sent(arrived) == as_sent(bodies[gateway])


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_each_field_that_a_gateway_does_not_take_is_warned_of_by_name_once(
    gateway: str, caplog: pytest.LogCaptureFixture
) -> None:
    body_of(gateway, **EVERYTHING)
    assert sorted(warnings_in(caplog)) == sorted(
        f"{name} is left out: the {gateway} gateway does not take it" for name in LEFT_OUT[gateway]
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_fields_that_were_not_given_are_not_warned_of(gateway: str, caplog: pytest.LogCaptureFixture) -> None:
    body_of(gateway, **dict.fromkeys(set(EVERYTHING) - {"prompt"}))
    assert warnings_in(caplog) == []


@pytest.mark.parametrize(
    ("gateway", "duration", "sent"),
    [
        ("elkapi", 5.0, 5),
        ("elkapi", "10", 10),
        ("elkapi", 7.5, 7.5),
        ("ezmodel", 5.0, "5"),
        ("ezmodel", "10", "10"),
        ("ezmodel", 7.5, "7.5"),
        ("official", 5, "5"),
        ("official", 7.5, "7.5"),
    ],
)
def test_a_duration_has_the_json_type_that_the_page_gives(
    gateway: str, duration: object, sent: object
) -> None:
    assert as_sent(body_of(gateway, duration=duration)["duration"]) == as_sent(sent)


@pytest.mark.parametrize(
    ("fields", "ratio"),
    [
        ({}, "16:9"),
        ({"width": 64, "height": 64}, None),
        ({"image": LINK}, None),
        ({"image": LINK, "aspect_ratio": "1:1"}, "1:1"),
        ({"width": 64, "height": 64, "aspect_ratio": "1:1"}, "1:1"),
        ({"metadata": {"aspect_ratio": "9:16"}}, "9:16"),
    ],
)
def test_elkapi_is_told_a_ratio_unless_something_else_decides_it(
    fields: dict[str, Any], ratio: str | None
) -> None:
    assert body_of("elkapi", **fields).get("metadata", {}).get("aspect_ratio") == ratio


def test_what_the_user_put_into_metadata_has_the_last_word() -> None:
    body = body_of("elkapi", mode="std", extra={"style": "a"}, metadata={"style": "b"})
    assert body["metadata"] == {"mode": "std", "aspect_ratio": "16:9", "style": "b"}


@pytest.mark.parametrize(
    ("gateway", "scale", "highest"),
    [
        *(("official", scale, None) for scale in (0, 1)),
        *(("official", scale, 1) for scale in (1.01, -0.01, "nan")),
        ("elkapi", 1, None),
        ("elkapi", 5, 1),
        *(("ezmodel", scale, None) for scale in (5, 100)),
        *(("ezmodel", scale, 100) for scale in (100.5, -1)),
    ],
)
def test_cfg_scale_stays_in_the_range_of_the_gateways_page(
    gateway: str, scale: float | str, highest: int | None
) -> None:
    if highest is None:
        assert body_of(gateway, cfg_scale=scale)
        return
    with pytest.raises(KlingRequestError) as caught:
        body_of(gateway, cfg_scale=scale)
    assert f"cfg_scale={scale} is outside 0 to {highest}, the range of the {gateway} gateway" in str(
        caught.value
    )


@pytest.mark.parametrize("mode", ["std", "pro", "4k"])
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_mode_is_one_of_those_on_the_gateways_page(gateway: str, mode: str) -> None:
    if (gateway, mode) != ("ezmodel", "4k"):
        assert body_of(gateway, mode=mode)
        return
    with pytest.raises(KlingRequestError, match="mode='4k' is not one of std, pro, the modes of the ezmodel"):
        body_of(gateway, mode=mode)


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
    assert submit.json is not None
    assert submit.json["external_task_id"] == "mine-1"
    assert kling.find("mine-1").path == "/v1/videos/text2video/mine-1"
    assert (kling.query_many(["a", "b"]).path, kling.query_many(["a", "b"]).query) == (
        "/tasks",
        {"task_ids": "a,b"},
    )
    page = kling.list_tasks(page=2, page_size=30)
    assert (page.path, page.query) == ("/v1/videos/text2video", {"pageNum": 2, "pageSize": 30})
    account = kling.account()
    assert account.path == "/account/costs"
    assert account.query is not None
    assert int(account.query["end_time"]) - int(account.query["start_time"]) == 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    "gateway",
    [gateway for name, gateway in GATEWAYS.items() if name != "official"],
    ids=lambda gateway: gateway.name,
)
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


def test_a_way_of_asking_that_a_server_lacks_is_told_by_its_404_and_by_nothing_else() -> None:
    assert is_not_served(KlingRejectedError("Invalid URL", http_status=404))
    assert not is_not_served(KlingRejectedError("too many ids", http_status=400))
    assert not is_not_served(KlingServerError("down", http_status=500))
    assert not is_not_served(KlingTaskNotFoundError("not this one", http_status=404))


# Which kind it is


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("auto", "api-singapore.klingai.com", "official"),
        ("auto", "klingai.com", "official"),
        ("auto", "api.ezmodel.cloud", "ezmodel"),
        ("auto", "ezmodel.cloud:8443", "ezmodel"),
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
