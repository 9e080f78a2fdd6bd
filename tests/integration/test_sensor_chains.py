"""The three-task chain at a relay; test_parity has what else can happen to each way of waiting."""

from __future__ import annotations

from pathlib import Path

import pytest
from kling_emulator import KlingEmulator

from tests.integration.conftest import DagRunner
from tests.integration.videos import facts_of


@pytest.mark.parametrize("way", ["poke", "reschedule", "deferred"])
@pytest.mark.kling_emulator(gateway="ezmodel", seconds_per_video=0.5)
def test_the_video_is_submitted_once_waited_for_and_landed_and_no_secret_is_shown(
    way: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
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
    assert kling_emulator.counters().creates_accepted == 1
    for secret in ("Signature=", "Expires=", "any-key"):
        assert secret not in str(run.xcoms)
        assert secret not in run.log


@pytest.mark.kling_emulator(gateway="elkapi")
@pytest.mark.parametrize(
    ("way", "fate", "said"),
    [
        ("poke", "[fail]", "The generation failed: The generation failed, please try again later."),
        ("reschedule", "[moderation]", "Failure to pass the risk control system"),
        ("deferred", "[no-url]", "the answer has no link to a video"),
    ],
)
def test_a_generation_without_a_video_fails_the_task_and_says_why(
    way: str, fate: str, said: str, kling_emulator: KlingEmulator, run_dag: DagRunner, tmp_path: Path
) -> None:
    run = run_dag("sensor_chains", f"sensor_{way}", prompt=f"A deer {fate}", path=str(tmp_path / "deer.mp4"))

    assert run.states == {"submit": "success", "wait": "failed", "upload": "upstream_failed"}
    assert said in run.log
    assert f"Kling task {run.xcoms['submit']}" in run.log


@pytest.mark.kling_emulator(gateway="ezmodel")
def test_an_unknown_task_id_is_named_with_what_to_check(
    kling_emulator: KlingEmulator, run_dag: DagRunner
) -> None:
    run = run_dag("sensor_chains", "sensor_deferred", task_id="no-such/task")

    assert run.states["wait"] == "failed"
    assert "Kling task no-such/task" in run.log
    assert "Check the id, the connection (another gateway or account has other ids)" in run.log
