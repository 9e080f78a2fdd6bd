"""Whatever dies, and whatever the user does: a generation is paid for once, and its file lands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.e2e.cases import CASES
from tests.e2e.driving import Generation, tell_all
from tests.e2e.judging import assert_ended_well, assert_whole

STOPPED = [case for case in CASES if case.has_to_stop]
ENDS_WELL = [case for case in CASES if not case.has_to_stop]


@pytest.fixture(scope="module")
def driven(selected: Mapping[str, Generation]) -> Mapping[str, Generation]:
    tell_all(selected.values())
    return selected


@pytest.mark.parametrize("case", ENDS_WELL, ids=str)
def test_it_is_paid_for_once_and_lands_without_help(generation: Generation) -> None:
    assert_ended_well(generation)


@pytest.mark.parametrize("case", STOPPED, ids=str)
def test_it_stops_where_nobody_knows_what_became_of_it_and_submits_again_when_it_is_cleared(
    generation: Generation,
) -> None:
    assert not generation.trouble
    stopped, cleared = generation.ends
    assert (stopped.state, cleared.state) == ("failed", "success")
    assert stopped.creates <= 1
    assert stopped.video is None
    assert "may have been made" in stopped.log
    assert "clear the task" in stopped.log
    assert cleared.creates == stopped.creates + 1
    assert_whole(cleared)
