from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from kling_emulator import tasks
from kling_emulator.sightings import sight, told_state
from kling_emulator.tasks import State, VideoRequest, VideoTask

from tests.unit.emulator.dialects import CODE_OF_NEW_API, PATHS, SUCCESS_WORDS, word_of

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (0, State.SUBMITTED),
        (14.9, State.SUBMITTED),
        (15, State.PROCESSING),
        (29.9, State.PROCESSING),
        (30, State.SUCCEEDED),
        (31, State.SUCCEEDED),
    ],
)
def test_a_state_is_told_as_of_the_last_look(
    monkeypatch: pytest.MonkeyPatch, age: float, state: State
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: clock.now, time=lambda: clock.now))
    request = VideoRequest(model="kling-v3", prompt="a deer", seconds=5, width=64, height=64)
    task = VideoTask(task_id="1", request=request, lasts=20)
    clock.now += age
    assert told_state(task, 15) is state
    sighting = sight(task, status_age=15, lies=frozenset(), link=lambda _: "link")
    assert sighting.noticed_at(State.PROCESSING) - task.created_at == 15
    assert sighting.noticed_at(State.SUCCEEDED) - task.created_at == 30


@pytest.mark.parametrize("gateway", PATHS)
def test_only_what_new_api_s_code_does_is_late_by_itself(emulate: Emulate, gateway: str) -> None:
    caller = emulate(gateway, seconds_per_video=0.01)
    task_id = caller.created()
    is_late = not any(word_of(caller.report(task_id)) in SUCCESS_WORDS for _ in range(20))
    assert is_late == (gateway in CODE_OF_NEW_API)


def test_a_relay_notices_the_end_when_it_next_looks_also_after_a_start(emulate: Emulate) -> None:
    caller = emulate("newapi", seconds_per_video=0.01, status_age_seconds=1)
    task_id = caller.created()
    caller.emulator.stop()
    caller.emulator.start()
    assert caller.watch(task_id) == ["SUBMITTED", "SUCCESS"]
    row = caller.report(task_id)
    assert row["finish_time"] - row["submit_time"] == pytest.approx(1, abs=1)
