"""Two triggerers wait for half of a batch each, and one of them dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.cases import undisturbed
from tests.e2e.cluster import Cluster
from tests.e2e.driving import TASK_ID, Case, Generation
from tests.e2e.processes import Component
from tests.integration.videos import facts_of

MANY = 20
HALF = MANY // 2
# None has ended when the second triggerer is killed, nor when that is noticed.
SECONDS_PER_VIDEO = 45.0
CASE = Case(
    "two-triggerers", "official", undisturbed, dag_id="mapped_few", seconds_per_video=SECONDS_PER_VIDEO
)


@pytest.fixture(scope="module")
def second_triggerer(cluster: Cluster) -> Iterator[Component]:
    """Another one, which takes no more than half of the batch; the first one is down."""
    command = ("triggerer", "--skip-serve-logs", "--capacity", str(HALF))
    second = cluster.component("second-triggerer", command)
    first = cluster.components["triggerer"]
    first.kill()
    second.start()
    yield second
    second.kill()
    if not first.is_alive:
        first.start()


@pytest.fixture(scope="module")
def halves(
    cluster: Cluster, selected: Mapping[str, Generation], second_triggerer: Component
) -> dict[int | None, int]:
    """How many of the batch each triggerer has when one is killed; the batch has ended then."""
    generation = selected[str(CASE)]
    held: dict[int | None, int] = {}

    def has_half(of_how_many: int) -> bool:
        held.clear()
        held.update(cluster.database.triggers(generation.run_id))
        return [number for triggerer, number in held.items() if triggerer is not None] == [HALF] * of_how_many

    generation.attempt(
        generation.start,
        lambda: generation.until("its half", lambda: has_half(1)),
        cluster.components["triggerer"].start,
        lambda: generation.until("the other half", lambda: has_half(2)),
        second_triggerer.kill,
        generation.until_ended,
    )
    return held


@pytest.fixture(scope="module")
def driven(selected: dict[str, Generation], halves: object) -> dict[str, Generation]:
    return selected


@pytest.mark.parametrize("case", [CASE], ids=str)
def test_the_other_takes_over_and_nothing_is_lost_or_paid_for_again(
    generation: Generation, halves: Mapping[int | None, int]
) -> None:
    assert not generation.trouble
    assert sorted(halves.values()) == [HALF, HALF]
    assert generation.states() == {(TASK_ID, index): "success" for index in range(MANY)}
    assert generation.emulator.counters().creates_accepted == MANY
    changes = generation.cluster.database.changes(generation.run_id)
    assert {change.try_number for change in changes if change.state == "running"} == {1}
    files = [facts_of(generation.path / f"{index}.mp4") for index in range(MANY)]
    assert len({file["sha256"] for file in files}) == MANY
    assert {file["duration"] for file in files} == {5}
