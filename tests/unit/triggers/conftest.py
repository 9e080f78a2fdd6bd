from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.retrying import Retries
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.waiting.pacing import Pacing
from tests.unit.triggers.triggers import CONN, Serve

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


@pytest.fixture(autouse=True)
def _real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pauses instead of those that suit a gateway; but no room unless a generation ends."""
    monkeypatch.setattr(KlingHook, "pacing", QUICK)
    monkeypatch.setattr(KlingHook, "retries", Retries(0.3, longest_pause=0.02))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start an emulator behind the connection ``kling_default``, whose budget stands in nobody's way."""
    with ExitStack() as served:

        def start(gateway: str = "official", **settings: Any) -> KlingEmulator:
            emulator = KlingEmulator(gateway=gateway, **{"seconds_per_video": 0.3, **settings})
            served.enter_context(emulator)
            monkeypatch.setenv(CONN, f"{emulator.connection_uri}&requests_per_second=10000")
            return emulator

        yield start
