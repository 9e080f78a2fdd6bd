"""Landing in an S3 server on this machine, through Airflow's own S3 filesystem."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from kling_emulator import KlingEmulator
from moto.server import ThreadedMotoServer

from airflow_provider_kling.api.errors import KlingMediaError, KlingTargetError
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.landing.land import land, target_at, try_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import ObjectStoragePath

BUCKET = "videos"


@pytest.fixture(scope="session")  # Airflow keeps the filesystem that it made of a connection
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def folder(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStoragePath:
    """Return an empty folder of a bucket; the connection is in the path, as users have it."""
    endpoint = s3_server.replace(":", "%3A").replace("/", "%2F")
    monkeypatch.setenv(
        "AIRFLOW_CONN_MINIO", f"aws://key:secret@/?endpoint_url={endpoint}&region_name=us-east-1"
    )
    folder = target_at(f"s3://minio@{BUCKET}/night")
    folder.fs.makedirs(BUCKET, exist_ok=True)
    folder.fs.invalidate_cache()
    for key in folder.fs.find(BUCKET):
        folder.fs.rm(key)
    return folder


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlingHook]:
    with KlingEmulator(gateway="elkapi", seconds_per_video=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield KlingHook()


def landed(hook: KlingHook, prompt: str, target: ObjectStoragePath) -> dict[str, Any]:
    task_id = hook.submit(prompt=prompt).task_id
    return land(hook.get_conn(), task_id, "text2video", target, retry_seconds=0.3)


def keys_below(folder: ObjectStoragePath) -> list[str]:
    folder.fs.invalidate_cache()
    keys: list[str] = folder.fs.find(BUCKET)
    return keys


def test_a_video_lands_under_its_key_and_nothing_else_does(
    hook: KlingHook, folder: ObjectStoragePath
) -> None:
    target = folder / "deer.mp4"

    file = landed(hook, "A deer", target)

    assert keys_below(folder) == [f"{BUCKET}/night/deer.mp4"]
    assert hashlib.sha256(target.read_bytes()).hexdigest() == file["sha256"]
    assert file["path"] == str(target)


def test_a_cut_transfer_publishes_nothing(hook: KlingHook, folder: ObjectStoragePath) -> None:
    with pytest.raises(KlingMediaError):
        landed(hook, "[cut-always]", folder / "deer.mp4")

    assert keys_below(folder) == []


def test_a_cut_transfer_leaves_what_was_there_before(hook: KlingHook, folder: ObjectStoragePath) -> None:
    target = folder / "deer.mp4"
    first = landed(hook, "A deer", target)

    with pytest.raises(KlingMediaError):
        landed(hook, "[cut-always]", target)

    assert hashlib.sha256(target.read_bytes()).hexdigest() == first["sha256"]


def test_a_target_that_can_be_written_is_left_as_it_was(folder: ObjectStoragePath) -> None:
    try_target(folder / "deer.mp4")

    assert keys_below(folder) == []


def test_a_bucket_that_is_not_there_is_found_before_anything_is_paid(folder: ObjectStoragePath) -> None:
    with pytest.raises(KlingTargetError, match=r"no-such-bucket/deer\.mp4.*Nothing was submitted"):
        try_target(target_at("s3://minio@no-such-bucket/deer.mp4"))
