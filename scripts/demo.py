"""The main job, end to end: a nightly batch on each gateway, through a real Airflow, to real MP4 files."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from kling_emulator import KlingEmulator

from scripts.local import (
    AIRFLOW,
    BUILD,
    INTERRUPTED,
    POOL,
    ROOT,
    airflow_environment,
    cancel_when_interrupted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

GATEWAYS = ("elkapi", "ezmodel")
PROMPTS = ROOT / "dags" / "prompts.csv"
SECONDS_PER_VIDEO = 2.0
DURATION_TOLERANCE_SECONDS = 0.2
COLUMNS = "{prompt:<42.42}  {task_id:<37}  {state:<7}  {seconds:>7}  {bytes:>7}  {path}"


class DemoError(Exception):
    """The batch did not do what it should."""


@dataclass(frozen=True)
class Batch:
    """What a gateway's run left behind."""

    gateway: str
    folder: Path


async def main(folder: Path) -> None:
    """
    Run the batches side by side, check what landed, and print it.

    :param folder: Where everything goes; what a demo before left there is replaced.
    """
    cancel_when_interrupted()
    try:
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(run_batch(gateway, folder / gateway)) for gateway in GATEWAYS]
    except* DemoError as failed:
        raise failed.exceptions[0] from None
    for run in runs:
        show(run.result())


async def run_batch(gateway: str, folder: Path) -> Batch:
    """Run `kling_nightly_batch` against an emulator of this gateway."""
    conf = {"prompts_file": PROMPTS.as_uri(), "output": folder.as_uri()}
    with (
        KlingEmulator(gateway=gateway, seconds_per_video=SECONDS_PER_VIDEO) as emulator,
        tempfile.TemporaryDirectory(prefix="airflow-") as home,
    ):
        print(f"{gateway}: an emulator at {emulator.url}, and kling_nightly_batch through airflow dags test")
        environment = airflow_environment(Path(home), emulator.connection_uri)
        log = folder / "airflow.log"
        for command in (
            ("db", "migrate"),
            POOL,
            ("dags", "test", "kling_nightly_batch", "--conf", json.dumps(conf)),
        ):
            await run_airflow(command, environment, log)
    return Batch(gateway, folder)


async def run_airflow(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
    """Run an Airflow command in a process group of its own, which does not outlive this call."""
    output = await asyncio.to_thread(log.open, "ab")
    process = await asyncio.create_subprocess_exec(
        *AIRFLOW, *command, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    try:
        code = await process.wait()
    finally:
        end_group(process.pid)
        await process.wait()
        output.close()
    if code:
        raise DemoError(f"airflow {' '.join(command)} ended with {code}; the end of {log}:\n{end_of(log)}")


def end_of(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-20:])


def end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def show(batch: Batch) -> None:
    """Print a line for each video, having checked it against what was asked for."""
    (path,) = batch.folder.glob("*/manifest.json")
    manifest = json.loads(path.read_text())
    with PROMPTS.open(newline="", encoding="utf-8") as file:
        asked = list(csv.DictReader(file))
    counts = f"{manifest['landed']} landed, {manifest['failed']} failed"
    print(f"\n{batch.gateway}: {counts} ({path.relative_to(ROOT)})")
    heads = dict.fromkeys(("prompt", "task_id", "state", "seconds", "bytes", "path"), "")
    print(COLUMNS.format(**{name: name.replace("_", " ") for name in heads}))
    for row, video in zip(asked, manifest["videos"], strict=True):
        seconds = check(row, video)
        path = Path(video["path"].removeprefix("file://")).relative_to(ROOT)
        print(COLUMNS.format(**{**video, "seconds": f"{seconds:.2f}", "path": path}))


def check(row: Mapping[str, str], video: Mapping[str, Any]) -> float:
    """Open a landed file, compare it with its row and with the manifest, and return its seconds."""
    path = Path(video["path"].removeprefix("file://"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != video["sha256"]:
        raise DemoError(f"{path} is not the file that the manifest tells of")
    with av.open(str(path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
        stream = container.streams.video[0]
        seconds = float(pictures / (stream.average_rate or 1))
        ratio = stream.width / stream.height
    wide, high = (int(side) for side in row["aspect_ratio"].split(":"))
    if abs(ratio - wide / high) > 0.01:
        raise DemoError(f"{path} is {stream.width}x{stream.height}, which is not {row['aspect_ratio']}")
    if abs(seconds - float(row["duration"] or 5)) > DURATION_TOLERANCE_SECONDS:
        raise DemoError(f"{path} lasts {seconds:.2f} s, which is not {row['duration']} s")
    return seconds


def run(folder: Path = BUILD / "demo") -> None:
    """Run the demo as a program: what went wrong goes to standard error."""
    for gateway in GATEWAYS:
        shutil.rmtree(folder / gateway, ignore_errors=True)
        (folder / gateway).mkdir(parents=True)
    try:
        asyncio.run(main(folder))
    except DemoError as failed:
        sys.exit(str(failed))
    except asyncio.CancelledError:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
