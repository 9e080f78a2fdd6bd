from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from kling_emulator.fates import Fate

from tests.unit.emulator.dialects import EVERY_GATEWAY, FAILED_WORDS, SUCCESS_WORDS, url_of, word_of

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate


@EVERY_GATEWAY
def test_fail_and_moderation_end_failed_with_different_reasons(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    failed = caller.report(caller.created(prompt="a deer [fail]"))
    moderated = caller.report(caller.created(prompt="[moderation] a deer"))
    assert word_of(failed) in FAILED_WORDS
    assert "risk control" not in str(failed)
    assert "Failure to pass the risk control system" in str(moderated)


@EVERY_GATEWAY
def test_slow_takes_ten_times_as_long(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, seconds_per_video=0.05, status_age_seconds=0)
    started = time.monotonic()
    caller.watch(caller.created(prompt="a deer [slow]"))
    assert time.monotonic() - started >= 0.5


@EVERY_GATEWAY
def test_no_url_is_a_success_that_names_no_url_anywhere(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    report = caller.report(caller.created(prompt="a deer [no-url]"))
    assert word_of(report) in SUCCESS_WORDS
    assert url_of(report) == ""
    assert "http" not in str(report)


def test_no_url_keeps_the_place_where_the_url_would_be(emulate: Emulate) -> None:
    for gateway in ("official", "ezmodel"):
        caller = emulate(gateway)
        report = caller.report(caller.created(prompt="a deer [no-url]"))
        assert report["task_status"] == "succeed"
        assert report["task_result"] == {"videos": []}
    elkapi = emulate("elkapi")
    report = elkapi.report(elkapi.created(prompt="a deer [no-url]"))
    assert (report["status"], report["url"]) == ("completed", "")


def transferred(url: str) -> tuple[int, int]:
    """The bytes that a download promised, and the bytes that came."""
    came = 0
    with requests.get(url, stream=True, timeout=10) as answer:
        promised = int(answer.headers["Content-Length"])
        try:
            for chunk in answer.iter_content(1000):
                came += len(chunk)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            pass
    return promised, came


def test_cut_stops_the_first_transfer_half_way_and_no_other(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    url = caller.video_url(caller.created(prompt="a deer [cut]"))
    # Looking at the headers is no transfer.
    assert int(requests.head(url, timeout=10).headers["Content-Length"]) > 0
    promised, came = transferred(url)
    assert 0 < came <= promised // 2
    assert transferred(url) == (promised, promised)
    assert caller.emulator.counters().downloads == 2


def test_cut_always_stops_every_transfer_half_way(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    url = caller.video_url(caller.created(prompt="a deer [cut-always]"))
    for _ in range(3):
        promised, came = transferred(url)
        assert 0 < came <= promised // 2


@EVERY_GATEWAY
def test_html_answers_every_query_with_a_page_and_200(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway)
    task_id = caller.created(prompt="a deer [html]")
    for _ in range(5):
        answer = caller.query(task_id)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.startswith("<html>")


@EVERY_GATEWAY
def test_outage_answers_three_queries_with_a_502_page_and_then_recovers(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)
    task_id = caller.created(prompt="a deer [outage]")
    answers = [caller.query(task_id) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [502, 502, 502, 200]
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert caller.emulator.counters().polls == 4


@EVERY_GATEWAY
def test_lost_accepts_the_create_and_closes_the_connection_before_the_answer(
    emulate: Emulate, gateway: str
) -> None:
    caller = emulate(gateway)
    with pytest.raises(requests.ConnectionError):
        caller.create(prompt="a deer [lost]")
    assert caller.emulator.counters().creates_accepted == 1
    (task,) = caller.emulator.tasks()
    assert caller.query(task.task_id).status_code == 200


def test_a_lost_create_is_found_by_its_external_id(emulate: Emulate) -> None:
    caller = emulate("official")
    with pytest.raises(requests.ConnectionError):
        caller.create(prompt="a deer [lost]", external_task_id="mine")
    assert caller.report("mine")["task_status"] == "succeed"


@EVERY_GATEWAY
def test_unknown_status_is_a_word_nobody_knows_until_the_end(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, seconds_per_video=0.5, status_age_seconds=0)
    first, last = caller.watch(caller.created(prompt="a deer [unknown-status]"))
    assert first == "REVIEWING"
    assert last in SUCCESS_WORDS


def test_the_page_for_users_has_the_same_table_as_the_code() -> None:
    page = Path(__file__).parents[3].joinpath("docs/emulator.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\[.+?\])` \| (.+?) \|$", page, flags=re.MULTILINE)
    assert rows == [(fate.tag, fate.meaning) for fate in Fate]
