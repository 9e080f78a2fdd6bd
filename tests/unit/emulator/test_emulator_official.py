from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

    from tests.unit.emulator.conftest import Caller, Emulate


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    return emulate("official")


def assert_refused(answer: requests.Response, status: int, code: int, message: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (status, code, message)
    assert set(body) == {"code", "message", "request_id"}


def test_a_create_is_answered_with_the_envelope(kling: Caller) -> None:
    before = time.time() * 1000
    answer = kling.create(external_task_id="mine").json()
    assert (answer["code"], answer["message"]) == (0, "SUCCEED")
    assert str(uuid.UUID(answer["request_id"])) == answer["request_id"]
    data = answer["data"]
    assert re.fullmatch(r"\d{18}", data["task_id"])
    assert data["task_status"] == "submitted"
    assert data["task_info"] == {"external_task_id": "mine"}
    assert before - 1 <= data["created_at"] == data["updated_at"] <= time.time() * 1000


def test_a_task_goes_through_kling_s_words_to_a_video_with_its_length_and_price(emulate: Emulate) -> None:
    kling = emulate("official", seconds_per_video=1)
    task_id = kling.created(duration="10")
    assert kling.watch(task_id) == ["submitted", "processing", "succeed"]
    report = kling.report(task_id)
    (video,) = report["task_result"]["videos"]
    assert set(video) == {"id", "url", "duration"}
    assert video["duration"] == "10.0"
    assert float(report["final_unit_deduction"]) > 0
    assert report["updated_at"] - report["created_at"] == pytest.approx(1000, abs=1)


def test_a_failed_generation_is_http_200_and_code_0_with_the_reason_in_the_task(kling: Caller) -> None:
    answer = kling.query(kling.created(prompt="a deer [moderation]"))
    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    data = answer.json()["data"]
    assert data["task_status"] == "failed"
    assert data["task_status_msg"] == "Failure to pass the risk control system"
    assert "task_result" not in data


def test_a_task_is_found_by_its_external_id_too(kling: Caller) -> None:
    task_id = kling.created(external_task_id="mine")
    assert kling.report("mine")["task_id"] == task_id


def test_an_external_id_is_taken_once(kling: Caller) -> None:
    kling.created(external_task_id="mine")
    assert_refused(kling.create(external_task_id="mine"), 400, 1201, "External_task_id mine already exists")
    assert kling.emulator.counters().creates_received == 2
    assert kling.emulator.counters().creates_accepted == 1


def test_an_unknown_task_is_400_1201(kling: Caller) -> None:
    assert_refused(kling.query("42"), 400, 1201, "Task not found by id/external id: 42")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"duration": "99"}, "duration value '99' is invalid"),
        ({"duration": 5}, "duration value '5' is invalid"),
        ({"duration": "7", "model_name": "kling-v2-6"}, "duration value '7' is invalid"),
        ({"mode": "std", "model_name": "kling-v2-master"}, "mode value 'std' is invalid"),
        ({"mode": "4k", "model_name": "kling-v2-6"}, "mode value '4k' is invalid"),
        ({"aspect_ratio": "4:3"}, "aspect_ratio value '4:3' is invalid"),
        ({"cfg_scale": 1.5}, "cfg_scale value '1.5' is invalid"),
        ({"sound": "loud"}, "sound value 'loud' is invalid"),
        ({"sound": "on", "model_name": "kling-v2-6", "mode": "std"}, "sound value 'on' is invalid"),
        ({"prompt": None}, "prompt cannot be empty"),
        ({"prompt": "x" * 2501}, "prompt: size must be between 0 and 2500"),
        ({"negative_prompt": "x" * 2501}, "negative_prompt: size must be between 0 and 2500"),
        (
            {"camera_control": {"type": "down_back"}, "duration": "10"},
            "camera_control is only supported in std mode with 5s duration and kling-v1",
        ),
        (
            {"prompt": None, "multi_shot": True, "shot_type": "customize", "multi_prompt": [{}]},
            "multi_prompt value '[{}]' is invalid",
        ),
    ],
)
def test_a_bad_value_is_refused_in_kling_s_words(kling: Caller, fields: dict[str, Any], message: str) -> None:
    assert_refused(kling.create(**fields), 400, 1201, message)
    assert kling.emulator.counters().creates_accepted == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"model_name": "kling-v2-master"},
        {"model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
        {"model_name": "kling-v3", "mode": "4k", "duration": "3", "sound": "on"},
        {"camera_control": {"type": "down_back"}},
        {"callback_url": "http://127.0.0.1:9/", "watermark_info": {"enabled": False}, "cfg_scale": 1},
        {
            "prompt": None,
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "a deer", "duration": "5"}],
        },
    ],
)
def test_what_kling_documents_is_accepted(kling: Caller, fields: dict[str, Any]) -> None:
    assert kling.create(**fields).status_code == 200


def test_an_unknown_model_is_404_1203(kling: Caller) -> None:
    assert_refused(kling.create(model_name="kling-v9"), 404, 1203, "model kling-v9 not found")


def test_the_relays_field_model_has_no_effect(kling: Caller) -> None:
    kling.created(model="kling-v3")
    assert kling.emulator.tasks()[0].model == "kling-v1"


def test_a_list_has_the_newest_first_in_pages(kling: Caller) -> None:
    oldest, middle, newest = (kling.created() for _ in range(3))
    first = kling.get(f"{kling.path}?pageSize=2").json()["data"]
    second = kling.get(f"{kling.path}?pageNum=2&pageSize=2").json()["data"]
    assert [task["task_id"] for task in first] == [newest, middle]
    assert second == [kling.report(oldest)]
    assert kling.get(f"{kling.path}?pageNum=3&pageSize=2").json()["data"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("pageNum", "0"), ("pageNum", "1001"), ("pageSize", "0"), ("pageSize", "501"), ("pageSize", "x")],
)
def test_a_page_out_of_bounds_is_refused(kling: Caller, name: str, value: str) -> None:
    answer = kling.get(f"{kling.path}?{name}={value}")
    assert_refused(answer, 400, 1201, f"{name} value '{value}' is invalid")


def test_the_account_shows_a_pack_that_grows_smaller_with_each_video(kling: Caller) -> None:
    def remaining() -> float:
        data = kling.get("/account/costs?start_time=0&end_time=1").json()["data"]
        (pack,) = data["resource_pack_subscribe_infos"]
        assert pack["status"] == "online"
        quantity = pack["remaining_quantity"]
        assert isinstance(quantity, float)
        return quantity

    untouched = remaining()
    price = float(kling.report(kling.created())["final_unit_deduction"])
    kling.created(prompt="a deer [fail]")
    assert remaining() == pytest.approx(untouched - price)


def test_the_account_wants_a_range_of_time(kling: Caller) -> None:
    assert_refused(kling.get("/account/costs?start_time=0"), 400, 1201, "end_time value '' is invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_a_body_that_is_no_json_object_is_refused_with_1200(kling: Caller, body: bytes) -> None:
    answer = kling.session.post(kling.emulator.url + kling.path, data=body, timeout=10)
    assert_refused(answer, 400, 1200, "the request body is not a JSON object")


def test_an_unknown_route_is_404_in_kling_s_form(kling: Caller) -> None:
    assert_refused(kling.get("/v2/tasks"), 404, 1203, "GET /v2/tasks does not exist")
