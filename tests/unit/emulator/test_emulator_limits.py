from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import EVERY_GATEWAY, PATHS

if TYPE_CHECKING:
    import requests

    from tests.unit.emulator.conftest import Caller, Emulate

NEW_API = sorted(PATHS.keys() - {"official", "envelope"})
BUSY: dict[str, tuple[int, Any]] = {
    "official": (429, 1303),
    "envelope": (429, 1303),
    **dict.fromkeys(NEW_API, (429, "fail_to_fetch_task")),
}
HASTY = {**BUSY, "official": (429, 1302)}
POOR: dict[str, tuple[int, Any]] = {
    "official": (429, 1102),
    "envelope": (402, 1101),
    **dict.fromkeys(NEW_API, (403, "insufficient_user_quota")),
}


def refusal(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


@EVERY_GATEWAY
def test_one_task_more_than_may_run_at_once_is_refused_and_not_made(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, parallel_tasks=2, seconds_per_video=60)
    caller.created()
    caller.created()
    assert refusal(caller.create()) == BUSY[gateway]
    counters = caller.emulator.counters()
    assert (counters.creates_received, counters.creates_accepted) == (3, 2)


def test_a_task_holds_its_place_until_its_end_and_a_failed_one_no_longer(emulate: Emulate) -> None:
    kling = emulate("official", parallel_tasks=1, seconds_per_video=0.3)
    task_id = kling.created(prompt="a deer [fail]")
    answer = kling.create()
    assert answer.json()["message"] == "parallel task over resource pack limit"
    kling.watch(task_id)
    assert kling.create().status_code == 200


@EVERY_GATEWAY
def test_requests_that_come_too_fast_are_refused_and_counted(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, requests_per_second=0.01)
    task_id = caller.created()
    assert refusal(caller.create()) == refusal(caller.query(task_id)) == HASTY[gateway]
    counters = caller.emulator.counters()
    assert (counters.creates_received, counters.creates_accepted, counters.polls) == (2, 1, 1)


def test_a_second_s_worth_of_requests_may_come_at_once_and_more_after_a_while(emulate: Emulate) -> None:
    kling = emulate("official", requests_per_second=2)
    answers = [kling.query("unknown").status_code for _ in range(8)]
    assert answers[:2] == [400] * 2
    assert answers[-1] == 429
    time.sleep(0.6)
    assert kling.query("unknown").status_code == 400


def test_lists_and_the_account_are_limited_but_files_and_admin_paths_are_not(emulate: Emulate) -> None:
    kling = emulate("official", requests_per_second=2)
    url = kling.video_url(kling.created())
    for path in (kling.path, "/tasks?task_ids=1", "/account/costs?start_time=0&end_time=1"):
        assert refusal(kling.get(path)) == (429, 1302)
    del kling.session.headers["Authorization"]
    assert [kling.session.head(url, timeout=10).status_code for _ in range(3)] == [200] * 3
    assert [kling.admin("GET", "counters").status_code for _ in range(3)] == [200] * 3


def test_whoever_has_no_good_key_uses_up_nothing(emulate: Emulate) -> None:
    kling = emulate("official", requests_per_second=0.01)
    kling.session.headers["Authorization"] = "Bearer wrong-key"
    assert kling.query("1").status_code == 401
    kling.session.headers["Authorization"] = "Bearer any-key"
    assert kling.query("1").status_code == 400


@EVERY_GATEWAY
def test_an_empty_pack_makes_nothing(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, units=0)
    assert refusal(caller.create()) == POOR[gateway]
    assert caller.emulator.counters().creates_accepted == 0


def pack_of(kling: Caller) -> dict[str, Any]:
    answer = kling.get("/account/costs?start_time=0&end_time=1")
    pack: dict[str, Any] = answer.json()["data"]["resource_pack_subscribe_infos"][0]
    return pack


def test_a_pack_pays_for_successes_until_nothing_is_left(emulate: Emulate) -> None:
    kling = emulate("official", units=6)
    kling.created()
    kling.created(prompt="a deer [fail]")
    pack = pack_of(kling)
    assert (pack["total_quantity"], pack["remaining_quantity"], pack["status"]) == (6, 3, "online")
    kling.created()
    pack = pack_of(kling)
    assert (pack["total_quantity"], pack["remaining_quantity"], pack["status"]) == (6, 0, "runOut")
    answer = kling.create()
    assert refusal(answer) == (429, 1102)
    assert answer.json()["message"] == "Account balance not enough"


def test_a_task_is_paid_for_when_it_succeeds_not_before(emulate: Emulate) -> None:
    kling = emulate("official", units=3, seconds_per_video=60)
    kling.created()
    assert pack_of(kling)["remaining_quantity"] == 3
    assert kling.create().status_code == 200


def test_limits_outlive_a_stop_and_a_start_and_a_reset_gives_all_back(emulate: Emulate) -> None:
    kling = emulate("official", units=3, parallel_tasks=1, requests_per_second=100)
    kling.created()
    kling.emulator.stop()
    kling.emulator.start()
    assert refusal(kling.create()) == (429, 1102)
    assert kling.admin("POST", "reset").status_code == 204
    assert kling.create().status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"parallel_tasks": -1},
        {"requests_per_second": 0},
        {"units": -0.5},
        {"status_age_seconds": -1},
        {"link_seconds": float("nan")},
        {"requests_per_second": float("inf")},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        KlingEmulator(**settings)


def test_kling_s_sentence_about_money_never_comes_through_new_api(emulate: Emulate) -> None:
    assert "balance" not in json.dumps(emulate("newapi", units=0).create().json())
