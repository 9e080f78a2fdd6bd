"""Landing in a folder, and in an S3 server on this machine, through Airflow's own filesystems."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from kling_emulator import KlingEmulator
from moto.server import ThreadedMotoServer

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

BUCKET = "videos"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingHook]:
    with KlingEmulator(gateway="official", seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield KlingHook()


@pytest.fixture(scope="session")  # Airflow keeps the filesystem that it made of a connection
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStoragePath:
    """An empty bucket; the connection is in the path, as users have it."""
    endpoint = s3_server.replace(":", "%3A").replace("/", "%2F")
    uri = f"aws://key:secret@/?endpoint_url={endpoint}&region_name=us-east-1"
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", uri)
    bucket = target_at(f"s3://minio@{BUCKET}/night").parent
    bucket.fs.makedirs(BUCKET, exist_ok=True)
    for key in files_in(bucket):
        bucket.fs.rm(key)
    return bucket


@pytest.fixture(params=["a folder", "S3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStoragePath:
    if request.param == "S3":
        bucket: ObjectStoragePath = request.getfixturevalue("bucket")
        return bucket
    return target_at(tmp_path.as_uri())


def files_in(storage: ObjectStoragePath) -> list[str]:
    storage.fs.invalidate_cache()
    files: list[str] = storage.fs.find(storage.path)
    return files


def submitted(hook: KlingHook, prompt: str = "A deer") -> str:
    return hook.submit(prompt=prompt, model="kling-v3", duration=3).task_id


def landed(
    client: KlingClient, task_id: str, target: ObjectStoragePath | Path, seconds: float = 0.3
) -> dict[str, Any]:
    return land(client, task_id, TEXT2VIDEO, target_at(str(target)), retry_seconds=seconds)


def sha256(path: ObjectStoragePath | Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ClientOfTwins(KlingClient):
    """A gateway that gives two videos for one generation, which the emulator never does."""

    def perform(self, call: Any, retry: Retry = Retry.FREELY) -> Any:
        perform = super().perform
        one, other = (perform(self.gateway().query(task_id), retry) for task_id in call.task_id.split("+"))
        return replace(one, videos=one.videos + other.videos)


@pytest.fixture
def twins(hook: KlingHook, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A generation of two videos, which the hook lands."""
    task_ids = [submitted(hook), submitted(hook, "Another deer")]
    with ClientOfTwins(hook.get_conn().endpoint) as client:
        monkeypatch.setattr(hook, "get_conn", lambda: client)
        yield "+".join(task_ids)


def test_a_video_lands_under_its_name_and_nothing_else_does_also_after_a_kill_and_again(
    hook: KlingHook, storage: ObjectStoragePath
) -> None:
    target, task_id = storage / "on the way" / "deer.mp4", submitted(hook)
    try_target(target)
    (target.parent / ".deer.mp4.part").write_bytes(b"what a killed landing left")
    first, second = (landed(hook.get_conn(), task_id, target) for _ in range(2))

    assert files_in(storage) == [target.path]
    assert (first["path"], first["sha256"]) == (str(target), sha256(target))
    assert first == second


def test_every_video_of_a_generation_lands(hook: KlingHook, twins: str, tmp_path: Path) -> None:
    file = landed(hook.get_conn(), twins, tmp_path / "deer.mp4")

    (other,) = file["others"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deer-2.mp4", "deer.mp4"]
    assert other["path"] == str(tmp_path / "deer-2.mp4")
    assert other["sha256"] == sha256(tmp_path / "deer-2.mp4") != file["sha256"]


@pytest.mark.parametrize("before", [None, b"yesterday's"])
def test_a_cut_transfer_publishes_nothing_and_leaves_what_was_there_before(
    before: bytes | None, hook: KlingHook, storage: ObjectStoragePath
) -> None:
    target = storage / "deer.mp4"
    if before:
        target.write_bytes(before)
    with pytest.raises(KlingMediaError, match="broke off"):
        landed(hook.get_conn(), submitted(hook, "[cut-always]"), target)

    assert [storage.fs.cat_file(file) for file in files_in(storage)] == ([before] if before else [])


def test_a_cut_transfer_is_repeated(hook: KlingHook, tmp_path: Path) -> None:
    assert landed(hook.get_conn(), submitted(hook, "[cut]"), tmp_path / "deer.mp4", seconds=60)["bytes"]


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
    hook: KlingHook, twins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat import sdk

    reported: list[tuple[object, str]] = []

    class Collector:
        def add_output_asset(self, context: object, *, uri: str) -> None:
            reported.append((context, uri))

    monkeypatch.setattr(sdk, "get_hook_lineage_collector", Collector, raising=False)
    target = target_at((tmp_path / "deer.mp4").as_uri())
    land_with_lineage(hook, twins, TEXT2VIDEO, target)

    assert reported == [(hook, str(target)), (hook, str(target).replace("deer", "deer-2"))]


# A target, before anything is paid


def test_trying_a_target_leaves_no_trace_but_its_folder(storage: ObjectStoragePath) -> None:
    try_target(storage / "videos" / "deer.mp4")

    assert files_in(storage) == []


def test_a_target_that_cannot_be_written_is_said_with_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file where a folder should be")

    with pytest.raises(KlingTargetError, match="Check the path, and its connection and permissions"):
        try_target(target_at(str(tmp_path / "videos" / "deer.mp4")))


def test_a_bucket_that_is_not_there_is_found(bucket: ObjectStoragePath) -> None:
    with pytest.raises(KlingTargetError, match=r"no-such-bucket/deer\.mp4.*Nothing was submitted"):
        try_target(target_at("s3://minio@no-such-bucket/deer.mp4"))
