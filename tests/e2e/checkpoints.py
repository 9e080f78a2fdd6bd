"""
Where a task can be stopped, to be killed there.

The DAG file installs them, so they are in task processes and nowhere else. A run names a point in its conf;
the first try that gets there writes its process id into a file, and waits there until it is killed.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context

from airflow_provider_kling.api.calls import Call
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.media import download as media
from airflow_provider_kling.api.media.download import Sink
from airflow_provider_kling.operators.video import KlingText2VideoOperator

BEFORE_POST = "before-post"
IN_POST = "in-post"  # does not wait: an emulator that is slow keeps the request in flight
AFTER_ANSWER = "after-answer"
BEFORE_DEFER = "before-defer"
IN_RESUME = "in-resume"
IN_LANDING = "in-landing"


def file_of(folder: Path, case: str, point: str) -> Path:
    """Where the first try of a case leaves its process id and its parent's when it reaches a point."""
    return folder / f"{case}.{point}"


def file_of_edit(folder: Path, dag_id: str) -> Path:
    """Where it is left that a DAG has been edited."""
    return folder / f"{dag_id}.edited"


def is_edited(dag_id: str) -> bool:
    return file_of_edit(Path(os.environ["KLING_E2E_CHECKPOINTS"]), dag_id).exists()


@functools.cache
def install() -> None:
    """Set every point, once per process."""
    _around(KlingClient, "perform", before=(BEFORE_POST, IN_POST), after=(AFTER_ANSWER,), where=_creates)
    _around(KlingText2VideoOperator, "defer", before=(BEFORE_DEFER,))
    _around(KlingText2VideoOperator, "execute_complete", before=(IN_RESUME,))
    download = media.download
    _replace(media, "download", lambda video, sink, *rest: download(video, _Halting(sink), *rest))


class _Halting:
    """A sink that has taken half of the first bytes when the point is reached."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes, /) -> None:
        half = len(data) // 2
        self._sink.write(data[:half])
        if flush := getattr(self._sink, "flush", None):
            flush()
        _reach(IN_LANDING)
        self._sink.write(data[half:])


def _around(
    owner: type,
    name: str,
    *,
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    where: Callable[..., bool] = lambda *_: True,
) -> None:
    original = getattr(owner, name)

    def with_points(*arguments: Any, **named: Any) -> Any:
        here = where(*arguments)
        for point in before if here else ():
            _reach(point)
        result = original(*arguments, **named)
        for point in after if here else ():
            _reach(point)
        return result

    _replace(owner, name, functools.wraps(original)(with_points))


def _creates(client: KlingClient, call: Call[Any], *_: object) -> bool:
    return call.creates


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def _reach(point: str) -> None:
    context = get_current_context()
    asked = context["params"]
    if asked["point"] != point or context["ti"].try_number > 1:
        return
    file = file_of(Path(os.environ["KLING_E2E_CHECKPOINTS"]), asked["case"], point)
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_text(f"{os.getpid()} {os.getppid()}")
    unfinished.rename(file)
    while point != IN_POST:
        time.sleep(1)
