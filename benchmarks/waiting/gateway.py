"""The gateway of a run, as a process: an emulator whose videos take as long as videos take."""

from __future__ import annotations

import json
import math
import random
import sys
import time
from dataclasses import asdict
from typing import Any

from kling_emulator import KlingEmulator

MEDIAN_SECONDS = 42.0
SIGMA = 0.2
SEED = 5
OUTAGE_STATUS = 503


class Durations:
    """Gives the seconds of one video after the other, the same ones in every run, and knows when they end."""

    def __init__(self) -> None:
        self._chance = random.Random(SEED)
        self.ends: list[float] = []

    def __call__(self) -> float:
        """Return the seconds of the next video, which begins now."""
        seconds = self._chance.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA)
        self.ends.append(time.time() + seconds)
        return seconds


def main(gateway: str) -> None:
    """Serve until standard input ends; each line of it is a question."""
    durations = Durations()
    with KlingEmulator(gateway=gateway, seconds_per_video=durations, status_age_seconds=0) as emulator:
        _say({"url": emulator.url, "connection": emulator.connection_uri})
        for line in sys.stdin:
            _say(_answer(json.loads(line)["ask"], emulator, durations))


def _answer(question: str, emulator: KlingEmulator, durations: Durations) -> dict[str, Any]:
    if question == "down":
        for place in ("query", "list", "account"):
            emulator.plan(on=place, fault="error-before", status=OUTAGE_STATUS, times=None)
    elif question == "up":
        emulator.clear_faults()
    elif question == "ends":
        tasks = emulator.tasks()
        return {task.task_id: end for task, end in zip(tasks, durations.ends, strict=True)}
    return {"at": time.time(), **asdict(emulator.counters())}


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
