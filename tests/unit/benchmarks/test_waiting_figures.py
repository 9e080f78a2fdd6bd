from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from benchmarks.shared import percentile
from benchmarks.waiting.figures import Results, rounded
from tests.unit.benchmarks.figures import ours, results, theirs


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], {0.5: 7.0}),
        ([3.0, 1.0, 2.0], {0.5: 2.0}),
        ([4.0, 1.0, 3.0, 2.0], {0.5: 2.0}),
        (list(range(1, 101)), {0.95: 95, 0.951: 96}),
        ([1.0, 2.0], {1.0: 2.0, 0.001: 1.0}),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], expected: dict[float, float]) -> None:
    assert {share: percentile(values, share) for share in expected} == expected
    with pytest.raises(ValueError, match="of nothing"):
        percentile([], 0.5)


def test_three_digits_of_a_measurement_are_kept() -> None:
    assert [rounded(value) for value in (0.0012345, 1.2345, 12345.0, 0.0)] == [0.00123, 1.23, 12300.0, 0.0]


def test_results_are_the_same_after_a_round_through_json() -> None:
    measured = results(ours(), theirs())

    again = Results.from_dict(json.loads(json.dumps(asdict(measured))))

    assert json.dumps(asdict(again)) == json.dumps(asdict(measured))
    assert list(again.figures) == list(measured.figures)


def test_a_run_is_found_by_its_scenario_its_contender_and_its_size() -> None:
    measured = results(ours(), theirs(), ours(videos=100))

    assert measured.find("official", "kling", 100) == ours(videos=100)
    assert measured.find("official", "http_sensor", 1000) == theirs()
    assert measured.find("newapi", "kling", 1000) is None
