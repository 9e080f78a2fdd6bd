"""What issue 5 says that the measuring must show, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.waiting.figures import HTTP_SENSOR, OURS

if TYPE_CHECKING:
    from benchmarks.waiting.figures import Figures, Outage, Results

MANY = 1000
MOST = 5000
# Two runs of the same thing differ by so much, so no less than that counts as growth.
NOISE = 1.1


@dataclass(frozen=True, kw_only=True)
class Promise:
    """
    One thing that was promised.

    :param text: What, with its bound.
    :param figure: What was measured; empty where nothing was.
    :param is_met: Whether the figure keeps the promise; None where nothing was measured.
    """

    text: str
    figure: str = ""
    is_met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "not met", None: "not measured"}[self.is_met]


def promises(results: Results) -> list[Promise]:
    return [*_batch_reads(results), *_single_reads(results), *_growth(results), *_outage(results.outage)]


def _batch_reads(results: Results) -> list[Promise]:
    ours, theirs = (results.find("official", name, MANY) for name in (OURS, HTTP_SENSOR))
    return [
        _times_less(f"N = {MANY}: CPU, at least 10x less than HttpSensorTrigger", "cpu_ms", 10, ours, theirs),
        _times_less(f"N = {MANY}: requests, at least 40x fewer", "requests", 40, ours, theirs),
        _at_most(f"N = {MANY}: lateness p50 at most 1 s", "late_p50", 1.0, "s", ours),
        _at_most(f"N = {MANY}: lateness p95 at most 2.5 s", "late_p95", 2.5, "s", ours),
        _at_most(f"N = {MANY}: memory at most 16 KB per waiting trigger", "memory_kb", 16, "KB", ours),
        _at_most(f"N = {MANY}: at most 8 connections", "connections", 8, "", ours),
        _at_most(f"N = {MANY}: event-loop lag p95 at most 10 ms", "lag_p95", 10, "ms", ours),
    ]


def _single_reads(results: Results) -> list[Promise]:
    ours, theirs = (results.find("newapi", name, MANY) for name in (OURS, HTTP_SENSOR))
    where = f"N = {MANY}, no batch reads"
    return [
        _times_less(f"{where}: CPU, at least 4x less than HttpSensorTrigger", "cpu_ms", 4, ours, theirs),
        _no_worse(f"{where}: fewer requests", "requests", "", ours, theirs),
        _no_worse(f"{where}: lateness p50 no worse", "late_p50", " s", ours, theirs),
        _no_worse(f"{where}: lateness p95 no worse", "late_p95", " s", ours, theirs),
    ]


def _growth(results: Results) -> list[Promise]:
    many, most = (results.find("official", OURS, videos) for videos in (MANY, MOST))
    where = f"N = {MOST}"
    return [
        _no_worse(
            f"{where}: CPU per video at most {NOISE} times that at {MANY}", "cpu_ms", " ms", most, many, NOISE
        ),
        _no_worse(
            f"{where}: memory per trigger at most {NOISE} times that at {MANY}",
            "memory_kb",
            " KB",
            most,
            many,
            NOISE,
        ),
        _at_most(f"{where}: nothing blocks the loop for more than 200 ms", "lag_max", 200, "ms", most),
    ]


def _outage(outage: Outage) -> list[Promise]:
    asked, resumed = outage.requests_per_second, outage.resumed_seconds
    where = f"gateway down for {outage.seconds:g} s, {outage.videos} waiting"
    return [
        Promise(text=f"{where}: at most 2 requests per second", figure=f"{asked:g} per s", is_met=asked <= 2),
        Promise(
            text=f"{where}: all resumed within 10 s of its return",
            figure=f"{resumed:g} s",
            is_met=resumed <= 10,
        ),
    ]


def _at_most(text: str, field: str, bound: float, unit: str, ours: Figures | None) -> Promise:
    if ours is None:
        return Promise(text=text)
    value = getattr(ours, field)
    return Promise(text=text, figure=f"{value:g} {unit}".strip(), is_met=value <= bound)


def _times_less(text: str, field: str, times: float, ours: Figures | None, theirs: Figures | None) -> Promise:
    if ours is None or theirs is None:
        return Promise(text=text)
    ratio = getattr(theirs, field) / getattr(ours, field)
    return Promise(text=text, figure=f"{ratio:.1f}x", is_met=ratio >= times)


def _no_worse(
    text: str, field: str, unit: str, one: Figures | None, other: Figures | None, allowed: float = 1.0
) -> Promise:
    if one is None or other is None:
        return Promise(text=text)
    value, reference = getattr(one, field), getattr(other, field)
    figure = f"{value:g}{unit}, against {reference:g}{unit}"
    return Promise(text=text, figure=figure, is_met=value <= reference * allowed)
