from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
import pytest

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate

SECRET_KEY = "a secret key of more than thirty-two bytes"


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    return emulate("official")


def test_tasks_are_told_about_by_their_ids_in_the_newer_form(kling: Caller) -> None:
    first, second = kling.created(external_task_id="mine"), kling.created(prompt="a deer [fail]")
    answer = kling.get(f"/tasks?task_ids={second},{first}").json()
    assert (answer["code"], answer["message"]) == (0, "SUCCEED")
    failed, done = answer["data"]
    assert set(done) == {
        *("id", "status", "message", "create_time", "update_time", "external_id", "outputs", "billing"),
    }
    assert (done["id"], done["status"], done["external_id"], done["message"]) == (
        first,
        "succeeded",
        "mine",
        "",
    )
    assert done["create_time"] <= done["update_time"] <= time.time() * 1000
    (video,) = done["outputs"]
    assert (video["type"], video["duration"]) == ("video", "5.0")
    assert video["id"] == kling.report(first)["task_result"]["videos"][0]["id"]
    assert done["billing"] == [{"charge_type": "unit", "amount": "3", "package_type": "video"}]
    assert (failed["id"], failed["status"], failed["external_id"]) == (second, "failed", "")
    assert "failed" in failed["message"]
    assert failed["outputs"] == failed["billing"] == []


def test_a_running_task_has_no_outputs(emulate: Emulate) -> None:
    kling = emulate("official", seconds_per_video=60)
    (task,) = kling.get(f"/tasks?task_ids={kling.created()}").json()["data"]
    assert (task["status"], task["outputs"], task["billing"]) == ("submitted", [], [])


def test_tasks_are_found_by_external_ids_and_unknown_ones_are_left_out(kling: Caller) -> None:
    task_id = kling.created(external_task_id="mine")
    (task,) = kling.get("/tasks?external_task_ids=yours,mine,mine").json()["data"]
    assert task["id"] == task_id
    assert kling.get("/tasks?task_ids=mine,42").json()["data"] == []
    assert kling.emulator.counters().polls == 2


@pytest.mark.parametrize("query", ["", "?task_ids=", "?task_ids=1&external_task_ids=2"])
def test_exactly_one_sort_of_ids_is_wanted(kling: Caller, query: str) -> None:
    answer = kling.get(f"/tasks{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)


@pytest.mark.parametrize("name", ["task_ids", "external_task_ids"])
def test_twenty_ids_are_the_most(kling: Caller, name: str) -> None:
    assert kling.get(f"/tasks?{name}={','.join('1' * 20)}").json()["data"] == []
    answer = kling.get(f"/tasks?{name}={','.join('1' * 21)}")
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert "cannot exceed 20 in total" in answer.json()["message"]


@pytest.mark.parametrize("settings", [{}, {"access_key": "access", "secret_key": SECRET_KEY}])
def test_a_signed_token_is_refused(emulate: Emulate, settings: dict[str, str]) -> None:
    token = jwt.encode({"iss": "access", "exp": int(time.time()) + 1800}, SECRET_KEY)
    kling = emulate("official", key=token, **settings)
    answer = kling.get("/tasks?task_ids=1")
    assert (answer.status_code, answer.json()["code"]) == (401, 1002)
    assert answer.json()["message"] == "The current API does not support AK/SK"
    assert kling.query("1").json()["code"] == 1201
    assert kling.emulator.counters().polls == 1


def test_relays_do_not_serve_it(emulate: Emulate) -> None:
    assert emulate("newapi").get("/tasks?task_ids=1").status_code == 404
