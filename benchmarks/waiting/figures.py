"""What is measured, and the arithmetic on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

OURS = "kling"
HTTP_SENSOR = "http_sensor"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """
    One contender in one run.

    :param scenario: Which of the scenarios.
    :param contender: Its key in :data:`benchmarks.waiting.peers.CONTENDERS`.
    :param videos: How many were waited for.
    :param cpu_ms: CPU time of its process, in ms per video, without that of the heartbeat.
    :param heartbeat_ms: CPU time of the heartbeat that measures the lag, in ms per video.
    :param requests: HTTP requests per video.
    :param connections: TCP connections opened in the whole run.
    :param memory_kb: What its process grew by, in KB per waiting trigger.
    :param late_p50: Seconds from the end of a video to the trigger's event, the median.
    :param late_p95: The same, 95th percentile.
    :param late_max: The same, the most.
    :param lag_p95: Milliseconds that the event loop was late for a heartbeat, 95th percentile.
    :param lag_max: The same, the most.
    """

    scenario: str
    contender: str
    videos: int
    cpu_ms: float
    heartbeat_ms: float
    requests: float
    connections: int
    memory_kb: float
    late_p50: float
    late_p95: float
    late_max: float
    lag_p95: float
    lag_max: float


@dataclass(frozen=True, kw_only=True)
class Outage:
    """
    What ours did while the gateway was down.

    :param videos: How many were waited for.
    :param seconds: How long the gateway was down.
    :param ended_meanwhile: How many of the videos ended in that time.
    :param requests_per_second: How often the gateway was asked in that time.
    :param resumed_seconds: Seconds from its return until the last of those was seen.
    """

    videos: int
    seconds: float
    ended_meanwhile: int
    requests_per_second: float
    resumed_seconds: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """
    All of one measuring.

    :param about: Where and when: ``machine``, ``python``, ``airflow``, ``date``, and others.
    :param figures: The runs of both kinds of gateway.
    :param outage: The run with the outage.
    """

    about: Mapping[str, str]
    figures: Sequence[Figures]
    outage: Outage

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            about=stored["about"],
            figures=[Figures(**figures) for figures in stored["figures"]],
            outage=Outage(**stored["outage"]),
        )

    def find(self, scenario: str, contender: str, videos: int) -> Figures | None:
        """Return the figures of one run; None if there was none."""
        key = (scenario, contender, videos)
        runs = (run for run in self.figures if (run.scenario, run.contender, run.videos) == key)
        return next(runs, None)


def rounded(value: float) -> float:
    """Return three significant digits of a measurement: there is no more truth in it."""
    return float(f"{value:.3g}")
