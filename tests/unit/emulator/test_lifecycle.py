"""An emulator in Python, from its start to its stop, and what it tells about itself."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests
from kling_emulator import Counters, KlingEmulator, State

from tests.unit.emulator.dialects import Caller, url_of


def test_a_stop_and_a_start_keep_the_port_the_tasks_and_the_links(elkapi: Caller) -> None:
    task_id = elkapi.created()
    url = url_of(elkapi.report(task_id))
    video = requests.get(url, timeout=30).content
    port = elkapi.emulator.port

    elkapi.emulator.stop()
    with pytest.raises(requests.ConnectionError):
        elkapi.query(task_id)

    elkapi.emulator.start()
    assert elkapi.emulator.port == port
    assert elkapi.report(task_id)["status"] == "completed"
    assert requests.get(url, timeout=30).content == video
    assert elkapi.emulator.counters().downloads == 2


def test_a_stop_is_harmless_twice_and_a_second_start_is_an_error() -> None:
    emulator = KlingEmulator()
    emulator.stop()
    emulator.start()
    with pytest.raises(RuntimeError, match="running already"):
        emulator.start()
    emulator.stop()
    emulator.stop()


def test_a_port_in_use_is_an_os_error_and_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        emulator = KlingEmulator(port=other.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            emulator.start()
    with emulator:
        assert requests.get(f"{emulator.url}/_emulator/counters", timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("settings", "user", "gateway"),
    [
        ({"gateway": "ezmodel", "host": "0.0.0.0"}, ":any-key", "ezmodel"),
        ({"gateway": "elkapi", "api_keys": ("test-key", "other")}, ":test-key", "elkapi"),
        ({"api_keys": ("a/b@c",)}, ":a%2Fb%40c", "official"),
        ({"access_key": "access", "secret_key": "se:cret"}, "access:se%3Acret", "official"),
        # The connection names the dialect, not the version of it.
        ({"gateway": "newapi-old"}, ":any-key", "newapi"),
        ({"gateway": "ezmodel-code"}, ":any-key", "ezmodel"),
    ],
)
def test_the_connection_uri_is_ready_for_airflow(settings: dict[str, Any], user: str, gateway: str) -> None:
    uri = KlingEmulator(port=1234, **settings).connection_uri

    assert uri == f"kling://{user}@127.0.0.1:1234/http?gateway={gateway}"


def test_creates_and_tasks_can_be_looked_at_also_over_http_without_a_key(kling: Caller) -> None:
    bodies: list[dict[str, Any]] = [
        {"prompt": "a deer", "mode": None, "external_task_id": "mine"},
        {"prompt": 1},
    ]
    for body in bodies:
        kling.create(body)
    kling.query("mine")

    (task,) = kling.emulator.tasks()
    assert (task.prompt, task.external_task_id, task.model) == ("a deer", "mine", "kling-v1")
    assert (task.state, task.queries, task.transfers) == (State.SUCCEEDED, 1, 0)
    assert kling.emulator.creates() == kling.admin("GET", "creates").json() == bodies
    assert kling.admin("GET", "tasks").json() == [{**vars(task), "state": "succeeded"}]
    counters = {"creates_received": 2, "creates_accepted": 1, "polls": 1, "downloads": 0}
    assert kling.admin("GET", "counters").json() == {**counters, "connections": 4}
    assert kling.admin("GET", "nothing").status_code == 404


def test_a_reset_forgets_everything(elkapi: Caller) -> None:
    task_id = elkapi.created()

    assert elkapi.admin("POST", "reset").status_code == 204

    assert elkapi.emulator.counters() == Counters()
    assert (elkapi.emulator.creates(), elkapi.emulator.tasks()) == ([], [])
    assert elkapi.query(task_id).status_code == 400
