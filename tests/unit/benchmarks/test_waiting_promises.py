from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.waiting.figures import OURS
from benchmarks.waiting.promises import promises
from tests.unit.benchmarks.figures import ours, results, theirs

BROKEN = json.loads(Path(__file__).with_name("broken_promises.json").read_text())


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
    counted = list(verdicts(ours(videos=100), theirs(videos=100)).values())

    assert counted.count("met") == 2  # those of the outage
    assert counted.count("not measured") == len(counted) - 2


@pytest.mark.parametrize(("changed", "text"), BROKEN, ids=str)
def test_a_figure_beyond_its_bound_breaks_that_promise_alone(changed: dict[str, Any], text: str) -> None:
    """More for each video at 5000 is growth, and without batch reads there are promises of their own."""
    broken = ours(**changed)
    others = [
        each
        for each in ALL
        if (each.contender, each.scenario, each.videos) != (OURS, broken.scenario, broken.videos)
    ]

    assert len(others) == len(ALL) - 1
    (said,) = unmet(broken, *others)
    assert text in said


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
