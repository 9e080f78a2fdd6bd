from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import pytest
import requests
from kling_emulator.gateways.relay_bodies import STOCK_FIELDS, current_body, old_body

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate

DEFAULTS = {
    "model_name": "kling-v1",
    "prompt": "a deer",
    "mode": "std",
    "duration": "5",
    "aspect_ratio": "1:1",
    "cfg_scale": 0.5,
}


def test_an_empty_field_takes_the_relay_s_default_with_it_so_that_kling_s_applies() -> None:
    empty = {"aspect_ratio": "", "cfg_scale": 0, "dynamic_masks": []}
    kling_body = {name: value for name, value in DEFAULTS.items() if name not in empty}
    assert current_body({"prompt": "a deer", "metadata": empty}, "kling-v1") == kling_body
    assert old_body({"prompt": "a deer", **empty}, "kling-v1", STOCK_FIELDS) == kling_body


def current(**fields: Any) -> dict[str, Any]:
    """What reaches Kling that would not have without these fields."""
    body = current_body({"prompt": "a deer", **fields}, "kling-v1")
    return {name: value for name, value in body.items() if value != DEFAULTS.get(name)}


def old(**fields: Any) -> dict[str, Any]:
    body = old_body({"prompt": "a deer", **fields}, "kling-v1", STOCK_FIELDS)
    return {name: value for name, value in body.items() if value != DEFAULTS.get(name)}


def test_what_nobody_sets_is_set_by_the_relay_and_the_ratio_is_a_square() -> None:
    assert current_body({"prompt": "a deer"}, "kling-v1") == DEFAULTS
    assert old_body({"prompt": "a deer"}, "kling-v1", STOCK_FIELDS) == DEFAULTS


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"negative_prompt": "blur", "aspect_ratio": "16:9", "cfg_scale": 1, "sound": "on"}, {}),
        ({"model_name": "kling-v3", "external_task_id": "mine"}, {}),
        ({"mode": "pro"}, {"mode": "pro"}),
        ({"mode": " "}, {}),
        ({"duration": 10}, {"duration": "10"}),
        ({"duration": "10"}, {"duration": "10"}),
        ({"duration": "ten"}, {}),
        ({"duration": 9.5}, {}),
        ({"seconds": "10"}, {}),
        ({"size": "1280x720"}, {"aspect_ratio": "16:9"}),
        ({"size": "1080x1920"}, {"aspect_ratio": "9:16"}),
        ({"size": "1024x1024"}, {}),
        ({"size": "640x480"}, {}),
        ({"metadata": {"aspect_ratio": "16:9"}, "size": "720x1280"}, {"aspect_ratio": "16:9"}),
        ({"metadata": {"negative_prompt": "blur", "mode": None}}, {"negative_prompt": "blur"}),
        (
            {"metadata": {"model_name": "kling-v3", "duration": "7"}},
            {"model_name": "kling-v3", "duration": "7"},
        ),
        ({"metadata": {"sound": "on", "multi_shot": True, "seed": 5}}, {}),
        ({"metadata": '{"mode": "pro"}'}, {"mode": "pro"}),
        ({"metadata": "{"}, {}),
        ({"metadata": ["mode"]}, {}),
    ],
)
def test_since_2026_kling_s_fields_are_taken_from_metadata(
    fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert current(**fields) == sent


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (
            {"negative_prompt": "blur", "aspect_ratio": "16:9"},
            {"negative_prompt": "blur", "aspect_ratio": "16:9"},
        ),
        ({"external_task_id": "mine", "duration": "10"}, {"external_task_id": "mine", "duration": "10"}),
        ({"metadata": {"mode": "pro"}, "size": "1280x720"}, {}),
        ({"sound": "on", "multi_shot": True, "width": 64}, {}),
    ],
)
def test_before_2026_kling_s_fields_are_taken_from_the_top_level(
    fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert old(**fields) == sent


@pytest.mark.parametrize(
    ("gateway", "fields"),
    [
        ("newapi", {"metadata": {"duration": 5}}),
        ("newapi", {"metadata": {"cfg_scale": "0.5"}}),
        ("crazyrouter", {"metadata": {"duration": 5}}),
        ("newapi-old", {"duration": 5}),
        ("newapi-old", {"camera_control": []}),
        ("ezmodel-code", {"duration": 5}),
        ("ezmodel-code", {"voice_list": "one"}),
    ],
)
def test_a_field_of_the_wrong_type_breaks_the_relay_s_own_request(
    emulate: Emulate, gateway: str, fields: dict[str, Any]
) -> None:
    answer = emulate(gateway).create(**fields)
    assert (answer.status_code, answer.json()["code"]) == (500, "build_request_failed")


@pytest.mark.parametrize("fields", [{"seconds": 5}, {"size": 5}, {"mode": 5}, {"image": {}}])
def test_a_field_of_the_relay_s_own_must_have_its_type(emulate: Emulate, fields: dict[str, Any]) -> None:
    answer = emulate("newapi").create(**fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_the_name_of_the_model_may_be_either_of_two_before_2026_only(emulate: Emulate) -> None:
    body = {"model_name": "kling-v2-6", "prompt": "a deer"}
    older = emulate("newapi-old")
    assert older.create(body).status_code == 200
    assert older.emulator.tasks()[0].model == "kling-v2-6"
    assert emulate("newapi").create(body).status_code == 400


def test_a_model_in_metadata_goes_past_the_relay_and_may_be_unknown_to_kling(emulate: Emulate) -> None:
    newapi = emulate("newapi")
    newapi.created(metadata={"model_name": "kling-v3"})
    assert newapi.emulator.tasks()[0].model == "kling-v3"
    unknown = newapi.create(metadata={"model_name": "kling-v9"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "fail_to_fetch_task")
    assert "model kling-v9 not found" in unknown.json()["message"]


def test_only_ezmodel_s_code_spares_a_model_without_modes_the_default_mode(emulate: Emulate) -> None:
    refused = emulate("newapi").create(model="kling-v2-master")
    assert "mode value 'std' is invalid" in refused.json()["message"]
    ezmodel = emulate("ezmodel-code")
    assert [ezmodel.create(model="kling-v2-master", mode=mode).status_code for mode in (None, "", "pro")] == [
        200
    ] * 3


def test_only_ezmodel_s_code_hands_sound_on(emulate: Emulate) -> None:
    silent_mode: dict[str, Any] = {"model": "kling-v2-6", "mode": "std", "sound": "on"}
    assert emulate("newapi-old").create(**silent_mode).status_code == 200
    refused = emulate("ezmodel-code").create(**silent_mode)
    assert "sound value 'on' is invalid" in refused.json()["message"]


def picture_size(caller: Caller, **fields: Any) -> tuple[int, int]:
    video = requests.get(caller.video_url(caller.created(**fields)), timeout=30).content
    with av.open(io.BytesIO(video), "r") as container:
        (stream,) = container.streams.video
        return stream.width, stream.height


def test_a_ratio_at_top_level_makes_a_wide_video_before_2026_and_a_square_since(emulate: Emulate) -> None:
    assert picture_size(emulate("newapi-old"), aspect_ratio="16:9") == (1280, 720)
    assert picture_size(emulate("newapi"), aspect_ratio="16:9") == (960, 960)
