"""``make bench``: run everything, print it, and write it down."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.shared import as_text, write_down
from benchmarks.waiting.children import RunError
from benchmarks.waiting.figures import HTTP_SENSOR, OURS, Figures, Outage, Results
from benchmarks.waiting.plot import plot
from benchmarks.waiting.promises import MANY, MOST
from benchmarks.waiting.report import NAME, TABLES, TITLES
from benchmarks.waiting.runs import Case, measure, measure_outage
from scripts.local import INTERRUPTED, cancel_when_interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (100, MANY, MOST)
# So many waits are next to no work for two cores, so their runs are made side by side.
FEW = 100
OUTAGE_SECONDS = 60.0
SHORT_OUTAGE_SECONDS = 20.0


async def main(sizes: Sequence[int]) -> Results:
    """
    Run everything.

    :param sizes: The numbers of videos to wait for.
    :raises RunError: a run gave no figures.
    """
    cancel_when_interrupted()
    one_size = MANY if MANY in sizes else max(sizes)
    cases = [Case("official", contender, size) for size in sizes for contender in TITLES]
    cases += [Case("newapi", contender, one_size) for contender in (OURS, HTTP_SENSOR)]
    few = [case for case in cases if case.videos <= FEW]
    seconds = OUTAGE_SECONDS if one_size >= MANY else SHORT_OUTAGE_SECONDS
    outage = observed_outage(Case("official", OURS, one_size), seconds)
    if one_size <= FEW:
        measured, down = await asyncio.gather(asyncio.gather(*map(observed, cases)), outage)
        return Results(about=about(), figures=measured, outage=down)
    figures = dict(zip(few, await asyncio.gather(*map(observed, few)), strict=True))
    for case in cases:
        figures[case] = figures.get(case) or await observed(case)
    return Results(about=about(), figures=[figures[case] for case in cases], outage=await outage)


async def observed(case: Case) -> Figures:
    print(f"{case.videos} videos at {case.gateway}: {case.contender}", flush=True)
    return await measure(case)


async def observed_outage(case: Case, seconds: float) -> Outage:
    print(f"{case.videos} videos at {case.gateway}, which is down for {seconds:g} s", flush=True)
    return await measure_outage(case, seconds)


def about() -> dict[str, str]:
    return {
        "machine": f"{os.cpu_count()} cores",
        "python": platform.python_version(),
        "airflow": version("apache-airflow"),
        "providers-http": version("apache-airflow-providers-http"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def run() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="default: all of them")
    parser.add_argument("--output", type=Path, help="write here, and not over what is committed")
    arguments = parser.parse_args()
    if not arguments.output and tuple(arguments.sizes) != SIZES:
        parser.error("without all sizes, --output is needed: the committed results are those of a full run")
    began = time.monotonic()
    try:
        results = asyncio.run(main(arguments.sizes))
    except RunError as failed:
        sys.exit(str(failed))
    except asyncio.CancelledError:
        sys.exit(INTERRUPTED)
    for name, table in TABLES.items():
        print(f"\n{name}\n{as_text(table(results))}")
    print(f"\n{time.monotonic() - began:.0f} s")
    write_down(NAME, results, plot(results), arguments.output)


if __name__ == "__main__":
    run()
