"""What an import costs, and which way the arrows point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kling_emulator
import pytest

import airflow_provider_kling

PACKAGE = Path(airflow_provider_kling.__path__[0])
EMULATOR = Path(kling_emulator.__path__[0])
HEAVY = {"requests", "aiohttp", "jwt", "av"}
IMPORTED_BY_DAGS = (
    "operators.video",
    "sensors.task",
    "transfers.kling_to_object_storage",
    "triggers.task",
    "hooks.kling",
)
ENGINES = {"generations", "waiting", "landing"}
BELOW_THIN = {"api", "failures", "batch", "hooks", *ENGINES}
THIN = {"operators", "sensors", "transfers", "triggers"}
# Each folder and file of the package, and what it may import of the package beyond itself. What only type
# checkers import counts.
ARROWS: dict[str, set[str]] = {
    "get_provider_info": set(),
    "api": set(),
    "failures": {"api"},
    "retry_policy": {"api", "failures"},
    **{folder: {"api", "failures"} for folder in ENGINES},
    "batch": {"api", "failures", *ENGINES},
    "hooks": {"api", "failures", "batch", *ENGINES},
    **dict.fromkeys(THIN, BELOW_THIN | THIN),
}


def modules_of(package: Path, folder: str = "") -> list[str]:
    """Every module below a folder, by its dotted name."""
    files = sorted(path.relative_to(package.parent) for path in (package / folder).rglob("*.py"))
    return [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]


def part_of(module: str) -> str:
    """The folder or file right below the package that a module is in; empty for the package itself."""
    return ".".join(module.split(".")[1:2])


def loaded_after(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after a statement."""
    program = f"{statement}; import sys; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def imported(package: Path, module: str) -> set[str]:
    """What a module imports anywhere, also within functions and for type checkers alone."""
    path = package.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
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
    modules = ", ".join(modules_of(PACKAGE, "api"))
    assert "airflow_provider_kling.api.reading.values" in modules
    loaded = loaded_after(f"import sys; sys.modules['airflow'] = None; import {modules}")
    assert {"requests", "aiohttp"} <= loaded  # so it was really imported


@pytest.mark.parametrize("module", modules_of(PACKAGE, "api"))
def test_no_module_of_the_api_names_airflow(module: str) -> None:
    assert "airflow" not in {name.split(".")[0] for name in imported(PACKAGE, module)}


@pytest.mark.parametrize("module", modules_of(EMULATOR))
def test_no_module_of_the_emulator_names_airflow_or_the_provider(module: str) -> None:
    assert {name.split(".")[0] for name in imported(EMULATOR, module)}.isdisjoint(
        {"airflow", "airflow_provider_kling"}
    )


@pytest.mark.parametrize("module", modules_of(PACKAGE))
def test_the_arrows_between_the_folders_point_one_way(module: str) -> None:
    name = PACKAGE.name
    ours = {part_of(other) for other in imported(PACKAGE, module) if other.startswith(f"{name}.")}
    assert ours - {part_of(module)} <= ARROWS.get(part_of(module), set())


def test_every_folder_and_file_of_the_package_has_its_place() -> None:
    assert {part_of(module) for module in modules_of(PACKAGE)} - {""} <= ARROWS.keys()
