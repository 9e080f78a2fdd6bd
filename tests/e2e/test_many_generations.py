"""A mapped batch through a gateway that fails all the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.cases import undisturbed
from tests.e2e.driving import TASK_ID, Case, Generation
from tests.integration.videos import facts_of

MANY = 200
TOO_FAST: dict[str, Any] = {"status": 429, "body": {"code": 1302, "message": "too many requests"}}
FAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "create": {
        "cut-after": {},
        "error-after": {"status": 500},
        "error-before": {"status": 503},
        "answer": TOO_FAST,
    },
    "query": {"cut-before": {}, "error-before": {"status": 502}, "truncated": {}},
    "file": {"short-body": {}},
}
PLANS = tuple(
    {"on": on, "fault": fault, "times": None, "share": 0.2, "seed": seed, **details}
    for on, faults in FAULTS.items()
    for seed, (fault, details) in enumerate(faults.items(), start=1)
)
CASE = Case("many", "official", undisturbed, plans=PLANS, dag_id="mapped", longest_seconds=900)


@pytest.fixture(scope="module")
def driven(selected: Mapping[str, Generation]) -> Mapping[str, Generation]:
    for generation in selected.values():
        generation.attempt(generation.start, generation.until_ended)
    return selected


@pytest.mark.parametrize("case", [CASE], ids=str)
def test_each_is_paid_for_once_and_lands(generation: Generation) -> None:
    assert not generation.trouble
    states = generation.states()
    assert states == {(TASK_ID, index): "success" for index in range(MANY)}
    assert generation.emulator.counters().creates_accepted == MANY
    files = [facts_of(generation.path / f"{index}.mp4") for index in range(MANY)]
    assert len({file["sha256"] for file in files}) == MANY
    assert {file["duration"] for file in files} == {5}
