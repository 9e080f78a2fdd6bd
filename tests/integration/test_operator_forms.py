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
def test_landing_repeats_a_transfer_that_breaks_off_and_returns_what_landed(
    form: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "deer.mp4"
    run = run_dag("operator_forms", f"operator_{form}", prompt="A deer [cut]", path=target.as_uri())

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
    assert (run.tries["generate"], kling_emulator.counters().downloads) == (1, 2)
    assert kling_emulator.counters().creates_accepted == 1


@pytest.mark.parametrize(
    ("uri", "fields", "said", "tries"),
    [
        (None, {"prompt": " "}, ["prompt=' ' is empty; say what the video", "Nothing was submitted."], 1),
        (None, {"image": "/tmp/cat.png"}, ["is neither an http(s) link nor the Base64 text of a JPEG"], 1),
        (None, {"path": ""}, ["names no file; give one, such as s3://bucket/deer.mp4"], 1),
        (None, {"path": "file:///tmp/videos/"}, ["names no file"], 1),
        (None, {"path": "nowhere://bucket/deer.mp4"}, ["is in a storage that cannot be opened"], 1),
        (None, {"path": "file:///dev/null/deer.mp4"}, ["Nothing was submitted by this try. Check the"], 2),
        ("", {}, ["The Airflow connection 'kling_default' is not defined; add it, or set AIRFLOW_CONN_"], 1),
        ("kling://127.0.0.1:9/http", {}, ["Connection 'kling_default' has no key; put the API key into"], 1),
        ("wrong key", {}, ["HTTP 401", "Check the key in the connection's password"], 1),
        ("down", {}, ["Check host, port and schema of the connection"], 2),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy_before_anything_is_sent(
    uri: str | None,
    fields: dict[str, Any],
    said: list[str],
    tries: int,
    kling_emulator: KlingEmulator,
    run_dag: DagRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = kling_emulator.connection_uri
    uris = {None: good, "wrong key": good.replace("any-key", "wrong-key"), "down": good}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", uris.get(uri, str(uri)))
    if uri == "":
        monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT")
    if uri == "down":
        kling_emulator.stop()
    conf = {"path": str(tmp_path / "deer.mp4"), **fields}
    run = run_dag("operator_forms", "operator_land_deferred", **conf)

    assert (run.states["generate"], run.tries["generate"]) == ("failed", tries)
    assert [words for words in said if words not in run.log] == []
    assert "wrong-key" not in run.log
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

    assert (run.states["generate"], run.tries["generate"]) == ("failed", 1)
    assert "A generation may have been made and may be billed." in run.log
    assert kling_emulator.counters().creates_received == 1


@pytest.mark.parametrize(
    ("module", "form", "task"),
    [
        pytest.param("operator_forms", "operator_land_deferred", "generate", id="the gateway, as deferred"),
        pytest.param(
            *("operator_forms", "operator_land_in_worker", "generate"),
            id="the record, as of a task that waits by itself",
            marks=[
                pytest.mark.kling_emulator(gateway="newapi", status_age_seconds=0),
                pytest.mark.skipif(not has_task_state(), reason="Airflow keeps task state since 3.3"),
            ],
        ),
        pytest.param("sensor_chains", "sensor_poke", "upload", id="the task before, as of a transfer"),
    ],
)
def test_a_retry_lands_what_was_cut_short_of_the_generation_that_is_known_by(
    module: str,
    form: str,
    task: str,
    kling_emulator: KlingEmulator,
    run_dag: DagRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KlingHook, "landing_seconds", 0.0)  # so that the task itself has to be retried
    target = tmp_path / "deer.mp4"
    run = run_dag(module, form, prompt="A deer [cut]", path=str(target))

    assert run.state == "success", run.log
    assert run.tries[task] == 2
    assert "The transfer of the video broke off" in run.log
    assert facts_of(target)["sha256"] == run.xcoms[task]["sha256"]
    assert run.xcoms[task]["task_id"] == kling_emulator.tasks()[0].task_id
    assert kling_emulator.counters().creates_received == 1
