"""What the README shows is what runs here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kling_emulator.cli import argument_parser

from airflow_provider_kling.hooks.connection import endpoint_of
from tests.integration.commands import ROOT

README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = "".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL))
CONNECTIONS = re.findall(r"AIRFLOW_CONN_KLING_DEFAULT='([^']+)'", SHELL)
GATEWAYS = {
    "api.ezmodel.cloud": ("ezmodel", "https://api.ezmodel.cloud"),
    "api.elkapi.com": ("elkapi", "https://api.elkapi.com"),
    "API_KEY@": ("official", "https://api-singapore.klingai.com"),
    "api-beijing.klingai.com": ("official", "https://api-beijing.klingai.com"),
    "relay.example.com?gateway=newapi": ("newapi", "https://relay.example.com"),
    "127.0.0.1:8765": ("ezmodel", "http://127.0.0.1:8765"),
}


@pytest.mark.usefixtures("airflow_database")
def test_its_dags_land_a_video_and_its_test_passes(tmp_path: Path) -> None:
    first, in_one, test = PYTHON
    for name, text in (("deer.py", first), ("deer_in_one.py", in_one), ("test_deer.py", test)):
        (tmp_path / name).write_text(text.replace("/tmp/kling", f"{tmp_path}/kling"))
    (tmp_path / "test_deer_in_one.py").write_text(test.replace("from deer ", "from deer_in_one "))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert len(list((tmp_path / "kling").rglob("*.mp4"))) == 2


@pytest.mark.parametrize("uri", CONNECTIONS)
def test_its_connections_mean_the_gateways_that_they_stand_beside(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook

    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
    endpoint = endpoint_of(KlingHook.get_connection("kling_default"))

    (expected,) = [meant for mark, meant in GATEWAYS.items() if uri.endswith(mark) or f"@{mark}" in uri]
    assert endpoint.gateway is not None
    assert (endpoint.gateway.name, endpoint.base_url) == expected


def test_it_shows_a_connection_for_every_gateway() -> None:
    assert len(CONNECTIONS) == len(GATEWAYS)


def test_its_emulator_commands_are_understood() -> None:
    commands = re.findall(r"^kling-emulator (.*)$", SHELL, re.MULTILINE)

    assert [argument_parser().parse_args(command.split()).gateway for command in commands] == ["ezmodel"]
