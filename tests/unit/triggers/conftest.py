from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from kling_emulator import KlingEmulator

from tests.unit.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.waiting.waiting import Record


class Serve(Protocol):
    def __call__(self, gateway: str = "official", **settings: Any) -> KlingEmulator: ...


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pauses instead of those that suit a gateway."""
    waiting.hurry(monkeypatch)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start an emulator behind the connection ``kling_default``."""
    served: list[KlingEmulator] = []

    def start(gateway: str = "official", **settings: Any) -> KlingEmulator:
        emulator = KlingEmulator(gateway=gateway, **{"seconds_per_video": 0.3, **settings})
        emulator.start()
        served.append(emulator)
        monkeypatch.setenv(waiting.CONN, waiting.quickly(emulator.connection_uri))
        return emulator

    yield start
    for emulator in served:
        emulator.stop()


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """What is asked from now on."""
    return waiting.recorded(monkeypatch)
