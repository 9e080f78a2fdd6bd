from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.demo import DemoError, run_airflow
from tests.integration.commands import ROOT

LONGEST_START_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    demo = _start(tmp_path)
    try:
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while len(_processes(tmp_path)) < 3 and time.monotonic() < deadline:  # itself, an Airflow per gateway
            time.sleep(0.1)
        assert len(_processes(tmp_path)) >= 3
        demo.send_signal(number)
        assert demo.wait(20) == 130
    finally:
        demo.kill()
        demo.wait()
    assert _processes(tmp_path) == []


async def test_a_command_that_fails_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "airflow.log"
    environment = {**os.environ, "DEMO_FOLDER": str(tmp_path)}

    with pytest.raises(
        DemoError, match=r"(?s)airflow no-such-command ended with 2; the end of .*invalid choice"
    ):
        await run_airflow(("no-such-command",), environment, log)

    assert _processes(tmp_path) == []


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a demo that keeps to a folder of its own, and whose processes have it in their environment."""
    program = f"from pathlib import Path; from scripts import demo; demo.run(Path({str(folder)!r}))"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": str(folder)},
        stdout=subprocess.DEVNULL,
    )


def _processes(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"DEMO_FOLDER={folder}\0".encode() in environment:
            found.append(process.name)
    return found
