from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG

from tests.integration.commands import readable


@dataclass(frozen=True)
class Run:
    """A finished run of a DAG: states, tries and XComs by task id, and everything that was logged."""

    state: str
    states: dict[str, str]
    tries: dict[str, int]
    xcoms: dict[str, Any]
    kling_task_ids: dict[str, Any]
    log: str


def xcom(ti: TaskInstance, key: str) -> Any:
    value = ti.xcom_pull(task_ids=ti.task_id, key=key)
    # Read from the database instead of a task, a text of digits comes back as a number.
    return str(value) if isinstance(value, int) else value


class DagRunner:
    """Runs DAGs of ``dags/`` through ``dag.test()``, in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, module: str, dag_id: str, **conf: Any) -> Run:
        # Made anew, because a run writes its conf into the params of the DAG that it is given.
        dag: DAG = getattr(importlib.reload(importlib.import_module(module)), dag_id)
        self._capfd.readouterr()
        finished = dag.test(run_conf=conf)
        assert finished is not None
        instances = {ti.task_id: ti for ti in finished.get_task_instances()}
        return Run(
            state=finished.state,
            states={name: str(ti.state) for name, ti in instances.items()},
            tries={name: ti.try_number for name, ti in instances.items()},
            xcoms={name: xcom(ti, "return_value") for name, ti in instances.items()},
            kling_task_ids={name: xcom(ti, "kling_task_id") for name, ti in instances.items()},
            log=readable("".join(self._capfd.readouterr())),
        )


@pytest.fixture(scope="session")
def airflow_database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


@pytest.fixture
def run_dag(airflow_database: None, capfd: pytest.CaptureFixture[str]) -> DagRunner:
    return DagRunner(capfd)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let triggers run in this process, where an early event harms nobody, and give up soon."""
    from airflow_provider_kling.api.retrying import Retries
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.waiting.pacing import Pacing

    monkeypatch.setattr(KlingHook, "retries", Retries(1.0))
    monkeypatch.setattr(KlingHook, "pacing", Pacing(earliest_question=0.2, doubt=1.0))
    monkeypatch.setattr(KlingHook, "landing_seconds", 5.0)
