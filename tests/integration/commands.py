"""Airflow's command line, as a user has it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the example DAGs; its output has both streams."""
    return subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env={**os.environ, "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def readable(log: str) -> str:
    """Undo what Airflow 3.0 and 3.1 do to an error on its way to a terminal: colours, boxes, broken lines."""
    lines = (line for line in log.splitlines() if "MaskSecret(" not in line)  # how 3.0 reports what to mask
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(lines))
    return " ".join(re.sub("[│╭╮╰╯─]", " ", without_colours).split())
