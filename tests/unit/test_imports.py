"""What an import costs, and which way the arrows point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_kling

PACKAGE = Path(airflow_provider_kling.__path__[0])
HEAVY = {"requests", "aiohttp", "jwt", "av"}
IMPORTED_BY_DAGS = (
    "operators.video",
    "sensors.task",
    "transfers.kling_to_object_storage",
    "triggers.task",
    "hooks.kling",
)
API = sorted(path.stem for path in (PACKAGE / "api").glob("*.py") if path.stem != "__init__")
ENGINES = {"generations", "waiting", "landing"}
THIN = ("operators", "sensors", "transfers", "triggers")
ARROWS = {
    # Each folder, and what it may import of the package beyond itself. What only type checkers import counts.
    "api": set[str](),
    "waiting": {"api"},
    "landing": {"api"},
    "generations": {"api"},
    "hooks": {"api", "failures", *ENGINES},
    **{folder: {"api", "failures", "hooks", *ENGINES, *THIN} for folder in THIN},
}


def loaded_after(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after a statement."""
    program = f"{statement}; import sys; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, also within functions and for type checkers alone."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_what_a_dag_imports_needs_no_http_client_no_jwt_and_no_codec() -> None:
    # Airflow may load some of these by itself, so it comes first; after that they cannot be had.
    airflow = (
        "import airflow.triggers.base; from airflow.providers.common.compat.sdk import BaseHook,"
        " BaseOperator, BaseSensorOperator, ObjectStoragePath, PokeReturnValue, AirflowFailException, conf"
    )
    block = "; ".join(f"sys.modules[{name!r}] = None" for name in sorted(HEAVY))
    ours = ", ".join(f"airflow_provider_kling.{name}" for name in IMPORTED_BY_DAGS)
    loaded_after(f"{airflow}; import sys; {block}; import {ours}")


def test_the_api_runs_where_there_is_no_airflow() -> None:
    modules = ", ".join(f"airflow_provider_kling.api.{name}" for name in API)
    loaded = loaded_after(f"import sys; sys.modules['airflow'] = None; import {modules}")
    assert "requests" in loaded  # so it was really imported
    assert "aiohttp" in loaded


@pytest.mark.parametrize("name", API)
def test_no_module_of_the_api_names_airflow(name: str) -> None:
    modules = imported(PACKAGE / "api" / f"{name}.py")
    assert not {module for module in modules if module.split(".")[0] == "airflow"}
    assert modules


@pytest.mark.parametrize("folder", ARROWS)
def test_the_arrows_between_the_folders_point_one_way(folder: str) -> None:
    ours = {
        module.split(".")[1]
        for path in (PACKAGE / folder).rglob("*.py")
        for module in imported(path)
        if module.startswith("airflow_provider_kling.")
    }
    assert ours - {folder} <= ARROWS[folder]
