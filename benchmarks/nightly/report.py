"""The results as tables: for a terminal, and for the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import shared
from benchmarks.nightly.contenders import BATCH, BEST, LIMITED, ONE_TASK_LIMITED
from benchmarks.nightly.measures import Results
from benchmarks.shared import listed, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.nightly.measures import Measures
    from benchmarks.shared import Table

NAME = "nightly"
MOST_OVER_IDEAL = 1.25
TITLES = {contender.dag_id: contender.title for contender in (*BATCH, *LIMITED)}


def committed() -> Results:
    return Results.from_dict(shared.committed(NAME))


def about_table(results: Results) -> Table:
    return tuple(results.about), [tuple(results.about.values())]


def batch_table(results: Results) -> Table:
    """Compare the ways to write the batch: in brackets, how many times the one task it is."""
    head: tuple[str, ...] = (
        "Videos",
        "Written as",
        "Run (s)",
        "Task runs",
        "Slot seconds per video",
        "Requests per video",
        "Lateness p50, p95, max (s)",
        "Retries",
    )
    rows: list[tuple[str, ...]] = []
    for run in results.batches:
        fields = ("wall_seconds", "task_runs", "slot_seconds_per_video", "requests_per_video")
        compared = (_against_best(run, field, results) for field in fields)
        rows.append((str(run.videos), TITLES[run.contender], *compared, _lateness(run), str(run.retries)))
    return head, rows


def request_table(results: Results) -> Table:
    head: tuple[str, ...] = ("Videos", "Written as", "Creates", "Questions about one task", "About many")
    rows: list[tuple[str, ...]] = [
        (
            str(run.videos),
            TITLES[run.contender],
            number(run.creates_per_video),
            number(run.queries_per_video),
            number(run.lists_per_video),
        )
        for run in results.batches
    ]
    return head, rows


def limited_table(results: Results) -> Table:
    head: tuple[str, ...] = (
        "Videos",
        "Written as",
        "Run (s)",
        "Ideal (s)",
        "Over ideal",
        "Refused creates",
        "Slot seconds per video",
        "Failed tasks",
        "Retries",
    )
    rows: list[tuple[str, ...]] = [
        (
            str(run.videos),
            TITLES[run.contender],
            number(run.wall_seconds),
            number(run.ideal_seconds),
            f"{run.over_ideal:.2f}x",
            str(run.refused),
            number(run.slot_seconds_per_video),
            str(run.failed_tasks),
            str(run.retries),
        )
        for run in results.limited
    ]
    return head, rows


def promise_table(results: Results) -> Table:
    rows: list[tuple[str, ...]] = []
    for run in results.limited:
        if run.contender == ONE_TASK_LIMITED.dag_id:
            where = f"{run.videos} videos at a limited account"
            rows += [
                _promise(
                    f"{where}: at most {MOST_OVER_IDEAL}x of the ideal",
                    f"{run.over_ideal:.2f}x",
                    run.over_ideal <= MOST_OVER_IDEAL,
                ),
                _promise(f"{where}: no failed task", str(run.failed_tasks), not run.failed_tasks),
                _promise(f"{where}: no retry used", str(run.retries), not run.retries),
            ]
    return ("Promise", "Measured", "Met?"), rows


def _promise(text: str, measured: str, is_met: bool) -> tuple[str, ...]:
    return text, measured, "met" if is_met else "not met"


def _against_best(run: Measures, field: str, results: Results) -> str:
    value = getattr(run, field)
    for best in results.batches:
        if (best.contender, best.videos) == (BEST.dag_id, run.videos) and best is not run:
            return f"{number(value)} ({number(value / getattr(best, field))}x)"
    return number(value)


def _lateness(run: Measures) -> str:
    return listed(run.late_p50, run.late_p95, run.late_max)


# By their names in the docs, in their order.
TABLES: dict[str, Callable[[Results], Table]] = {
    "nightly-about": about_table,
    "nightly-batches": batch_table,
    "nightly-requests": request_table,
    "nightly-limited": limited_table,
    "nightly-promises": promise_table,
}
