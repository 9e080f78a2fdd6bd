from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import Caller


class Emulate(Protocol):
    def __call__(self, gateway: str, key: str = "any-key", **settings: Any) -> Caller: ...


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Start an emulator whose tasks end at once, unless the test says otherwise."""
    with ExitStack() as stack:

        def start(gateway: str, key: str = "any-key", **settings: Any) -> Caller:
            settings = {"seconds_per_video": 0, **settings}
            emulator = stack.enter_context(KlingEmulator(gateway=gateway, **settings))
            return Caller(emulator, gateway, key)

        yield start


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    """Kling's own gateway."""
    return emulate("official")


@pytest.fixture
def elkapi(emulate: Emulate) -> Caller:
    """The gateway whose pictures can be small."""
    return emulate("elkapi")
