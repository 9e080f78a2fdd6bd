"""What the package brings to those who install it: a fixture, and nothing that they did not ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import kling_emulator as package
import pytest
import requests

if TYPE_CHECKING:
    from kling_emulator import KlingEmulator

pytest_plugins = ["pytester"]
HEAVY = {"aiohttp", "airflow", "av", "jwt", "PIL", "pydantic", "requests"}


def test_the_fixture_runs_kling_s_own_gateway_and_sets_the_connection(kling_emulator: KlingEmulator) -> None:
    assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == kling_emulator.connection_uri
    assert kling_emulator.connection_uri.endswith("?gateway=official")
    assert requests.get(f"{kling_emulator.url}/account/costs", timeout=30).json()["code"] == 1001


@pytest.mark.kling_emulator(gateway="elkapi", seconds_per_video=0, api_keys=("test-key",))
def test_the_marker_chooses_the_settings(kling_emulator: KlingEmulator) -> None:
    assert ":test-key@" in kling_emulator.connection_uri
    url = f"{kling_emulator.url}/kling/v1/videos/text2video"
    headers = {"Authorization": "Bearer test-key"}
    task = requests.post(url, json={"prompt": "a deer"}, headers=headers, timeout=30).json()
    assert requests.get(f"{url}/{task['task_id']}", headers=headers, timeout=30).json()["url"]


def test_a_project_of_a_user_needs_no_set_up_and_is_left_as_it_was(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://as-it-was")
    pytester.makepyfile(
        """
        import os
        import urllib.request

        seen = []

        def test_one(kling_emulator):
            assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == kling_emulator.connection_uri
            seen.append(kling_emulator.url)

        def test_two():
            assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == "kling://as-it-was"
            try:
                urllib.request.urlopen(seen[0] + "/_emulator/counters")
            except OSError:
                return
            raise AssertionError("the emulator still runs after its test")
        """
    )
    result = pytester.runpytest("--strict-markers", "-p", "no:randomly", "-p", "no:asyncio")
    result.assert_outcomes(passed=2)
    pytester.runpytest("--markers", "-p", "no:asyncio").stdout.fnmatch_lines(["*kling_emulator(gateway=*"])


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh Python has loaded in the end."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def test_the_plugin_loads_nothing_of_the_emulator_before_a_test_asks_for_it() -> None:
    loaded = loaded_by("import kling_emulator.pytest_plugin")

    assert {name for name in loaded if name.startswith("kling_emulator.")} == {"kling_emulator.pytest_plugin"}
    assert loaded.isdisjoint(HEAVY)


def test_the_package_loads_nothing_heavy_before_its_use() -> None:
    assert loaded_by("import kling_emulator").isdisjoint(HEAVY)


def test_a_running_emulator_loads_nothing_of_airflow_or_of_the_provider() -> None:
    loaded = loaded_by(
        "from kling_emulator import KlingEmulator\nwith KlingEmulator(): import kling_emulator.cli"
    )

    assert loaded.isdisjoint({"airflow", "airflow_provider_kling", "requests"})


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    assert [getattr(package, name).__name__ for name in package.__all__] == package.__all__
    assert not hasattr(package, "KlingSimulator")
