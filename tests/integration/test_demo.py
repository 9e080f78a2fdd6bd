from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.commands import ROOT

LONGEST_START_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals) -> None:
    mark = f"demo-of-{time.monotonic_ns()}"
    demo = subprocess.Popen(
        [sys.executable, "-m", "scripts.demo"], cwd=ROOT, env={"DEMO_MARK": mark}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while len(_marked(mark)) < 3 and time.monotonic() < deadline:  # itself and an Airflow per gateway
            time.sleep(0.1)
        assert len(_marked(mark)) >= 3
        demo.send_signal(number)
        assert demo.wait(20) == 130
    finally:
        demo.kill()
        demo.wait()
    assert _marked(mark) == []


def _marked(mark: str) -> list[str]:
    """Return the processes that have the mark in their environment, which children inherit."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment:
            found.append(process.name)
    return found
