"""What may happen between a submission and its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.e2e import checkpoints
from tests.e2e.driving import Case

if TYPE_CHECKING:
    from tests.e2e.driving import Generation

    Story = Callable[[Generation], None]

GATEWAYS = ("official", "newapi")
IN_FLIGHT_SECONDS = 3.0
# Long enough for the next try to submit while the first request is still under way.
LATE_SECONDS = 40.0
OUTAGE_SECONDS = 120.0
# It has not ended when the user acts.
LONG = {"seconds_per_video": 12.0}


def undisturbed(generation: Generation) -> None:
    """Nothing happens."""


def task_killed(generation: Generation) -> None:
    generation.kill_task()


def worker_killed(generation: Generation) -> None:
    generation.kill_task(supervisor=True)


def killed_in_flight(generation: Generation) -> None:
    emulator = generation.emulator
    generation.until("the request", lambda: emulator.counters().creates_received == 1)
    generation.kill_task()
    assert emulator.counters().creates_accepted == 0
    # What is in flight arrives, whatever comes next: at Kling it may find that its place is taken.
    generation.pause(generation.case.plans[0]["seconds"] + 1)
    generation.until("the late request", lambda: emulator.counters().creates_accepted >= 1)


def cleared_while_deferred(generation: Generation) -> None:
    generation.until_deferred()
    generation.clear()


def marked_failed_and_cleared(generation: Generation) -> None:
    generation.until_deferred()
    generation.mark_failed()
    assert generation.until_ended() == "failed"
    generation.clear()


def edited_while_deferred(generation: Generation) -> None:
    generation.until_deferred()
    checkpoints.file_of_edit(generation.cluster.checkpoints, generation.case.dag_id).touch()


def gateway_down(generation: Generation) -> None:
    generation.until_deferred()
    generation.emulator.stop()
    generation.pause(OUTAGE_SECONDS)
    generation.emulator.start()


def _killed(point: str, story: Story = task_killed, **more: Any) -> dict[str, Any]:
    unknown = point in (checkpoints.BEFORE_POST, checkpoints.IN_POST, checkpoints.AFTER_ANSWER)
    return {"name": f"killed-{point}", "story": story, "point": point, "outcome_unknown": unknown, **more}


def _killed_in_flight(name: str, seconds: float) -> dict[str, Any]:
    plan = {"on": "create", "fault": "slow", "seconds": seconds}
    return _killed(checkpoints.IN_POST, killed_in_flight, name=name, plans=(plan,))


def _unanswered(name: str, fault: str) -> dict[str, Any]:
    plan = {"on": "create", "fault": fault}
    return {"name": name, "story": undisturbed, "plans": (plan,), "outcome_unknown": True}


STORIES: tuple[dict[str, Any], ...] = (
    {"name": "undisturbed", "story": undisturbed},
    {"name": "chain-undisturbed", "story": undisturbed, "dag_id": "chain"},
    _killed(checkpoints.BEFORE_POST),
    _killed_in_flight("killed-in-post", IN_FLIGHT_SECONDS),
    _killed_in_flight("killed-in-post-late", LATE_SECONDS),
    _killed(checkpoints.AFTER_ANSWER),
    _killed(checkpoints.BEFORE_DEFER),
    _killed(checkpoints.IN_RESUME),
    _killed(checkpoints.IN_LANDING),
    _killed(checkpoints.AFTER_ANSWER, name="chain-killed-after-answer", dag_id="chain"),
    _killed(checkpoints.IN_LANDING, name="chain-killed-in-landing", dag_id="chain"),
    _killed(checkpoints.AFTER_ANSWER, worker_killed, name="worker-killed-after-answer"),
    _killed(checkpoints.IN_LANDING, worker_killed, name="worker-killed-in-landing"),
    _unanswered("answer-lost", "cut-after"),
    _unanswered("bad-gateway-after-create", "html-after"),
    {"name": "cleared-while-deferred", "story": cleared_while_deferred, **LONG},
    {"name": "marked-failed-and-cleared", "story": marked_failed_and_cleared, **LONG},
    {"name": "gateway-down-for-two-minutes", "story": gateway_down, **LONG},
    {"name": "cleared-after-success", "story": undisturbed, "cleared": True},
)
CASES = [
    *(Case(gateway=gateway, **story) for story in STORIES for gateway in GATEWAYS),
    *(
        Case(
            "edited-while-deferred",
            gateway,
            edited_while_deferred,
            dag_id=f"edited_{gateway}",
            seconds_per_video=12.0,
        )
        for gateway in GATEWAYS
    ),
]
