"""What goes wrong: by a plan, whom it hits, and what is said of a plan that makes no sense."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from kling_emulator import Counters
from kling_emulator.faults import FAULTS, Fate, Fault, On, read_plan

from tests.unit.emulator.dialects import COSTS, Caller, Emulate, seen, url_of
from tests.unit.emulator.goldens import stored

DOCS = Path(__file__).parents[3].joinpath("docs/emulator.md").read_text(encoding="utf-8")
Ask = Callable[[], requests.Response]


def asker(emulate: Emulate, on: str) -> tuple[Caller, Ask]:
    """Somebody with a task that has succeeded, and what they ask again and again."""
    caller: Caller = emulate("elkapi" if on == "file" else "official")
    task_id = caller.created()
    url = url_of(caller.report(task_id))
    asks: dict[str, Ask] = {
        "create": caller.create,
        "query": lambda: caller.query(task_id),
        "list": lambda: caller.get(f"/tasks?task_ids={task_id}"),
        "list in pages": lambda: caller.get(caller.path),
        "account": lambda: caller.get(COSTS),
        "file": lambda: requests.get(url, timeout=30),
    }
    return caller, asks[on]


# The details that are planned, what is seen of the answer, and whether what was asked for is made, or
# given, all the same.
WHAT_HAPPENS = stored("faults.json")


@pytest.mark.parametrize(
    ("name", "on"),
    [
        *((name, on.value) for name, fault in FAULTS.items() for on in fault.places),
        ("unknown-status", "list in pages"),
        ("no-url", "list in pages"),
    ],
)
def test_a_fault_hits_one_request_and_makes_what_it_says(emulate: Emulate, name: str, on: str) -> None:
    details, answer, is_made = WHAT_HAPPENS[name]
    caller, ask = asker(emulate, on)
    caller.emulator.plan(on=on.split()[0], fault=name, **details)

    assert re.match(answer, seen(ask))

    counted = {
        "create": Counters(creates_received=2, creates_accepted=1 + is_made, polls=1),
        "account": Counters(creates_received=1, creates_accepted=1, polls=1),
        "file": Counters(creates_received=1, creates_accepted=1, polls=1, downloads=int(is_made)),
    }
    poll = Counters(creates_received=1, creates_accepted=1, polls=2)
    assert replace(caller.emulator.counters(), connections=0) == counted.get(on, poll)
    assert seen(ask).startswith("200")


def test_an_answer_can_be_a_text_as_it_is(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="answer", body="grüße", headers={"retry-after": "7"})

    answer = kling.query("1")

    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (200, "grüße", "7")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_no_url_waits_for_an_answer_with_a_success(kling: Caller) -> None:
    failed, succeeded = kling.created(prompt="a deer [fail]"), kling.created()
    kling.emulator.plan(on="query", fault="no-url")

    assert kling.report(failed)["task_status"] == "failed"
    assert [url_of(kling.report(succeeded)) != "" for _ in range(2)] == [False, True]


def test_slow_takes_its_time_also_under_the_tags_of_a_prompt(elkapi: Caller) -> None:
    task_id = elkapi.created(prompt="a deer [html]")
    elkapi.emulator.plan(on="query", fault="slow", seconds=0.2)
    started = time.monotonic()

    assert elkapi.query(task_id).text.startswith("<html>")
    assert time.monotonic() - started >= 0.2


def test_whoever_does_not_wait_for_a_slow_create_has_a_task_all_the_same(kling: Caller) -> None:
    kling.emulator.plan(on="create", fault="slow", seconds=1)

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


def test_a_fault_after_a_refused_create_hides_the_refusal(kling: Caller) -> None:
    kling.emulator.plan(on="create", fault="error-after")

    assert kling.create(prompt=None).status_code == 500
    assert kling.emulator.counters().creates_accepted == 0


def statuses(kling: Caller, queries: int) -> list[int]:
    return [kling.query("1").status_code for _ in range(queries)]


def test_a_plan_hits_what_it_is_for_so_often_as_it_says(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", share=0)
    kling.emulator.plan(on="list", fault="error-before")
    kling.emulator.plan(on="query", fault="error-before")
    kling.emulator.plan(on="query", fault="error-before", times=2, status=503)

    wrong_key = Caller(kling.emulator, "official", "wrong-key")
    assert wrong_key.query("1").status_code == 401, "whoever has no good key uses up no plan"
    assert statuses(kling, 4) == [500, 503, 503, 400]
    assert kling.create().status_code == 200
    assert kling.get(kling.path).status_code == 500
    left = [plan["share"] for plan in kling.admin("GET", "faults").json()]
    assert left == [0], "what is used up is listed no more, and what misses is not used up"


def test_a_plan_without_an_end_outlives_a_stop_until_it_is_cleared(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", times=None)
    assert statuses(kling, 5) == [500] * 5
    kling.emulator.stop()
    kling.emulator.start()
    assert statuses(kling, 1) == [500]
    kling.emulator.clear_faults()
    assert statuses(kling, 1) == [400]


def test_a_share_hits_that_part_of_the_requests_and_the_same_ones_for_a_seed() -> None:
    def hits(seed: int) -> list[bool]:
        plan = read_plan({"on": "query", "fault": "html", "times": None, "share": 0.2, "seed": seed})
        return [plan.hits(On.QUERY, shows_a_success=False) for _ in range(1000)]

    first, again, other = hits(1), hits(1), hits(2)

    assert first == again != other
    assert 150 <= first.count(True) <= 250


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
    assert kling.admin("POST", "faults", data=b"{").status_code == 400
    assert kling.admin("POST", "reset").status_code == 204
    assert kling.admin("GET", "faults").json() == []


@pytest.mark.parametrize(("plan", "message"), stored("wrong_plans.json"))
def test_a_wrong_plan_is_refused_over_http_with_its_field_its_value_and_what_is_allowed(
    kling: Caller, plan: Any, message: str
) -> None:
    for body in (plan, [{"on": "file", "fault": "html"}, plan]):
        refused = kling.admin("POST", "faults", json=body)
        assert refused.status_code == 400
        assert refused.json()["error"].startswith(message)
    assert kling.admin("GET", "faults").json() == [], "all plans of a list, or none"


def test_a_wrong_plan_is_a_value_error_in_python(kling: Caller) -> None:
    with pytest.raises(ValueError, match=r"body .* is not JSON or text"):
        kling.emulator.plan(on="query", fault="answer", body=object())
    with pytest.raises(ValueError, match="seconds NaN is not a number from 0"):
        kling.emulator.plan(on="query", fault="slow", seconds=float("nan"))


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
