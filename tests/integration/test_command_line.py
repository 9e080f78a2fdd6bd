from __future__ import annotations

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling import __version__
from tests.integration.commands import airflow

pytestmark = pytest.mark.usefixtures("airflow_database")


def test_airflow_lists_the_provider_with_its_version() -> None:
    listed = airflow("providers", "list", "--output", "plain").stdout

    (line,) = [line for line in listed.splitlines() if line.startswith("airflow-provider-kling")]
    assert line.endswith(__version__)


def test_airflow_knows_the_connection_type_and_its_hook() -> None:
    listed = airflow("providers", "hooks", "--output", "plain").stdout

    (line,) = [line for line in listed.splitlines() if line.startswith("kling ")]
    assert "KlingHook" in line


def test_a_connection_test_tells_a_good_key_from_a_wrong_one_and_from_silence() -> None:
    with KlingEmulator(gateway="official") as emulator:
        good = _test(emulator.connection_uri)
        wrong = _test(emulator.connection_uri.replace("any-key", "wrong-key"))
    silent = _test(emulator.connection_uri)

    assert "Connection success!" in good
    assert "The gateway answers, and does not accept the key." in wrong
    assert "wrong-key" not in wrong
    assert "The gateway does not answer." in silent
    assert emulator.counters().creates_received == 0


def _test(uri: str) -> str:
    return airflow(
        "connections",
        "test",
        "kling_default",
        AIRFLOW_CONN_KLING_DEFAULT=uri,
        AIRFLOW__CORE__TEST_CONNECTION="Enabled",
    ).stdout.replace("\n", " ")
