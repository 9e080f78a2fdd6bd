from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate

PAGE_EXAMPLE = {
    "model": "kling-v1",
    "prompt": "A deer running in the forest",
    "mode": "std",
    "aspect_ratio": "16:9",
    "duration": "5",
}
PAGE_FIELDS = {
    **PAGE_EXAMPLE,
    "image_tail": "https://example.com/end.jpg",
    "negative_prompt": "blur, watermark",
    "cfg_scale": 5.0,
}


@pytest.mark.parametrize("body", [PAGE_EXAMPLE, PAGE_FIELDS, {"model": "kling-v3", "prompt": "a deer"}])
def test_a_create_of_the_page_is_answered_with_the_envelope_of_the_page(
    emulate: Emulate, body: dict[str, Any]
) -> None:
    answer = emulate("ezmodel").create(body).json()
    task_id = answer["data"].pop("task_id")
    assert answer == {"code": 0, "message": "success", "data": {"task_status": "submitted"}}
    assert isinstance(task_id, str)


def test_a_task_goes_through_the_words_of_the_page_to_a_url_and_a_duration(emulate: Emulate) -> None:
    caller = emulate("ezmodel", seconds_per_video=1)
    task_id = caller.created()
    assert caller.watch(task_id) == ["submitted", "processing", "succeed"]
    answer = caller.query(task_id).json()
    url = answer["data"]["task_result"]["videos"][0].pop("url")
    assert url.startswith(caller.emulator.url)
    assert answer == {
        "code": 0,
        "message": "success",
        "data": {
            "task_id": task_id,
            "task_status": "succeed",
            "task_result": {"videos": [{"duration": "5"}]},
        },
    }


def test_a_failed_task_says_why(emulate: Emulate) -> None:
    caller = emulate("ezmodel")
    report = caller.report(caller.created(prompt="a deer [fail]"))
    assert report["task_status"] == "failed"
    assert "failed" in report["task_status_msg"]
    assert "task_result" not in report


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": ""},
        {"model": 1},
        {"prompt": None},
        {"prompt": "  "},
        {"prompt": ["a deer"]},
        {"mode": "4k"},
        {"aspect_ratio": "4:3"},
        {"duration": "7"},
        {"duration": "5s"},
        {"cfg_scale": 100.5},
        {"cfg_scale": -1},
    ],
)
def test_a_value_outside_the_page_is_an_invalid_request(emulate: Emulate, fields: dict[str, Any]) -> None:
    answer = emulate("ezmodel").create(**fields)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["data"] is None
    assert next(iter(fields)) in answer.json()["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": 5},
        {"cfg_scale": "5"},
        {"cfg_scale": True},
        {"mode": 1},
        {"aspect_ratio": 16},
        {"image_tail": {}},
        {"negative_prompt": []},
    ],
)
def test_a_kling_field_of_the_wrong_type_breaks_the_relay_s_own_request(
    emulate: Emulate, fields: dict[str, Any]
) -> None:
    answer = emulate("ezmodel").create(**fields)
    assert answer.status_code == 500
    assert answer.json()["code"] == "build_request_failed"
    assert answer.json()["data"] is None


@pytest.mark.parametrize("seconds", ["3", "7", "15"])
def test_only_newer_models_make_other_lengths_than_five_and_ten_seconds(
    emulate: Emulate, seconds: str
) -> None:
    caller = emulate("ezmodel")
    assert caller.create(model="kling-v3", duration=seconds).status_code == 200
    assert caller.create(model="kling-v2-6", duration=seconds).status_code == 400
    assert caller.create(model="kling-v3", duration="16").status_code == 400


def test_fields_that_the_page_does_not_know_and_nulls_are_let_pass(emulate: Emulate) -> None:
    assert emulate("ezmodel").create(external_task_id="mine", size="1280x720", mode=None).status_code == 200


def test_an_unknown_task_is_400_task_not_exist(emulate: Emulate) -> None:
    answer = emulate("ezmodel").query("123")
    assert answer.status_code == 400
    assert answer.json() == {"code": "task_not_exist", "message": "task_not_exist", "data": None}


@pytest.mark.parametrize("gateway", ["ezmodel", "elkapi"])
def test_a_wrong_key_is_refused_with_401_and_no_create_is_counted(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, key="wrong-key")
    for answer in (caller.create(), caller.query("123")):
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert error["message"].startswith("Invalid token (request id: ")
        assert (error["type"], error["code"]) == ("new_api_error", "")
    counters = caller.emulator.counters()
    assert (counters.creates_received, counters.creates_accepted, counters.polls) == (0, 0, 0)


def test_a_missing_token_is_refused_with_401(emulate: Emulate) -> None:
    caller = emulate("ezmodel")
    del caller.session.headers["Authorization"]
    answer = caller.create()
    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith("Token not provided")


@pytest.mark.parametrize("gateway", ["ezmodel", "elkapi"])
def test_an_unknown_route_is_404_in_the_router_s_form(emulate: Emulate, gateway: str) -> None:
    answer = emulate(gateway).get("/v1/videos/text2video")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid URL (GET /v1/videos/text2video)"
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("gateway", ["ezmodel", "elkapi"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused_and_recorded_as_none(
    emulate: Emulate, gateway: str, body: bytes
) -> None:
    caller = emulate(gateway)
    answer = caller.session.post(caller.emulator.url + caller.path, data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert caller.emulator.creates() == [None]
