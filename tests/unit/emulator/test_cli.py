from __future__ import annotations

import inspect
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from kling_emulator import KlingEmulator
from kling_emulator.cli import argument_parser, main

COMMAND = (sys.executable, "-m", "kling_emulator")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the line that it printed when it was ready."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.terminate()


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_stops_cleanly_on_a_signal(stop_signal: signal.Signals) -> None:
    with running("--gateway", "elkapi", "--seconds-per-video", "0") as (process, line):
        url, setting = shlex.split(line)
        name, _, uri = setting.partition("=")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert name == "AIRFLOW_CONN_KLING_DEFAULT"
        assert uri == f"kling://:any-key@{url.removeprefix('http://')}/http?gateway=elkapi"

        path = f"{url}/kling/v1/videos/text2video"
        headers = {"Authorization": "Bearer some-key"}
        task = requests.post(path, json={"prompt": "a deer"}, headers=headers, timeout=30).json()
        report = requests.get(f"{path}/{task['task_id']}", headers=headers, timeout=30).json()
        assert report["status"] == "completed"

        process.send_signal(stop_signal)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_it_speaks_for_kling_itself_and_takes_the_keys_and_the_limits_it_was_given() -> None:
    secret = "a secret key of more than thirty-two bytes"
    keys = ("--api-key", "one", "--api-key", "two", "--access-key", "access", "--secret-key", secret)
    with running(*keys, "--units", "3", "--seconds-per-video", "0", "--requests-per-second", "100") as (
        _,
        line,
    ):
        url = f"{line.split()[0]}/v1/videos/text2video"

        def code(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            answer = requests.post(url, json={"prompt": "a deer"}, headers=headers, timeout=30)
            return int(answer.json()["code"])

        assert [code(key) for key in ("one", "two", "three", "wrong-key")] == [0, 1102, 1000, 1000]
        assert "gateway=official" in line


def test_each_setting_of_the_emulator_has_an_option_and_each_option_a_setting() -> None:
    defaults = vars(argument_parser().parse_args([]))
    parameters = inspect.signature(KlingEmulator).parameters
    given = vars(
        argument_parser().parse_args(
            [
                *("--parallel-tasks", "2", "--requests-per-second", "0.5", "--units", "0"),
                *("--status-age-seconds", "1.5", "--link-seconds", "60", "--proxied-links"),
            ]
        )
    )

    assert {**defaults, "api_keys": (), "port": 0} == {
        name: setting.default for name, setting in parameters.items()
    }
    assert {name: value for name, value in given.items() if value != defaults[name]} == {
        "parallel_tasks": 2,
        "requests_per_second": 0.5,
        "units": 0,
        "status_age_seconds": 1.5,
        "link_seconds": 60,
        "proxied_links": True,
    }


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, timeout=60, check=False
        )

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "in use" in done.stderr
    assert port in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--gateway", "nobody"),
        ("--access-key", "alone"),
        ("--port", "http"),
        ("--parallel-tasks", "-1"),
        ("--proxied-links", "--gateway", "elkapi"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage: kling-emulator" in capsys.readouterr().err
