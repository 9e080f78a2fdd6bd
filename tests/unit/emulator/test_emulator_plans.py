from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Caller, Emulate


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    return emulate("official")


def statuses(kling: Caller, queries: int) -> list[int]:
    return [kling.query("1").status_code for _ in range(queries)]


def test_a_plan_hits_once_by_default_and_so_often_as_it_says(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before")
    kling.emulator.plan(on="query", fault="error-before", times=2, status=503)
    assert statuses(kling, 4) == [500, 503, 503, 400]


def test_a_plan_without_an_end_hits_until_it_is_cleared(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", times=None)
    assert statuses(kling, 5) == [500] * 5
    kling.emulator.clear_faults()
    assert statuses(kling, 1) == [400]


def test_a_plan_hits_only_what_it_is_for(kling: Caller) -> None:
    kling.emulator.plan(on="list", fault="error-before")
    assert statuses(kling, 1) == [400]
    assert kling.create().status_code == 200
    assert kling.get(kling.path).status_code == 500


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


def test_a_used_up_plan_is_listed_no_more(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before")
    assert statuses(kling, 1) == [500]
    assert kling.admin("GET", "faults").json() == []


def test_a_reset_forgets_the_plans_and_a_stop_does_not(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before", times=None)
    kling.emulator.stop()
    kling.emulator.start()
    assert statuses(kling, 1) == [500]
    kling.admin("POST", "reset")
    assert statuses(kling, 1) == [400]


def test_requests_without_a_good_key_use_up_no_plan(kling: Caller) -> None:
    kling.emulator.plan(on="query", fault="error-before")
    kling.session.headers["Authorization"] = "Bearer wrong-key"
    assert statuses(kling, 1) == [401]
    kling.session.headers["Authorization"] = "Bearer any-key"
    assert statuses(kling, 1) == [500]


WRONG: list[tuple[Any, str]] = [
    (5, "a plan is a JSON object, not 5"),
    ({"fault": "html"}, "on null is not one of create, query, list, account, file"),
    ({"on": "quer", "fault": "html"}, 'on "quer" is not one of create, query, list, account, file'),
    ({"on": "query"}, "fault null is not one of error-before, "),
    ({"on": "query", "fault": ["html"]}, 'fault ["html"] is not one of error-before, '),
    ({"on": "account", "fault": "no-url"}, 'on "account" is not where no-url can happen: query, list'),
    ({"on": "query", "fault": "cut-after"}, 'on "query" is not where cut-after can happen: create'),
    ({"on": "query", "fault": "html", "seconds": 1}, "seconds 1 is no field of html, which has on, fault, "),
    ({"on": "query", "fault": "html", "times": 0}, "times 0 is not a whole number from 1, or null"),
    ({"on": "query", "fault": "html", "times": True}, "times true is not a whole number from 1, or null"),
    ({"on": "query", "fault": "html", "share": 1.5}, "share 1.5 is not a number from 0 to 1"),
    ({"on": "query", "fault": "html", "seed": "x"}, 'seed "x" is not a whole number'),
    ({"on": "query", "fault": "html", "status": 199}, "status 199 is not a whole number from 200 to 599"),
    (
        {"on": "query", "fault": "error-before", "status": 302},
        "status 302 is not a whole number from 400 to 599",
    ),
    ({"on": "query", "fault": "slow", "seconds": -1}, "seconds -1 is not a number from 0"),
    (
        {"on": "query", "fault": "answer", "headers": {"A": 1}},
        'headers {"A": 1} is not an object of header names',
    ),
    (
        {"on": "query", "fault": "answer", "headers": {"A": "\n"}},
        'headers {"A": "\\n"} is not an object of header',
    ),
    ({"on": "query", "fault": "answer", "headers": []}, "headers [] is not an object of header names"),
]


@pytest.mark.parametrize(("plan", "message"), WRONG)
def test_a_wrong_plan_is_refused_over_http_with_its_field_its_value_and_what_is_allowed(
    kling: Caller, plan: Any, message: str
) -> None:
    good = {"on": "query", "fault": "html"}
    for body in (plan, [good, plan]):
        answer = kling.admin("POST", "faults", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(message)
    assert kling.admin("GET", "faults").json() == [], "all plans of a list, or none"


def test_what_is_no_json_is_refused(kling: Caller) -> None:
    answer = kling.admin("POST", "faults", data=b"{")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_wrong_plan_is_a_value_error_in_python(kling: Caller) -> None:
    with pytest.raises(ValueError, match='fault "htm" is not one of error-before, '):
        kling.emulator.plan(on="query", fault="htm")
    with pytest.raises(ValueError, match=r"body .* is not JSON or text"):
        kling.emulator.plan(on="query", fault="answer", body=object())
    with pytest.raises(ValueError, match="seconds NaN is not a number from 0"):
        kling.emulator.plan(on="query", fault="slow", seconds=float("nan"))
    with pytest.raises(ValueError, match="sattus 500 is no field of html"):
        kling.emulator.plan(on="query", fault="html", sattus=500)
