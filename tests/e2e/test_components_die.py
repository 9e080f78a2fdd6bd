"""A component dies while generations are waited for, and comes back when they have ended."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.e2e.cases import GATEWAYS, undisturbed
from tests.e2e.cluster import Cluster
from tests.e2e.driving import Case, Generation
from tests.e2e.judging import assert_ended_well

COMPONENTS = ("triggerer", "scheduler")
SECONDS_PER_VIDEO = 20.0
CASES = [
    Case(f"{component}-killed-{dag_id}", gateway, undisturbed, component, (), dag_id, SECONDS_PER_VIDEO)
    for component in COMPONENTS
    for dag_id in ("one_task", "chain")
    for gateway in GATEWAYS
]


@pytest.fixture(scope="module")
def driven(cluster: Cluster, selected: Mapping[str, Generation]) -> Mapping[str, Generation]:
    for name in COMPONENTS:
        at_once = [generation for generation in selected.values() if generation.case.point == name]
        for generation in at_once:
            generation.attempt(generation.start)
        for generation in at_once:
            generation.attempt(generation.until_deferred)
        cluster.components[name].kill()
        for generation in at_once:
            generation.attempt(generation.until_deferred)  # it still is
        cluster.stopped.wait(SECONDS_PER_VIDEO if at_once else 0)
        cluster.components[name].start()
        for generation in at_once:
            generation.attempt(generation.end)
    return selected


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_paid_for_once_and_lands_without_help(generation: Generation) -> None:
    assert_ended_well(generation)
