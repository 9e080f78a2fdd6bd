from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.waiting.pacing import Pacing, RoomPacing
from tests.unit.triggers.triggers import CONN

QUICK = Pacing(
    earliest_question=0.05,
    shortest_pause=0.05,
    shortest_pause_alone=0.05,
    tick=0.02,
    doubt=0.3,
    renewal=0.0,
    shortest_outage=0.02,
    longest_outage=0.1,
)


class Serve(Protocol):
    def __call__(self, gateway: str = "official", **settings: Any) -> KlingEmulator: ...


@pytest.fixture(autouse=True)
def _real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pauses instead of those that suit a gateway; but no room unless a generation ends."""
    monkeypatch.setattr(KlingHook, "pacing", QUICK)
    monkeypatch.setattr(KlingHook, "retries", Retries(0.3, longest_pause=0.02))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start an emulator behind the connection ``kling_default``, whose budget stands in nobody's way."""
    served: list[KlingEmulator] = []

    def start(gateway: str = "official", **settings: Any) -> KlingEmulator:
        emulator = KlingEmulator(gateway=gateway, **{"seconds_per_video": 0.3, **settings})
        emulator.start()
        served.append(emulator)
        monkeypatch.setenv(CONN, f"{emulator.connection_uri}&requests_per_second=10000")
        return emulator

    yield start
    for emulator in served:
        emulator.stop()


@pytest.fixture
def room_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first one go soon, without that a generation ends."""
    soon = Pacing(earliest_question=0.05, room=RoomPacing(first=0.05, shortest=0.05))
    monkeypatch.setattr(KlingHook, "pacing", soon)
