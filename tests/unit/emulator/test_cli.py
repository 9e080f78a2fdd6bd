from __future__ import annotations

import inspect
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
import requests
from kling_emulator import KlingEmulator
from kling_emulator.cli import argument_parser, main


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_stops_cleanly_on_a_signal(stop_signal: signal.Signals) -> None:
    options = ("--port", "0", "--gateway", "elkapi", "--api-key", "one", "--api-key", "two")
    command = (sys.executable, "-m", "kling_emulator", *options)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process, ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        url, setting = shlex.split(process.stdout.readline())
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        uri = f"kling://:one@{url.removeprefix('http://')}/http?gateway=elkapi"
        assert setting == f"AIRFLOW_CONN_KLING_DEFAULT={uri}"

        headers = {"Authorization": "Bearer two"}
        path = f"{url}/kling/v1/videos/text2video"
        assert requests.post(path, json={"prompt": "a deer"}, headers=headers, timeout=30).ok
        process.send_signal(stop_signal)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 0)


def test_each_setting_of_the_emulator_has_an_option_and_each_option_a_setting() -> None:
    options = (
        "--parallel-tasks 2 --requests-per-second 0.5 --units 0 --status-age-seconds 1.5 --link-seconds 60 "
        "--proxied-links --api-key one --access-key access --secret-key secret --seconds-per-video 0"
    )
    defaults, given = (vars(argument_parser().parse_args(text.split())) for text in ("", options))
    parameters = inspect.signature(KlingEmulator).parameters

    assert {**defaults, "api_keys": (), "port": 0} == {
        name: setting.default for name, setting in parameters.items()
    }
    assert {name: value for name, value in given.items() if value != defaults[name]} == {
        **{"parallel_tasks": 2, "requests_per_second": 0.5, "units": 0, "status_age_seconds": 1.5},
        **{"link_seconds": 60, "proxied_links": True, "api_keys": ["one"], "access_key": "access"},
        **{"secret_key": "secret", "seconds_per_video": 0},
    }


def test_a_port_in_use_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            assert main(["--port", port]) == 1
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)

    assert re.fullmatch(rf"kling-emulator cannot start: .* in use.*{port}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    ["--gateway nobody", "--access-key alone", "--port http", "--proxied-links --gateway elkapi"],
)
def test_a_wrong_argument_is_a_usage_error(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())

    assert stopped.value.code == 2
    assert "usage: kling-emulator" in capsys.readouterr().err
