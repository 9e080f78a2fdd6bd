"""Run the nightly batch on a whole Airflow, and tell what it took."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.nightly import contenders, report
from benchmarks.nightly.measures import Results
from benchmarks.nightly.plot import plot
from benchmarks.nightly.running import GATEWAY, Batch, connect, run, warm_up
from benchmarks.shared import as_text, write_down
from scripts.check_airflow import free_port
from scripts.local import INTERRUPTED
from tests.e2e.cluster import Cluster
from tests.e2e.small_videos import small_videos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.nightly.contenders import Contender
    from benchmarks.nightly.measures import Measures

DAGS = Path(__file__).with_name("dags")
# Everything else is as Airflow has it by default, which is 16 running tasks of a DAG at a time, too.
SETTINGS = {"AIRFLOW__CORE__PARALLELISM": "16"}
SECONDS_PER_VIDEO = 20.0
SIZES = (20, 100)
LIMITED_VIDEOS = 60
PARALLEL_TASKS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 unless a video was lost, a task failed, or a video was paid for twice."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__)
    options.add_argument("--videos", type=int, help="one batch of so many (default: all batches)")
    options.add_argument("--limited", type=int, default=0, help="with --videos: so many at a limited account")
    options.add_argument("--smoke", action="store_true", help="only a few videos of everybody, side by side")
    options.add_argument("--output", type=Path, help="write here, and not over what is committed")
    chosen = options.parse_args(arguments)
    if chosen.videos is not None and not chosen.output:
        options.error("with --videos, --output is needed: the committed results are those of a full run")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends everything, as Ctrl-C does
    measured, troubles = run_all(batches(chosen.videos, chosen.limited), measured_too=not chosen.smoke)
    if not chosen.smoke:
        tell(measured, chosen.output)
    print(
        "\n".join(f"WRONG: {trouble}" for trouble in troubles) or "Every video landed, and was paid for once."
    )
    return int(bool(troubles))


def tell(measured: Sequence[Measures], output: Path | None) -> None:
    results = Results(
        about=about(),
        batches=[run for run in measured if run.contender in names(contenders.BATCH)],
        limited=[run for run in measured if run.contender in names(contenders.LIMITED)],
    )
    for table in report.TABLES.values():
        if table(results)[1]:
            print(f"\n{as_text(table(results))}")
    write_down(report.NAME, results, plot(results), output)


def batches(videos: int | None, limited: int) -> list[Batch]:
    """
    Return what to run.

    :param videos: How many, in one batch each; None for everything.
    :param limited: How many at an account that takes a few at a time, then.
    """
    sizes, limited = (SIZES, LIMITED_VIDEOS) if videos is None else ((videos,), limited)
    found = [Batch(one, size, SECONDS_PER_VIDEO) for size in sizes for one in contenders.BATCH]
    if limited:
        found += [Batch(one, limited, SECONDS_PER_VIDEO, PARALLEL_TASKS) for one in contenders.LIMITED]
    return found


def names(of: Sequence[Contender]) -> set[str]:
    return {contender.dag_id for contender in of}


def run_all(orders: Sequence[Batch], *, measured_too: bool) -> tuple[list[Measures], list[str]]:
    """Run one after the other, on one Airflow; return what they took, and what went wrong."""
    measured = []
    dag_ids = sorted({batch.contender.dag_id for batch in orders})
    with small_videos(), Cluster(DAGS, dag_ids, SETTINGS) as cluster:
        port = free_port()
        connect(cluster, port, PARALLEL_TASKS)
        troubles = warm_up(cluster, orders, port)
        for batch in orders if measured_too else ():
            print(f"{batch.run_id} ...", end=" ", flush=True)
            measures, wrong = run(cluster, batch, port)
            measured.append(measures)
            troubles += wrong
            print(f"{measures.wall_seconds:.0f} s", flush=True)
    return measured, troubles


def about() -> dict[str, str]:
    return {
        "machine": f"{os.cpu_count()} cores",
        "python": platform.python_version(),
        "airflow": version("apache-airflow"),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "gateway": f"the emulator, {GATEWAY}",
        "seconds per video": f"{SECONDS_PER_VIDEO:g}",
        "parallelism": SETTINGS["AIRFLOW__CORE__PARALLELISM"],
        "limited to": f"{PARALLEL_TASKS} at a time",
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
