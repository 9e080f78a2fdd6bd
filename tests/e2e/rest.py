"""What a user does, over Airflow's REST API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from kling_emulator import KlingEmulator
from requests.adapters import HTTPAdapter

SECONDS = 60


class Rest:
    """Airflow's REST API, with the rights of an administrator. Threads may share it."""

    def __init__(self, url: str) -> None:
        token = requests.get(f"{url}/auth/token", timeout=SECONDS).json()["access_token"]
        self._url = f"{url}/api/v2"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.mount("http://", HTTPAdapter(pool_maxsize=64))

    def has_dag(self, dag_id: str) -> bool:
        return self._session.get(f"{self._url}/dags/{dag_id}", timeout=SECONDS).ok

    def connect(self, name: str, emulator: KlingEmulator) -> None:
        """Make a connection to an emulator."""
        uri = urlsplit(emulator.connection_uri)
        self.post(
            "connections",
            {
                "connection_id": name,
                "conn_type": "kling",
                "host": uri.hostname,
                "port": uri.port,
                "schema": "http",
                "password": uri.password,
                "extra": f'{{"gateway": "{uri.query.partition("=")[2]}"}}',
            },
        )

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        self.post(f"dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, whatever its state, and what comes after it."""
        answer = self.post(
            f"dags/{dag_id}/clearTaskInstances",
            {
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": [task_id],
                "only_failed": False,
                "include_downstream": True,
                "reset_dag_runs": True,
            },
        )
        assert answer.json()["total_entries"], f"there was nothing to clear in {run_id}"

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        self._ask("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": "failed"})

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int, map_index: int) -> str:
        """The log of a try: what happened, with the errors but without their stacks."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        lines = []
        for entry in self._ask("GET", f"{path}?full_content=true&map_index={map_index}").json()["content"]:
            lines.append(f"{entry.get('timestamp', '')} {entry.get('level', '')} {entry['event']}")
            errors = entry.get("error_detail") or ()
            lines += [f"    {error['exc_type']}: {error['exc_value']}" for error in errors]
        return "\n".join(lines)

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._ask("GET", f"{path}?deserialize=false&stringify=false").json()["value"]

    def post(self, path: str, json: dict[str, Any]) -> requests.Response:
        """Make something, or have something done."""
        return self._ask("POST", path, json)

    def _ask(self, method: str, path: str, json: dict[str, Any] | None = None) -> requests.Response:
        answer = self._session.request(method, f"{self._url}/{path}", json=json, timeout=SECONDS)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer
