"""What the package brings to those who install it: a fixture, and nothing that they did not ask for."""

from __future__ import annotations

import os
import subprocess
import sys

import kling_emulator as package
import pytest
import requests
from kling_emulator import KlingEmulator

pytest_plugins = ["pytester"]
HEAVY = {"aiohttp", "airflow", "av", "jwt", "PIL", "pydantic", "requests"}


def test_the_fixture_runs_kling_s_own_gateway_and_sets_the_connection(kling_emulator: KlingEmulator) -> None:
    assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == kling_emulator.connection_uri
    assert kling_emulator.connection_uri.endswith("?gateway=official")
    assert requests.get(f"{kling_emulator.url}/account/costs", timeout=30).json()["code"] == 1001


@pytest.mark.kling_emulator(gateway="elkapi", api_keys=("test-key",))
def test_the_marker_chooses_the_settings(kling_emulator: KlingEmulator) -> None:
    assert ":test-key@" in kling_emulator.connection_uri
    assert kling_emulator.connection_uri.endswith("?gateway=elkapi")


def test_a_project_of_a_user_is_left_as_it_was(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://as-it-was")
    pytester.makepyfile(
        """
        import os
        import urllib.request

        import pytest

        seen = []

        def test_one(kling_emulator):
            assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == kling_emulator.connection_uri
            seen.append(kling_emulator.url)

        def test_two():
            assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == "kling://as-it-was"
            with pytest.raises(OSError):
                urllib.request.urlopen(seen[0] + "/_emulator/counters")
        """
    )
    # Other plugins take seconds to load. That ours is found without being named, the tests above show.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest("--strict-markers", "-p", "kling_emulator.pytest_plugin")
    result.assert_outcomes(passed=2)


def test_nothing_is_loaded_before_its_use_and_nothing_of_airflow_ever() -> None:
    program = """
import sys
import kling_emulator.pytest_plugin
print(*sys.modules)
from kling_emulator import KlingEmulator
with KlingEmulator():
    import kling_emulator.cli
print(*sys.modules)
"""
    python = [sys.executable, "-c", program]
    done = subprocess.run(python, capture_output=True, text=True, timeout=60, check=True)
    before, after = (set(line.split()) for line in done.stdout.splitlines())

    assert {name for name in before if name.startswith("kling_emulator.")} == {"kling_emulator.pytest_plugin"}
    assert before.isdisjoint(HEAVY)
    assert after.isdisjoint({"airflow", "airflow_provider_kling", "requests"})


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    assert [getattr(package, name).__name__ for name in package.__all__] == package.__all__
    assert not hasattr(package, "KlingSimulator")
