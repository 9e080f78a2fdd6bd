from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.hooks.kling import KlingHook
from tests.integration.conftest import DagRunner
from tests.integration.videos import facts_of


def has_task_state() -> bool:
    return hasattr(importlib.import_module("airflow.sdk.execution_time.context"), "TaskStateStoreAccessor")


@pytest.mark.kling_emulator(gateway="elkapi")
def test_submitting_returns_the_task_id_and_does_not_wait(
    kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("operator_forms", "operator_submit_only")

    assert run.state == "success", run.log
    assert run.xcoms["generate"] == run.kling_task_ids["generate"] == kling_emulator.tasks()[0].task_id
    assert kling_emulator.counters().polls == 0


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("land_in_worker", marks=pytest.mark.kling_emulator(gateway="elkapi")),
        pytest.param("land_deferred", marks=pytest.mark.kling_emulator(gateway="ezmodel")),
    ],
)
def test_landing_returns_what_landed(
    form: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "deer.mp4"
    run = run_dag("operator_forms", f"operator_{form}", path=target.as_uri())

    assert run.state == "success", run.log
    facts = facts_of(target)
    landed = run.xcoms["generate"]
    told = {"path": target.as_uri(), **facts, "task_id": run.kling_task_ids["generate"], "others": []}
    assert {name: landed.pop(name) for name in told} == told
    assert set(landed) == {
        *("external_task_id", "product", "videos", "units"),
        *("created_at", "finished_at", "request_id"),
    }
    assert "?" not in landed["videos"][0]["url"]
    assert (facts["duration"], facts["width"], facts["height"]) == (3.0, 960, 960)
    assert kling_emulator.counters().creates_accepted == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": " "}, "prompt=' ' is empty; say what the video should show"),
        ({"image": "/tmp/cat.png"}, "is neither an http(s) link nor the Base64 text of a JPEG or PNG file"),
    ],
)
def test_a_bad_value_is_named_with_its_remedy_before_anything_is_sent(
    fields: dict[str, Any],
    said: str,
    kling_emulator: KlingEmulator,
    run_dag: DagRunner,
    tmp_path: Path,
) -> None:
    run = run_dag("operator_forms", "operator_land_deferred", path=str(tmp_path / "deer.mp4"), **fields)

    assert run.states["generate"] == "failed"
    assert said in run.log
    assert "Nothing was submitted." in run.log
    assert run.tries["generate"] == 1
    assert kling_emulator.counters().creates_received == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "names no file; give one, such as s3://bucket/deer.mp4"),
        ("file:///tmp/videos/", "names no file"),
        ("nowhere://bucket/deer.mp4", "is in a storage that cannot be opened"),
        ("file:///dev/null/deer.mp4", "Nothing was submitted by this try. Check the path, and its"),
    ],
)
def test_a_bad_target_is_found_before_anything_is_paid(
    path: str, said: str, kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("operator_forms", "operator_land_deferred", path=path)

    assert run.states["generate"] == "failed"
    assert said in run.log
    assert kling_emulator.counters().creates_received == 0


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (None, "The Airflow connection 'kling_default' is not defined; add it, or set AIRFLOW_CONN_KLING"),
        ("kling://127.0.0.1:9/http", "Connection 'kling_default' has no key; put the API key into its"),
    ],
)
def test_a_connection_that_cannot_be_used_is_told_from_a_gateway_that_refuses(
    uri: str | None, said: str, run_dag: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT", raising=False)
    if uri:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
    run = run_dag("operator_forms", "operator_submit_only")

    assert run.states["generate"] == "failed"
    assert said in run.log


def test_a_wrong_key_fails_at_once_and_says_where_to_look(
    kling_emulator: KlingEmulator, run_dag: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = kling_emulator.connection_uri.replace("any-key", "wrong-key")
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uri)
    run = run_dag("operator_forms", "operator_land_deferred", path="/tmp/never.mp4")

    assert run.states["generate"] == "failed"
    assert "HTTP 401" in run.log
    assert "Check the key in the connection's password" in run.log
    assert run.tries["generate"] == 1
    assert "wrong-key" not in run.log
    assert kling_emulator.counters().creates_received == 0


def test_a_gateway_that_is_down_is_tried_again_by_airflow(
    kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    kling_emulator.stop()
    run = run_dag("operator_forms", "operator_submit_only")

    assert run.states["generate"] == "failed"
    assert "Check host, port and schema of the connection" in run.log
    assert run.tries["generate"] == 2
    assert kling_emulator.counters().creates_received == 0


def test_a_lost_answer_is_adopted_where_the_gateway_can_find_it(
    kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    path = str(tmp_path / "deer.mp4")
    run = run_dag("operator_forms", "operator_land_deferred", prompt="A deer [lost]", path=path)

    assert run.state == "success", run.log
    assert run.tries["generate"] == 1
    assert kling_emulator.counters().creates_received == 1
    assert run.kling_task_ids["generate"] == kling_emulator.tasks()[0].task_id


@pytest.mark.kling_emulator(gateway="newapi", status_age_seconds=0)
def test_a_lost_answer_stops_the_task_where_the_gateway_cannot(
    kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("operator_forms", "operator_submit_only", prompt="A deer [lost]")

    assert run.states["generate"] == "failed"
    assert "A generation may have been made and may be billed." in run.log
    assert run.tries["generate"] == 1
    assert kling_emulator.counters().creates_received == 1


@pytest.mark.kling_emulator(seconds_per_video=600)
def test_a_timeout_says_that_the_generation_goes_on(
    kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("operator_forms", "operator_wait_deferred")

    assert run.states["generate"] == "failed"
    assert "The generation goes on and is billed" in run.log
    assert f"Kling task {run.kling_task_ids['generate']}" in run.log
    assert kling_emulator.counters().creates_received == 1


def test_a_transfer_that_breaks_off_is_repeated_and_not_paid_again(
    kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "deer.mp4"
    run = run_dag("operator_forms", "operator_land_in_worker", prompt="A deer [cut]", path=str(target))

    assert run.state == "success", run.log
    assert facts_of(target)["duration"] == 3.0
    assert kling_emulator.counters().creates_accepted == 1
    assert kling_emulator.counters().downloads == 2


def test_a_file_that_never_arrives_whole_is_never_published_nor_paid_again(
    kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "deer.mp4"
    run = run_dag("operator_forms", "operator_land_deferred", prompt="A deer [cut-always]", path=str(target))

    assert run.states["generate"] == "failed"
    assert "The transfer of the video broke off" in run.log
    assert list(tmp_path.iterdir()) == []
    assert kling_emulator.counters().creates_accepted == 1


def test_a_retried_transfer_lands_what_was_cut_short(
    kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KlingHook, "landing_seconds", 0.0)  # so that the task itself has to be retried
    target = tmp_path / "deer.mp4"
    run = run_dag("sensor_chains", "sensor_poke", prompt="A deer [cut]", path=str(target))

    assert run.state == "success", run.log
    assert run.tries["upload"] == 2
    assert facts_of(target)["sha256"] == run.xcoms["upload"]["sha256"]
    assert kling_emulator.counters().creates_accepted == 1


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("land_deferred", id="the gateway, as of a deferred task"),
        pytest.param(
            "land_in_worker",
            id="the record, as of a task that waits by itself",
            marks=[
                pytest.mark.kling_emulator(gateway="newapi", status_age_seconds=0),
                pytest.mark.skipif(not has_task_state(), reason="Airflow keeps task state since 3.3"),
            ],
        ),
    ],
)
def test_a_retry_adopts_what_is_known_by(
    form: str,
    kling_emulator: KlingEmulator,
    run_dag: DagRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KlingHook, "landing_seconds", 0.0)
    target = tmp_path / "deer.mp4"
    run = run_dag("operator_forms", f"operator_{form}", prompt="A deer [cut]", path=str(target))

    assert run.state == "success", run.log
    assert run.tries["generate"] == 2
    assert run.kling_task_ids["generate"] == kling_emulator.tasks()[0].task_id
    assert kling_emulator.counters().creates_received == 1
