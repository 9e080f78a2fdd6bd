from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint

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


@pytest.mark.parametrize(
    ("fields", "bodies"),
    [(EVERYTHING, BODIES), ({"prompt": "a deer"}, SMALLEST_BODIES)],
    ids=["every field", "a prompt alone"],
)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_body_that_arrives_is_the_one_of_the_gateways_page(
    endpoint: Callable[..., Endpoint],
    gateway: str,
    fields: dict[str, Any],
    bodies: dict[str, dict[str, Any]],
) -> None:
    with KlingEmulator(gateway=gateway) as emulator, KlingClient(endpoint(emulator.url, gateway)) as client:
        client.submit(Text2VideoRequest.checked(fields))
        (arrived,) = emulator.creates()
        assert emulator.counters().creates_accepted == 1
    assert as_sent(arrived) == as_sent(bodies[gateway])


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_each_field_that_a_gateway_does_not_take_is_warned_of_by_name(
    endpoint: Callable[..., Endpoint], gateway: str, caplog: pytest.LogCaptureFixture
) -> None:
    with KlingEmulator(gateway=gateway) as emulator, KlingClient(endpoint(emulator.url, gateway)) as client:
        client.submit(Text2VideoRequest.checked(EVERYTHING))
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert sorted(said) == sorted(
        f"{name} is left out: the {gateway} gateway does not take it" for name in LEFT_OUT[gateway]
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_fields_that_were_not_given_are_not_warned_of(
    endpoint: Callable[..., Endpoint], gateway: str, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = dict.fromkeys(set(EVERYTHING) - {"prompt"})
    with KlingEmulator(gateway=gateway) as emulator, KlingClient(endpoint(emulator.url, gateway)) as client:
        client.submit(Text2VideoRequest.checked({"prompt": "a deer", **nothing}))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


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
    body = GATEWAYS[gateway].submit(Text2VideoRequest.checked({"prompt": "x", "duration": duration})).json
    assert body is not None
    assert as_sent(body["duration"]) == as_sent(sent)


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
    body = GATEWAYS["elkapi"].submit(Text2VideoRequest.checked({"prompt": "a deer", **fields})).json
    assert body is not None
    assert body.get("metadata", {}).get("aspect_ratio") == ratio


def test_what_the_user_put_into_metadata_has_the_last_word() -> None:
    request = Text2VideoRequest(prompt="a deer", mode="std", extra={"style": "a"}, metadata={"style": "b"})
    body = GATEWAYS["elkapi"].submit(request).json
    assert body is not None
    assert body["metadata"] == {"mode": "std", "aspect_ratio": "16:9", "style": "b"}
