"""What goes wrong: by a plan, whom it hits, and what is said of a plan that makes no sense."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from kling_emulator import Counters
from kling_emulator.faults import FAULTS, Fate, Fault

from tests.unit.emulator.goldens import GOLDEN

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate
    from tests.unit.emulator.dialects import Caller

DOCS = Path(__file__).parents[3].joinpath("docs/emulator.md").read_text(encoding="utf-8")
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Asker:
    """Sends requests of one sort to Kling's own gateway, where one task has succeeded."""

    def __init__(self, kling: Caller, on: str) -> None:
        self.kling = kling
        self._on = on
        self._task_id = kling.created()
        self._url = kling.report(self._task_id)["task_result"]["videos"][0]["url"]

    def ask(self) -> requests.Response:
        match self._on:
            case "create":
                return self.kling.create()
            case "query":
                return self.kling.query(self._task_id)
            case "list":
                return self.kling.get(f"/tasks?task_ids={self._task_id}")
            case "account":
                return self.kling.get("/account/costs?start_time=0&end_time=1")
        return requests.get(self._url, timeout=30)


MADE = {
    "create": Counters(creates_received=2, creates_accepted=2, polls=1),
    "query": Counters(creates_received=1, creates_accepted=1, polls=2),
    "list": Counters(creates_received=1, creates_accepted=1, polls=2),
    "account": Counters(creates_received=1, creates_accepted=1, polls=1),
    "file": Counters(creates_received=1, creates_accepted=1, polls=1, downloads=1),
}
NOT_MADE = {
    **MADE,
    "create": Counters(creates_received=2, creates_accepted=1, polls=1),
    "file": Counters(creates_received=1, creates_accepted=1, polls=1),
}
HEADERS = {"Retry-After": "7", "content-type": "application/problem+json"}
# The details that are planned, the status that is answered (None: the connection breaks), and whether
# what was asked for is made, or given, all the same.
WHAT_HAPPENS: dict[str, tuple[dict[str, Any], int | None, bool]] = {
    "error-before": ({"status": 503}, 503, False),
    "error-after": ({"status": 504}, 504, True),
    "cut-before": ({}, None, False),
    "cut-after": ({}, None, True),
    "slow": ({"seconds": 0.2}, 200, True),
    "html": ({"status": 522}, 522, False),
    "html-after": ({}, 502, True),
    "truncated": ({}, 200, True),
    "unknown-status": ({}, 200, True),
    "no-url": ({}, 200, True),
    "short-body": ({}, None, True),
    "answer": ({"status": 418, "body": {"tea": ["ü"]}, "headers": HEADERS}, 418, False),
}


@pytest.mark.parametrize(
    ("name", "on"), [(name, on) for name, fault in FAULTS.items() for on in fault.places]
)
def test_a_fault_hits_one_request_and_makes_what_it_says(kling: Caller, name: str, on: str) -> None:
    details, status, is_made = WHAT_HAPPENS[name]
    asker = Asker(kling, on)
    kling.emulator.plan(on=on, fault=name, **details)

    if status is None:
        with pytest.raises(BROKEN):
            asker.ask()
    else:
        assert asker.ask().status_code == status

    counters = replace(kling.emulator.counters(), connections=0)
    assert counters == (MADE if is_made else NOT_MADE)[on]
    assert asker.ask().status_code == 200


@pytest.mark.parametrize("on", ["list", "account", "query", "create"])
def test_an_error_is_in_kling_s_form_and_a_page_in_none(kling: Caller, on: str) -> None:
    asker = Asker(kling, on)
    kling.emulator.plan(on=on, fault="error-before", status=503)
    kling.emulator.plan(on=on, fault="html", status=200)
    kling.emulator.plan(on=on, fault="truncated")

    error, page, half = (asker.ask() for _ in range(3))

    assert (error.json()["code"], error.json()["message"]) == (5001, "Service Unavailable")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<html>")
    assert int(half.headers["Content-Length"]) == len(half.content)
    assert half.text.startswith('{"code": 0, "message": "SUCCEED"')
    with pytest.raises(json.JSONDecodeError):
        half.json()


@pytest.mark.parametrize("on", ["query", "file"])
def test_short_body_promises_the_whole_and_sends_half(kling: Caller, on: str) -> None:
    asker = Asker(kling, on)
    kling.emulator.plan(on=on, fault="short-body")

    with pytest.raises(BROKEN) as broken:
        asker.ask()

    numbers = re.search(r"(\d+) bytes read, (\d+) more expected", str(broken.value))
    assert numbers is not None
    assert 0 <= int(numbers[2]) - int(numbers[1]) <= 1


@pytest.mark.parametrize("on", ["query", "file"])
def test_answer_is_whatever_was_planned(kling: Caller, on: str) -> None:
    asker = Asker(kling, on)
    kling.emulator.plan(on=on, fault="answer", status=418, body={"tea": ["ü"]}, headers=HEADERS)
    kling.emulator.plan(on=on, fault="answer", body="grüße")

    tea, text = asker.ask(), asker.ask()

    assert (tea.status_code, tea.json()) == (418, {"tea": ["ü"]})
    assert (tea.headers["Retry-After"], tea.headers["Content-Type"]) == ("7", "application/problem+json")
    assert (text.status_code, text.text) == (200, "grüße")
    assert text.headers["Content-Type"].startswith("text/plain")


def test_slow_takes_its_time_also_under_the_tags_of_a_prompt(elkapi: Caller) -> None:
    task_id = elkapi.created(prompt="a deer [html]")
    elkapi.emulator.plan(on="query", fault="slow", seconds=0.2)
    started = time.monotonic()

    assert elkapi.query(task_id).text.startswith("<html>")
    assert time.monotonic() - started >= 0.2


def test_whoever_does_not_wait_for_a_slow_create_has_a_task_all_the_same(kling: Caller) -> None:
    kling.emulator.plan(on="create", fault="slow", seconds=1.5)

    with pytest.raises(requests.Timeout):
        kling.session.post(kling.emulator.url + kling.path, json={"prompt": "a deer"}, timeout=0.05)

    assert kling.emulator.counters().creates_accepted == 0
    give_up = time.monotonic() + 60
    while not kling.emulator.counters().creates_accepted:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_stop_waits_for_no_slow_answer(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="slow", seconds=600)
    with pytest.raises(requests.Timeout):
        kling.session.get(kling.emulator.url + kling.path + "/1", timeout=0.05)
    started = time.monotonic()

    kling.emulator.stop()

    assert time.monotonic() - started < 60


@pytest.mark.parametrize("path", ["/v1/videos/text2video", "/tasks?external_task_ids=mine"])
def test_lists_lie_too(kling: Caller, path: str) -> None:
    kling.created(external_task_id="mine")
    kling.emulator.plan(on="list", fault="unknown-status")
    kling.emulator.plan(on="list", fault="no-url")

    strange, bare, honest = (kling.get(path).text for _ in range(3))

    assert "REVIEWING" in strange
    assert "succeed" in bare
    assert "http" not in bare
    assert "http" in honest


def test_a_fault_after_a_refused_create_hides_the_refusal(kling: Caller) -> None:
    kling.emulator.plan(on="create", fault="error-after")

    assert kling.create(prompt=None).status_code == 500
    assert kling.emulator.counters().creates_accepted == 0


def statuses(kling: Caller, queries: int) -> list[int]:
    return [kling.query("1").status_code for _ in range(queries)]


def test_a_plan_hits_what_it_is_for_so_often_as_it_says(kling: Caller) -> None:
    kling.emulator.plan(on="list", fault="error-before")
    kling.emulator.plan(on="query", fault="error-before")
    kling.emulator.plan(on="query", fault="error-before", times=2, status=503)

    assert statuses(kling, 4) == [500, 503, 503, 400]
    assert kling.create().status_code == 200
    assert kling.get(kling.path).status_code == 500
    assert kling.admin("GET", "faults").json() == [], "what is used up is listed no more"


def test_a_plan_without_an_end_outlives_a_stop_until_it_is_cleared_or_all_is_reset(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", times=None)
    assert statuses(kling, 5) == [500] * 5
    kling.emulator.stop()
    kling.emulator.start()
    assert statuses(kling, 1) == [500]
    kling.emulator.clear_faults()
    assert statuses(kling, 1) == [400]
    kling.emulator.plan(on="query", fault="error-before", times=None)
    kling.admin("POST", "reset")
    assert statuses(kling, 1) == [400]


def test_a_share_hits_that_part_of_the_requests_and_the_same_ones_for_a_seed(emulate: Emulate) -> None:
    def hits(seed: int) -> list[int]:
        kling = emulate("official")
        kling.emulator.plan(on="query", fault="error-before", times=None, share=0.2, seed=seed)
        return statuses(kling, 100)

    first, again, other = hits(1), hits(1), hits(2)

    assert first == again != other
    assert 8 <= first.count(500) <= 35
    assert first.count(400) == 100 - first.count(500)


def test_a_plan_whose_dice_miss_leaves_the_request_to_the_next_one(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", share=0, status=503)
    kling.emulator.plan(on="query", fault="error-before")

    assert statuses(kling, 2) == [500, 400]


def test_plans_are_made_listed_and_cleared_over_http(kling: Caller) -> None:
    plan = {"on": "query", "fault": "answer", "times": 2, "status": 418, "body": {"tea": True}}
    assert kling.admin("POST", "faults", json=plan).status_code == 204
    assert kling.admin("POST", "faults", json=[{"on": "file", "fault": "cut-before"}]).status_code == 204
    assert statuses(kling, 1) == [418]
    listed = kling.admin("GET", "faults").json()
    assert listed == [
        {**plan, "times": 1, "share": 1.0, "seed": 0, "headers": {}},
        {"on": "file", "fault": "cut-before", "times": 1, "share": 1.0, "seed": 0},
    ]
    assert kling.admin("DELETE", "faults").status_code == 204
    assert kling.admin("GET", "faults").json() == []
    assert statuses(kling, 1) == [400]
    assert kling.admin("POST", "faults", json=listed).status_code == 204
    assert kling.admin("GET", "faults").json() == listed


def test_requests_without_a_good_key_use_up_no_plan(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before")
    kling.session.headers["Authorization"] = "Bearer wrong-key"
    assert statuses(kling, 1) == [401]
    kling.session.headers["Authorization"] = "Bearer any-key"
    assert statuses(kling, 1) == [500]


@pytest.mark.parametrize(
    ("plan", "message"),
    json.loads((GOLDEN / "wrong_plans.json").read_text(encoding="utf-8")),
)
def test_a_wrong_plan_is_refused_over_http_with_its_field_its_value_and_what_is_allowed(
    kling: Caller, plan: Any, message: str
) -> None:
    for body in (plan, [{"on": "file", "fault": "html"}, plan]):
        refused = kling.admin("POST", "faults", json=body)
        assert refused.status_code == 400
        assert refused.json()["error"].startswith(message)
    assert kling.admin("GET", "faults").json() == [], "all plans of a list, or none"


def test_a_plan_that_is_no_json_is_refused(kling: Caller) -> None:
    refused = kling.admin("POST", "faults", data=b"{")

    assert refused.status_code == 400
    assert refused.json()["error"]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"fault": "htm"}, 'fault "htm" is not one of error-before, '),
        ({"fault": "answer", "body": object()}, r"body .* is not JSON or text"),
        ({"fault": "slow", "seconds": float("nan")}, "seconds NaN is not a number from 0"),
        ({"fault": "html", "sattus": 500}, "sattus 500 is no field of html"),
    ],
)
def test_a_wrong_plan_is_a_value_error_in_python(kling: Caller, plan: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kling.emulator.plan(on="query", **plan)


def test_the_page_for_users_has_the_same_tables_of_tags_and_faults_as_the_code() -> None:
    tags = re.findall(r"^\| `(\[.+?\])` \| (.+?) \|$", DOCS, flags=re.MULTILINE)
    section = DOCS.split("## Plan faults")[1].split("\n## ")[0]
    faults = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.*?) \| (.+?) \|$", section, flags=re.MULTILINE)

    def details(fault: type[Fault]) -> str:
        own = {name: field for name, field in fault.model_fields.items() if name not in Fault.model_fields}
        return ", ".join(f"`{name}` ({json.dumps(field.default)})" for name, field in own.items())

    def places(fault: type[Fault]) -> str:
        return "anything" if len(fault.places) == 5 else ", ".join(f"`{place}`" for place in fault.places)

    assert tags == [(fate.tag, fate.meaning) for fate in Fate]
    assert faults == [(name, places(fault), details(fault), fault.meaning) for name, fault in FAULTS.items()]
