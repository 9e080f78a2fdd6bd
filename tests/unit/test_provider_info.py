from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_kling.api.gateways import AUTO, GATEWAYS
from airflow_provider_kling.get_provider_info import get_provider_info
from airflow_provider_kling.hooks.kling import KlingHook

INFO = get_provider_info()
# What may be loaded on top of the interpreter by reading the provider info.
ALLOWED = {"airflow_provider_kling", "airflow_provider_kling.get_provider_info"}


def names(value: Any) -> list[str]:
    """Every dotted name of the package in the info."""
    if isinstance(value, dict):
        return [name for item in value.values() for name in names(item)]
    if isinstance(value, list):
        return [name for item in value for name in names(item)]
    return [value] if isinstance(value, str) and value.startswith("airflow_provider_kling.") else []


def test_the_info_is_as_airflows_own_schema_wants_it() -> None:
    schema = json.loads(Path(airflow.__path__[0], "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)
    assert json.loads(json.dumps(INFO)) == INFO


@pytest.mark.parametrize("name", sorted(set(names(INFO))))
def test_every_module_and_class_that_the_info_names_is_there(name: str) -> None:
    *path, last = name.split(".")
    if last[0].isupper():
        assert isinstance(getattr(import_module(".".join(path)), last), type)
    else:
        import_module(name)


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers", "transfers"])
def test_every_module_of_a_kind_is_named(kind: str) -> None:
    import airflow_provider_kling

    folder = Path(airflow_provider_kling.__path__[0], kind)
    helpers = {"__init__", "connection", "events", "lineage"}
    modules = {path.stem for path in folder.glob("*.py")} - helpers
    assert {name.rpartition(".")[2] for name in names(INFO[kind])} == modules


def test_the_connection_type_is_the_hooks_and_knows_all_gateways() -> None:
    (connection_type,) = INFO["connection-types"]
    assert connection_type["connection-type"] == KlingHook.conn_type
    assert connection_type["hook-name"] == KlingHook.hook_name
    gateway = connection_type["conn-fields"]["gateway"]["schema"]
    assert gateway["enum"] == [AUTO, *GATEWAYS]
    assert gateway["default"] == AUTO


def test_airflow_finds_the_info_by_its_entry_point() -> None:
    found = [point for point in entry_points(group="apache_airflow_provider") if "kling" in point.value]
    assert [point.load() for point in found] == [get_provider_info]


def test_reading_the_info_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules);"
        "from airflow_provider_kling.get_provider_info import get_provider_info; get_provider_info();"
        "print('\\n'.join(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    others = {name for name in loaded.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names}
    assert others == ALLOWED
