from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingMediaError,
    KlingNotEndedError,
    KlingRequestError,
    KlingTargetError,
    KlingTaskFailedError,
)
from airflow_provider_kling.api.generation import TEXT2VIDEO
from airflow_provider_kling.api.retrying import Retry
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.hooks.lineage import land_with_lineage
from airflow_provider_kling.landing.land import land, target_at, try_target


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingHook]:
    with KlingEmulator(gateway="official", seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield KlingHook()


def submitted(hook: KlingHook, prompt: str = "A deer") -> str:
    return hook.submit(prompt=prompt, model="kling-v3", duration=3).task_id


def landed(client: KlingClient, task_id: str, target: Path) -> dict[str, Any]:
    return land(client, task_id, TEXT2VIDEO, target_at(str(target)), retry_seconds=0.3)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ClientOfTwins(KlingClient):
    """A gateway that gives two videos for one generation, which the emulator never does."""

    def perform(self, call: Any, retry: Retry = Retry.FREELY) -> Any:
        perform = super().perform
        one, other = (perform(self.gateway().query(task_id), retry) for task_id in call.task_id.split("+"))
        return replace(one, videos=one.videos + other.videos)


def test_folders_on_the_way_to_the_target_are_made(hook: KlingHook, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "deer.mp4"
    file = landed(hook.get_conn(), submitted(hook), target)

    assert file["sha256"] == sha256(target)
    assert [path.name for path in target.parent.iterdir()] == ["deer.mp4"]


def test_landing_again_replaces_the_file_with_the_same_one(hook: KlingHook, tmp_path: Path) -> None:
    task_id = submitted(hook)
    first, second = (landed(hook.get_conn(), task_id, tmp_path / "deer.mp4") for _ in range(2))

    assert first == second


def test_every_video_of_a_generation_lands(hook: KlingHook, tmp_path: Path) -> None:
    twins = f"{submitted(hook)}+{submitted(hook, 'Another deer')}"
    with ClientOfTwins(hook.get_conn().endpoint) as client:
        file = landed(client, twins, tmp_path / "deer.mp4")

    (other,) = file["others"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deer-2.mp4", "deer.mp4"]
    assert other["path"] == str(tmp_path / "deer-2.mp4")
    assert other["sha256"] == sha256(tmp_path / "deer-2.mp4") != file["sha256"]


def test_a_cut_transfer_is_repeated_and_then_leaves_what_was_there_before(
    hook: KlingHook, tmp_path: Path
) -> None:
    target = tmp_path / "deer.mp4"
    target.write_bytes(b"yesterday's")
    with pytest.raises(KlingMediaError, match="broke off"):
        landed(hook.get_conn(), submitted(hook, "[cut-always]"), target)

    assert target.read_bytes() == b"yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["deer.mp4"]
    once_cut = submitted(hook, "[cut]")
    assert land(hook.get_conn(), once_cut, TEXT2VIDEO, target_at(str(target)), retry_seconds=60)["bytes"]


def test_what_a_killed_landing_left_is_overwritten(hook: KlingHook, tmp_path: Path) -> None:
    (tmp_path / ".deer.mp4.part").write_bytes(b"half of it")
    landed(hook.get_conn(), submitted(hook), tmp_path / "deer.mp4")

    assert [path.name for path in tmp_path.iterdir()] == ["deer.mp4"]


def test_a_failed_generation_has_nothing_to_land(hook: KlingHook, tmp_path: Path) -> None:
    with pytest.raises(KlingTaskFailedError):
        landed(hook.get_conn(), submitted(hook, "[fail]"), tmp_path / "deer.mp4")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.kling_emulator(seconds_per_video=60)
def test_a_generation_that_goes_on_is_not_landed(kling_emulator: KlingEmulator, tmp_path: Path) -> None:
    hook = KlingHook()
    with pytest.raises(KlingNotEndedError, match="Wait for the generation first"):
        landed(hook.get_conn(), submitted(hook), tmp_path / "deer.mp4")


@pytest.mark.parametrize("path", ["", "  ", "s3://bucket/", "file:///tmp/", "nowhere://bucket/deer.mp4"])
def test_a_target_that_is_no_file_or_out_of_reach_is_refused(path: str) -> None:
    with pytest.raises(KlingRequestError, match="path="):
        target_at(path)


def test_the_lineage_of_a_landing_are_the_published_files_alone(
    hook: KlingHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat import sdk

    reported: list[tuple[object, str]] = []

    class Collector:
        def add_output_asset(self, context: object, *, uri: str) -> None:
            reported.append((context, uri))

    monkeypatch.setattr(sdk, "get_hook_lineage_collector", Collector, raising=False)
    target = target_at((tmp_path / "deer.mp4").as_uri())
    twins = f"{submitted(hook)}+{submitted(hook, 'Another deer')}"
    with ClientOfTwins(hook.get_conn().endpoint) as client:
        monkeypatch.setattr(hook, "get_conn", lambda: client)
        land_with_lineage(hook, twins, TEXT2VIDEO, target)

    assert reported == [(hook, str(target)), (hook, str(target).replace("deer", "deer-2"))]


def test_trying_a_target_leaves_no_trace_but_its_folder(tmp_path: Path) -> None:
    try_target(target_at(str(tmp_path / "videos" / "deer.mp4")))

    assert list((tmp_path / "videos").iterdir()) == []


def test_a_target_that_cannot_be_written_is_said_with_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file where a folder should be")

    with pytest.raises(KlingTargetError, match="Check the path, and its connection and permissions"):
        try_target(target_at(str(tmp_path / "videos" / "deer.mp4")))
