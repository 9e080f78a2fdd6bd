from __future__ import annotations

import socket
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest
import requests
from kling_emulator import Counters, KlingEmulator, State

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate


def test_a_stop_and_a_start_keep_the_port_the_tasks_and_the_links(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    task_id = caller.created()
    url = caller.video_url(task_id)
    video = requests.get(url, timeout=10).content
    port = caller.emulator.port

    caller.emulator.stop()
    with pytest.raises(requests.ConnectionError):
        caller.query(task_id)

    caller.emulator.start()
    assert caller.emulator.port == port
    assert caller.report(task_id)["status"] == "completed"
    assert requests.get(url, timeout=10).content == video
    assert caller.emulator.counters().downloads == 2


def test_a_stop_is_harmless_twice_and_a_second_start_is_an_error() -> None:
    emulator = KlingEmulator()
    emulator.stop()
    emulator.start()
    with pytest.raises(RuntimeError, match="running already"):
        emulator.start()
    emulator.stop()
    emulator.stop()


def test_two_emulators_run_side_by_side(emulate: Emulate) -> None:
    first, second = emulate("ezmodel"), emulate("ezmodel")
    first.created()
    assert len(first.emulator.tasks()) == 1
    assert second.emulator.tasks() == []


def test_a_port_in_use_is_an_os_error_and_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        emulator = KlingEmulator(port=other.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            emulator.start()
    with emulator:
        assert requests.get(f"{emulator.url}/_emulator/counters", timeout=10).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"gateway": "nobody"},
        {"access_key": "access"},
        {"secret_key": "secret"},
        {"gateway": "ezmodel", "access_key": "access", "secret_key": "secret"},
        {"gateway": "newapi-old", "proxied_links": True},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"gateway|access key"):
        KlingEmulator(**settings)


@pytest.mark.parametrize(
    ("settings", "user"),
    [
        ({"gateway": "ezmodel"}, ":any-key"),
        ({"gateway": "elkapi", "api_keys": ("test-key", "other")}, ":test-key"),
        ({"gateway": "official", "api_keys": ("a/b@c",)}, ":a%2Fb%40c"),
        ({"gateway": "official", "access_key": "access", "secret_key": "se:cret"}, "access:se%3Acret"),
    ],
)
def test_the_connection_uri_is_ready_for_airflow(settings: dict[str, Any], user: str) -> None:
    with KlingEmulator(**settings) as emulator:
        assert emulator.url == f"http://127.0.0.1:{emulator.port}"
        expected = f"kling://{user}@127.0.0.1:{emulator.port}/http?gateway={settings['gateway']}"
        assert emulator.connection_uri == expected


@pytest.mark.parametrize(
    ("gateway", "connection_name"),
    [
        ("newapi", "newapi"),
        ("newapi-old", "newapi"),
        ("ezmodel-code", "ezmodel"),
        ("crazyrouter", "crazyrouter"),
        ("envelope", "envelope"),
    ],
)
def test_the_connection_names_the_dialect_not_the_version(gateway: str, connection_name: str) -> None:
    assert KlingEmulator(gateway=gateway).connection_uri.endswith(f"/http?gateway={connection_name}")


def test_an_emulator_on_all_addresses_is_called_on_one() -> None:
    assert KlingEmulator(host="0.0.0.0", port=8765).url == "http://127.0.0.1:8765"


def test_everything_that_comes_in_is_counted(emulate: Emulate) -> None:
    caller = emulate("ezmodel")
    task_id = caller.created()
    caller.create(prompt=None)
    caller.query(task_id)
    caller.query("unknown")
    assert caller.emulator.counters() == Counters(
        creates_received=2, creates_accepted=1, polls=2, downloads=0, connections=1
    )
    with pytest.raises(FrozenInstanceError):
        caller.emulator.counters().polls = 0  # type: ignore[misc]


def test_a_list_of_tasks_counts_as_one_poll_and_the_account_as_none(emulate: Emulate) -> None:
    caller = emulate("official")
    caller.get(caller.path)
    caller.get("/account/costs?start_time=0&end_time=1")
    assert caller.emulator.counters().polls == 1


def test_each_tcp_connection_is_counted_once(emulate: Emulate) -> None:
    caller = emulate("ezmodel")
    for _ in range(3):
        caller.query("unknown")
    assert caller.emulator.counters().connections == 1
    for _ in range(3):
        requests.get(f"{caller.emulator.url}/_emulator/counters", timeout=10)
    assert caller.emulator.counters().connections == 4


def test_creates_and_tasks_can_be_looked_at(emulate: Emulate) -> None:
    caller = emulate("official")
    caller.create({"prompt": "a deer", "mode": None, "external_task_id": "mine"})
    caller.create({"prompt": 1})
    caller.query("mine")
    assert caller.emulator.creates() == [
        {"prompt": "a deer", "mode": None, "external_task_id": "mine"},
        {"prompt": 1},
    ]
    (task,) = caller.emulator.tasks()
    assert (task.prompt, task.external_task_id, task.model) == ("a deer", "mine", "kling-v1")
    assert (task.state, task.queries, task.transfers) == (State.SUCCEEDED, 1, 0)


def test_the_admin_paths_say_the_same_without_a_key_and_are_no_polls(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    task_id = caller.created()
    url = f"{caller.emulator.url}/_emulator"
    counters = requests.get(f"{url}/counters", timeout=10).json()
    assert counters.pop("connections") == 2
    assert counters == {"creates_received": 1, "creates_accepted": 1, "polls": 0, "downloads": 0}
    assert requests.get(f"{url}/creates", timeout=10).json() == [caller.smallest_create]
    (task,) = requests.get(f"{url}/tasks", timeout=10).json()
    assert (task["task_id"], task["state"]) == (task_id, "succeeded")
    assert requests.get(f"{url}/nothing", timeout=10).status_code == 404


def test_a_reset_forgets_everything(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    task_id = caller.created()
    assert requests.post(f"{caller.emulator.url}/_emulator/reset", timeout=10).status_code == 204
    assert caller.emulator.counters() == Counters()
    assert caller.emulator.creates() == []
    assert caller.emulator.tasks() == []
    assert caller.query(task_id).status_code == 400


def test_an_image_of_ten_megabytes_fits_into_a_create(emulate: Emulate) -> None:
    assert emulate("elkapi").create(image="A" * 14_000_000).status_code == 200


def test_each_video_can_take_a_time_of_its_own(emulate: Emulate) -> None:
    times = iter([0.0, 60.0])
    caller = emulate("official", seconds_per_video=lambda: next(times))

    quick, long = caller.created(), caller.created()

    assert caller.report(quick)["task_status"] == "succeed"
    assert caller.report(long)["task_status"] == "submitted"


def test_a_create_that_is_refused_uses_up_no_time_of_a_video(emulate: Emulate) -> None:
    times = iter([0.0])
    caller = emulate("official", seconds_per_video=lambda: next(times))

    assert caller.create(prompt=None).status_code == 400
    assert caller.report(caller.created())["task_status"] == "succeed"
