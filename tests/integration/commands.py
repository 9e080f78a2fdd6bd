"""Airflow's command line, as a user has it."""

from __future__ import annotations

import os
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
