"""Whichever way a task waits in, the same thing happening to it ends in the same state, tries and error."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import airflow
import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers import task as trigger
from airflow_provider_kling.waiting.pacing import Pacing
from airflow_provider_kling.waiting.wait import Wait
from airflow_provider_kling.waiting.watcher import Watcher
from tests.integration.conftest import DagRunner

SENSORS = ("sensor_poke", "sensor_reschedule", "sensor_deferred")
SOFT_SENSORS = tuple(f"{way}_soft" for way in SENSORS)
OPERATORS = ("operator_worker", "operator_deferred")
DEFERRED = ("sensor_deferred", "operator_deferred")
ALL = (*SENSORS, *OPERATORS)
# For how long a client by itself asks again, in this test.
RETRY_SECONDS = 0.3


@dataclass(frozen=True)
class Outcome:
    """
    How a task ends.

    :param error: The class of the error that Airflow sees, as logged; None where there is none.
    :param said: From its text.
    """

    state: str
    tries: int
    error: str | None = None
    said: str = ""


@contextmanager
def once_waited_for(
    emulator: KlingEmulator, happens: Callable[[KlingEmulator], None] | None
) -> Iterator[None]:
    """Let something happen as soon as the generation has been asked about, which is when it is waited for."""
    over = threading.Event()

    def watch() -> None:
        while happens and not over.wait(0.01):
            if any(made.queries for made in emulator.tasks()):
                return happens(emulator)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def forget(emulator: KlingEmulator) -> None:
    urlopen(Request(f"{emulator.url}/_emulator/reset", method="POST")).close()


def refuse_the_key(emulator: KlingEmulator) -> None:
    refusal = {"code": 1000, "message": "authentication failed", "request_id": "r"}
    emulator.plan(on="query", fault="answer", status=401, body=refusal, times=None)


def be_down_for_a_while(emulator: KlingEmulator) -> None:
    emulator.stop()
    time.sleep(4 * RETRY_SECONDS)
    emulator.start()


@dataclass(frozen=True)
class Scenario:
    """
    What happens to a generation that is waited for.

    :param outcome: How the task ends, the same in every one of the ways.
    :param happens: What goes wrong once the waiting has begun.
    :param ends: Whether the generation ends, which it then does soon.
    :param timeout: The task's: short or long.
    """

    outcome: Outcome
    ways: tuple[str, ...] = ALL
    prompt: str = "A deer"
    happens: Callable[[KlingEmulator], None] | None = None
    ends: bool = True
    timeout: str = "long"


def permanent(said: str) -> Outcome:
    return Outcome("failed", 1, "AirflowFailException", said)


def retried(said: str) -> Outcome:
    return Outcome("failed", 2, "RuntimeError", said)


SUCCESS, SKIPPED = Outcome("success", 1), Outcome("skipped", 1)
SCENARIOS = {
    "success": Scenario(SUCCESS),
    "failure": Scenario(permanent("The generation failed"), prompt="A deer [fail]"),
    "failure, soft": Scenario(SKIPPED, SOFT_SENSORS, prompt="A deer [fail]"),
    "moderation": Scenario(permanent("the risk control system"), prompt="A deer [moderation]"),
    "success without a link": Scenario(
        permanent("the answer has no link to a video"), prompt="A deer [no-url]"
    ),
    # Airflow has a class for the timeout of a sensor, and none for that of an operator.
    "timeout": Scenario(Outcome("failed", 1, "AirflowSensorTimeout"), SENSORS, ends=False, timeout="short"),
    "timeout, soft": Scenario(SKIPPED, SOFT_SENSORS, ends=False, timeout="short"),
    "timeout of an operator": Scenario(
        permanent("The generation goes on and is billed"), OPERATORS, ends=False, timeout="short"
    ),
    "unknown task": Scenario(
        permanent("Check the id, the connection (another gateway"), happens=forget, ends=False
    ),
    "gateway down for a while": Scenario(SUCCESS, happens=be_down_for_a_while),
    "key refused": Scenario(permanent("Check the key in"), happens=refuse_the_key, ends=False),
    "key refused, soft": Scenario(SKIPPED, SOFT_SENSORS, happens=refuse_the_key, ends=False),
    "defect": Scenario(retried("a defect of ours"), (*ALL, *SOFT_SENSORS), ends=False),
    "unreadable event": Scenario(
        retried("event cannot be read"), (*DEFERRED, "sensor_deferred_soft"), ends=False
    ),
}
CASES = [
    pytest.param(name, way, id=f"{name}, {way}")
    for name, scenario in SCENARIOS.items()
    for way in scenario.ways
]


def break_from_the_second_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what every way decides by raise; the first question is one that a sensor asks before it defers."""
    ended, questions = Wait.ended, 0

    def broken(self: Wait, *arguments: Any) -> Any:
        nonlocal questions
        questions += 1
        if questions > 1:
            raise RuntimeError("a defect of ours")
        return ended(self, *arguments)

    monkeypatch.setattr(Wait, "ended", broken)


def fire_what_nobody_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(self: Watcher, *arguments: Any, **named: Any) -> None:
        pass

    monkeypatch.setattr(Watcher, "watch", watch)
    monkeypatch.setattr(trigger, "ended_event", lambda task: {"status": "ended?"})


ERRORS = r"\b(?:Airflow\w+(?:Exception|Timeout)|TaskDeferral\w+|RuntimeError|Kling\w+Error)\b"


def error_in(log: str) -> str | None:
    """The class of the error that a task failed with: of those that were logged, the last one."""
    named = re.findall(ERRORS, log)
    return named[-1] if named else None


@pytest.mark.parametrize(("name", "way"), CASES)
def test_each_way_of_waiting_ends_alike(
    name: str, way: str, run_dag: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way.startswith("sensor_reschedule") and airflow.__version__.startswith("3.0."):
        pytest.skip("dag.test() of Airflow 3.0 gives the sensor a text for the instant of its first poke")
    scenario = SCENARIOS[name]
    monkeypatch.setattr(KlingHook, "retries", Retries(RETRY_SECONDS))
    monkeypatch.setattr(KlingHook, "pacing", Pacing(earliest_question=0.2, doubt=RETRY_SECONDS))
    if name == "defect":
        break_from_the_second_question_on(monkeypatch)
    if name == "unreadable event":
        fire_what_nobody_can_read(monkeypatch)
    with KlingEmulator(seconds_per_video=0 if scenario.ends else 600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        conf = {"prompt": scenario.prompt}
        if way not in OPERATORS:
            conf["kling_task_id"] = KlingHook().submit(prompt=scenario.prompt).task_id
        # Not ended at the first question, nor at the one before an operator submits: so there is a wait.
        emulator.plan(on="query", fault="unknown-status", times=2)
        with once_waited_for(emulator, scenario.happens):
            run = run_dag("parity", f"parity_{way}_{scenario.timeout}", **conf)

        outcome = Outcome(run.states["wait"], run.tries["wait"], error_in(run.log), scenario.outcome.said)
        assert outcome == scenario.outcome, run.log
        assert scenario.outcome.said in run.log
        if outcome == SUCCESS:
            assert run.xcoms["wait"]["state"] == "succeeded"
        assert emulator.counters().creates_accepted <= 1
