from __future__ import annotations

import importlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from kling_emulator import KlingEmulator

from tests.integration.commands import ROOT, airflow, readable
from tests.integration.videos import facts_of

pytestmark = [
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.kling_emulator(gateway="ezmodel"),  # the demo runs both
]

PROMPTS = """name,prompt,model,aspect_ratio,duration
deer,A deer,kling-v3,16:9,3
failing,A deer [fail],kling-v3,9:16,5
moderated,A deer [moderation],,,
wrong,A deer,kling-v3,4:3,5
crane,A paper crane,kling-v2-6,9:16,
"""


def dags_test(dag_id: str, **conf: Any) -> subprocess.CompletedProcess[str]:
    return airflow("dags", "test", dag_id, "--conf", json.dumps(conf))


def test_every_example_imports() -> None:
    listed = airflow("dags", "list-import-errors", "--output", "plain").stdout

    assert "No data found" in listed, listed


def test_the_three_task_example_lands_its_video(kling_emulator: KlingEmulator, tmp_path: Path) -> None:
    path = tmp_path / "deer.mp4"
    done = dags_test("kling_text2video", prompt="A deer", path=path.as_uri())

    assert done.returncode == 0, done.stdout
    assert facts_of(path)["duration"] == 5.0


def test_a_nightly_batch_lands_what_it_can_and_ends_red_with_the_rest(
    kling_emulator: KlingEmulator, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.csv"
    prompts.write_text(PROMPTS)
    done = dags_test("kling_nightly_batch", prompts_file=prompts.as_uri(), output=(tmp_path / "out").as_uri())

    assert done.returncode == 1
    (file,) = (tmp_path / "out").glob("*/manifest.json")
    manifest = json.loads(file.read_text())
    assert (manifest["landed"], manifest["failed"]) == (2, 3)
    deer, failing, moderated, wrong, crane = manifest["videos"]
    for entry, name, shape in ((deer, "deer", (3.0, 1280, 720)), (crane, "crane", (5.0, 720, 1280))):
        facts = facts_of(file.with_name(f"{name}.mp4"))
        assert entry["state"] == "landed"
        assert {**entry, **facts} == entry
        assert (facts["duration"], facts["width"], facts["height"]) == shape
    assert [entry["state"] for entry in (failing, moderated, wrong)] == ["failed"] * 3
    assert moderated["reason"] == "Failure to pass the risk control system"
    assert moderated["task_id"] in {task.task_id for task in kling_emulator.tasks()}
    assert wrong["task_id"] is None
    log = readable(done.stdout)
    assert "3 of 5 videos failed" in log
    for entry in (failing, moderated, wrong):
        assert f"- {entry['prompt']!r}: {entry['reason']}" in log
    assert kling_emulator.counters().creates_accepted == 4


def test_a_nightly_batch_takes_no_more_rows_than_its_limit_and_no_names_that_would_land_on_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch = importlib.import_module("dags.kling_nightly_batch")

    def rows_of(path: Path, limit: int) -> Any:
        """What the first task of the batch makes of a file, which is all that is generated."""
        params = {"prompts_file": path.as_uri(), "output": tmp_path.as_uri(), "limit": limit}
        context = {"params": params, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 26, tzinfo=UTC))}
        monkeypatch.setattr(batch, "get_current_context", lambda: context)
        return batch.read_prompts.function()

    assert len(rows_of(ROOT / "dags" / "prompts.csv", limit=1)) == 1
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("name,prompt\ndeer,A deer\ndeer,Another deer\n../deer,A third\n")
    with pytest.raises(AirflowFailException, match=r"change \['../deer', 'deer'\]"):
        rows_of(prompts, limit=1000)
