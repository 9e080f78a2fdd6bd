from __future__ import annotations

from types import SimpleNamespace

import pytest
from kling_emulator import tasks
from kling_emulator.tasks import State, VideoRequest, VideoTask


class Clock:
    """Replaces the module ``time`` in :mod:`tasks`, so that no test waits."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(
        tasks, "time", SimpleNamespace(monotonic=lambda: clock.now, time=lambda: clock.now + 1_000_000)
    )
    return clock


def new_task(prompt: str) -> VideoTask:
    request = VideoRequest(model="kling-v3", prompt=prompt, seconds=5, width=1280, height=720)
    return VideoTask(task_id="1", request=request, lasts=10)


@pytest.mark.parametrize(
    ("prompt", "age", "state"),
    [
        ("a deer", 0, State.SUBMITTED),
        ("a deer", 1.99, State.SUBMITTED),
        ("a deer", 2, State.PROCESSING),
        ("a deer", 9.99, State.PROCESSING),
        ("a deer", 10, State.SUCCEEDED),
        ("a deer", 1e6, State.SUCCEEDED),
        ("a deer [fail]", 9.99, State.PROCESSING),
        ("a deer [fail]", 10, State.FAILED),
        ("a deer [moderation]", 10, State.FAILED),
        ("a deer [slow]", 19, State.SUBMITTED),
        ("a deer [slow]", 99, State.PROCESSING),
        ("a deer [slow]", 100, State.SUCCEEDED),
        ("a deer [slow][fail]", 100, State.FAILED),
    ],
)
def test_the_state_follows_from_the_age(clock: Clock, prompt: str, age: float, state: State) -> None:
    task = new_task(prompt)
    clock.now += age
    assert task.state is state


def test_a_change_of_state_is_dated_when_it_happened_not_when_it_was_seen(clock: Clock) -> None:
    task = new_task("a deer")
    clock.now += 1000
    assert task.changed_at(State.SUBMITTED) - task.created_at == 0
    assert task.changed_at(State.PROCESSING) - task.created_at == pytest.approx(2)
    assert task.changed_at(State.SUCCEEDED) - task.created_at == pytest.approx(10)
