"""One run: a gateway, a contender, and the videos that are made and waited for."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import TEXT2VIDEO
from benchmarks.shared import percentile
from benchmarks.waiting.children import Child, RunError, running
from benchmarks.waiting.figures import Figures, Outage, rounded
from scripts.local import airflow_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

RAMP_SECONDS = 10.0
TICK_SECONDS = 0.1
# After the last video was asked for: time for one poll of all, and none has ended yet.
SETTLING_SECONDS = 5.0
# Half of the ramp and the median of the videos: the outage lies around this, because then most of them end.
MIDDLE_SECONDS = 47.0
LIMIT_SECONDS = 420.0
BODY = {"model": "kling-v1", "prompt": "A deer"}
# A gateway that is asked for one video after the other needs a larger budget than the polite default.
EXTRAS = {"newapi": "&requests_per_second=300"}


@dataclass(frozen=True)
class Case:
    """
    What to run.

    :param gateway: The emulated gateway, which is also the scenario.
    :param contender: Who waits.
    :param videos: For how many.
    """

    gateway: str
    contender: str
    videos: int


class Run:
    """A case while it runs: the two processes, and what was noted."""

    def __init__(self, case: Case, gateway: Child, contender: Child, url: str) -> None:
        self._case = case
        self._url = url
        self._contender = contender
        self._gateway = gateway

    async def make_videos(self) -> None:
        """Ask for all videos, evenly over the ramp, have each waited for, and see what waiting occupies."""
        began = time.monotonic()
        made = 0
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=60)
        async with aiohttp.ClientSession(
            connector=connector, headers={"Authorization": "Bearer any"}
        ) as session:
            await self._touch(session)
            self._before = await self._gateway.ask(ask="counters")
            while made < self._case.videos:
                share = min((time.monotonic() - began + TICK_SECONDS) / RAMP_SECONDS, 1.0)
                due = round(share * self._case.videos)
                videos = [await self._create(session) for _ in range(due - made)]
                made = due
                if videos:
                    await self._contender.tell(order="wait", videos=videos)
                await asyncio.sleep(TICK_SECONDS)
        await asyncio.sleep(SETTLING_SECONDS)
        if (await self._contender.ask(order="weigh"))["seen"]:
            raise RunError("a video had ended before the memory was weighed")

    async def go_down(self, seconds: float) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Let the gateway be down for a while; return its counters, and the instants, before and after."""
        down = await self._gateway.ask(ask="down")
        await asyncio.sleep(seconds)
        return down, await self._gateway.ask(ask="up")

    async def result(self) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, float]]:
        """
        Wait for all events; return what the contender, the gateway's counters and its tasks say.

        :raises RunError: an event is missing, or is not what it should be.
        """
        said = await self._contender.ask(order="finish")
        after = await self._gateway.ask(ask="counters")
        ends = await self._gateway.ask(ask="ends")
        if said["wrong"] or set(said["seen"]) != set(ends):
            raise RunError(
                f"{len(said['seen'])} of {len(ends)} events came, {len(said['wrong'])} of them wrong: "
                + "\n".join(said["wrong"][:3])
            )
        counted = {name: after[name] - self._before[name] for name in ("polls", "connections")}
        return said, counted, ends

    async def _touch(self, session: aiohttp.ClientSession) -> None:
        """Open the one connection for the creates before connections are counted."""
        async with session.get(f"{self._url}/_emulator/counters") as response:
            await response.read()

    async def _create(self, session: aiohttp.ClientSession) -> tuple[str, float]:
        path = f"{GATEWAYS[self._case.gateway].prefix}/{TEXT2VIDEO}"
        async with session.post(self._url + path, json=BODY) as response:
            answer = await response.json()
        return (answer.get("data") or answer)["task_id"], time.time()


async def measure(case: Case) -> Figures:
    """
    Run a case with a gateway that works.

    :raises RunError: there are no figures.
    """
    async with _running(case) as run:
        await run.make_videos()
        said, counted, ends = await run.result()
    late = [seen - ends[task_id] for task_id, seen in said["seen"].items()]
    return Figures(
        scenario=case.gateway,
        contender=case.contender,
        videos=case.videos,
        cpu_ms=rounded(said["cpu_seconds"] * 1000 / case.videos),
        heartbeat_ms=rounded(said["heartbeat_cpu_seconds"] * 1000 / case.videos),
        requests=rounded(counted["polls"] / case.videos),
        connections=counted["connections"],
        memory_kb=rounded(said["memory_kb"] / case.videos),
        late_p50=rounded(percentile(late, 0.5)),
        late_p95=rounded(percentile(late, 0.95)),
        late_max=rounded(max(late)),
        lag_p95=rounded(said["lag_p95"]),
        lag_max=rounded(said["lag_max"]),
    )


async def measure_outage(case: Case, seconds: float) -> Outage:
    """
    Run a case whose gateway is down for a while, around the time when most videos end.

    :raises RunError: there are no figures.
    """
    async with _running(case) as run:
        await run.make_videos()
        await asyncio.sleep(max(MIDDLE_SECONDS - seconds / 2 - RAMP_SECONDS - SETTLING_SECONDS, 0))
        down, up = await run.go_down(seconds)
        said, _, ends = await run.result()
    meanwhile = [task_id for task_id, end in ends.items() if down["at"] <= end <= up["at"]]
    if not meanwhile:
        raise RunError("no video ended in the outage")
    return Outage(
        videos=case.videos,
        seconds=seconds,
        ended_meanwhile=len(meanwhile),
        requests_per_second=rounded((up["polls"] - down["polls"]) / (up["at"] - down["at"])),
        resumed_seconds=rounded(max(said["seen"][task_id] for task_id in meanwhile) - up["at"]),
    )


@asynccontextmanager
async def _running(case: Case) -> AsyncIterator[Run]:
    """Start both processes, and end them in any case; nothing takes longer than its limit."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        try:
            async with (
                asyncio.timeout(LIMIT_SECONDS),
                running(
                    "gateway",
                    case.gateway,
                    environment=airflow_environment(home, ""),
                    log=home / "gateway.log",
                ) as gateway,
            ):
                told = await gateway.hear()
                async with running(
                    "contender",
                    case.contender,
                    case.gateway,
                    environment=_environment(home, case, told),
                    log=home / "contender.log",
                ) as contender:
                    await contender.hear()
                    yield Run(case, gateway, contender, told["url"])
        except TimeoutError:
            raise RunError(f"it took longer than {LIMIT_SECONDS:g} s") from None


def _environment(home: Path, case: Case, gateway: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with two connections to the same gateway: ours, and that of the others."""
    host, _, port = gateway["url"].rpartition(":")
    extra = {"Authorization": "Bearer any-key"}
    http = {"conn_type": "http", "host": host, "port": int(port), "extra": extra}
    return {
        **airflow_environment(home, gateway["connection"] + EXTRAS.get(case.gateway, "")),
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(http),
    }
