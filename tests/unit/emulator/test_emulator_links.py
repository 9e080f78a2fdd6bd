from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import EVERY_GATEWAY, PATHS

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate


@pytest.fixture
def relay(emulate: Emulate) -> Caller:
    return emulate("newapi", proxied_links=True)


@EVERY_GATEWAY
def test_a_link_is_good_for_a_while_and_a_fresh_query_gives_a_fresh_one(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway, link_seconds=1)
    task_id = caller.created()
    url = caller.video_url(task_id)
    assert requests.head(url, timeout=10).status_code == 200
    time.sleep(max(0, float(parse_qs(urlsplit(url).query)["Expires"][0]) - time.time()))
    assert requests.get(url, timeout=10).status_code == 403
    assert requests.head(caller.video_url(task_id), timeout=10).status_code == 200


def test_an_expired_link_cannot_be_made_to_last(emulate: Emulate) -> None:
    caller = emulate("elkapi", link_seconds=0)
    url = caller.video_url(caller.created())
    assert requests.get(url, timeout=10).status_code == 403
    expires = parse_qs(urlsplit(url).query)["Expires"][0]
    assert requests.get(url.replace(expires, "99999999999"), timeout=10).status_code == 403


def test_without_a_setting_a_link_is_good_for_thirty_days_from_the_end_of_its_task(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    expires = parse_qs(urlsplit(caller.video_url(caller.created())).query)["Expires"][0]
    assert int(expires) - time.time() == pytest.approx(30 * 24 * 3600, abs=5)


def test_a_proxied_link_is_the_relay_s_own_and_the_only_one(relay: Caller) -> None:
    task_id = relay.created()
    row = relay.report(task_id)
    assert row["result_url"] == f"{relay.emulator.url}/v1/videos/{task_id}/content"
    assert row["data"]["data"]["task_status"] == "submitted"
    assert "http" not in str(row["data"])


def test_a_proxied_link_wants_the_relay_s_key_and_gives_the_file_and_parts_of_it(relay: Caller) -> None:
    url = relay.video_url(relay.created())
    refused = requests.get(url, timeout=10)
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "new_api_error")
    answer = relay.session.get(url, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    assert answer.content[4:8] == b"ftyp"
    part = relay.session.get(url, headers={"Range": "bytes=4-7"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert relay.emulator.counters().downloads == 2
    assert relay.emulator.counters().polls == 1


def test_a_proxied_link_of_no_finished_task_is_refused_in_openai_s_form(emulate: Emulate) -> None:
    relay = emulate("newapi", proxied_links=True, seconds_per_video=60)
    unknown = relay.get("/v1/videos/task_of_nobody/content")
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (404, "Task not found")
    unfinished = relay.get(f"/v1/videos/{relay.created()}/content")
    assert unfinished.status_code == 400
    assert unfinished.json()["error"]["message"] == "Task is not completed yet, current status: SUBMITTED"


def test_a_failed_task_has_no_proxied_link(relay: Caller) -> None:
    task_id = relay.created(prompt="a deer [fail]")
    assert relay.get(f"/v1/videos/{task_id}/content").status_code == 400
    assert relay.report(task_id)["result_url"] == relay.report(task_id)["fail_reason"]


@pytest.mark.parametrize("gateway", sorted(PATHS.keys() - {"newapi"}))
def test_only_newapi_streams_the_files_itself(emulate: Emulate, gateway: str) -> None:
    with pytest.raises(ValueError, match="only the gateway newapi"):
        KlingEmulator(gateway=gateway, proxied_links=True)
    assert emulate(gateway).get("/v1/videos/1/content").status_code in (400, 404)
