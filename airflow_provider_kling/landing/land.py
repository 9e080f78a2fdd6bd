"""A finished video, put where it belongs: streamed beside the target, and published only when it is whole."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.providers.common.compat.sdk import ObjectStoragePath
from tenacity import Retrying

from airflow_provider_kling.api.errors import KlingNotEndedError, KlingRequestError, KlingTargetError
from airflow_provider_kling.api.generation import GenerationState, Video
from airflow_provider_kling.api.reading.answers import failure_of
from airflow_provider_kling.api.retrying import Retries

if TYPE_CHECKING:
    from airflow_provider_kling.api.client import KlingClient
    from airflow_provider_kling.api.media.download import VideoFile

log = logging.getLogger(__name__)


def target_at(path: str | ObjectStoragePath) -> ObjectStoragePath:
    """
    Return the target of a landing, with its storage within reach.

    :raises KlingRequestError: it names no file, or a storage that this Airflow cannot open.
    """
    if not str(path).strip() or str(path).endswith("/"):
        raise KlingRequestError(f"path={str(path)!r} names no file; give one, such as s3://bucket/deer.mp4.")
    try:
        target = ObjectStoragePath(path)
        _ = target.fs  # opens the storage's connection
    except Exception as error:
        raise KlingRequestError(
            f"path={str(path)!r} is in a storage that cannot be opened ({type(error).__name__}: {error}); "
            "install its provider and check its connection."
        ) from error
    return target


def try_target(target: ObjectStoragePath) -> None:
    """
    Write an empty file beside the target, and take it away again.

    :raises KlingTargetError: that does not work, so a video could not be landed there either.
    """
    part = _part_of(target)
    try:
        with _open_for_writing(part):
            pass
        part.unlink()
    except Exception as error:
        raise KlingTargetError(
            f"path={str(target)!r} cannot be written ({type(error).__name__}: {error})."
        ) from error


def land(
    client: KlingClient, task_id: str, product: str, target: ObjectStoragePath, *, retry_seconds: float
) -> dict[str, Any]:
    """
    Land the video of a generation at ``target`` and say what landed, as plain JSON.

    The link is asked for afresh, since links expire. Further videos of the same generation land beside the
    first one, as ``name-2.mp4`` and so on, and are told of under ``others``.

    :param retry_seconds: For how long what may pass is tried again.
    :raises KlingTaskFailedError: the generation has no video.
    :raises KlingNotEndedError: it has none yet.
    :raises KlingMediaError: a file did not arrive whole; nothing of it was published.
    """
    retrying = Retrying(**Retries(retry_seconds).of_work())
    first, *others = retrying(_land_all, client, task_id, product, target)
    return {**first, "others": others}


def _land_all(
    client: KlingClient, task_id: str, product: str, target: ObjectStoragePath
) -> list[dict[str, Any]]:
    task = client.perform(client.gateway().query(task_id, product))
    if task.state is GenerationState.FAILED:
        raise failure_of(task)
    if not task.state.ended:
        raise KlingNotEndedError(f"The generation is still {task.state}.", task_id=task_id)
    landed = []
    for number, video in enumerate(task.videos, start=1):
        path = target if number == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
        file = _publish(client, video, path)
        log.info("Landed Kling task %s at %s (%d bytes)", task_id, path, file.bytes)
        landed.append({"path": str(path), **asdict(file), "task_id": task_id})
    return landed


def _publish(client: KlingClient, video: Video, target: ObjectStoragePath) -> VideoFile:
    from airflow_provider_kling.api.media.download import download

    part = _part_of(target)
    try:
        with _open_for_writing(part) as sink:
            file = download(video, sink, client.endpoint)
        part.fs.mv(part.path, target.path)
    except BaseException:
        # A storage commits what it has when it is closed, also on an error.
        if part.exists():
            part.unlink()
        raise
    return file


def _part_of(target: ObjectStoragePath) -> ObjectStoragePath:
    # The name is the same in every try, so that what a killed one left behind is overwritten.
    return target.with_name(f".{target.name}.part")


def _open_for_writing(path: ObjectStoragePath) -> AbstractContextManager[BinaryIO]:
    # Past ObjectStoragePath.open, which would report the unpublished file as lineage.
    try:
        return path.fs.open(path.path, "wb")  # type: ignore[no-any-return]
    except FileNotFoundError:  # a storage with real folders
        path.fs.makedirs(path.parent.path, exist_ok=True)
        return path.fs.open(path.path, "wb")  # type: ignore[no-any-return]
