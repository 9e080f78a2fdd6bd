from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from kling_emulator import KlingEmulator

pytest_plugins = ["pytester"]


def test_the_fixture_runs_kling_s_own_gateway_and_sets_the_connection(kling_emulator: KlingEmulator) -> None:
    assert os.environ["AIRFLOW_CONN_KLING_DEFAULT"] == kling_emulator.connection_uri
    assert kling_emulator.connection_uri.endswith("?gateway=official")
    assert requests.get(f"{kling_emulator.url}/account/costs", timeout=10).json()["code"] == 1001


@pytest.mark.kling_emulator(gateway="elkapi", seconds_per_video=0, api_keys=("test-key",))
def test_the_marker_chooses_the_settings(kling_emulator: KlingEmulator) -> None:
    assert ":test-key@" in kling_emulator.connection_uri
    url = f"{kling_emulator.url}/kling/v1/videos/text2video"
    headers = {"Authorization": "Bearer test-key"}
    task = requests.post(url, json={"prompt": "a deer"}, headers=headers, timeout=10).json()
    assert requests.get(f"{url}/{task['task_id']}", headers=headers, timeout=10).json()["url"]


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
