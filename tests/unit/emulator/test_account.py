"""The keys of an account, its tasks by id and in lists, and how much it may ask for."""

from __future__ import annotations

import re
import time
from typing import Any

import jwt
import pytest
import requests
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import COSTS, Caller, Emulate
from tests.unit.emulator.goldens import stored

ACCESS_KEY = "access-key"
SECRET_KEY = "a secret key of more than thirty-two bytes"
PAIR = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
RATE, PARALLEL, UNITS = 1302, 1303, 1102


def token(secret_key: str = SECRET_KEY, **claims: Any) -> str:
    now = int(time.time())
    claims = {"iss": ACCESS_KEY, "exp": now + 1800, "nbf": now - 5, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret_key)


UNSIGNED = jwt.encode({"iss": ACCESS_KEY, "exp": 4_000_000_000}, "", algorithm="none")


def code_for(caller: Caller, authorization: str) -> int:
    caller.session.headers["Authorization"] = authorization
    answer = caller.get(caller.path)
    code = int(answer.json()["code"])
    assert answer.status_code == (401 if code else 200)
    return code


def test_kling_takes_good_keys_and_tokens_and_has_a_code_for_each_other(emulate: Emulate) -> None:
    kling = emulate("official", api_keys=("good-key", "wrong-key"), **PAIR)
    headers = {
        0: ["Bearer good-key", f"Bearer {token()}", f"bearer {token(nbf=None)}"],
        1000: [
            *("Bearer other-key", "Bearer wrong-key", f"Bearer {token(iss='somebody-else')}"),
            f"Bearer {token('another secret key of more than thirty-two bytes')}",
        ],
        1001: [""],
        1002: [
            *("good-key", "Bearer", "Basic Z29vZC1rZXk6", "Bearer a.b.c"),
            *(f"Bearer {token(exp=None)}", f"Bearer {UNSIGNED}"),
        ],
        1003: [f"Bearer {token(nbf=4_000_000_000, exp=4_000_001_800)}"],
        1004: [f"Bearer {token(exp=1_000_000_000)}"],
    }

    for code, authorizations in headers.items():
        for authorization in authorizations:
            assert code_for(kling, authorization) == code, authorization
    assert kling.emulator.counters().polls == len(headers[0])


def test_without_an_access_key_a_token_is_a_key_like_any_other_but_the_wrong_one(kling: Caller) -> None:
    codes = [code_for(kling, f"Bearer {key}") for key in (token(exp=1), "whatever", "wrong-key")]

    assert codes == [0, 0, 1000]


@pytest.mark.parametrize("settings", [{}, PAIR])
def test_the_newer_standard_takes_no_tokens(emulate: Emulate, settings: dict[str, str]) -> None:
    kling = emulate("official", key=token(), **settings)

    answer = kling.get("/tasks?task_ids=1")

    assert (answer.status_code, answer.json()["code"]) == (401, 1002)
    assert answer.json()["message"] == "The current API does not support AK/SK"
    assert kling.query("1").json()["code"] == 1201


def test_an_external_id_finds_its_task_even_if_nobody_heard_of_it(kling: Caller) -> None:
    kling.created(external_task_id="mine")
    with pytest.raises(requests.ConnectionError):
        kling.create(prompt="a deer [lost]", external_task_id="lost")

    assert kling.report("lost")["task_info"] == {"external_task_id": "lost"}


def test_a_list_has_the_newest_first_in_pages(kling: Caller) -> None:
    oldest, middle, newest = (kling.created() for _ in range(3))

    pages = [kling.get(f"{kling.path}?pageNum={page}&pageSize=2").json()["data"] for page in (1, 2, 3)]

    assert [task["task_id"] for task in pages[0]] == [newest, middle]
    assert pages[1:] == [[kling.report(oldest)], []]


def test_what_a_list_or_the_account_cannot_be_asked_is_refused(kling: Caller) -> None:
    for path, message in stored("wrong_questions.json"):
        answer = kling.get(path)
        assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (400, 1201, message)


def test_the_newer_standard_finds_up_to_twenty_tasks_in_the_order_asked_for(emulate: Emulate) -> None:
    seconds = iter([0.0, 0.0, 600.0])
    kling = emulate("official", seconds_per_video=lambda: next(seconds))
    first, second, running = kling.created(external_task_id="mine"), kling.created(), kling.created()

    def found(query: str) -> list[str]:
        return [task["id"] for task in kling.get(f"/tasks?{query}").json()["data"]]

    assert found(f"task_ids={second},{first}") == [second, first]
    assert found("external_task_ids=yours,mine,mine") == [first]
    assert found("task_ids=mine,42") == []
    assert found(f"task_ids={','.join('1' * 20)}") == []
    (task,) = kling.get(f"/tasks?task_ids={running}").json()["data"]
    assert (task["status"], task["outputs"], task["billing"]) == ("submitted", [], [])


def test_a_task_holds_its_place_until_its_end_and_a_failed_one_no_longer(emulate: Emulate) -> None:
    seconds = iter([0.0, 600.0])
    kling = emulate("official", parallel_tasks=1, seconds_per_video=lambda: next(seconds))

    kling.created(prompt="a deer [fail]")
    assert kling.create(prompt=None).status_code == 400, "which takes no time of a video's"
    kling.created()

    assert kling.create().json()["code"] == PARALLEL


def test_a_second_s_worth_of_requests_may_come_at_once_and_more_after_a_while(emulate: Emulate) -> None:
    kling = emulate("official", requests_per_second=2)

    answers = [kling.query("unknown").status_code for _ in range(40)]
    time.sleep(0.6)

    assert answers[:2] == [400] * 2
    assert 429 in answers
    assert kling.query("unknown").status_code == 400


def test_lists_and_the_account_are_limited_but_admin_paths_are_not(emulate: Emulate) -> None:
    kling = emulate("official", requests_per_second=0.02)
    assert code_for(kling, "Bearer wrong-key") == 1000, "whoever has no good key uses up nothing"
    assert code_for(kling, "Bearer any-key") == 0

    paths = (kling.path, "/tasks?task_ids=1", COSTS)
    assert [kling.get(path).json()["code"] for path in paths] == [RATE] * 3
    assert [kling.admin("GET", "counters").status_code for _ in range(3)] == [200] * 3


def test_a_pack_pays_for_successes_until_nothing_is_left(emulate: Emulate) -> None:
    seconds = iter([0.0, 0.0, 600.0, 0.0])
    kling = emulate("official", units=6, seconds_per_video=lambda: next(seconds))

    def pack() -> tuple[float, float, str]:
        (pack,) = kling.get(COSTS).json()["data"]["resource_pack_subscribe_infos"]
        return pack["total_quantity"], pack["remaining_quantity"], pack["status"]

    for prompt in ("a deer", "a deer [fail]", "a deer"):
        kling.created(prompt=prompt)
    assert pack() == (6, 3, "online"), "a task is paid for when it succeeds, not before"
    kling.created()
    assert pack() == (6, 0, "runOut")
    assert kling.create().json()["code"] == UNITS


def test_limits_outlive_a_stop_and_a_start_and_a_reset_gives_all_back(emulate: Emulate) -> None:
    kling = emulate("official", units=3, parallel_tasks=1, requests_per_second=100)
    kling.created()
    kling.emulator.stop()
    kling.emulator.start()
    assert kling.create().json()["code"] == UNITS
    assert kling.admin("POST", "reset").status_code == 204
    assert kling.create().status_code == 200


@pytest.mark.parametrize(("settings", "message"), stored("wrong_settings.json"))
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        KlingEmulator(**settings)
