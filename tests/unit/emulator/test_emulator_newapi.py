from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.emulator.dialects import CODE_OF_NEW_API

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate

EVERY_VERSION = pytest.mark.parametrize("gateway", CODE_OF_NEW_API)
SATURATED = (
    "\u5f53\u524d\u5206\u7ec4\u4e0a\u6e38\u8d1f\u8f7d\u5df2\u9971\u548c\uff0c\u8bf7\u7a0d\u540e\u518d\u8bd5"
)


@pytest.fixture
def newapi(emulate: Emulate) -> Caller:
    return emulate("newapi")


@EVERY_VERSION
def test_a_create_is_answered_with_openai_s_video_object(emulate: Emulate, gateway: str) -> None:
    before = int(time.time())
    answer = emulate(gateway).create().json()
    assert answer.pop("id") == answer.pop("task_id")
    assert before <= answer.pop("created_at") <= time.time()
    assert answer == {"object": "video", "model": "kling-v1", "status": "queued", "progress": 0}


@pytest.mark.parametrize(
    ("gateway", "form"),
    [
        ("newapi", r"task_\w{32}"),
        ("newapi-old", r"\d{18}"),
        ("ezmodel-code", r"\d{18}"),
        ("crazyrouter", r"task_\w{32}"),
    ],
)
def test_an_id_is_the_relay_s_own_or_kling_s(emulate: Emulate, gateway: str, form: str) -> None:
    assert re.fullmatch(form, emulate(gateway).created())


def test_a_task_goes_through_the_words_of_the_row_to_a_link(emulate: Emulate) -> None:
    newapi = emulate("newapi", seconds_per_video=1, status_age_seconds=0)
    task_id = newapi.created()
    first = newapi.query(task_id).json()
    assert (first["code"], first["message"]) == ("success", "")
    row = first["data"]
    assert (row["status"], row["progress"], row["start_time"], row["finish_time"]) == (
        "SUBMITTED",
        "10%",
        0,
        0,
    )
    assert newapi.watch(task_id) == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    row = newapi.report(task_id)
    assert (row["progress"], row["fail_reason"], row["action"]) == ("100%", "", "textGenerate")
    assert row["submit_time"] <= row["start_time"] <= row["finish_time"]
    assert row["properties"]["origin_model_name"] == "kling-v1"
    assert isinstance(row["id"], int)
    assert requests.head(row["result_url"], timeout=10).status_code == 200


def test_the_row_repeats_kling_s_own_answer_with_kling_s_id_and_link(newapi: Caller) -> None:
    task_id = newapi.created()
    row = newapi.report(task_id)
    raw = row["data"]
    assert (raw["code"], raw["message"]) == (0, "SUCCEED")
    assert re.fullmatch(r"\d{18}", raw["data"]["task_id"])
    assert raw["data"]["task_status"] == "succeed"
    assert raw["data"]["task_result"]["videos"][0]["url"] == row["result_url"]
    assert newapi.query(raw["data"]["task_id"]).status_code == 400
    assert newapi.report(task_id)["data"]["data"]["task_id"] == raw["data"]["task_id"]


def test_the_link_s_column_of_a_failed_task_repeats_why_it_failed(newapi: Caller) -> None:
    row = newapi.report(newapi.created(prompt="a deer [moderation]"))
    assert (row["status"], row["progress"]) == ("FAILURE", "100%")
    assert row["fail_reason"] == row["result_url"] == "Failure to pass the risk control system"


@pytest.mark.parametrize("gateway", ["newapi-old", "ezmodel-code"])
def test_the_older_row_keeps_the_link_where_a_failure_has_its_reason(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    task_id = caller.created()
    row = caller.report(task_id)
    assert "result_url" not in row
    assert row["status"] == "SUCCESS"
    assert row["fail_reason"] == row["data"]["data"]["task_result"]["videos"][0]["url"]
    assert row["data"]["data"]["task_id"] == task_id
    assert requests.head(row["fail_reason"], timeout=10).status_code == 200
    failed = caller.report(caller.created(prompt="a deer [moderation]"))
    assert (failed["status"], failed["fail_reason"]) == ("FAILURE", "Failure to pass the risk control system")


@pytest.mark.parametrize("gateway", ["newapi-old", "ezmodel-code"])
def test_the_older_row_goes_through_the_same_words(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, seconds_per_video=1, status_age_seconds=0)
    assert caller.watch(caller.created()) == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]


def test_ezmodel_s_code_answers_with_nine_columns_and_the_older_new_api_with_all(emulate: Emulate) -> None:
    short, full = (
        set(caller.report(caller.created())) for caller in map(emulate, ("ezmodel-code", "newapi-old"))
    )
    assert short == {
        *("task_id", "action", "status", "fail_reason", "submit_time"),
        *("start_time", "finish_time", "progress", "data"),
    }
    assert full - short == {
        *(
            "id",
            "created_at",
            "updated_at",
            "platform",
            "user_id",
            "group",
            "channel_id",
            "quota",
            "properties",
        ),
    }


def test_crazyrouter_answers_queries_in_a_form_of_its_own(emulate: Emulate) -> None:
    caller = emulate("crazyrouter", seconds_per_video=1.5, status_age_seconds=0)
    task_id, failing = caller.created(), caller.created(prompt="a deer [fail]")
    running = {
        "error": None,
        "format": "mp4",
        "metadata": None,
        "status": "queued",
        "task_id": task_id,
        "url": "",
    }
    assert caller.query(task_id).json() == {"code": "success", "data": running}
    assert caller.watch(task_id) == ["queued", "processing", "succeeded"]
    assert requests.head(caller.video_url(task_id), timeout=10).status_code == 200
    caller.watch(failing)
    failed = caller.report(failing)
    assert (failed["status"], failed["url"]) == ("failed", "")
    assert failed["error"]["code"] == "task_failed"
    assert "failed" in failed["error"]["message"]


@EVERY_VERSION
def test_a_create_without_a_model_is_refused_before_the_handler(emulate: Emulate, gateway: str) -> None:
    answer = emulate(gateway).create(model=None)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["message"].startswith("Model name not specified, model name cannot be empty (request id: ")
    assert error["type"] == "new_api_error"


@EVERY_VERSION
def test_a_model_that_nobody_serves_has_no_channel(emulate: Emulate, gateway: str) -> None:
    answer = emulate(gateway).create(model="kling-v9")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "model_not_found")
    assert error["message"].startswith(
        "No available channel for model kling-v9 under group default (distributor)"
    )


@EVERY_VERSION
@pytest.mark.parametrize("prompt", [None, "  ", 5])
def test_a_create_without_a_prompt_is_an_invalid_request(emulate: Emulate, gateway: str, prompt: Any) -> None:
    answer = emulate(gateway).create(prompt=prompt)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["data"] is None


@EVERY_VERSION
@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b'{"model": 5, "prompt": "a deer"}', 400)]
)
def test_a_body_that_names_no_model_readably_is_refused_before_the_handler(
    emulate: Emulate, gateway: str, body: bytes, status: int
) -> None:
    caller = emulate(gateway)
    answer = caller.session.post(caller.emulator.url + caller.path, data=body, timeout=10)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith("Invalid request: ")


@pytest.mark.parametrize(
    ("gateway", "fields"),
    [
        ("newapi", {"metadata": {"cfg_scale": 2}}),
        ("crazyrouter", {"metadata": {"cfg_scale": 2}}),
        ("newapi-old", {"cfg_scale": 2}),
        ("ezmodel-code", {"cfg_scale": 2}),
    ],
)
def test_kling_s_refusal_is_a_string_with_kling_s_json_in_it(
    emulate: Emulate, gateway: str, fields: dict[str, Any]
) -> None:
    answer = emulate(gateway).create(**fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "fail_to_fetch_task")
    inner = json.loads(answer.json()["message"])
    assert (inner["code"], inner["message"]) == (1201, "cfg_scale value '2' is invalid")
    assert set(inner) == {"code", "message", "request_id"}


def test_an_external_id_that_reaches_kling_is_taken_once_but_finds_nothing(newapi: Caller) -> None:
    newapi.created(metadata={"external_task_id": "mine"})
    again = newapi.create(metadata={"external_task_id": "mine"})
    assert json.loads(again.json()["message"])["message"] == "External_task_id mine already exists"
    assert newapi.query("mine").json()["code"] == "task_not_exist"


@EVERY_VERSION
def test_an_unknown_task_is_400_task_not_exist(emulate: Emulate, gateway: str) -> None:
    answer = emulate(gateway).query("task_of_nobody")
    assert answer.status_code == 400
    assert answer.json() == {"code": "task_not_exist", "message": "task_not_exist", "data": None}


@EVERY_VERSION
def test_a_wrong_key_and_an_unknown_route_are_refused_as_on_every_relay(
    emulate: Emulate, gateway: str
) -> None:
    wrong = emulate(gateway, key="wrong-key").create()
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (401, "new_api_error")
    unknown = emulate(gateway).get("/kling/v1/videos/omni-video/1")
    assert unknown.json()["error"]["message"] == "Invalid URL (GET /kling/v1/videos/omni-video/1)"


@pytest.mark.parametrize("gateway", ["ezmodel", "elkapi", *CODE_OF_NEW_API])
def test_whatever_is_too_much_for_kling_is_one_sentence(emulate: Emulate, gateway: str) -> None:
    answer = emulate(gateway, parallel_tasks=0).create()
    assert answer.status_code == 429
    assert answer.json() == {"code": "fail_to_fetch_task", "message": SATURATED, "data": None}
