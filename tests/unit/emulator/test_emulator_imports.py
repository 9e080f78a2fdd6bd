from __future__ import annotations

import json
import subprocess
import sys

import kling_emulator as emulator
import pytest


def python(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    return result.stdout


@pytest.mark.parametrize(
    "module", ["emulator", "emulator.emulator", "emulator.cli", "emulator.pytest_plugin"]
)
def test_importing_it_loads_nothing_heavy_and_nothing_of_the_provider(module: str) -> None:
    loaded = set(
        json.loads(
            python(f"import json, sys, airflow_provider_kling.{module}; print(json.dumps(list(sys.modules)))")
        )
    )
    assert loaded.isdisjoint({"av", "PIL", "aiohttp", "jwt", "airflow", "requests", "pydantic"})


def test_the_plugin_loads_nothing_of_the_emulator_before_a_test_asks_for_it() -> None:
    plugin = "kling_emulator.pytest_plugin"
    loaded = python(f"import sys, {plugin}; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("kling_emulator.")] == [plugin]


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    assert [getattr(emulator, name).__name__ for name in emulator.__all__] == emulator.__all__
    assert not hasattr(emulator, "KlingSimulator")


def test_a_running_emulator_loads_nothing_of_the_rest_of_the_provider() -> None:
    program = (
        "import json, sys\n"
        "from kling_emulator import KlingEmulator\n"
        "with KlingEmulator():\n"
        "    print(json.dumps(list(sys.modules)))\n"
    )
    loaded = json.loads(python(program))
    assert "airflow" not in loaded
    strangers = [
        name
        for name in loaded
        if name.startswith("airflow_provider_kling.") and name.split(".")[1] != "emulator"
    ]
    assert strangers == []


@pytest.mark.parametrize("missing", ["av", "PIL"])
def test_without_the_extra_a_start_says_what_to_install(missing: str) -> None:
    program = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from kling_emulator.cli import main\n"
        "sys.stderr = sys.stdout\n"
        "print(main(['--port', '0']))\n"
    )
    message, exit_code = python(program).splitlines()
    assert "pip install 'airflow-provider-kling[emulator]'" in message
    assert exit_code == "1"
