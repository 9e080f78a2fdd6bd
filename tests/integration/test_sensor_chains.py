from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import airflow
import pytest

from tests.integration.videos import facts_of

if TYPE_CHECKING:
    from kling_emulator import KlingEmulator

    from tests.integration.conftest import DagRunner

each_way = pytest.mark.parametrize("way", ["poke", "reschedule", "deferred"])


@each_way
def test_the_video_is_submitted_once_waited_for_and_landed_and_no_secret_is_shown(
    way: str, emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "made" / "on the way" / "deer.mp4"
    run = run_dag("sensor_chains", f"sensor_{way}", path=str(target))

    assert run.state == "success", run.log
    task_id = run.xcoms["submit"]
    assert run.kling_task_ids["submit"] == task_id
    finished = run.xcoms["wait"]
    assert set(finished) == {
        *("task_id", "external_task_id", "product", "state", "videos"),
        *("units", "created_at", "finished_at", "request_id"),
    }
    assert (finished["task_id"], finished["product"], finished["state"]) == (
        task_id,
        "text2video",
        "succeeded",
    )
    assert [set(video) for video in finished["videos"]] == [{"id", "url", "duration"}]
    facts = facts_of(target)
    assert run.xcoms["upload"] == {"path": str(target), **facts, "task_id": task_id, "others": []}
    assert (facts["duration"], facts["width"], facts["height"]) == (3.0, 720, 1280)
    assert [file.name for file in target.parent.iterdir()] == ["deer.mp4"]
    assert emulator.counters().creates_accepted == 1
    for secret in ("Signature=", "Expires=", "any-key"):
        assert secret not in str(run.xcoms)
        assert secret not in run.log


@each_way
@pytest.mark.kling_emulator(gateway="elkapi")
@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("[fail]", "The generation failed: The generation failed, please try again later."),
        ("[moderation]", "Failure to pass the risk control system"),
        ("[no-url]", "the answer has no link to a video"),
    ],
)
def test_a_generation_without_a_video_fails_the_task_and_says_why(
    way: str, fate: str, said: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    run = run_dag("sensor_chains", f"sensor_{way}", prompt=f"A deer {fate}", path=str(tmp_path / "deer.mp4"))

    assert run.states == {"submit": "success", "wait": "failed", "upload": "upstream_failed"}
    assert said in run.log
    assert f"Kling task {run.xcoms['submit']}" in run.log


@each_way
@pytest.mark.kling_emulator(gateway="ezmodel")
def test_an_unknown_task_id_is_named_with_what_to_check(
    way: str, kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("sensor_chains", f"sensor_{way}", task_id="no-such/task")

    assert run.states["wait"] == "failed"
    assert "Kling task no-such/task" in run.log
    assert "Check the id, the connection (another gateway or account has other ids)" in run.log


@each_way
def test_an_outage_shorter_than_the_timeout_is_waited_out(
    way: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    run = run_dag("sensor_chains", f"sensor_{way}", prompt="[outage]", path=str(tmp_path / "deer.mp4"))

    assert run.state == "success", run.log


@each_way
@pytest.mark.kling_emulator(seconds_per_video=600)
def test_a_timeout_is_a_sensor_timeout_and_is_not_retried(
    way: str, kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    if way == "reschedule" and airflow.__version__.startswith("3.0."):
        pytest.skip("dag.test() of Airflow 3.0 gives the sensor a text for the instant of its first poke")
    run = run_dag("sensor_chains", f"sensor_{way}")

    assert run.states["wait"] == "failed"
    assert "AirflowSensorTimeout" in run.log
    assert run.tries["wait"] == 1


@each_way
def test_soft_fail_skips_where_the_generation_failed(
    way: str, kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("sensor_chains", f"sensor_{way}_soft", prompt="[fail]")

    assert run.states["wait"] == "skipped"
