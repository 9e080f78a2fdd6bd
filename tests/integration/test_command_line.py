from __future__ import annotations

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling import __version__
from tests.integration.commands import airflow

pytestmark = pytest.mark.usefixtures("airflow_database")


@pytest.mark.parametrize(
    ("what", "begin", "end"),
    [("list", "airflow-provider-kling ", f" {__version__}"), ("hooks", "kling ", "")],
)
def test_airflow_lists_the_provider_with_its_version_and_its_connection_type_with_its_hook(
    what: str, begin: str, end: str
) -> None:
    listed = airflow("providers", what, "--output", "plain").stdout

    (line,) = [line for line in listed.splitlines() if line.startswith(begin)]
    assert line.endswith(end)
    assert what == "list" or "KlingHook" in line


def test_a_connection_test_tells_a_good_key_from_a_wrong_one() -> None:
    with KlingEmulator(gateway="official") as emulator:
        uris = [emulator.connection_uri, emulator.connection_uri.replace("any-key", "wrong-key")]
        command = ("connections", "test", "kling_default")
        enabled = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
        tests = [airflow(*command, AIRFLOW_CONN_KLING_DEFAULT=uri, **enabled) for uri in uris]
    good, wrong = (test.stdout.replace("\n", " ") for test in tests)

    assert "Connection success!" in good
    assert "The gateway answers, and does not accept the key." in wrong
    assert "wrong-key" not in wrong
