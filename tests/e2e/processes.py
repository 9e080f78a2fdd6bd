"""Processes that are ended by what was started, whatever they started themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

MARK = "KLING_E2E"
LONGEST_GOODBYE_SECONDS = 10.0
LAST_LINES = 25
LONGEST_LINE = 300


class Component:
    """
    A command in a process session of its own, with a log file; it can be killed, and started again.

    :param user: The user to run as, as a system id; None for our own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self._command = command
        self._folder = folder
        self._environment = environment
        self._owner = (user, group)
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: list[int] = []

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        user, group = self._owner
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if group is None else [],
            )
        self._sessions.append(self._process.pid)

    def kill(self) -> None:
        """Kill -9 it and whatever it started, as when its machine dies."""
        while running := [pid for sid in self._sessions for pid in pids_of_session(sid)]:
            for pid in running:
                kill(pid)
            if self._process is not None:
                self._process.poll()  # what is dead and not waited for is still there
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ask it to end, if that is of use, and see that nothing of it is left."""
        if self._process is not None and self.is_alive and number != signal.SIGKILL:
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LONGEST_GOODBYE_SECONDS)
        self.kill()

    def tail(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else ["(no log)"]
        return "\n".join(line[:LONGEST_LINE] for line in lines[-LAST_LINES:])


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def pids_of_session(session: int) -> list[int]:
    """Those that run in a process session; a task has a process group of its own, but no session."""
    return [pid for pid, state, of in _processes() if of == session and state not in "ZX"]


def pids_left(mark: str, folder: Path) -> list[int]:
    """
    Those that inherited a mark in their environment, or work in a folder.

    What calls itself something else, as Airflow's workers do, writes over its environment in doing so.
    """
    found = []
    for pid, state, _ in _processes():
        with suppress(OSError):
            process = Path(f"/proc/{pid}")
            is_marked = f"{MARK}={mark}\0".encode() in (process / "environ").read_bytes()
            if state not in "ZX" and (is_marked or (process / "cwd").readlink().is_relative_to(folder)):
                found.append(pid)
    return found


def _processes() -> list[tuple[int, str, int]]:
    """Process id, state and session of all."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                # The name, in parentheses, can hold anything.
                state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
                found.append((int(process.name), state, int(session)))
    return found
