"""A whole Airflow with its UI, the example DAGs and an emulator, until it is interrupted."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys

from kling_emulator import KlingEmulator

from scripts.local import AIRFLOW, BUILD, POOL, airflow_environment

LONGEST_STOP_SECONDS = 20


def main() -> int:
    """Start it all, wait, and take it all down; return the exit code of Airflow unless interrupted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8080, help="of the UI (default: 8080)")
    options.add_argument("--emulator-port", type=int, default=8765, help="(default: 8765)")
    options.add_argument("--gateway", default="ezmodel", choices=("ezmodel", "elkapi", "official"))
    options.add_argument("--seconds-per-video", type=float, default=20, help="(default: 20)")
    chosen = options.parse_args()
    home = BUILD / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: what a shell starts aside ignores it
        signal.signal(number, signal.default_int_handler)
    with KlingEmulator(
        gateway=chosen.gateway, port=chosen.emulator_port, seconds_per_video=chosen.seconds_per_video
    ) as emulator:
        url = f"http://127.0.0.1:{chosen.port}"
        environment = {
            **airflow_environment(home, emulator.connection_uri),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(chosen.port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        }
        try:
            for command in (("db", "migrate"), POOL):
                subprocess.run((*AIRFLOW, *command), env=environment, stdout=subprocess.DEVNULL, check=True)
            print(f"Airflow: {url}   Emulator: {emulator.url}   Stop both with Ctrl-C.", flush=True)
            airflow = subprocess.Popen((*AIRFLOW, "standalone"), env=environment, start_new_session=True)
        except KeyboardInterrupt:
            return 0
        return wait_and_end(airflow)


def wait_and_end(airflow: subprocess.Popen[bytes]) -> int:
    """Wait until Airflow ends or is interrupted, and leave nothing of its process group behind."""
    try:
        return airflow.wait()
    except KeyboardInterrupt:
        airflow.send_signal(signal.SIGINT)
        try:
            airflow.wait(LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print("Airflow did not stop by itself; it is killed.", file=sys.stderr)
        return 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(airflow.pid, signal.SIGKILL)
        airflow.wait()


if __name__ == "__main__":
    sys.exit(main())
