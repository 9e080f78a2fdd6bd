from __future__ import annotations

from typing import Any

import pytest

from benchmarks.waiting.promises import promises
from tests.unit.benchmarks.figures import ours, results, theirs


def verdicts(*figures: Any, **outage: Any) -> dict[str, str]:
    return {promise.text: promise.verdict for promise in promises(results(*figures, **outage))}


def unmet(*figures: Any, **outage: Any) -> list[str]:
    return [text for text, verdict in verdicts(*figures, **outage).items() if verdict == "not met"]


ALL = (
    ours(),
    theirs(),
    ours(scenario="newapi", cpu_ms=2.0, requests=5.0),
    theirs(scenario="newapi"),
    ours(videos=5000, cpu_ms=0.9),
)


def test_every_promise_can_be_met() -> None:
    assert set(verdicts(*ALL).values()) == {"met"}


def test_what_was_not_run_is_not_measured_rather_than_met_or_not_met() -> None:
    of_outage = {"met": 2}
    counted = list(verdicts(ours(videos=100), theirs(videos=100)).values())

    assert counted.count("met") == of_outage["met"]
    assert counted.count("not measured") == len(counted) - of_outage["met"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"cpu_ms": 1.21}, "CPU, at least 10x"),
        ({"requests": 0.26}, "requests, at least 40x"),
        ({"late_p50": 1.01}, "lateness p50 at most"),
        ({"late_p95": 2.51}, "lateness p95 at most"),
        ({"memory_kb": 16.1}, "memory at most"),
        ({"connections": 9}, "connections"),
        ({"lag_p95": 10.1}, "lag p95"),
    ],
)
def test_a_figure_beyond_its_bound_breaks_that_promise(changed: dict[str, Any], text: str) -> None:
    broken = unmet(ours(**changed), *ALL[1:4])

    assert len(broken) == 1
    assert text in broken[0]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"cpu_ms": 3.1, "requests": 5.0}, "CPU, at least 4x"),
        ({"cpu_ms": 2.0, "requests": 10.1}, "fewer requests"),
        ({"cpu_ms": 2.0, "requests": 5.0, "late_p50": 2.6}, "lateness p50 no worse"),
        ({"cpu_ms": 2.0, "requests": 5.0, "late_p95": 4.6}, "lateness p95 no worse"),
    ],
)
def test_without_batch_reads_there_are_promises_of_their_own(changed: dict[str, Any], text: str) -> None:
    (broken,) = unmet(ours(scenario="newapi", **changed), theirs(scenario="newapi"))

    assert text in broken


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"cpu_ms": 1.11}, "CPU per video"),
        ({"memory_kb": 11.1}, "memory per trigger"),
        ({"lag_max": 201.0}, "blocks the loop"),
    ],
)
def test_more_for_each_video_at_5000_is_growth_beyond_what_is_noise(
    changed: dict[str, Any], text: str
) -> None:
    (broken,) = unmet(ours(), theirs(), ours(videos=5000, **changed))

    assert text in broken


def test_more_by_a_tenth_at_5000_is_noise() -> None:
    assert not unmet(ours(), theirs(), ours(videos=5000, cpu_ms=1.1, memory_kb=11.0))


def test_the_outage_has_a_bound_for_its_requests_and_one_for_its_end() -> None:
    assert len(unmet(requests_per_second=2.1)) == 1
    assert len(unmet(resumed_seconds=10.1)) == 1


def test_a_promise_says_what_was_measured() -> None:
    figures = {promise.text: promise.figure for promise in promises(results(*ALL))}

    assert figures["N = 1000: CPU, at least 10x less than HttpSensorTrigger"] == "12.0x"
    assert figures["N = 1000: at most 8 connections"] == "8"
    assert figures["N = 1000, no batch reads: lateness p50 no worse"] == "0.7 s, against 2.5 s"
