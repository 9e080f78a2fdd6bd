"""Results of a measuring that nobody made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.waiting.figures import HTTP_SENSOR, OURS, Figures, Outage, Results

_OURS = Figures(
    scenario="official",
    contender=OURS,
    videos=1000,
    cpu_ms=1.0,
    heartbeat_ms=0.8,
    requests=0.2,
    connections=8,
    memory_kb=10.0,
    late_p50=0.7,
    late_p95=2.0,
    late_max=4.0,
    lag_p95=3.0,
    lag_max=150.0,
)


def ours(**changed: Any) -> Figures:
    """Figures that keep every promise, but for what is changed."""
    return replace(_OURS, **changed)


def theirs(**changed: Any) -> Figures:
    slow = {"contender": HTTP_SENSOR, "cpu_ms": 12.0, "requests": 10.0, "connections": 10_000}
    return ours(**{**slow, "late_p50": 2.5, "late_p95": 4.5, **changed})


def results(*figures: Figures, **outage: Any) -> Results:
    good = {"videos": 1000, "seconds": 60, "ended_meanwhile": 900, "requests_per_second": 0.5}
    measured = Outage(**{**good, "resumed_seconds": 3.0, **outage})
    return Results(about={"machine": "2 cores", "date": "2026-11-20"}, figures=figures, outage=measured)
