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
    told = {"task_id": task_id, "product": "text2video", "state": "succeeded"}
    assert finished.items() >= told.items()
    assert [set(video) for video in finished["videos"]] == [{"id", "url", "duration"}]
    facts = facts_of(target)
    assert run.xcoms["upload"] == {"path": str(target), **facts, "task_id": task_id, "others": []}
    assert (facts["duration"], facts["width"], facts["height"]) == (3.0, 720, 1280)
    assert [file.name for file in target.parent.iterdir()] == ["deer.mp4"]
    assert kling_emulator.counters().creates_accepted == 1
    for secret in ("Signature=", "Expires=", "any-key"):
        assert secret not in str(run.xcoms)
        assert secret not in run.log
