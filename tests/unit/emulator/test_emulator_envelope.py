from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate


@pytest.fixture
def relay(emulate: Emulate) -> Caller:
    return emulate("envelope")


def assert_refused(answer: requests.Response, status: int, code: int) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"], body["data"]) == (status, code, None)
    assert set(body) == {"code", "message", "request_id", "data"}


def test_a_create_is_answered_with_kling_s_envelope_an_id_and_a_word(relay: Caller) -> None:
    answer = relay.create().json()
    assert (answer["code"], answer["message"]) == (0, "SUCCEED")
    assert str(uuid.UUID(answer["request_id"])) == answer["request_id"]
    assert answer["data"] == {"task_id": answer["data"]["task_id"], "task_status": "submitted"}


def test_a_task_goes_through_kling_s_words_to_nothing_but_a_link(emulate: Emulate) -> None:
    relay = emulate("envelope", seconds_per_video=1)
    task_id = relay.created()
    assert relay.watch(task_id) == ["submitted", "processing", "succeed"]
    report = relay.report(task_id)
    (video,) = report["task_result"]["videos"]
    assert set(video) == {"url"}
    assert requests.head(video["url"], timeout=10).status_code == 200
    assert report["created_at"] <= report["updated_at"] <= time.time(), "times are in seconds"


def test_a_failed_task_says_why(relay: Caller) -> None:
    report = relay.report(relay.created(prompt="a deer [moderation]"))
    assert report["task_status"] == "failed"
    assert report["task_status_msg"] == "Failure to pass the risk control system"
    assert "task_result" not in report


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"duration": "99"}, 400, 1200, "duration value '99' is invalid"),
        ({"prompt": None}, 400, 1200, "prompt cannot be empty"),
        ({"model_name": "kling-v9"}, 404, 1203, "model kling-v9 not found"),
    ],
)
def test_kling_s_refusal_keeps_its_status_and_sentence_but_not_its_code(
    relay: Caller, fields: dict[str, Any], status: int, code: int, message: str
) -> None:
    answer = relay.create(**fields)
    assert_refused(answer, status, code)
    assert answer.json()["message"] == message


def test_an_external_id_is_taken_once_but_finds_nothing(relay: Caller) -> None:
    relay.created(external_task_id="mine")
    assert_refused(relay.create(external_task_id="mine"), 400, 1200)
    assert_refused(relay.query("mine"), 404, 1203)


def test_what_is_unknown_or_unreadable_or_without_a_key_is_refused(emulate: Emulate, relay: Caller) -> None:
    assert_refused(relay.query("42"), 404, 1203)
    assert_refused(relay.get("/v1/videos/text2video"), 404, 1203)
    assert_refused(relay.session.post(relay.emulator.url + relay.path, data=b"{", timeout=10), 400, 1200)
    assert_refused(emulate("envelope", key="wrong-key").create(), 401, 1000)
    assert_refused(requests.get(relay.emulator.url + relay.path, timeout=10), 401, 1000)


@pytest.mark.parametrize(
    ("status", "code"), [(500, 5000), (502, 5000), (503, 5001), (504, 5002), (418, 1200)]
)
def test_a_failure_has_the_code_of_its_status(relay: Caller, status: int, code: int) -> None:
    relay.emulator.plan(on="create", fault="error-after", status=status)
    assert_refused(relay.create(), status, code)
    assert relay.emulator.counters().creates_accepted == 1
