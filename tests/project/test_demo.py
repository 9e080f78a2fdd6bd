from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.commands import ROOT

LONGEST_START_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    demo = _start(tmp_path, ROOT / "dags" / "prompts.csv")
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


def test_a_failed_demo_shows_the_end_of_the_log_and_leaves_no_process_behind(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("name,prompt\ndeer,A deer\ndeer,Another deer\n")
    demo = _start(tmp_path, prompts)
    _, said = demo.communicate()

    assert demo.returncode == 1
    assert "airflow dags test kling_nightly_batch" in said
    assert "DagRun failed" in said
    assert _processes(tmp_path) == []


def _start(folder: Path, prompts: Path) -> subprocess.Popen[str]:
    """Start a demo that keeps to a folder of its own, and whose processes have it in their environment."""
    program = (
        "from pathlib import Path; from scripts import demo; "
        f"demo.run(Path({str(folder)!r}), Path({str(prompts)!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
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
