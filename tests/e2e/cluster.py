"""A whole Airflow on PostgreSQL, with every component in a process session of its own."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from scripts.check_airflow import free_port, is_healthy
from tests.e2e.database import Database
from tests.e2e.postgres import Postgres
from tests.e2e.processes import MARK, Component, pids_left
from tests.e2e.rest import Rest

ROOT = Path(__file__).resolve().parents[2]
KEEP = "KLING_E2E_KEEP"
LONGEST_START_SECONDS = 120
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class Cluster:
    """
    PostgreSQL and Airflow's four components, below a temporary folder. Used as a context manager.

    Where it could not be left without a trace, leaving it raises. With ``KLING_E2E_KEEP`` in the
    environment, its folder stays.

    :param dags: The folder of the DAG files.
    :param dag_ids: The DAGs to wait for.
    :param settings: Of Airflow, as environment variables, beyond what makes it one.
    """

    def __init__(self, dags: Path, dag_ids: Sequence[str], settings: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kling-e2e-"))
        self.folder.chmod(0o755)  # PostgreSQL runs as another user and has to get through
        self.checkpoints = self.folder / "checkpoints"
        self.videos = self.folder / "videos"
        port = free_port()
        self.mark = secrets.token_hex(8)
        self._url = f"http://127.0.0.1:{port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        clean[MARK] = self.mark
        self.postgres = Postgres(self.folder / "postgres", free_port(), clean)
        self.environment = {**clean, **self._settings(port, dags), **settings}
        self.components = {name: self.component(name, command) for name, command in COMPONENTS.items()}
        self._dag_ids = dag_ids
        self.database = Database(self.postgres.url)
        self.stopped = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def component(self, name: str, command: Sequence[str], **settings: str) -> Component:
        """Prepare an Airflow command; who starts one that is not in ``components`` also ends it."""
        return Component(
            name,
            (sys.executable, "-m", "airflow", *command),
            folder=self.folder,
            environment={**self.environment, **settings},
        )

    def tails(self) -> str:
        """The ends of the components' logs."""
        return "\n\n".join(f"--- {name}\n{part.tail()}" for name, part in self.components.items())

    def _start(self) -> None:
        for folder in (self.checkpoints, self.videos):
            folder.mkdir()
        self.postgres.start()
        subprocess.run(
            (sys.executable, "-m", "airflow", "db", "migrate"),
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=LONGEST_START_SECONDS,
        )
        self.database.audit()
        for component in self.components.values():
            component.start()
        self._wait_for("a healthy Airflow", lambda: is_healthy(self._url))
        self.rest = Rest(self._url)
        self._wait_for("the DAGs", lambda: all(self.rest.has_dag(dag_id) for dag_id in self._dag_ids))

    def _stop(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # who is impatient would leave something behind
        self.stopped.set()
        self.database.close()
        for component in self.components.values():
            component.end()
        self.postgres.end()
        left = pids_left(self.mark, self.folder)
        if KEEP in os.environ:
            print(f"\nLeft as {KEEP} asks for: {self.folder}", file=sys.stderr)  # noqa: T201
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if left:
            raise RuntimeError(f"processes left of this Airflow: {left}")

    def _wait_for(self, what: str, holds: Any) -> None:
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while not holds():
            dead = [name for name, part in self.components.items() if not part.is_alive]
            if dead or time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come; dead: {dead or 'none'}\n{self.tails()}")
            time.sleep(0.3)

    def _settings(self, port: int, dags: Path) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),  # the DAG files import what is beside them
            # Modules are compiled once, as in any installation, and not in every task; here, not there.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "KLING_E2E_CHECKPOINTS": str(self.checkpoints),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__API__BASE_URL": self._url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.postgres.url,
        }
