"""The results as tables: for a terminal, and for the docs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import shared
from benchmarks.shared import listed, number
from benchmarks.waiting.figures import OURS, Results
from benchmarks.waiting.promises import MANY, promises

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.shared import Table
    from benchmarks.waiting.figures import Figures

NAME = "waiting"
TITLES = {
    OURS: "`KlingTaskTrigger`",
    "http_sensor": "`HttpSensorTrigger`",
    "session": "a session per trigger",
    "thread": "a thread per poll",
}
HEAD = (
    "N",
    "Trigger",
    "CPU per video (ms)",
    "Requests per video",
    "Connections",
    "Memory per trigger (KB)",
    "Lateness p50, p95, max (s)",
    "Loop lag p95, max (ms)",
)


def committed() -> Results:
    return Results.from_dict(shared.committed(NAME))


def scenario_table(results: Results, scenario: str) -> Table:
    """Compare the contenders of a scenario: in brackets, how many times ours it is."""
    runs = [run for run in results.figures if run.scenario == scenario]
    return HEAD, [_row(run, results.find(scenario, OURS, run.videos)) for run in runs]


def glance_table(results: Results) -> Table:
    runs = [run for run in results.figures if (run.scenario, run.videos) == ("official", MANY)]
    head = (
        "1000 waiting tasks",
        "CPU per video",
        "Requests per video",
        "Memory per task",
        "Sees the end late by",
    )
    return head, [
        (
            TITLES[run.contender],
            f"{number(run.cpu_ms)} ms",
            number(run.requests),
            f"{number(run.memory_kb)} KB",
            f"{number(run.late_p50)} s",
        )
        for run in runs
    ]


def outage_table(results: Results) -> Table:
    outage = results.outage
    head = (
        "Waiting",
        "Down for (s)",
        "Ended meanwhile",
        "Requests per second in the outage",
        "From its return until the last of them was seen (s)",
    )
    seen = (outage.videos, outage.seconds, outage.ended_meanwhile)
    rates = (outage.requests_per_second, outage.resumed_seconds)
    return head, [tuple(map(number, (*seen, *rates)))]


def promise_table(results: Results) -> Table:
    rows = [(promise.text, promise.figure, promise.verdict) for promise in promises(results)]
    return ("Promise", "Measured", "Met?"), rows


def about_table(results: Results) -> Table:
    return tuple(results.about), [tuple(results.about.values())]


# By their names in the docs, in their order.
TABLES: Mapping[str, Callable[[Results], Table]] = {
    "waiting-about": about_table,
    "waiting-official": partial(scenario_table, scenario="official"),
    "waiting-newapi": partial(scenario_table, scenario="newapi"),
    "waiting-outage": outage_table,
    "waiting-promises": promise_table,
}


def _row(run: Figures, ours: Figures | None) -> tuple[str, ...]:
    def against(field: str) -> str:
        value = getattr(run, field)
        if ours is None or run.contender == OURS or not getattr(ours, field):
            return number(value)
        return f"{number(value)} ({number(value / getattr(ours, field))}x)"

    return (
        str(run.videos),
        TITLES[run.contender],
        against("cpu_ms"),
        against("requests"),
        against("connections"),
        against("memory_kb"),
        listed(run.late_p50, run.late_p95, run.late_max),
        listed(run.lag_p95, run.lag_max),
    )
