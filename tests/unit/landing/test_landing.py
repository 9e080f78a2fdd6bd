from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.errors import (
    KlingMediaError,
    KlingNotEndedError,
    KlingRequestError,
    KlingTargetError,
    KlingTaskFailedError,
)
from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.landing import land as landing
from airflow_provider_kling.landing.land import land, target_at, try_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_kling.api.generation import Generation


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KlingHook, "retries", Retries(0.3))
    monkeypatch.setattr(landing, "LANDING_SECONDS", 0.3)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingHook]:
    with KlingEmulator(gateway="official", seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield KlingHook()


class HookOfTwins(KlingHook):
    """A gateway that gives two videos for one task, which the emulator never does."""

    def get_task(self, task_id: str, product: str = "text2video") -> Generation:
        tasks = [super(HookOfTwins, self).get_task(one, product) for one in task_id.split("+")]
        return replace(tasks[0], videos=tuple(video for task in tasks for video in task.videos))


def submit(hook: KlingHook, prompt: str = "A deer") -> str:
    return hook.submit(prompt=prompt, model="kling-v3", duration=3).task_id


def test_folders_on_the_way_to_the_target_are_made(hook: KlingHook, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "deer.mp4"

    landed = land(hook, submit(hook), "text2video", target_at(str(target)))

    assert landed["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert [path.name for path in target.parent.iterdir()] == ["deer.mp4"]


def test_landing_again_replaces_the_file_with_the_same_one(hook: KlingHook, tmp_path: Path) -> None:
    target = target_at(str(tmp_path / "deer.mp4"))
    task_id = submit(hook)

    first, second = (land(hook, task_id, "text2video", target) for _ in range(2))

    assert first == second


def test_every_video_of_a_task_lands(hook: KlingHook, tmp_path: Path) -> None:
    twins = f"{submit(hook)}+{submit(hook, 'Another deer')}"

    landed = land(HookOfTwins(), twins, "text2video", target_at(str(tmp_path / "deer.mp4")))

    (other,) = landed["others"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deer-2.mp4", "deer.mp4"]
    assert other["path"] == str(tmp_path / "deer-2.mp4")
    assert other["sha256"] == hashlib.sha256((tmp_path / "deer-2.mp4").read_bytes()).hexdigest()
    assert other["sha256"] != landed["sha256"]


def test_a_cut_transfer_leaves_what_was_there_before(hook: KlingHook, tmp_path: Path) -> None:
    target = tmp_path / "deer.mp4"
    target.write_bytes(b"yesterday's")

    with pytest.raises(KlingMediaError, match="broke off"):
        land(hook, submit(hook, "[cut-always]"), "text2video", target_at(str(target)))

    assert target.read_bytes() == b"yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["deer.mp4"]


def test_what_a_killed_landing_left_is_overwritten(hook: KlingHook, tmp_path: Path) -> None:
    (tmp_path / ".deer.mp4.part").write_bytes(b"half of it")

    land(hook, submit(hook), "text2video", target_at(str(tmp_path / "deer.mp4")))

    assert [path.name for path in tmp_path.iterdir()] == ["deer.mp4"]


def test_a_failed_generation_has_nothing_to_land(hook: KlingHook, tmp_path: Path) -> None:
    with pytest.raises(KlingTaskFailedError):
        land(hook, submit(hook, "[fail]"), "text2video", target_at(str(tmp_path / "deer.mp4")))

    assert list(tmp_path.iterdir()) == []


def test_a_generation_that_goes_on_is_not_landed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with KlingEmulator(gateway="official", seconds_per_video=60) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        hook = KlingHook()
        with pytest.raises(KlingNotEndedError, match="Wait for the generation first"):
            land(hook, submit(hook), "text2video", target_at(str(tmp_path / "deer.mp4")))


@pytest.mark.parametrize("path", ["", "  ", "s3://bucket/", "file:///tmp/", "nowhere://bucket/deer.mp4"])
def test_a_target_that_is_no_file_or_out_of_reach_is_refused(path: str) -> None:
    with pytest.raises(KlingRequestError, match="path="):
        target_at(path)


def test_the_lineage_of_a_landing_is_the_published_file_alone(
    hook: KlingHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat import sdk

    reported: list[str] = []

    class Collector:
        def add_output_asset(self, context: object, *, uri: str) -> None:
            reported.append(uri)

    monkeypatch.setattr(sdk, "get_hook_lineage_collector", Collector, raising=False)
    target = tmp_path / "deer.mp4"
    land(hook, submit(hook), "text2video", target_at(target.as_uri()))

    assert reported == [target.as_uri()]


def test_trying_a_target_leaves_no_trace_but_its_folder(tmp_path: Path) -> None:
    try_target(target_at(str(tmp_path / "videos" / "deer.mp4")))

    assert list((tmp_path / "videos").iterdir()) == []


def test_a_target_that_cannot_be_written_is_said_with_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file where a folder should be")

    with pytest.raises(KlingTargetError, match="Check the path, and its connection and permissions"):
        try_target(target_at(str(tmp_path / "videos" / "deer.mp4")))
