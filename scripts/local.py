"""What the scripts share: where things are, and the environment of an Airflow of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
AIRFLOW = (sys.executable, "-m", "airflow")
INTERRUPTED = 130  # the exit code, as a shell reports it
POOL = ("pools", "set", "kling", "3", "Kling videos at once", "--include-deferred")


def airflow_environment(home: Path, connection_uri: str) -> dict[str, str]:
    """
    Return the environment of an Airflow that keeps everything under ``home`` and sees only our DAGs.

    :param connection_uri: The connection ``kling_default``.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **ours,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', '')}",
        "NO_PROXY": "127.0.0.1,localhost",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_KLING_DEFAULT": connection_uri,
    }


def cancel_when_interrupted() -> None:
    """Have Ctrl-C and SIGTERM cancel the running task, which ends whatever it has begun."""
    task = cast("asyncio.Task[None]", asyncio.current_task())
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: what a shell starts aside ignores it
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
