"""Start `make airflow`, see all of it healthy and a video land, interrupt it, and see nothing left of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from scripts.local import ROOT

LONGEST_START_SECONDS = 120
LONGEST_RUN_SECONDS = 90
LONGEST_STOP_SECONDS = 40
DAG_ID = "kling_text2video"


def main() -> int:
    port, emulator_port = free_port(), free_port()
    mark = f"airflow-of-{os.getpid()}"
    airflow = subprocess.Popen(
        [
            *(sys.executable, "-m", "scripts.airflow_standalone", "--port", str(port)),
            *("--emulator-port", str(emulator_port), "--seconds-per-video", "1"),
        ],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW_CHECK": mark},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("a healthy Airflow", LONGEST_START_SECONDS, lambda: is_healthy(url))
        state = run_dag(url)
    finally:
        airflow.send_signal(signal.SIGINT)
        code = airflow.wait(LONGEST_STOP_SECONDS)
    left = [process.name for process in Path("/proc").iterdir() if has_mark(process, mark)]
    print(f"{DAG_ID}: {state}; after Ctrl-C: exit code {code}, processes left: {left or 'none'}")
    return int(state != "success" or code != 0 or bool(left))


def is_healthy(url: str) -> bool:
    try:
        health = requests.get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except requests.RequestException:
        return False
    return all(part["status"] == "healthy" for part in health.values() if part["status"] is not None)


def run_dag(url: str) -> str:
    """Unpause the example, trigger it as the UI does, and return the state that it ends in."""
    token = requests.get(f"{url}/auth/token", timeout=10).json()["access_token"]
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {token}"
    dag = f"{url}/api/v2/dags/{DAG_ID}"
    wait_for("the example DAGs", LONGEST_START_SECONDS, lambda: api.get(dag, timeout=10).ok)
    api.patch(dag, json={"is_paused": False}, timeout=10).raise_for_status()
    answer = api.post(f"{dag}/dagRuns", json={"logical_date": None}, timeout=10)
    answer.raise_for_status()
    run = f"{dag}/dagRuns/{answer.json()['dag_run_id']}"
    seen: dict[str, Any] = {}

    def ended() -> bool:
        seen.update(api.get(run, timeout=10).json())
        return seen["state"] in ("success", "failed")

    wait_for("the run", LONGEST_RUN_SECONDS, ended)
    return str(seen["state"])


def wait_for(what: str, seconds: float, holds: Any) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.5)


def has_mark(process: Path, mark: str) -> bool:
    """Return whether a process has the mark in its environment, which children inherit."""
    try:
        return mark.encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
