"""One run of a DAG against an emulator of its own, and what is done to it."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kling_emulator import KlingEmulator

from tests.e2e.checkpoints import file_of
from tests.e2e.cluster import Cluster
from tests.e2e.database import Change, timeline
from tests.e2e.processes import kill
from tests.integration.videos import facts_of

TASK_ID = "generate"
LONGEST_STEP_SECONDS = 120.0
LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class Case:
    """
    A story of one run.

    :param story: What happens to it, until its first end.
    :param point: Where the first try is stopped.
    :param plans: What the emulator does wrong.
    :param outcome_unknown: Whether only a gateway that knows ids of our own can tell what became of
        the submission.
    :param cleared: Whether it is cleared after its success.
    """

    name: str
    gateway: str
    story: Callable[[Generation], None]
    point: str = ""
    plans: tuple[Mapping[str, Any], ...] = ()
    dag_id: str = "one_task"
    seconds_per_video: float = 4.0
    outcome_unknown: bool = False
    cleared: bool = False
    longest_seconds: float = 240.0

    def __str__(self) -> str:
        return f"{self.gateway}-{self.name}"

    @property
    def is_mapped(self) -> bool:
        """Whether it makes many videos."""
        return self.dag_id.startswith("mapped")

    @property
    def has_to_stop(self) -> bool:
        """Whether the run is to end in failure until the user says how to go on."""
        return self.outcome_unknown and self.gateway != "official"


@dataclass(frozen=True)
class End:
    """How a run has ended, this time: its state, what was paid for by then, its file, the log of its end."""

    state: str
    creates: int
    video: dict[str, Any] | None
    returned: Any
    log: str


@dataclass(repr=False)
class Generation:
    """The run of a case. It ends twice where it is cleared after its first end."""

    cluster: Cluster
    case: Case
    emulator: KlingEmulator
    ends: list[End] = field(default_factory=list)
    trouble: str = ""

    @property
    def run_id(self) -> str:
        return str(self.case)

    @property
    def path(self) -> Path:
        """Where its video lands; a folder, where there are many."""
        return self.cluster.videos / (self.run_id if self.case.is_mapped else f"{self.run_id}.mp4")

    def attempt(self, *steps: Callable[[], object]) -> None:
        """Go on, unless something went wrong; what goes wrong is kept for whoever judges the case."""
        try:
            for step in steps if not self.trouble else ():
                step()
        except Exception:
            self.trouble = traceback.format_exc()

    def tell(self) -> None:
        """Drive the run through its case."""
        self.start()
        self.case.story(self)
        self.end()
        if self.case.cleared or (self.case.has_to_stop and self.ends[-1].state == "failed"):
            self.clear()
            self.end()

    def start(self) -> None:
        for plan in self.case.plans:
            self.emulator.plan(**plan)
        self.cluster.rest.connect(self.run_id, self.emulator)
        conf = {
            "connection": self.run_id,
            "prompt": f"A deer, {self.case}",
            "path": f"file://{self.path}",
            "case": str(self.case),
            "point": self.case.point,
        }
        self.cluster.rest.trigger(self.case.dag_id, self.run_id, conf)

    def kill_task(self, *, supervisor: bool = False) -> None:
        """Kill -9 the task at the point where it is stopped; the supervisor is its parent."""
        file = file_of(self.cluster.checkpoints, self.run_id, self.case.point)
        self.until(f"the point {self.case.point}", file.exists)
        task, parent = map(int, file.read_text().split())
        if supervisor:
            kill(parent)
        kill(task)

    def until_deferred(self) -> None:
        self.until("a deferral", lambda: "deferred" in self.states().values())

    def states(self) -> dict[tuple[str, int], str]:
        """Of its task instances, by task id and map index."""
        return self.cluster.database.task_states(self.run_id)

    def clear(self) -> None:
        self.cluster.rest.clear(self.case.dag_id, self.run_id, TASK_ID)

    def mark_failed(self) -> None:
        self.cluster.rest.mark_failed(self.case.dag_id, self.run_id, TASK_ID)

    def end(self) -> None:
        """Wait for the end of the run, and keep how it ended."""
        state = self.until_ended()
        *_, last = (change for change in self.cluster.database.changes(self.run_id) if change.state == state)
        task = (self.case.dag_id, self.run_id, last.task_id)
        self.ends.append(
            End(
                state=state,
                creates=self.emulator.counters().creates_accepted,
                video=facts_of(self.path) if self.path.exists() else None,
                returned=self.cluster.rest.returned(*task) if state == "success" else None,
                log=self._log(last),
            )
        )

    def until_ended(self) -> str:
        """Wait for the end of the run, and return its state."""
        ended = ("success", "failed")
        self.until("the end", lambda: self._run_state() in ended, self.case.longest_seconds)
        return self._run_state()

    def until(self, what: str, holds: Callable[[], bool], seconds: float = LONGEST_STEP_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.run_id}: {what} did not come within {seconds} s")
            self.pause(LOOK_SECONDS)

    def pause(self, seconds: float) -> None:
        if self.cluster.stopped.wait(seconds):
            raise InterruptedError("the session ends")

    def timeline(self) -> str:
        """Its states as they came, and what the emulator has seen; of many, those that are not green."""
        changes = self.cluster.database.changes(self.run_id)
        if self.case.is_mapped:
            odd = {index for (_, index), state in self.states().items() if state != "success"}
            changes = [change for change in changes if change.map_index in odd or change.try_number > 1]
        ends = f"ends: {[end.state for end in self.ends]}"
        return "\n".join(map(str, (timeline(changes), self.emulator.counters(), ends, self.trouble)))

    def log_of_failure(self) -> str:
        """The log of the last try that failed, if one did."""
        failed = [change for change in self.cluster.database.changes(self.run_id) if change.state == "failed"]
        return self._log(failed[-1]) if failed else "none failed"

    def _log(self, change: Change) -> str:
        task = (self.case.dag_id, self.run_id, change.task_id)
        return self.cluster.rest.log(*task, change.try_number, change.map_index)

    def _run_state(self) -> str:
        return self.cluster.database.run_state(self.run_id)


@contextlib.contextmanager
def generations(cluster: Cluster, cases: Iterable[Case]) -> Iterator[dict[str, Generation]]:
    """Give every case an emulator of its own."""
    with contextlib.ExitStack() as stack:
        found = {}
        for case in cases:
            options: dict[str, Any] = {"status_age_seconds": 0} if case.gateway == "newapi" else {}
            emulator = KlingEmulator(
                gateway=case.gateway, seconds_per_video=case.seconds_per_video, **options
            )
            found[str(case)] = Generation(cluster, case, stack.enter_context(emulator))
        yield found


def tell_all(generations: Iterable[Generation]) -> None:
    """Drive them all at once."""
    at_once = list(generations)
    pool = ThreadPoolExecutor(max(len(at_once), 1))
    try:
        wait([pool.submit(generation.attempt, generation.tell) for generation in at_once])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
