from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from kling_emulator.faults import Kind

from tests.unit.emulator.dialects import EVERY_GATEWAY, SUCCESS_WORDS, url_of, word_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.emulator.conftest import Emulate

    Ask = Callable[[], requests.Response]


class Asker:
    """Sends requests of one sort to Kling's own gateway, where one task has succeeded."""

    def __init__(self, emulate: Emulate, on: str) -> None:
        self.caller = emulate("official")
        self.emulator = self.caller.emulator
        self._on = on
        self._task_id = self.caller.created()
        self._url = self.caller.video_url(self._task_id)
        self._before = self._counts()

    def ask(self) -> requests.Response:
        match self._on:
            case "create":
                return self.caller.create()
            case "query":
                return self.caller.query(self._task_id)
            case "list":
                return self.caller.get(f"/tasks?task_ids={self._task_id}")
            case "account":
                return self.caller.get("/account/costs?start_time=0&end_time=1")
        return requests.get(self._url, timeout=30)

    def counted(self) -> dict[str, int]:
        """What was counted since the task succeeded."""
        now = self._counts()
        return {name: now[name] - self._before[name] for name in now if now[name] != self._before[name]}

    def _counts(self) -> dict[str, int]:
        counters = self.emulator.counters()
        names = ("creates_received", "creates_accepted", "polls", "downloads")
        return {name: getattr(counters, name) for name in names}


COUNTED = {
    "create": {"creates_received": 1, "creates_accepted": 1},
    "query": {"polls": 1},
    "list": {"polls": 1},
    "account": {},
    "file": {"downloads": 1},
}
REFUSED = {**COUNTED, "create": {"creates_received": 1}, "file": {}}


def where(fault: str) -> pytest.MarkDecorator:
    """Everything that a fault can happen to."""
    (kind,) = (kind for kind in Kind if kind.label == fault)
    return pytest.mark.parametrize("on", [place.value for place in kind.places])


def as_usual(on: str, answer: requests.Response) -> bool:
    return answer.status_code == 200 and (on == "file" or answer.json()["code"] == 0)


@where("error-before")
def test_error_before_is_the_server_s_own_error_and_makes_nothing(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="error-before", status=503)
    answer = asker.ask()
    assert answer.status_code == 503
    if on != "file":
        assert (answer.json()["code"], answer.json()["message"]) == (5001, "Service Unavailable")
    assert asker.counted() == REFUSED[on]
    assert as_usual(on, asker.ask())


@where("error-after")
@pytest.mark.parametrize(
    ("status", "code"), [(500, 5000), (504, 5002), (429, 1302), (520, 5000), (400, 1200)]
)
def test_error_after_is_the_server_s_own_error_for_what_was_made(
    emulate: Emulate, on: str, status: int, code: int
) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="error-after", status=status)
    answer = asker.ask()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert asker.counted() == COUNTED[on]


@where("cut-before")
def test_cut_before_closes_the_connection_and_makes_nothing(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="cut-before")
    with pytest.raises(requests.ConnectionError):
        asker.ask()
    assert asker.counted() == REFUSED[on]
    assert as_usual(on, asker.ask())


@where("cut-after")
def test_cut_after_closes_the_connection_when_all_is_made(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="cut-after")
    with pytest.raises(requests.ConnectionError):
        asker.ask()
    assert asker.counted() == COUNTED[on]
    assert len(asker.emulator.tasks()) == 2


@where("slow")
def test_slow_takes_its_time_and_is_as_usual(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="slow", seconds=0.3)
    started = time.monotonic()
    assert as_usual(on, asker.ask())
    assert time.monotonic() - started >= 0.3
    assert asker.counted() == COUNTED[on]


def test_whoever_does_not_wait_for_a_slow_create_has_a_task_all_the_same(emulate: Emulate) -> None:
    caller = emulate("official")
    caller.emulator.plan(on="create", fault="slow", seconds=0.3)
    with pytest.raises(requests.Timeout):
        caller.session.post(caller.emulator.url + caller.path, json={"prompt": "a deer"}, timeout=0.05)
    assert caller.emulator.counters().creates_accepted == 0
    give_up = time.monotonic() + 10
    while not caller.emulator.counters().creates_accepted:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_stop_waits_for_no_slow_answer(emulate: Emulate) -> None:
    caller = emulate("official")
    caller.emulator.plan(on="query", fault="slow", seconds=60)
    with pytest.raises(requests.Timeout):
        caller.session.get(caller.emulator.url + caller.path + "/1", timeout=0.05)
    started = time.monotonic()
    caller.emulator.stop()
    assert time.monotonic() - started < 5


@where("html")
@pytest.mark.parametrize("status", [200, 502, 522])
def test_html_is_a_page_and_makes_nothing(emulate: Emulate, on: str, status: int) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="html", status=status)
    answer = asker.ask()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert answer.text.startswith("<html>")
    assert asker.counted() == REFUSED[on]


@where("html-after")
def test_html_after_is_a_page_for_what_was_made(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="html-after")
    answer = asker.ask()
    assert (answer.status_code, answer.text[:6]) == (502, "<html>")
    assert asker.counted() == COUNTED[on]


@where("truncated")
def test_truncated_is_half_of_the_true_json_and_looks_whole(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="truncated")
    answer = asker.ask()
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.text.startswith('{"code": 0, "message": "SUCCEED"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert asker.counted() == COUNTED[on]


@where("short-body")
def test_short_body_promises_the_whole_sends_half_and_hangs_up(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    asker.emulator.plan(on=on, fault="short-body")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as broken:
        asker.ask()
    numbers = re.search(r"(\d+) bytes read, (\d+) more expected", str(broken.value))
    assert numbers is not None
    assert 0 <= int(numbers[2]) - int(numbers[1]) <= 1
    assert asker.counted() == COUNTED[on]
    assert as_usual(on, asker.ask())


@where("answer")
def test_answer_is_whatever_was_planned_and_makes_nothing(emulate: Emulate, on: str) -> None:
    asker = Asker(emulate, on)
    headers = {"Retry-After": "7", "content-type": "application/problem+json"}
    asker.emulator.plan(on=on, fault="answer", status=418, body={"tea": ["ü"]}, headers=headers)
    asker.emulator.plan(on=on, fault="answer", body="grüße")
    answer = asker.ask()
    assert (answer.status_code, answer.json()) == (418, {"tea": ["ü"]})
    assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == (
        "7",
        "application/problem+json",
    )
    text = asker.ask()
    assert (text.status_code, text.text) == (200, "grüße")
    assert text.headers["Content-Type"].startswith("text/plain")
    assert {name: number / 2 for name, number in asker.counted().items()} == REFUSED[on]


@EVERY_GATEWAY
def test_unknown_status_is_one_word_for_a_task_at_its_end_too(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    task_id = caller.created()
    caller.emulator.plan(on="query", fault="unknown-status")
    lie = caller.report(task_id)
    assert word_of(lie) == "REVIEWING"
    assert "/files/" not in str(lie)
    assert word_of(caller.report(task_id)) in SUCCESS_WORDS


@EVERY_GATEWAY
def test_no_url_waits_for_a_success_and_names_no_link(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    running = caller.created(prompt="a deer [fail]")
    caller.emulator.plan(on="query", fault="no-url")
    caller.report(running)
    task_id = caller.created()
    lie = caller.report(task_id)
    assert word_of(lie) in SUCCESS_WORDS
    assert url_of(lie) == ""
    assert "http" not in str(lie)
    assert url_of(caller.report(task_id)).startswith("http")


@pytest.mark.parametrize("path", ["/v1/videos/text2video", "/tasks?external_task_ids=mine"])
def test_lists_lie_too(emulate: Emulate, path: str) -> None:
    kling = emulate("official")
    kling.created(external_task_id="mine")
    kling.emulator.plan(on="list", fault="unknown-status")
    kling.emulator.plan(on="list", fault="no-url")
    assert "REVIEWING" in kling.get(path).text
    lie = kling.get(path).text
    assert "succeed" in lie
    assert "http" not in lie
    assert "http" in kling.get(path).text


@pytest.mark.parametrize(
    "gateway", ["ezmodel", "elkapi", "newapi", "newapi-old", "ezmodel-code", "crazyrouter"]
)
def test_new_api_fails_at_kling_in_a_create_and_at_its_database_in_a_query(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)
    task_id = caller.created()
    caller.emulator.plan(on="create", fault="error-before", status=504)
    caller.emulator.plan(on="query", fault="error-before", status=500)
    created, queried = caller.create(), caller.query(task_id)
    assert (created.status_code, created.json()["code"]) == (504, "fail_to_fetch_task")
    assert json.loads(created.json()["message"])["code"] == 5002
    assert (queried.status_code, queried.json()["code"]) == (500, "get_task_failed")


def test_a_proxied_file_fails_as_the_relay_does_and_not_for_those_without_a_key(emulate: Emulate) -> None:
    relay = emulate("newapi", proxied_links=True)
    url = relay.video_url(relay.created())
    relay.emulator.plan(on="file", fault="error-before")
    assert requests.get(url, timeout=10).status_code == 401
    assert relay.session.get(url, timeout=10).json()["code"] == "get_task_failed"
    assert relay.session.head(url, timeout=30).status_code == 200


def test_a_fault_after_a_refused_create_hides_the_refusal(emulate: Emulate) -> None:
    caller = emulate("official")
    caller.emulator.plan(on="create", fault="error-after")
    assert caller.create(prompt=None).status_code == 500
    assert caller.emulator.counters().creates_accepted == 0


def test_a_plan_and_the_tags_of_a_prompt_both_happen(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    task_id = caller.created(prompt="a deer [html]")
    caller.emulator.plan(on="query", fault="slow", seconds=0.2)
    started = time.monotonic()
    assert caller.query(task_id).text.startswith("<html>")
    assert time.monotonic() - started >= 0.2


def test_the_page_for_users_has_the_same_table_of_faults_as_the_code() -> None:
    page = Path(__file__).parents[3].joinpath("docs/emulator.md").read_text(encoding="utf-8")
    section = page.split("## Plan faults")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.*?) \| (.+?) \|$", section, flags=re.MULTILINE)

    def details(kind: Kind) -> str:
        return ", ".join(f"`{name}` ({json.dumps(default)})" for name, default in kind.details.items())

    def places(kind: Kind) -> str:
        return "anything" if len(kind.places) == 5 else ", ".join(f"`{place}`" for place in kind.places)

    assert rows == [(kind.label, places(kind), details(kind), kind.meaning) for kind in Kind]
